//! Certificates made for one test run: good ones, and ones with one fault.

use std::sync::atomic::{AtomicU32, Ordering};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};

const DAY: i64 = 24 * 60 * 60;

pub(crate) struct Identity {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

impl Identity {
    pub(crate) fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }
}

pub(crate) fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

pub(crate) fn ec_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// What a certificate says.
pub(crate) struct Leaf<'a> {
    /// `DNS:…` or `IP:…`.
    pub(crate) names: &'a [&'a str],
    /// Days from now.
    pub(crate) valid: (i64, i64),
}

/// For `localhost` and 127.0.0.1, today.
pub(crate) const GOOD: Leaf<'static> =
    Leaf { names: &["DNS:localhost", "IP:127.0.0.1"], valid: (-1, 30) };

fn name(common: &str) -> X509Name {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_text("CN", common).unwrap();
    builder.build()
}

fn start(
    subject: &X509NameRef,
    issuer: &X509NameRef,
    key: &PKey<Private>,
    valid: (i64, i64),
) -> X509Builder {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_slice(&rand_serial()).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now + valid.0 * DAY).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + valid.1 * DAY).unwrap()).unwrap();
    builder
}

fn rand_serial() -> [u8; 8] {
    let mut serial = [0; 8];
    openssl::rand::rand_bytes(&mut serial).unwrap();
    serial[0] &= 0x7F;
    serial
}

/// A root that signs itself, under a name of its own.
pub(crate) fn root(key: PKey<Private>, digest: MessageDigest) -> Identity {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    named_root(&format!("test root {}", COUNT.fetch_add(1, Ordering::Relaxed)), key, digest)
}

pub(crate) fn named_root(common: &str, key: PKey<Private>, digest: MessageDigest) -> Identity {
    let name = name(common);
    let mut builder = start(&name, &name, &key, (-1, 30));
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder.sign(&key, digest).unwrap();
    Identity { certificate: builder.build(), key }
}

/// An authority under another one.
pub(crate) fn intermediate(issuer: &Identity, key: PKey<Private>) -> Identity {
    let issuer_name = issuer.certificate.subject_name();
    let mut builder = start(&name("test intermediate"), issuer_name, &key, (-1, 30));
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder.sign(&issuer.key, MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}

pub(crate) fn leaf(issuer: &Identity, key: PKey<Private>, says: &Leaf<'_>) -> Identity {
    let issuer_name = issuer.certificate.subject_name();
    let mut builder = start(&name("test server"), issuer_name, &key, says.valid);
    let mut names = SubjectAlternativeName::new();
    for name in says.names {
        match name.split_once(':').unwrap() {
            ("DNS", dns) => names.dns(dns),
            ("IP", ip) => names.ip(ip),
            _ => panic!("{name}"),
        };
    }
    let names = names.build(&builder.x509v3_context(Some(&issuer.certificate), None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&issuer.key, MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}
