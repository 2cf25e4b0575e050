//! Hazard: the device opens a session with somebody else than the cloud. Whom a session is
//! opened with, whom not, and whether the log says why.

use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged, was_logged};
use iot_coap_test_support::certificates::{
    GOOD, Identity, Leaf, ec_key, intermediate, leaf, named_root, root, rsa_key, self_signed,
};
use iot_coap_test_support::peers::echo::{Manner, Server};
use iot_coap_test_support::waiting::{becomes_so, timed};
use openssl::hash::MessageDigest;

const STATIC_RSA: [&str; 4] = ["AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA256"];

fn ec_root() -> Identity {
    root(ec_key(), MessageDigest::sha256())
}

fn rsa_root() -> Identity {
    root(rsa_key(), MessageDigest::sha256())
}

fn url(host: &str, server: &Server) -> String {
    format!("coaps://{host}:{}", server.port())
}

/// A client with its session, which `IOT_CoAP_Init` waits for.
fn connect(host: &str, server: &Server, root_pem: &str) -> Option<Client> {
    Client::init_trusting(&url(host, server), 500, root_pem, |_| {})
}

/// The same without key exchange by static RSA.
fn connect_with_forward_secrecy(server: &Server, root_pem: &str) -> Option<Client> {
    Client::init_trusting(&url("localhost", server), 500, root_pem, |options| {
        options.refuse_static_rsa = 1;
    })
}

/// A session opens, and serves: its end arrives in it.
fn assert_opens(host: &str, root_pem: &str, identity: &Identity, manner: &Manner) {
    collect();
    let server = Server::start(identity, manner);
    let client = connect(host, &server, root_pem);
    drop(client.unwrap_or_else(|| panic!("{}", logged())));
    assert!(server.sees_goodbyes(1), "{}", logged());
}

/// Refused, soon, with a line in the log that says why, and whom there is no session with.
fn assert_refused(host: &str, root_pem: &str, identity: &Identity, why: &str) {
    collect();
    let server = Server::start(identity, &Manner::default());
    let (client, took) = timed(|| connect(host, &server, root_pem));
    assert!(client.is_none());
    assert!(was_logged(&["Error", why]), "{why:?} not in:\n{}", logged());
    let peer = format!("{host} port {}", server.port());
    assert!(was_logged(&["Error", "no DTLS connection", &peer]), "{}", logged());
    assert!(took.as_secs() < 5, "took {took:?}");
    assert_eq!(server.handshakes(), 0);
}

#[test]
fn a_good_chain_is_accepted_by_name_and_by_address() {
    let root = ec_root();
    let server = leaf(&root, ec_key(), &GOOD);
    for host in ["localhost", "127.0.0.1"] {
        assert_opens(host, &root.pem(), &server, &Manner::default());
    }
    assert!(was_logged(&["Info", "coaps:// is spoken by this library"]), "{}", logged());
}

#[test]
fn an_intermediate_links_to_the_root_and_may_be_the_anchor() {
    let root = rsa_root();
    let middle = intermediate(&root, rsa_key());
    let server = leaf(&middle, rsa_key(), &GOOD);
    let with_chain = Manner { chain: vec![middle.certificate.clone()], ..Manner::default() };
    assert_opens("localhost", &root.pem(), &server, &with_chain);
    assert_opens("localhost", &middle.pem(), &server, &Manner::default());
}

#[test]
fn a_missing_intermediate_is_refused() {
    let root = rsa_root();
    let server = leaf(&intermediate(&root, rsa_key()), rsa_key(), &GOOD);
    assert_refused("localhost", &root.pem(), &server, "an unknown issuer");
}

#[test]
fn one_of_several_roots_is_enough() {
    let (other, root) = (ec_root(), ec_root());
    let server = leaf(&root, ec_key(), &GOOD);
    assert_opens("localhost", &(other.pem() + &root.pem()), &server, &Manner::default());
}

#[test]
fn a_root_signed_with_sha1_and_static_rsa_work() {
    let root = root(rsa_key(), MessageDigest::sha1());
    let server = leaf(&root, rsa_key(), &GOOD);
    for ciphers in STATIC_RSA {
        let manner = Manner { ciphers, ..Manner::default() };
        assert_opens("localhost", &root.pem(), &server, &manner);
    }
    let suite = "TLS_RSA_WITH_AES_128_CBC_SHA";
    assert!(was_logged(&["Warning", "no forward secrecy", suite]), "{}", logged());
}

#[test]
fn ephemeral_suites_are_agreed_on_where_the_server_has_them() {
    let root = rsa_root();
    let server = leaf(&root, rsa_key(), &GOOD);
    let manner = Manner { ciphers: "ECDHE-RSA-AES128-SHA256", ..Manner::default() };
    assert_opens("localhost", &root.pem(), &server, &manner);
    assert!(!was_logged(&["DTLS session opened", "GCM"]), "{}", logged());
    // A server that takes anything, static RSA too.
    assert_opens("localhost", &root.pem(), &server, &Manner::default());
    let suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    assert!(was_logged(&["DTLS session opened", suite]), "{}", logged());
    assert!(!was_logged(&["no forward secrecy"]), "{}", logged());
}

#[test]
fn another_host_is_refused() {
    let root = ec_root();
    let other = Leaf { names: &["DNS:elsewhere.example", "IP:192.0.2.1"], ..GOOD };
    let server = leaf(&root, ec_key(), &other);
    assert_refused("localhost", &root.pem(), &server, "certificate is for another");
    assert_refused("127.0.0.1", &root.pem(), &server, "certificate is for another");
}

