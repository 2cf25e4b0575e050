//! Which certificates the client accepts. For each defect: the error that names it, and the
//! alert that the server receives.
#![cfg(feature = "full")]

use iot_coap_dtls::{CertificateError, Config, Error, TrustAnchors, Violation};
use iot_coap_test_support::certificates::{
    GOOD, Identity, Leaf, Usage, ec_key, ec_key_on, intermediate, intermediate_valid, leaf,
    named_intermediate, root, rsa_key, rsa_key_of, self_signed,
};
use iot_coap_test_support::dtls::in_memory::{self, Ended};
use iot_coap_test_support::dtls::now;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;

const ECDHE: &str = "ECDHE+AESGCM";
const STATIC_RSA: &str = "AES128-SHA256";
const DAY: u64 = 24 * 60 * 60;

const BAD_CERTIFICATE: u8 = 42;
const UNSUPPORTED_CERTIFICATE: u8 = 43;
const CERTIFICATE_EXPIRED: u8 = 45;
const CERTIFICATE_UNKNOWN: u8 = 46;
const UNKNOWN_CA: u8 = 48;
const DECODE_ERROR: u8 = 50;

/// A server with its certificates, and the configuration of the client.
#[derive(Clone, Copy)]
struct Case<'a> {
    server: &'a Identity,
    between: &'a [&'a Identity],
    suites: &'a str,
    host: &'a str,
    anchor: &'a Identity,
    time: Option<u64>,
}

impl<'a> Case<'a> {
    fn new(server: &'a Identity, anchor: &'a Identity) -> Self {
        let (suites, host) = (ECDHE, "localhost");
        Self { server, between: &[], suites, host, anchor, time: Some(now()) }
    }

    fn handshake(&self) -> Ended {
        let anchors = TrustAnchors::from_pem(self.anchor.pem().as_bytes()).unwrap();
        let config = Config::with_certificates(self.host, anchors, self.time).unwrap();
        let server = in_memory::server(self.server, self.between, self.suites);
        in_memory::handshake(&server, config.cbc(true).static_rsa(true))
    }

    #[track_caller]
    fn is_accepted(&self) {
        let ended = self.handshake();
        assert_eq!((ended.result, ended.alert), (Ok(()), None));
        assert_eq!(ended.client.certificate_dates_were_checked(), self.time.is_some());
    }

    #[track_caller]
    fn is_refused(&self, error: CertificateError, alert: u8) {
        let ended = self.handshake();
        assert_eq!(ended.result, Err(Error::Certificate(error)));
        assert_eq!(ended.alert, Some(alert), "the alert for {error}");
    }
}

fn rsa_root() -> Identity {
    root(rsa_key(), MessageDigest::sha256())
}

fn ec_root() -> Identity {
    root(ec_key(), MessageDigest::sha256())
}

#[test]
fn another_host() {
    let root = ec_root();
    let server = leaf(&root, ec_key(), &GOOD);
    Case::new(&server, &root).is_accepted();
    for host in ["elsewhere.example", "localhost.example", "ocalhost"] {
        Case { host, ..Case::new(&server, &root) }
            .is_refused(CertificateError::WrongName, CERTIFICATE_UNKNOWN);
    }
}

/// The common name of the subject is ignored (RFC 6125, section 6.4.4).
#[test]
fn no_alternative_name() {
    let root = ec_root();
    let server = leaf(&root, ec_key(), &Leaf { names: &[], ..GOOD });
    let case = Case { host: "test.server", ..Case::new(&server, &root) };
    case.is_refused(CertificateError::NoName, CERTIFICATE_UNKNOWN);
}

#[test]
fn an_address_as_the_host() {
    let root = ec_root();
    let server =
        leaf(&root, ec_key(), &Leaf { names: &["IP:192.0.2.7", "IP:2001:db8::7"], ..GOOD });
    for host in ["192.0.2.7", "2001:db8::7"] {
        Case { host, ..Case::new(&server, &root) }.is_accepted();
    }
    for host in ["192.0.2.8", "2001:db8::8", "localhost"] {
        Case { host, ..Case::new(&server, &root) }
            .is_refused(CertificateError::WrongName, CERTIFICATE_UNKNOWN);
    }
    // A DNS name that looks like the address does not match it.
    let server = leaf(&root, ec_key(), &Leaf { names: &["DNS:192.0.2.7"], ..GOOD });
    Case { host: "192.0.2.7", ..Case::new(&server, &root) }
        .is_refused(CertificateError::WrongName, CERTIFICATE_UNKNOWN);
}

