//! Hazards of believing: whom a DTLS session is opened with, and whom not, and
//! whether the log says why.
#![cfg(feature = "_session")]

mod common;

use common::hal::Dtls;
use common::{collect_log, logged, was_logged};
use iot_coap_test_support::certificates::{
    GOOD, Identity, Leaf, ec_key, intermediate, leaf, named_root, root, rsa_key,
};
use iot_coap_test_support::peers::echo::{Manner, Server};
use iot_coap_test_support::waiting::timed;
use openssl::hash::MessageDigest;

fn ec_root() -> Identity {
    root(ec_key(), MessageDigest::sha256())
}

fn assert_opens(host: &str, authorities: &str, identity: &Identity, manner: &Manner) {
    collect_log();
    let server = Server::start(identity, manner);
    let session = Dtls::create(host, server.port(), authorities);
    session.unwrap_or_else(|| panic!("{}", logged())).assert_echo(b"hello");
}

/// Refused, soon, with a line in the log that says why.
fn assert_refused(host: &str, authorities: &str, identity: &Identity, why: &str) {
    collect_log();
    let server = Server::start(identity, &Manner::default());
    let port = server.port();
    let (session, took) = timed(|| Dtls::create(host, port, authorities));
    assert!(session.is_none());
    let place = format!("{host} port {port} failed");
    assert!(was_logged(&["Error", &place, why]), "{why:?} not in:\n{}", logged());
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
}

#[test]
fn an_intermediate_links_to_the_root_and_may_be_the_anchor() {
    let root = root(rsa_key(), MessageDigest::sha256());
    let middle = intermediate(&root, rsa_key());
    let server = leaf(&middle, rsa_key(), &GOOD);
    let with_chain = Manner { chain: vec![middle.certificate.clone()], ..Manner::default() };
    assert_opens("localhost", &root.pem(), &server, &with_chain);
    assert_opens("localhost", &middle.pem(), &server, &Manner::default());
    assert_refused("localhost", &root.pem(), &server, "unknown root");
}

#[test]
fn one_of_several_authorities_is_enough() {
    let (other, root) = (ec_root(), ec_root());
    let server = leaf(&root, ec_key(), &GOOD);
    assert_opens("localhost", &(other.pem() + &root.pem()), &server, &Manner::default());
}

#[test]
fn a_root_signed_with_sha1_and_static_rsa_work() {
    let root = root(rsa_key(), MessageDigest::sha1());
    let server = leaf(&root, rsa_key(), &GOOD);
    for ciphers in ["AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA256"] {
        let manner = Manner { ciphers, ..Manner::default() };
        assert_opens("localhost", &root.pem(), &server, &manner);
    }
    assert!(
        was_logged(&["Warning", "no forward secrecy", "AES128-SHA"])
            || was_logged(&["Warning", "no forward secrecy", "TLS_RSA_WITH_AES_128_CBC_SHA"])
    );
}

#[test]
fn ephemeral_suites_are_agreed_on_when_the_server_has_them() {
    let root = root(rsa_key(), MessageDigest::sha256());
    let server = leaf(&root, rsa_key(), &GOOD);
    let manner = Manner { ciphers: "ECDHE-RSA-AES128-SHA256", ..Manner::default() };
    assert_opens("localhost", &root.pem(), &server, &manner);
    let server = Server::start(&server, &Manner::default());
    assert!(Dtls::create("localhost", server.port(), &root.pem()).is_some());
    let session = format!("localhost port {} opened", server.port());
    // OpenSSL and IANA have different names for it.
    assert!(
        was_logged(&[&session, "ECDHE-RSA-AES128-GCM-SHA256"])
            || was_logged(&[&session, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]),
        "{}",
        logged()
    );
}

#[test]
fn another_host_is_refused() {
    let root = ec_root();
    let other = Leaf { names: &["DNS:elsewhere.example", "IP:192.0.2.1"], ..GOOD };
    let server = leaf(&root, ec_key(), &other);
    assert_refused("localhost", &root.pem(), &server, "certificate is for another");
    assert_refused("127.0.0.1", &root.pem(), &server, "certificate is for another");
}

#[test]
fn dates_are_verified() {
    let root = ec_root();
    let expired = leaf(&root, ec_key(), &Leaf { valid: (-30, -1), ..GOOD });
    assert_refused("localhost", &root.pem(), &expired, "expired");
    let early = leaf(&root, ec_key(), &Leaf { valid: (1, 30), ..GOOD });
    assert_refused("localhost", &root.pem(), &early, "not valid yet");
}

#[test]
fn an_unknown_root_is_refused() {
    let (root, other) = (ec_root(), ec_root());
    let server = leaf(&root, ec_key(), &GOOD);
    assert_refused("localhost", &other.pem(), &server, "unknown root");
}

#[test]
fn a_root_of_the_same_name_is_refused() {
    let same = || named_root("two of a name", ec_key(), MessageDigest::sha256());
    let (root, other) = (same(), same());
    let server = leaf(&root, ec_key(), &GOOD);
    assert_refused("localhost", &other.pem(), &server, "unknown root");
}

#[test]
fn no_cipher_in_common_is_said() {
    collect_log();
    let root = root(rsa_key(), MessageDigest::sha256());
    let manner = Manner { ciphers: "DHE-RSA-AES256-GCM-SHA384", ..Manner::default() };
    let server = Server::start(&leaf(&root, rsa_key(), &GOOD), &manner);
    assert!(Dtls::create("localhost", server.port(), &root.pem()).is_none());
    assert!(was_logged(&["no cipher in common"]), "{}", logged());
}

#[test]
fn certificates_that_are_none_are_said() {
    collect_log();
    let server = Server::start(&leaf(&ec_root(), ec_key(), &GOOD), &Manner::default());
    assert!(Dtls::create("localhost", server.port(), "").is_none());
    assert!(was_logged(&["to trust for localhost", "none in the text"]), "{}", logged());
    let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(Dtls::create("localhost", server.port(), garbled).is_none());
}

#[test]
fn a_resumed_session_is_bound_to_whom_was_believed() {
    collect_log();
    let (root, other) = (ec_root(), ec_root());
    let server = Server::start(&leaf(&root, ec_key(), &GOOD), &Manner::default());
    Dtls::create("localhost", server.port(), &root.pem()).unwrap().assert_echo(b"1");
    // Resumption would skip the verification that must fail here.
    assert!(Dtls::create("localhost", server.port(), &other.pem()).is_none());
    assert_eq!(server.resumed(), 0);
}
