//! Compares RSA with num-bigint, the crate `rsa` and OpenSSL. `RSA_SAMPLES` sets the number
//! of powers, and `RSA_KEYS` the number of keys of each size.

extern crate std;

use std::vec;
use std::vec::Vec;

use iot_coap_test_support::dtls::SystemRandom;
use iot_coap_test_support::instructions::instructions_of_each_call;
use num_bigint::BigUint;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::Signer;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::power::{MAX_MODULUS_LEN, power};
use super::{PublicKey, padding};

#[cfg(feature = "static-rsa")]
mod encryption;
#[cfg(feature = "rsa-pss")]
mod pss;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// A xorshift generator: numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number of `len` bytes. Half of the numbers have long runs of zeros or ones, whose
    /// carries propagate far.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let kind = self.next() % 4;
        let mut run = 0;
        let mut byte = 0;
        let mut one = || {
            if kind < 2 {
                return self.next() as u8;
            }
            if run == 0 {
                run = self.next() % 24;
                byte = [0, 0xff, 1, 0x80][self.next() as usize % 4];
            } else {
                run -= 1;
            }
            byte
        };
        (0..len).map(|_| one()).collect()
    }
}

/// `number` in `len` bytes.
fn padded(number: &BigUint, len: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; len - bytes.len()], bytes].concat()
}

fn assert_power(modulus: &[u8], base: &[u8], exponent: u64) {
    let mut result = vec![0; modulus.len()];
    power(modulus, base, exponent, &mut result).expect("a power");
    let big = BigUint::from_bytes_be;
    let expected = big(base).modpow(&exponent.into(), &big(modulus));
    assert_eq!(big(&result), expected, "{base:02x?} to the {exponent} modulo {modulus:02x?}");
}

#[test]
fn powers_are_those_of_num_bigint() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..setting("RSA_SAMPLES", 300) {
        // Short numbers are quick, and carry between limbs as long ones do.
        let len = match numbers.next() % 8 {
            0 => 256 + numbers.next() as usize % 257,
            _ => 1 + numbers.next() as usize % 72,
        };
        let mut modulus = numbers.bytes(len);
        modulus[0] |= 1 << (numbers.next() % 8);
        modulus[len - 1] |= 1;
        let n = BigUint::from_bytes_be(&modulus);
        let exponent = 3 + 2 * (numbers.next() >> (32 + numbers.next() % 31));
        let edge = numbers.next() % 16;
        let base = match edge {
            0 => BigUint::ZERO,
            1 => BigUint::from(1_u8) % &n,
            2 => &n - 1_u8,
            _ => BigUint::from_bytes_be(&numbers.bytes(len)) % &n,
        };
        assert_power(&modulus, &padded(&base, len), exponent);
    }
}

#[test]
fn powers_at_the_edges_of_limbs_are_right() {
    for len in [1, 3, 4, 5, 8, 9, 12, 16, 17, 255, 256, 257, 260, 264, 384, 505, 511, 512] {
        for first in [1, 0x7f, 0x80, 0xff] {
            for fill in [0, 0xff] {
                let mut modulus = vec![fill; len];
                modulus[0] = first;
                modulus[len - 1] |= 1;
                let n = BigUint::from_bytes_be(&modulus);
                let one = BigUint::from(1_u8);
                let half = &n >> 1_u8;
                for base in [&BigUint::ZERO, &(&one % &n), &(&n - &one), &half] {
                    assert_power(&modulus, &padded(base, len), 65537);
                    assert_power(&modulus, &padded(base, len), 3);
                }
            }
        }
    }
}

