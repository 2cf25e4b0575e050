//! Kinds of keys, and of signatures by them.

use std::sync::LazyLock;

use crate::certificates::{ec_key_on, rsa_key_of};
use crate::forge::{INTEGER, bit_string, oid, sequence, tlv};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};

use crate::chains::{Case, Path, name};

type Digest = fn() -> MessageDigest;
type Kept = LazyLock<PKey<Private>>;

static RSA_1024: Kept = LazyLock::new(|| rsa_key_of(1024));
static RSA_2040: Kept = LazyLock::new(|| rsa_key_of(2040));
static RSA_2048: Kept = LazyLock::new(|| rsa_key_of(2048));
static RSA_3072: Kept = LazyLock::new(|| rsa_key_of(3072));
static RSA_EXPONENT_3: Kept = LazyLock::new(|| rsa_with_exponent("3"));
static RSA_EXPONENT_17: Kept = LazyLock::new(|| rsa_with_exponent("11"));
static RSA_LONG_EXPONENT: Kept = LazyLock::new(|| rsa_with_exponent("100000001"));
static P256: Kept = LazyLock::new(|| ec_key_on(Nid::X9_62_PRIME256V1));
static P384: Kept = LazyLock::new(|| ec_key_on(Nid::SECP384R1));
static P521: Kept = LazyLock::new(|| ec_key_on(Nid::SECP521R1));
static SECP256K1: Kept = LazyLock::new(|| ec_key_on(Nid::SECP256K1));
static ED25519: Kept = LazyLock::new(|| PKey::generate_ed25519().unwrap());

/// `exponent` in hexadecimal digits.
fn rsa_with_exponent(exponent: &str) -> PKey<Private> {
    let exponent = BigNum::from_hex_str(exponent).unwrap();
    PKey::from_rsa(Rsa::generate_with_e(2048, &exponent).unwrap()).unwrap()
}

pub(super) fn cases() -> Vec<Case> {
    [kinds(), pss()].into_iter().flatten().collect()
}

