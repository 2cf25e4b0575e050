//! Certificates made for one test run: good ones, and ones with one fault.

use std::sync::atomic::{AtomicU32, Ordering};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};

const DAY: i64 = 24 * 60 * 60;

/// A certificate and its key.
pub struct Identity {
    /// What others are shown.
    pub certificate: X509,
    /// What its holder alone has.
    pub key: PKey<Private>,
}

impl Identity {
    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }
}

/// A fresh RSA key of 2048 bits.
pub fn rsa_key() -> PKey<Private> {
    rsa_key_of(2048)
}

/// A fresh RSA key of so many bits.
pub fn rsa_key_of(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// A fresh key on P-256.
pub fn ec_key() -> PKey<Private> {
    ec_key_on(Nid::X9_62_PRIME256V1)
}

/// A fresh key on a curve.
pub fn ec_key_on(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// What a certificate's key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Sign with it.
    DigitalSignature,
    /// Encrypt keys with it.
    KeyEncipherment,
    /// Prove a server.
    ServerAuthentication,
    /// Prove a client.
    ClientAuthentication,
}

/// What a certificate says.
#[derive(Clone, Copy)]
pub struct Leaf<'a> {
    /// `DNS:…` or `IP:…`.
    pub names: &'a [&'a str],
    /// Days from now.
    pub valid: (i64, i64),
    /// Each kind of usage that occurs is restricted to those given.
    pub usages: &'a [Usage],
    /// Its issuer signs with.
    pub digest: fn() -> MessageDigest,
}

/// For `localhost` and 127.0.0.1, today.
pub const GOOD: Leaf<'static> = Leaf {
    names: &["DNS:localhost", "IP:127.0.0.1"],
    valid: (-1, 30),
    usages: &[],
    digest: MessageDigest::sha256,
};

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
    let time = |days: i64| Asn1Time::from_unix(time_t(now + days * DAY)).unwrap();
    builder.set_not_before(&time(valid.0)).unwrap();
    builder.set_not_after(&time(valid.1)).unwrap();
    builder
}

/// C's type of times, which has 32 bits on some machines.
fn time_t<T: TryFrom<i64, Error: std::fmt::Debug>>(seconds: i64) -> T {
    T::try_from(seconds).unwrap()
}

/// Positive, and of eight bytes also where it is written without zeros in front, so that
/// certificates of one kind are of one length.
fn rand_serial() -> [u8; 8] {
    let mut serial = [0; 8];
    openssl::rand::rand_bytes(&mut serial).unwrap();
    serial[0] = serial[0] & 0x7F | 0x40;
    serial
}

/// A name that no other certificate has.
fn fresh_name(kind: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test {kind} {}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A root that signs itself, under a name of its own.
pub fn root(key: PKey<Private>, digest: MessageDigest) -> Identity {
    named_root(&fresh_name("root"), key, digest)
}

/// A root that signs itself, under this name.
pub fn named_root(common: &str, key: PKey<Private>, digest: MessageDigest) -> Identity {
    let name = name(common);
    let mut builder = start(&name, &name, &key, (-1, 30));
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder.sign(&key, digest).unwrap();
    Identity { certificate: builder.build(), key }
}

/// A root and a server under it, by RSA.
pub fn rsa() -> (Identity, Identity) {
    let root = root(rsa_key(), MessageDigest::sha256());
    let server = leaf(&root, rsa_key(), &GOOD);
    (root, server)
}

/// A root and a server under it, by ECDSA.
pub fn ecdsa() -> (Identity, Identity) {
    let root = root(ec_key(), MessageDigest::sha256());
    let server = leaf(&root, ec_key(), &GOOD);
    (root, server)
}

/// An authority under another one.
pub fn intermediate(issuer: &Identity, key: PKey<Private>) -> Identity {
    intermediate_valid(issuer, key, (-1, 30))
}

/// An authority under another one, from and until so many days from now.
pub fn intermediate_valid(issuer: &Identity, key: PKey<Private>, valid: (i64, i64)) -> Identity {
    named_intermediate(&fresh_name("intermediate"), issuer, key, valid)
}

/// An authority under another one, under this name, from and until so many days from now.
pub fn named_intermediate(
    common: &str,
    issuer: &Identity,
    key: PKey<Private>,
    valid: (i64, i64),
) -> Identity {
    let mut builder = start(&name(common), issuer.certificate.subject_name(), &key, valid);
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder.sign(&issuer.key, MessageDigest::sha256()).unwrap();
    Identity { certificate: builder.build(), key }
}

/// A server's certificate under an authority.
pub fn leaf(issuer: &Identity, key: PKey<Private>, says: &Leaf<'_>) -> Identity {
    let issuer_name = issuer.certificate.subject_name();
    let mut builder = start(&name("test server"), issuer_name, &key, says.valid);
    add_names(&mut builder, Some(issuer), says.names);
    add_usages(&mut builder, says.usages);
    builder.sign(&issuer.key, (says.digest)()).unwrap();
    Identity { certificate: builder.build(), key }
}

/// A server's certificate that signs itself, as an authority or not.
pub fn self_signed(key: PKey<Private>, is_authority: bool, says: &Leaf<'_>) -> Identity {
    let name = name(&fresh_name("server"));
    let mut builder = start(&name, &name, &key, says.valid);
    if is_authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    add_names(&mut builder, None, says.names);
    add_usages(&mut builder, says.usages);
    builder.sign(&key, (says.digest)()).unwrap();
    Identity { certificate: builder.build(), key }
}

fn add_names(builder: &mut X509Builder, issuer: Option<&Identity>, all: &[&str]) {
    if all.is_empty() {
        return;
    }
    let mut names = SubjectAlternativeName::new();
    for name in all {
        match name.split_once(':').unwrap() {
            ("DNS", dns) => names.dns(dns),
            ("IP", ip) => names.ip(ip),
            _ => panic!("{name}"),
        };
    }
    let issuer = issuer.map(|issuer| &*issuer.certificate);
    let names = names.build(&builder.x509v3_context(issuer, None)).unwrap();
    builder.append_extension(names).unwrap();
}

fn add_usages(builder: &mut X509Builder, usages: &[Usage]) {
    let (mut key, mut extended) = (KeyUsage::new(), ExtendedKeyUsage::new());
    let (mut is_key, mut is_extended) = (false, false);
    for usage in usages {
        match usage {
            Usage::DigitalSignature => key.digital_signature(),
            Usage::KeyEncipherment => key.key_encipherment(),
            Usage::ServerAuthentication | Usage::ClientAuthentication => &mut key,
        };
        match usage {
            Usage::ServerAuthentication => extended.server_auth(),
            Usage::ClientAuthentication => extended.client_auth(),
            Usage::DigitalSignature | Usage::KeyEncipherment => &mut extended,
        };
        let for_key = matches!(usage, Usage::DigitalSignature | Usage::KeyEncipherment);
        is_key |= for_key;
        is_extended |= !for_key;
    }
    if is_key {
        builder.append_extension(key.critical().build().unwrap()).unwrap();
    }
    if is_extended {
        builder.append_extension(extended.build().unwrap()).unwrap();
    }
}