#[test]
fn numbers_that_cannot_be_used_are_refused() {
    let mut out = [0; MAX_MODULUS_LEN + 1];
    let mut refuses = |modulus: &[u8], base: &[u8], exponent| {
        let out = &mut out[..modulus.len()];
        power(modulus, base, exponent, out).is_none()
    };
    assert!(!refuses(&[1, 1], &[1, 0], 3), "valid numbers are accepted");
    assert!(refuses(&[1, 0], &[0, 3], 3), "an even modulus");
    assert!(refuses(&[0, 5], &[0, 3], 3), "leading zeros");
    assert!(refuses(&[], &[], 3), "nothing");
    assert!(refuses(&[1; MAX_MODULUS_LEN + 1], &[0; MAX_MODULUS_LEN + 1], 3), "too long");
    assert!(refuses(&[1, 1], &[1, 1], 3), "a base as large as the modulus");
    assert!(refuses(&[1, 1], &[1, 2], 3), "a larger one");
    assert!(refuses(&[1, 1], &[1], 3), "a shorter one");
    for exponent in [0, 1, 2, 4] {
        assert!(refuses(&[1, 1], &[1, 0], exponent), "{exponent} as exponent");
    }
}

/// A key pair, and the public key in DER.
fn key(bits: u32) -> (Rsa<Private>, Vec<u8>) {
    let key = Rsa::generate(bits).expect("a key");
    let der = key.public_key_to_der_pkcs1().expect("a public key");
    (key, der)
}

/// Signs what is already encoded.
fn sign_encoded(key: &Rsa<Private>, encoded: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; encoded.len()];
    key.private_encrypt(encoded, &mut signature, Padding::NONE).expect("a signature");
    signature
}

#[test]
fn signatures_of_openssl_are_valid_and_no_others() {
    let mut numbers = Numbers(7);
    for bits in [2048, 2056, 3072, 4096] {
        for _ in 0..setting("RSA_KEYS", 1) {
            let (key, der) = key(bits);
            let ours = PublicKey::from_der(&der).expect("a key");
            let theirs = rsa::PublicKey::from_pkcs1_der(&der).expect("a key");
            let signing = PKey::from_rsa(key).expect("a key");
            let message = numbers.bytes(100);
            for digest in
                [MessageDigest::sha256(), MessageDigest::sha384(), MessageDigest::sha512()]
            {
                let mut signer = Signer::new(digest, &signing).expect("a signer");
                let signature = signer.sign_oneshot_to_vec(&message).expect("a signature");
                let verified = |message: &[u8], signature: &[u8]| match digest.size() {
                    32 => (
                        ours.verify_pkcs1::<Sha256>(message, signature),
                        theirs.pkcs1v15_verify::<Sha256>(message, signature).is_ok(),
                    ),
                    48 => (
                        ours.verify_pkcs1::<Sha384>(message, signature),
                        theirs.pkcs1v15_verify::<Sha384>(message, signature).is_ok(),
                    ),
                    _ => (
                        ours.verify_pkcs1::<Sha512>(message, signature),
                        theirs.pkcs1v15_verify::<Sha512>(message, signature).is_ok(),
                    ),
                };
                assert_eq!(verified(&message, &signature), (true, true));
                assert_eq!(verified(&message[1..], &signature), (false, false));
                let at = numbers.next() as usize % signature.len();
                let mut changed = signature.clone();
                changed[at] ^= 1 << (numbers.next() % 8);
                assert_eq!(verified(&message, &changed), (false, false));
                let longer = [&[0], &signature[..]].concat();
                for other in [&signature[1..], &longer, &[]] {
                    assert_eq!(verified(&message, other), (false, false));
                }
            }
        }
    }
}

/// The encoding of a message, whose parts can be changed.
fn encoding(len: usize, message: &[u8]) -> Vec<u8> {
    let info = [0x30, 0x31, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32];
    let fill = vec![0xff; len - 3 - info.len() - 32];
    [&[0, 1], &fill[..], &[0], &info, &Sha256::digest(message)].concat()
}

