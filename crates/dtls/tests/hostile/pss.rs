//! Signatures of the key exchange by RSA-PSS (RFC 8446, section 4.2.3), made by OpenSSL: the
//! good ones, and each with one thing wrong.

use iot_coap_dtls::{CertificateError, Error, Violation};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};

use iot_coap_test_support::certificates::{GOOD, ec_key, leaf, rsa_key, rsa_key_of};
use iot_coap_test_support::scripted::messages::vector16;
use iot_coap_test_support::scripted::server::Secret;
use iot_coap_test_support::scripted::{Pair, Suite, feed, sent};

use crate::key_exchange::{Authority, X25519, exchange, parameters};

const SUITE: Suite = Suite::EcdheRsaCbcSha256;

/// The schemes rsa_pss_rsae_* with their hashes.
const SCHEMES: [(u16, fn() -> MessageDigest); 3] = [
    (0x0804, MessageDigest::sha256),
    (0x0805, MessageDigest::sha384),
    (0x0806, MessageDigest::sha512),
];

/// How a signature is made.
#[derive(Clone, Copy)]
struct Made {
    digest: fn() -> MessageDigest,
    mask: fn() -> MessageDigest,
    salt_len: i32,
    padding: Padding,
}

impl Made {
    /// As it should be.
    fn by(digest: fn() -> MessageDigest) -> Self {
        let salt_len = i32::try_from(digest().size()).unwrap();
        Self { digest, mask: digest, salt_len, padding: Padding::PKCS1_PSS }
    }

    fn sign(self, authority: &Authority, message: &[u8]) -> Vec<u8> {
        let mut signer = Signer::new((self.digest)(), &authority.server.key).unwrap();
        signer.set_rsa_padding(self.padding).unwrap();
        if self.padding == Padding::PKCS1_PSS {
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(self.salt_len)).unwrap();
            signer.set_rsa_mgf1_md((self.mask)()).unwrap();
        }
        signer.sign_oneshot_to_vec(message).unwrap()
    }
}

/// Says a key exchange that is signed like this, under this scheme. `spoil` gets the
/// signature.
fn says(
    authority: &Authority,
    scheme: u16,
    made: Made,
    spoil: impl FnOnce(&mut Vec<u8>),
) -> (Result<(), Error>, Pair) {
    let mut pair = authority.pair(authority.config().cbc(true), SUITE);
    let ours = PKey::generate_x25519().unwrap();
    let parameters = parameters(X25519, &ours.raw_public_key().unwrap());
    let message = [&pair.server.client_random[..], &pair.server.random, &parameters].concat();
    let mut signature = made.sign(authority, &message);
    spoil(&mut signature);
    let body = [&parameters[..], &scheme.to_be_bytes(), &vector16(&signature)].concat();
    pair.server.secret = Secret::X25519(ours);
    (exchange(&mut pair, &body), pair)
}

const WRONG: Result<(), Error> = Err(Error::Protocol(Violation::KeyExchangeSignature));
const NOT_OFFERED: Result<(), Error> =
    Err(Error::Protocol(Violation::NotOffered("a signature scheme")));

#[test]
fn the_good_ones_connect() {
    let authority = Authority::new(rsa_key);
    for (scheme, digest) in SCHEMES {
        let (result, mut pair) = says(&authority, scheme, Made::by(digest), |_| ());
        result.unwrap();
        let done = pair.server.say_done();
        feed(&mut pair.client, &done).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
        pair.assert_alive();
    }
}

#[test]
fn a_salt_of_another_length() {
    let authority = Authority::new(rsa_key);
    for (scheme, digest) in SCHEMES {
        let good = Made::by(digest);
        let longest = 256 - 2 - good.salt_len;
        for salt_len in [0, 1, 20, good.salt_len - 1, good.salt_len + 1, longest] {
            let made = Made { salt_len, ..good };
            assert_eq!(says(&authority, scheme, made, |_| ()).0, WRONG, "{scheme:#x} {salt_len}");
        }
    }
}

#[test]
fn another_hash_or_padding() {
    let authority = Authority::new(rsa_key);
    for (scheme, digest) in SCHEMES {
        let good = Made::by(digest);
        for (_, other) in SCHEMES.into_iter().filter(|(number, _)| *number != scheme) {
            for made in [
                Made::by(other),
                Made { digest: other, ..good },
                Made { mask: other, ..good },
                Made { salt_len: Made::by(other).salt_len, ..good },
            ] {
                assert_eq!(says(&authority, scheme, made, |_| ()).0, WRONG, "{scheme:#x}");
            }
        }
        let sha_1 = Made { mask: MessageDigest::sha1, ..good };
        assert_eq!(says(&authority, scheme, sha_1, |_| ()).0, WRONG);
        let old = Made { padding: Padding::PKCS1, ..good };
        assert_eq!(says(&authority, scheme, old, |_| ()).0, WRONG);
        // And the other way round: RSA-PSS under the number of PKCS #1 v1.5.
        let number = 0x0401 + ((scheme & 3) << 8);
        assert_eq!(says(&authority, number, good, |_| ()).0, WRONG, "{number:#x}");
        assert_eq!(says(&authority, number, old, |_| ()).0, Ok(()), "{number:#x}");
    }
}

#[test]
fn a_signature_that_was_tampered_with() {
    let authority = Authority::new(rsa_key);
    let (scheme, digest) = SCHEMES[0];
    let made = Made::by(digest);
    for index in (0..256).step_by(7).chain([255]) {
        let (result, _) = says(&authority, scheme, made, |signature| signature[index] ^= 1);
        assert_eq!(result, WRONG, "{index}");
    }
    for change in [
        (|signature| signature.clear()) as fn(&mut Vec<u8>),
        |signature| signature.truncate(signature.len() - 1),
        |signature| signature.push(0),
        |signature| signature.insert(0, 0),
        |signature| signature.fill(0),
        |signature| signature.fill(0xff),
    ] {
        assert_eq!(says(&authority, scheme, made, change).0, WRONG);
    }
    // By another key.
    let mut other = Authority::new(rsa_key);
    other.server.key = rsa_key();
    assert_eq!(says(&other, scheme, made, |_| ()).0, WRONG);
}

#[test]
fn schemes_that_were_not_offered() {
    let authority = Authority::new(rsa_key);
    // rsa_pss_pss_*, for keys that say RSASSA-PSS; Ed25519; RSA-PSS with SHA-1 is none.
    for scheme in [0x0809, 0x080a, 0x080b, 0x0807, 0x0800] {
        let made = Made::by(MessageDigest::sha256);
        assert_eq!(says(&authority, scheme, made, |_| ()).0, NOT_OFFERED, "{scheme:#x}");
    }
    // With a key that is not of RSA.
    let authority = Authority::new(ec_key);
    let point = PKey::generate_x25519().unwrap().raw_public_key().unwrap();
    for (scheme, _) in SCHEMES {
        let mut pair = authority.pair(authority.config(), Suite::EcdheEcdsaGcm);
        let key = &authority.server.key;
        let body = pair.server.signed(&parameters(X25519, &point), scheme, key);
        assert_eq!(exchange(&mut pair, &body), NOT_OFFERED);
    }
}

#[test]
fn a_short_key() {
    let mut authority = Authority::new(rsa_key);
    authority.server = leaf(&authority.root, rsa_key_of(1024), &GOOD);
    let key = Err(Error::Certificate(CertificateError::Key));
    assert_eq!(says(&authority, 0x0804, Made::by(MessageDigest::sha256), |_| ()).0, key);
}
