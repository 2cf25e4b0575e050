//! The validator of certificates that small devices have, beside rustls-webpki: each certificate
//! of a chain is what the input says, and rightly signed, so that a verdict does not hang on the
//! signature.
//!
//! Invariants: no panic; both believe a chain, by the same path, or neither does, and for the same
//! reason (`both_validators::agree`).
//!
//! Input: the host, by its number; the time, in days from a fixed one, or -128 for none; how
//! many certificates are trust anchors; and for each certificate, anchors first and then the
//! server's, whose key has signed it and by which digest, how long it is in two bytes, and its
//! TBSCertificate.

#![no_main]

use std::sync::LazyLock;

use iot_coap_dtls::{TrustAnchors, both_validators};
use iot_coap_test_support::forge;
use libfuzzer_sys::fuzz_target;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

/// When the seeds were made: certificates are valid around it.
const NOW: u64 = 1_796_000_000;
const DAY: i64 = 24 * 60 * 60;

const HOSTS: [&str; 12] = [
    "server.example",
    "a.server.example",
    "b.a.server.example",
    "a.test",
    "example",
    "192.0.2.1",
    "192.0.2.9",
    "2001:db8::1",
    "SERVER.example",
    "a-b_c.example",
    "0x1",
    "a..b",
];

/// The same in each run: eight on P-256 and two on P-384.
static KEYS: LazyLock<Vec<PKey<Private>>> = LazyLock::new(|| {
    let curves = [Nid::X9_62_PRIME256V1; 8].into_iter().chain([Nid::SECP384R1; 2]);
    (1..).zip(curves).map(|(secret, curve)| key(secret, curve)).collect()
});

fn key(secret: u32, curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    let secret = BigNum::from_u32(secret).unwrap();
    let mut context = BigNumContext::new().unwrap();
    let mut public = EcPoint::new(&group).unwrap();
    public.mul_generator2(&group, &secret, &mut context).unwrap();
    let key = EcKey::from_private_components(&group, &secret, &public).unwrap();
    PKey::from_ec_key(key).unwrap()
}

/// A certificate, and what is left of the input.
fn signed(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (&[signer, high, low], rest) = input.split_first_chunk()?;
    let len = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
    let (to_be_signed, rest) = rest.split_at(len);
    let key = &KEYS[usize::from(signer & 0x7f) % KEYS.len()];
    let digest = if signer < 0x80 { MessageDigest::sha256() } else { MessageDigest::sha384() };
    let algorithm = forge::algorithm(key, digest);
    let signature = forge::bit_string(&forge::sign(key, digest, to_be_signed));
    Some((forge::sequence(&[to_be_signed, &algorithm, &signature]), rest))
}

fn vector24(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[1..], content].concat()
}

fuzz_target!(|data: &[u8]| {
    let Some((&[host, day, trusted], mut rest)) = data.split_first_chunk() else { return };
    let mut certificates = Vec::new();
    while let Some((certificate, left)) = signed(rest) {
        certificates.push(certificate);
        rest = left;
        // The validators consider five beside the server's.
        if certificates.len() == 9 {
            break;
        }
    }
    let trusted = (1 + usize::from(trusted % 2)).min(certificates.len());
    let (trusted, sent) = certificates.split_at(trusted);
    let pem: String = trusted.iter().map(|der| forge::pem(der)).collect();
    let Ok(anchors) = TrustAnchors::from_pem(pem.as_bytes()) else { return };
    let host = HOSTS[usize::from(host) % HOSTS.len()];
    let day = i64::from(day as i8);
    let time = (day != i64::from(i8::MIN)).then(|| NOW.wrapping_add_signed(day * DAY));
    let list: Vec<u8> = sent.iter().flat_map(|der| vector24(der)).collect();
    let (ours, theirs) = both_validators::verdicts(&vector24(&list), &anchors, host, time);
    let agree = both_validators::agree((&ours, &theirs), sent.iter().map(Vec::as_slice));
    let all = || certificates.iter().map(|der| forge::pem(der)).collect::<String>();
    assert!(agree, "{ours:?}, {theirs:?}\n{}", all());
});