/// Only `tests/certificates.rs` of the engine can try one that fits: no name below
/// `localhost` resolves on every machine.
#[test]
fn a_wildcard_does_not_stand_for_no_label() {
    let root = ec_root();
    let wild = leaf(&root, ec_key(), &Leaf { names: &["DNS:*.localhost", "DNS:*"], ..GOOD });
    assert_refused("localhost", &root.pem(), &wild, "certificate is for another");
}

/// The text of an address in a name of DNS is not an address.
#[test]
fn an_address_as_a_dns_name_is_refused() {
    let root = ec_root();
    let server = leaf(&root, ec_key(), &Leaf { names: &["DNS:127.0.0.1"], ..GOOD });
    assert_refused("127.0.0.1", &root.pem(), &server, "certificate is for another");
}

#[test]
fn an_expired_certificate_is_refused() {
    let root = ec_root();
    let expired = leaf(&root, ec_key(), &Leaf { valid: (-30, -1), ..GOOD });
    assert_refused("localhost", &root.pem(), &expired, "expired");
}

#[test]
fn a_certificate_that_is_not_yet_valid_is_refused() {
    let root = ec_root();
    let early = leaf(&root, ec_key(), &Leaf { valid: (1, 30), ..GOOD });
    assert_refused("localhost", &root.pem(), &early, "becomes valid only in");
}

/// A server of a private cloud, whose certificate is itself the root that the device knows.
#[test]
fn a_server_that_is_trusted_itself_is_accepted_for_its_names() {
    for is_authority in [true, false] {
        let server = self_signed(ec_key(), is_authority, &GOOD);
        assert_opens("localhost", &server.pem(), &server, &Manner::default());
        let other = Leaf { names: &["DNS:elsewhere.example"], ..GOOD };
        let server = self_signed(ec_key(), is_authority, &other);
        assert_refused("localhost", &server.pem(), &server, "certificate is for another");
        // What to do about one with a common name alone is said.
        let server = self_signed(ec_key(), is_authority, &Leaf { names: &[], ..GOOD });
        let why = "the common name does not count: issue one with the host in subjectAltName";
        assert_refused("localhost", &server.pem(), &server, why);
    }
}

#[test]
fn an_unknown_root_is_refused() {
    let (root, other) = (ec_root(), ec_root());
    let server = leaf(&root, ec_key(), &GOOD);
    assert_refused("localhost", &other.pem(), &server, "an unknown issuer");
}

#[test]
fn a_root_of_the_same_name_is_refused() {
    let same = || named_root("two of a name", ec_key(), MessageDigest::sha256());
    let (root, other) = (same(), same());
    let server = leaf(&root, ec_key(), &GOOD);
    assert_refused("localhost", &other.pem(), &server, "an unknown issuer");
}

#[test]
fn no_cipher_in_common_is_said() {
    collect();
    let root = rsa_root();
    let manner = Manner { ciphers: "DHE-RSA-AES256-GCM-SHA384", ..Manner::default() };
    let server = Server::start(&leaf(&root, rsa_key(), &GOOD), &manner);
    assert!(connect("localhost", &server, &root.pem()).is_none());
    assert!(was_logged(&["no cipher in common"]), "{}", logged());
}

#[test]
fn roots_that_are_none_are_said() {
    collect();
    let server = Server::start(&leaf(&ec_root(), ec_key(), &GOOD), &Manner::default());
    let peer = format!("localhost port {}", server.port());
    assert!(connect("localhost", &server, "no certificate").is_none());
    assert!(
        was_logged(&["Error", &peer, "no certificate to trust in what iotx_coap_get_ca"]),
        "{}",
        logged()
    );
    let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(connect("localhost", &server, garbled).is_none());
    assert!(was_logged(&["Error", &peer, "does not parse"]), "{}", logged());
}

/// Resumption would skip the verification that must fail.
#[test]
fn a_resumed_session_is_bound_to_the_root_that_was_trusted() {
    collect();
    let (root, other) = (ec_root(), ec_root());
    let server = Server::start(&leaf(&root, ec_key(), &GOOD), &Manner::default());
    drop(connect("localhost", &server, &root.pem()).unwrap_or_else(|| panic!("{}", logged())));
    assert!(server.sees_goodbyes(1));
    assert!(connect("localhost", &server, &other.pem()).is_none());
    assert_eq!(server.resumed(), 0);
}

#[test]
fn static_rsa_can_be_ruled_out() {
    collect();
    let root = rsa_root();
    let identity = leaf(&root, rsa_key(), &GOOD);
    let modern = Server::start(&identity, &Manner::default());
    for ciphers in STATIC_RSA {
        let old = Server::start(&identity, &Manner { ciphers, ..Manner::default() });
        // Beside the one that rules it out: the option is the context's own.
        let without = connect("localhost", &old, &root.pem());
        drop(without.unwrap_or_else(|| panic!("{ciphers}: {}", logged())));
        assert!(old.sees_goodbyes(1));
        // Nor by resuming the session that was opened before.
        assert!(connect_with_forward_secrecy(&old, &root.pem()).is_none(), "{ciphers}");
        assert!(was_logged(&["no cipher in common"]), "{}", logged());
        assert_eq!((old.handshakes(), old.resumed()), (1, 0), "{ciphers}");
        // The others may still resume it.
        let again = connect("localhost", &old, &root.pem());
        assert!(again.is_some(), "{ciphers}: {}", logged());
        assert!(becomes_so(|| old.resumed() == 1), "{ciphers}");
    }
    assert!(connect_with_forward_secrecy(&modern, &root.pem()).is_some(), "{}", logged());
}