#[test]
fn a_wildcard_stands_for_one_label() {
    let root = ec_root();
    let server = leaf(&root, ec_key(), &Leaf { names: &["DNS:*.coap.example"], ..GOOD });
    for host in ["a.coap.example", "A.COAP.example"] {
        Case { host, ..Case::new(&server, &root) }.is_accepted();
    }
    for host in ["coap.example", "a.b.coap.example", "a.coap.example.com"] {
        Case { host, ..Case::new(&server, &root) }
            .is_refused(CertificateError::WrongName, CERTIFICATE_UNKNOWN);
    }
}

fn seconds(certificate_time: &openssl::asn1::Asn1TimeRef) -> u64 {
    let epoch = openssl::asn1::Asn1Time::from_unix(0).unwrap();
    let since = epoch.diff(certificate_time).unwrap();
    u64::try_from(since.days).unwrap() * DAY + u64::try_from(since.secs).unwrap()
}

#[test]
fn expired_or_not_yet_valid() {
    let root = ec_root();
    let time = now();
    let server = leaf(&root, ec_key(), &Leaf { valid: (-30, -1), ..GOOD });
    let not_after = seconds(server.certificate.not_after());
    Case { time: Some(time), ..Case::new(&server, &root) }
        .is_refused(CertificateError::Expired { time, not_after }, CERTIFICATE_EXPIRED);
    Case { time: Some(time - 2 * DAY), ..Case::new(&server, &root) }.is_accepted();
    let server = leaf(&root, ec_key(), &Leaf { valid: (1, 30), ..GOOD });
    let not_before = seconds(server.certificate.not_before());
    Case { time: Some(time), ..Case::new(&server, &root) }
        .is_refused(CertificateError::NotYetValid { time, not_before }, CERTIFICATE_EXPIRED);
    Case { time: Some(time + 2 * DAY), ..Case::new(&server, &root) }.is_accepted();
}

#[test]
fn an_expired_intermediate() {
    let (root, time) = (ec_root(), now());
    let between = intermediate_valid(&root, ec_key(), (-30, -1));
    let server = leaf(&between, ec_key(), &GOOD);
    let not_after = seconds(between.certificate.not_after());
    Case { between: &[&between], time: Some(time), ..Case::new(&server, &root) }
        .is_refused(CertificateError::Expired { time, not_after }, CERTIFICATE_EXPIRED);
}

#[test]
fn without_a_clock_dates_do_not_count() {
    let root = ec_root();
    for valid in [(-30, -1), (-1, 30), (1, 30)] {
        let server = leaf(&root, ec_key(), &Leaf { valid, ..GOOD });
        Case { time: None, ..Case::new(&server, &root) }.is_accepted();
    }
    // Everything else is still checked.
    let server = leaf(&root, ec_key(), &GOOD);
    Case { time: None, host: "elsewhere.example", ..Case::new(&server, &root) }
        .is_refused(CertificateError::WrongName, CERTIFICATE_UNKNOWN);
}

#[test]
fn without_a_clock_a_chain_that_was_never_valid_is_refused() {
    let root = ec_root();
    let between = intermediate_valid(&root, ec_key(), (-100, -50));
    let server = leaf(&between, ec_key(), &GOOD);
    Case { between: &[&between], time: None, ..Case::new(&server, &root) }
        .is_refused(CertificateError::NeverValid, CERTIFICATE_EXPIRED);
    let server = leaf(&between, ec_key(), &Leaf { valid: (-60, 30), ..GOOD });
    Case { between: &[&between], time: None, ..Case::new(&server, &root) }.is_accepted();
}

