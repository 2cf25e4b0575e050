//! Kinds of keys, and of signatures by them.

use std::sync::LazyLock;

use iot_coap_test_support::certificates::{ec_key_on, rsa_key_of};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;

use crate::pki::{Case, Path};

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

pub(crate) fn cases() -> Vec<Case> {
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
