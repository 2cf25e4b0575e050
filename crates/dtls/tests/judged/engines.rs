//! Three engines, of which each judges a case as a client would.

use std::fs;
use std::path::Path as Folder;
use std::process::Command;

use iot_coap_dtls::{Config, Error, TrustAnchors};
use iot_coap_test_support::forge::{pem, sign};
use iot_coap_test_support::scripted::messages::SERVER_KEY_EXCHANGE;
use iot_coap_test_support::scripted::messages::vector16;
use iot_coap_test_support::scripted::{Hello, Pair, Suite, feed};
use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};

use iot_coap_test_support::chains::{Case, NOW, SERVER, When};

/// Why a case was refused; nothing if it was accepted.
pub(crate) type Judgement = Result<(), String>;

fn all_in_pem(certificates: &[Vec<u8>]) -> String {
    certificates.iter().map(|certificate| pem(certificate)).collect()
}

/// This engine, which is fed with what a server would say up to the signature over its key
/// exchange.
pub(crate) fn ours(case: &Case) -> Judgement {
    judge(case).map_err(|error| error.to_string())
}

/// The same with the error.
pub(crate) fn judge(case: &Case) -> Result<(), Error> {
    let anchors = TrustAnchors::from_pem(all_in_pem(&case.trusted).as_bytes())?;
    let time = match case.when {
        When::Now => Some(*NOW),
        When::At(time) => Some(time),
        When::Unknown => None,
    };
    let time = time.map(|time| u64::try_from(time).unwrap());
    let config = Config::with_certificates(&case.host, anchors, time)?.cbc(true);
    let (suite, scheme) = match case.key.id() {
        Id::RSA => (Suite::EcdheRsaCbcSha256, 0x0401_u16),
        _ => (Suite::EcdheEcdsaGcm, 0x0403),
    };
    let mut pair = Pair::start(config.max_message_len(16_000), suite);
    let sent: Vec<&[u8]> = case.sent.iter().map(|der| &der[..]).collect();
    let flight =
        [pair.server.say_hello(&Hello::new(suite)), pair.server.say_certificate(&sent)].concat();
    feed(&mut pair.client, &flight)?;
    // X25519, with any key.
    let parameters = [&[3, 0, 29, 32][..], &[9; 32]].concat();
    let message = [&pair.server.client_random[..], &pair.server.random, &parameters].concat();
    let signature = sign(case.key, MessageDigest::sha256(), &message);
    let body = [&parameters[..], &scheme.to_be_bytes(), &vector16(&signature)].concat();
    let record = pair.server.say(SERVER_KEY_EXCHANGE, &body);
    feed(&mut pair.client, &record).map(drop)
}

/// OpenSSL, as a TLS client at its usual security level would set it up, with each trusted
/// certificate the end of a path and common names left aside.
pub(crate) fn openssl(case: &Case) -> Judgement {
    let mut store = X509StoreBuilder::new().map_err(|error| error.to_string())?;
    for der in &case.trusted {
        let certificate = X509::from_der(der).map_err(|error| error.to_string())?;
        store.add_cert(certificate).map_err(|error| error.to_string())?;
    }
    let mut param = X509VerifyParam::new().unwrap();
    param.set_purpose(X509PurposeId::SSL_SERVER).unwrap();
    param.set_auth_level(2);
    param.set_hostflags(X509CheckFlags::NEVER_CHECK_SUBJECT);
    match case.host.parse() {
        Ok(address) => param.set_ip(address),
        Err(_) => param.set_host(&case.host),
    }
    .map_err(|error| error.to_string())?;
    let mut flags = X509VerifyFlags::PARTIAL_CHAIN;
    match case.when {
        When::Now => param.set_time(*NOW),
        When::At(time) => param.set_time(time),
        When::Unknown => flags |= X509VerifyFlags::NO_CHECK_TIME,
    }
    param.set_flags(flags).unwrap();
    store.set_param(&param).unwrap();
    let store = store.build();
    let mut others = Stack::new().unwrap();
    let mut certificates = Vec::new();
    for der in &case.sent {
        let certificate = X509::from_der(der).map_err(|error| error.to_string())?;
        // `from_der` takes bytes behind it; TLS does not.
        if encoded_len(der) != Some(der.len()) {
            return Err("length mismatch".to_owned());
        }
        certificates.push(certificate);
    }
    for certificate in &certificates[1..] {
        others.push(certificate.clone()).unwrap();
    }
    let mut context = X509StoreContext::new().unwrap();
    let (good, error) = context
        .init(&store, &certificates[0], &others, |context| {
            let good = context.verify_cert()?;
            Ok((good, context.error().error_string().to_owned()))
        })
        .map_err(|error| error.to_string())?;
    if good { Ok(()) } else { Err(error) }
}

/// How long the first value of these bytes is, with its tag and length.
fn encoded_len(bytes: &[u8]) -> Option<usize> {
    let (&short, rest) = bytes.get(1..)?.split_first()?;
    if short < 0x80 {
        return Some(2 + usize::from(short));
    }
    let digits = rest.get(..usize::from(short & 0x7f))?;
    let len = digits.iter().fold(0, |len, &digit| len << 8 | usize::from(digit));
    Some(2 + digits.len() + len)
}

/// GnuTLS's `certtool`, which knows no other date than the system's.
pub(crate) fn gnutls(case: &Case, folder: &Folder) -> Option<Judgement> {
    if case.when != When::Now {
        return None;
    }
    let (trusted, sent) = (folder.join("trusted.pem"), folder.join("sent.pem"));
    fs::write(&trusted, all_in_pem(&case.trusted)).unwrap();
    fs::write(&sent, all_in_pem(&case.sent)).unwrap();
    let output = Command::new("certtool")
        .arg("--verify")
        .arg("--load-ca-certificate")
        .arg(&trusted)
        .arg("--infile")
        .arg(&sent)
        .arg(format!("--verify-hostname={}", case.host))
        .arg(format!("--verify-purpose={SERVER}"))
        .arg("--verify-profile=medium")
        .output()
        .unwrap();
    if output.status.success() {
        return Some(Ok(()));
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let reason = said.lines().rev().find(|line| !line.trim().is_empty());
    Some(Err(reason.unwrap_or_default().trim().to_owned()))
}

/// Whether GnuTLS is there.
pub(crate) fn has_gnutls() -> bool {
    Command::new("certtool").arg("--version").output().is_ok()
}