/// Certificates that are not on the path do not matter: an expired authority, or two
/// certificates of the same authority, as after a renewal.
#[test]
fn without_a_clock_only_the_path_counts() {
    let root = ec_root();
    let old = intermediate_valid(&root, ec_key(), (-100, -50));
    let between = named_intermediate("the authority", &root, ec_key(), (-20, 30));
    let server = leaf(&between, ec_key(), &Leaf { valid: (-10, 10), ..GOOD });
    let case = Case { time: None, ..Case::new(&server, &root) };
    Case { between: &[&old, &between], ..case }.is_accepted();
    // One that is newer than the certificate it signed, with an older one of the same name
    // and key.
    let sooner = |valid| named_intermediate("the authority", &root, between.key.clone(), valid);
    let (before, after, never) = (sooner((-100, -50)), sooner((-1, 30)), sooner((11, 30)));
    Case { between: &[&before, &after, &never], ..case }.is_accepted();
    Case { between: &[&before, &never, &old], ..case }
        .is_refused(CertificateError::NeverValid, CERTIFICATE_EXPIRED);
    // The same with a clock.
    let case = Case::new(&server, &root);
    Case { between: &[&before, &after, &never], ..case }.is_accepted();
    // Other defects are reported whatever the dates.
    let stranger = ec_root();
    let case = Case { time: None, ..Case::new(&server, &stranger) };
    Case { between: &[&after], ..case }.is_refused(CertificateError::UnknownIssuer, UNKNOWN_CA);
}

#[test]
fn an_unknown_root() {
    let (root, other) = (rsa_root(), rsa_root());
    let server = leaf(&other, rsa_key(), &GOOD);
    Case::new(&server, &root).is_refused(CertificateError::UnknownIssuer, UNKNOWN_CA);
    // Sending the root does not make it trusted.
    Case { between: &[&other], ..Case::new(&server, &root) }
        .is_refused(CertificateError::UnknownIssuer, UNKNOWN_CA);
}

/// Another key with the name of the trusted root.
#[test]
fn a_root_of_the_same_name() {
    use iot_coap_test_support::certificates::named_root;
    for key in [rsa_key as fn() -> _, ec_key] {
        let root = named_root("the root", key(), MessageDigest::sha256());
        let impostor = named_root("the root", key(), MessageDigest::sha256());
        let server = leaf(&impostor, key(), &GOOD);
        Case::new(&server, &root).is_refused(CertificateError::UnknownIssuer, UNKNOWN_CA);
    }
}

#[test]
fn a_missing_intermediate() {
    let root = rsa_root();
    let between = intermediate(&root, rsa_key());
    let server = leaf(&between, rsa_key(), &GOOD);
    Case { between: &[&between], ..Case::new(&server, &root) }.is_accepted();
    Case::new(&server, &root).is_refused(CertificateError::UnknownIssuer, UNKNOWN_CA);
}

#[test]
fn intermediates_in_any_order_with_others_and_the_root() {
    let root = rsa_root();
    let first = intermediate(&root, rsa_key());
    let second = intermediate(&first, ec_key());
    let server = leaf(&second, rsa_key(), &GOOD);
    let stranger = intermediate(&rsa_root(), ec_key());
    Case { between: &[&first, &stranger, &root, &second], ..Case::new(&server, &root) }
        .is_accepted();
}

/// A server certificate that signs another one.
#[test]
fn an_issuer_that_is_no_authority() {
    let root = ec_root();
    let server = leaf(&root, ec_key(), &GOOD);
    let signed = leaf(&server, ec_key(), &GOOD);
    Case { between: &[&server], ..Case::new(&signed, &root) }
        .is_refused(CertificateError::WrongAuthority, BAD_CERTIFICATE);
}

#[test]
fn a_certificate_for_clients() {
    let root = rsa_root();
    let clients = Leaf { usages: &[Usage::ClientAuthentication], ..GOOD };
    let server = leaf(&root, rsa_key(), &clients);
    for suites in [ECDHE, STATIC_RSA] {
        Case { suites, ..Case::new(&server, &root) }
            .is_refused(CertificateError::WrongUsage, UNSUPPORTED_CERTIFICATE);
    }
    let both = [Usage::ClientAuthentication, Usage::ServerAuthentication];
    let server = leaf(&root, rsa_key(), &Leaf { usages: &both, ..GOOD });
    Case::new(&server, &root).is_accepted();
}

/// ECDHE requires the key usage for signatures, static RSA the one for encryption.
#[test]
fn a_key_for_another_use() {
    let root = rsa_root();
    let signing = Leaf { usages: &[Usage::DigitalSignature], ..GOOD };
    let decrypting = Leaf { usages: &[Usage::KeyEncipherment], ..GOOD };
    for (says, good, bad) in [(signing, ECDHE, STATIC_RSA), (decrypting, STATIC_RSA, ECDHE)] {
        let server = leaf(&root, rsa_key(), &says);
        Case { suites: good, ..Case::new(&server, &root) }.is_accepted();
        Case { suites: bad, ..Case::new(&server, &root) }
            .is_refused(CertificateError::WrongUsage, UNSUPPORTED_CERTIFICATE);
    }
}