fn kinds() -> Vec<Case> {
    let keys: [(&str, &'static Kept); 12] = [
        ("RSA of 1024 bits", &RSA_1024),
        ("RSA of 2040 bits", &RSA_2040),
        ("RSA of 2048 bits", &RSA_2048),
        ("RSA of 3072 bits", &RSA_3072),
        ("RSA, exponent 3", &RSA_EXPONENT_3),
        ("RSA, exponent 17", &RSA_EXPONENT_17),
        ("RSA, exponent of 33 bits", &RSA_LONG_EXPONENT),
        ("P-256", &P256),
        ("P-384", &P384),
        ("P-521", &P521),
        ("secp256k1", &SECP256K1),
        ("Ed25519", &ED25519),
    ];
    let positions = [(0, "the root"), (1, "an authority"), (2, "the server")];
    let mut cases = Vec::new();
    for (what, key) in keys {
        for (position, whose) in positions {
            let path = Path::new(1).with(position, |draft| draft.set_key(key));
            cases.push(path.case(format!("key: {what}, {whose}")));
        }
    }
    let digests: [(&str, Digest); 6] = [
        ("MD5", MessageDigest::md5),
        ("SHA-1", MessageDigest::sha1),
        ("SHA-224", MessageDigest::sha224),
        ("SHA-256", MessageDigest::sha256),
        ("SHA-384", MessageDigest::sha384),
        ("SHA-512", MessageDigest::sha512),
    ];
    let signers: [(&str, &'static Kept); 3] =
        [("RSA", &RSA_2048), ("P-256", &P256), ("P-384", &P384)];
    for (what, digest) in digests {
        for (signer, key) in signers {
            if what == "MD5" && signer != "RSA" {
                continue;
            }
            // What the issuer at this position signs.
            for (position, whose) in [(0, "of an authority"), (1, "of the server")] {
                let path = Path::new(1).with(position, |draft| {
                    draft.set_key(key);
                    draft.digest = digest;
                });
                cases.push(path.case(format!("digest: {signer} with {what}, {whose}")));
            }
        }
        // The root's own signature proves nothing.
        let by_root = Path::new(0).with(0, |draft| draft.digest = digest);
        if what != "MD5" {
            let weak = by_root.signed().remove(0);
            let strong = Path::new(0).signed().remove(1);
            cases.push(by_root.of(
                format!("digest: {what}, the root's own"),
                vec![weak],
                vec![strong],
            ));
        }
    }
    cases
}

/// The AlgorithmIdentifier of RSA-PSS (RFC 4055, section 3.1).
fn pss_algorithm(digest: MessageDigest, mask: MessageDigest, salt_len: u8) -> Vec<u8> {
    let hash = |digest: MessageDigest| {
        let last = match digest.size() {
            20 => return sequence(&[&oid("1.3.14.3.2.26"), &[5, 0]]),
            32 => 1,
            48 => 2,
            _ => 3,
        };
        sequence(&[&oid(&format!("2.16.840.1.101.3.4.2.{last}")), &[5, 0]])
    };
    let mask = sequence(&[&oid("1.2.840.113549.1.1.8"), &hash(mask)]);
    let parameters = sequence(&[
        &tlv(0xa0, &hash(digest)),
        &tlv(0xa1, &mask),
        &tlv(0xa2, &tlv(INTEGER, &[salt_len])),
    ]);
    sequence(&[&oid(RSASSA_PSS), &parameters])
}

const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

/// Certificates of servers that an RSA key has signed by RSA-PSS, and keys for that alone.
fn pss() -> Vec<Case> {
    let (sha1, sha256) = (MessageDigest::sha1(), MessageDigest::sha256());
    let (sha384, sha512) = (MessageDigest::sha384(), MessageDigest::sha512());
    let mut cases = Vec::new();
    for (what, digest, mask, salt_len) in [
        ("SHA-256", sha256, sha256, 32),
        ("SHA-384", sha384, sha384, 48),
        ("SHA-512", sha512, sha512, 64),
        ("SHA-1", sha1, sha1, 20),
        ("a salt of 20 bytes", sha256, sha256, 20),
        ("a salt of no byte", sha256, sha256, 0),
        ("SHA-1 for the mask", sha256, sha1, 32),
        ("SHA-512 for the mask", sha256, sha512, 32),
    ] {
        let path = Path::new(0).with(0, |draft| draft.set_key(&RSA_2048));
        let mut says = path.leaf().says.clone();
        says.issuer = name("the root");
        let algorithm = pss_algorithm(digest, mask, salt_len);
        let to_be_signed = says.to_be_signed(&algorithm);
        let mut signer = Signer::new(digest, &RSA_2048).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt_len.into())).unwrap();
        signer.set_rsa_mgf1_md(mask).unwrap();
        let signature = signer.sign_oneshot_to_vec(&to_be_signed).unwrap();
        let server = sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)]);
        let root = path.signed().remove(0);
        cases.push(path.of(format!("pss: {what}"), vec![root.clone()], vec![server.clone()]));
        // With a bit that is wrong.
        let mut spoiled = server;
        let last = spoiled.len() - 1;
        spoiled[last] ^= 1;
        cases.push(path.of(format!("pss: {what}, tampered with"), vec![root], vec![spoiled]));
    }
    // What is signed by PKCS #1 v1.5, by a key that says RSASSA-PSS.
    for (position, whose) in [(0, "the root"), (1, "an authority"), (2, "the server")] {
        let path = Path::new(1).with(position, |draft| {
            draft.set_key(&RSA_2048);
            let key = RSA_2048.rsa().unwrap().public_key_to_der_pkcs1().unwrap();
            draft.says.key = sequence(&[&sequence(&[&oid(RSASSA_PSS)]), &bit_string(&key)]);
        });
        cases.push(path.case(format!("pss: a key for nothing else, {whose}")));
    }
    cases
}