/// Bleichenbacher's forgery, and others that lenient parsers have accepted.
#[test]
fn signatures_that_are_encoded_otherwise_are_refused() {
    let (key, der) = key(2048);
    let ours = PublicKey::from_der(&der).expect("a key");
    let message = b"a message";
    let right = encoding(256, message);
    let is_valid =
        |encoded: &[u8]| ours.verify_pkcs1::<Sha256>(message, &sign_encoded(&key, encoded));
    assert!(is_valid(&right), "the encoding of this test");
    for at in 0..right.len() {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        // A number above the modulus cannot be signed.
        if at > 0 {
            assert!(!is_valid(&wrong), "byte {at}");
        }
    }
    let garbage_behind = [&right[..2], &right[10..], &[0x5a; 8]].concat();
    assert!(!is_valid(&garbage_behind));
    let short_fill = [&right[..10], &right[204..], &[0; 194]].concat();
    assert!(!is_valid(&short_fill));
    let no_separator = [&right[..2], &[0xff], &right[2..204], &right[205..]].concat();
    assert!(!is_valid(&no_separator));
    // Without the NULL that stands for parameters.
    let info = [0x30, 0x2f, 0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 4, 32];
    let no_null = [&right[..2], &[0xff; 2], &right[2..205], &info, &right[224..]].concat();
    assert_eq!(no_null.len(), 256);
    assert!(!is_valid(&no_null));
}

#[test]
fn a_signature_is_smaller_than_the_modulus() {
    let (key, der) = key(2048);
    let ours = PublicKey::from_der(&der).expect("a key");
    let modulus = key.n().to_vec();
    // A signature that is small enough to add the modulus to it.
    let (message, signature) = (0_u32..10_000)
        .find_map(|number| {
            let message = number.to_be_bytes();
            let signature = sign_encoded(&key, &encoding(256, &message));
            let [signature, modulus] = [&signature, &modulus].map(|n| BigUint::from_bytes_be(n));
            let sum = signature + modulus;
            (sum.bits() <= 2048).then(|| (message, padded(&sum, 256)))
        })
        .expect("a small signature");
    let message = &message;
    assert!(!ours.verify_pkcs1::<Sha256>(message, &signature), "the same modulo the modulus");
    assert!(!ours.verify_pkcs1::<Sha256>(message, &modulus));
    assert!(!ours.verify_pkcs1::<Sha256>(message, &[0xff; 256]));
}

#[test]
fn the_shortest_filling_is_eight_bytes() {
    let hash = Sha512::digest(b"a message");
    let info = [0x30, 0x51, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3, 5, 0, 4, 64];
    for (fill, is_valid) in [(7, false), (8, true), (9, true)] {
        let encoded = [&[0, 1], &vec![0xff; fill][..], &[0], &info, &hash].concat();
        assert_eq!(padding::is_pkcs1_signature(&encoded, &hash), is_valid, "{fill}");
    }
}

/// An RSAPublicKey of these two numbers.
fn key_der(modulus: &BigUint, exponent: &[u8]) -> Vec<u8> {
    let bytes = |bytes: &[u8]| BigNum::from_slice(bytes).expect("a number");
    Rsa::from_public_components(bytes(&modulus.to_bytes_be()), bytes(exponent))
        .and_then(|key| key.public_key_to_der_pkcs1())
        .expect("a key")
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let is_read = |der: &[u8]| PublicKey::from_der(der).is_some();
    let modulus = |bits: u32| (BigUint::from(1_u8) << (bits - 1)) + 1_u8;
    let exponent = [1, 0, 1];
    let right = key_der(&modulus(2048), &exponent);
    assert!(is_read(&right));
    for (bits, is_accepted) in
        [(1024, false), (2040, false), (2048, true), (4096, true), (4097, false), (8192, false)]
    {
        assert_eq!(is_read(&key_der(&modulus(bits), &exponent)), is_accepted, "{bits} bits");
    }
    for (exponent, is_accepted) in [
        (&[1][..], false),
        (&[2], false),
        (&[3], true),
        (&[1, 0, 0], false),
        (&[1, 0xff, 0xff, 0xff, 0xff], true),
        (&[2, 0, 0, 0, 1], false),
        (&[1, 0, 0, 0, 0, 1], false),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], false),
    ] {
        assert_eq!(is_read(&key_der(&modulus(2048), exponent)), is_accepted, "{exponent:?}");
    }
    assert!(!is_read(&key_der(&(modulus(2048) - 1_u8), &exponent)), "an even modulus");
    assert!(!is_read(&[&right[..], &[0]].concat()), "something behind");
    for len in 0..right.len() {
        assert!(!is_read(&right[..len]), "cut to {len}");
    }
}