/// Such roots are in use. An anchor is trusted by its key, however it was signed.
#[test]
fn an_anchor_signed_by_sha_1() {
    let root = root(rsa_key(), MessageDigest::sha1());
    let between = intermediate(&root, rsa_key());
    let direct = leaf(&root, rsa_key(), &GOOD);
    let through = leaf(&between, rsa_key(), &GOOD);
    for suites in [ECDHE, STATIC_RSA] {
        Case { suites, ..Case::new(&direct, &root) }.is_accepted();
        Case { suites, between: &[&between], ..Case::new(&through, &root) }.is_accepted();
    }
}

#[test]
fn a_certificate_signed_by_sha_1() {
    for root in [rsa_root(), ec_root()] {
        let server = leaf(&root, rsa_key(), &Leaf { digest: MessageDigest::sha1, ..GOOD });
        Case::new(&server, &root).is_refused(CertificateError::Signature, BAD_CERTIFICATE);
    }
}

#[test]
fn a_certificate_signed_by_each_longer_digest() {
    for digest in [MessageDigest::sha384 as fn() -> _, MessageDigest::sha512] {
        let root = rsa_root();
        let server = leaf(&root, rsa_key(), &Leaf { digest, ..GOOD });
        Case::new(&server, &root).is_accepted();
    }
}

/// RSA keys of 1024 bits can be broken.
#[test]
fn a_short_rsa_key() {
    let root = rsa_root();
    let server = leaf(&root, rsa_key_of(1024), &GOOD);
    for suites in [ECDHE, STATIC_RSA] {
        Case { suites, ..Case::new(&server, &root) }
            .is_refused(CertificateError::Key, UNSUPPORTED_CERTIFICATE);
    }
    // A signature by such a key is not accepted.
    let between = intermediate(&root, rsa_key_of(1024));
    let server = leaf(&between, rsa_key(), &GOOD);
    Case { between: &[&between], ..Case::new(&server, &root) }
        .is_refused(CertificateError::UnknownIssuer, UNKNOWN_CA);
}

#[test]
fn rsa_keys_of_4096_bits() {
    let root = root(rsa_key_of(4096), MessageDigest::sha256());
    let server = leaf(&root, rsa_key_of(4096), &GOOD);
    for suites in [ECDHE, STATIC_RSA] {
        Case { suites, ..Case::new(&server, &root) }.is_accepted();
    }
}

#[test]
fn an_authority_on_p_384() {
    let root = root(ec_key_on(Nid::SECP384R1), MessageDigest::sha384());
    for digest in [MessageDigest::sha256 as fn() -> _, MessageDigest::sha384] {
        let server = leaf(&root, ec_key(), &Leaf { digest, ..GOOD });
        Case::new(&server, &root).is_accepted();
    }
}

/// If authorities have the same name, each may have issued any other. That makes more paths
/// than a device can try: 28,960 with eight authorities, 500 million instructions.
#[test]
fn certificates_that_make_many_paths() {
    let root = ec_root();
    // Their issuer has the name of the root, but not its key.
    let forger = Identity { certificate: root.certificate.clone(), key: ec_key() };
    let named = |issuer: &Identity| named_intermediate("a", issuer, ec_key(), (-1, 30));
    let anchored: Vec<_> = (0..6).map(|_| named(&forger)).collect();
    let looping: Vec<_> = (0..6).map(|_| named(&anchored[0])).collect();
    let (anchored, looping): (Vec<_>, Vec<_>) =
        (anchored.iter().collect(), looping.iter().collect());
    let server = leaf(anchored[0], ec_key(), &GOOD);
    let case = Case::new(&server, &root);
    let more = (CertificateError::TooManyIntermediates, UNKNOWN_CA);
    let too_many = (CertificateError::TooManySignatures, BAD_CERTIFICATE);
    for (between, (error, alert)) in [
        (anchored.clone(), more),
        (looping.clone(), more),
        ([&looping[..3], &anchored[..2]].concat(), too_many),
        ([&looping[..2], &anchored[..3], &looping[2..]].concat(), too_many),
    ] {
        for time in [Some(now()), None] {
            Case { between: &between, time, ..case }.is_refused(error, alert);
        }
    }
    // The genuine one is found among them if it is one of the first five.
    let true_one = named(&root);
    let server = leaf(&true_one, ec_key(), &GOOD);
    let case = Case { server: &server, ..case };
    let fifth = [&anchored[..4], &[&true_one]].concat();
    Case { between: &fifth, ..case }.is_accepted();
    let sixth = [&anchored[..5], &[&true_one]].concat();
    Case { between: &sixth, ..case }.is_refused(CertificateError::TooManyIntermediates, UNKNOWN_CA);
}

/// The longest path that is accepted.
#[test]
fn five_authorities() {
    let root = ec_root();
    let mut path = vec![intermediate(&root, ec_key())];
    for _ in 0..4 {
        path.push(intermediate(path.last().unwrap(), ec_key()));
    }
    let server = leaf(path.last().unwrap(), ec_key(), &GOOD);
    let between: Vec<_> = path.iter().collect();
    for time in [Some(now()), None] {
        Case { between: &between, time, ..Case::new(&server, &root) }.is_accepted();
    }
}

/// The length of messages is bounded, and the bound is configurable.
#[test]
fn a_chain_longer_than_the_limit() {
    let root = ec_root();
    let names: Vec<String> =
        (0..400).map(|number| format!("DNS:server-{number}.devices.example")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("DNS:localhost");
    let server = leaf(&root, ec_key(), &Leaf { names: &names, ..GOOD });
    let context = in_memory::server(&server, &[], ECDHE);
    let anchors = TrustAnchors::from_pem(root.pem().as_bytes()).unwrap();
    let config = Config::with_certificates("localhost", anchors, Some(now())).unwrap();
    let ended = in_memory::handshake(&context, config.clone());
    let Err(error @ Error::Protocol(Violation::TooLong { len, limit: 8192 })) = ended.result else {
        panic!("{:?}", ended.result);
    };
    assert!(len > 8192);
    let text = format!("the peer sent a handshake message of {len} bytes: the limit is 8192");
    assert_eq!(error.to_string(), text);
    assert_eq!(ended.alert, Some(DECODE_ERROR));
    let ended = in_memory::handshake(&context, config.max_message_len(16_384));
    assert_eq!((ended.result, ended.alert), (Ok(()), None));
}

/// The certificate of an authority may not be used by a server.
#[test]
fn an_authority_as_the_server() {
    let root = ec_root();
    let between = intermediate(&root, ec_key());
    Case::new(&between, &root).is_refused(CertificateError::WrongUsage, UNSUPPORTED_CERTIFICATE);
}

/// As in private clouds: the server's certificate is itself what the client trusts. Whatever
/// its issuer, it is believed for the names in it, while it is valid, and for its usages.
#[test]
fn a_server_that_is_trusted_itself() {
    for is_authority in [true, false] {
        for (key, suites) in [(ec_key as fn() -> _, ECDHE), (rsa_key, ECDHE), (rsa_key, STATIC_RSA)]
        {
            let server = self_signed(key(), is_authority, &GOOD);
            for time in [Some(now()), None] {
                Case { suites, time, ..Case::new(&server, &server) }.is_accepted();
            }
            let case = Case { suites, host: "elsewhere.example", ..Case::new(&server, &server) };
            case.is_refused(CertificateError::WrongName, CERTIFICATE_UNKNOWN);
        }
        let clients = Leaf { usages: &[Usage::ClientAuthentication], ..GOOD };
        let server = self_signed(ec_key(), is_authority, &clients);
        Case::new(&server, &server)
            .is_refused(CertificateError::WrongUsage, UNSUPPORTED_CERTIFICATE);
        let time = now();
        let server = self_signed(ec_key(), is_authority, &Leaf { valid: (-30, -1), ..GOOD });
        let not_after = seconds(server.certificate.not_after());
        Case { time: Some(time), ..Case::new(&server, &server) }
            .is_refused(CertificateError::Expired { time, not_after }, CERTIFICATE_EXPIRED);
    }
    // A root without names is believed for none.
    let root = ec_root();
    Case::new(&root, &root).is_refused(CertificateError::NoName, CERTIFICATE_UNKNOWN);
    // One of an authority that is not trusted.
    let server = leaf(&root, ec_key(), &GOOD);
    Case::new(&server, &server).is_accepted();
}
