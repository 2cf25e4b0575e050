//! Handshakes and exchanges with servers that nobody here wrote.

mod common;

use common::certificates::{GOOD, Identity, ec_key, leaf, root, rsa_key};
use common::link::Link;
use common::peers::{Peer, Proof};
use iot_coap_dtls::{Config, PreSharedKey, TrustAnchors};
use openssl::hash::MessageDigest;

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn certificates(root: &Identity) -> Config {
    let anchors = TrustAnchors::from_pem(root.pem().as_bytes()).unwrap();
    Config::with_certificates("localhost", anchors, Some(now())).unwrap()
}

fn rsa() -> (Identity, Identity) {
    let root = root(rsa_key(), MessageDigest::sha1());
    let server = leaf(&root, rsa_key(), &GOOD);
    (root, server)
}

fn ecdsa() -> (Identity, Identity) {
    let root = root(ec_key(), MessageDigest::sha256());
    let server = leaf(&root, ec_key(), &GOOD);
    (root, server)
}

#[test]
fn openssl_rsa() {
    let (root, server) = rsa();
    let peer = Peer::openssl(&Proof::Certificate(&server, &[]), &[]);
    let mut link = Link::connect(certificates(&root), peer.address()).unwrap();
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
    eprintln!("{:?} {:?}", link.sent, link.received);
    link.close();
}

#[test]
fn openssl_ecdsa_with_cookies_and_p256() {
    let (root, server) = ecdsa();
    let peer = Peer::openssl(&Proof::Certificate(&server, &[]), &["-listen", "-groups", "P-256"]);
    let mut link = Link::connect(certificates(&root), peer.address()).unwrap();
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
    link.close();
}

#[test]
fn openssl_each_cbc_suite() {
    let (root, server) = rsa();
    for (suite, static_rsa) in [
        ("ECDHE-RSA-AES128-SHA256", false),
        ("AES128-SHA256", true),
        ("AES256-SHA256", true),
        ("AES128-SHA", true),
        ("AES256-SHA", true),
    ] {
        for options in [&[][..], &["-no_etm"]] {
            let options: Vec<&str> =
                ["-cipher", suite].into_iter().chain(options.iter().copied()).collect();
            let peer = Peer::openssl(&Proof::Certificate(&server, &[]), &options);
            let config = certificates(&root).cbc(true).static_rsa(static_rsa);
            let mut link = Link::connect(config, peer.address()).unwrap();
            assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{suite}");
            link.close();
        }
    }
}

#[test]
fn pre_shared_key() {
    let (identity, key) = ("sensor-7", b"0123456789abcdef");
    for suite in ["PSK-AES128-GCM-SHA256", "PSK-AES128-CCM8", "PSK-AES128-CBC-SHA"] {
        let peer = Peer::openssl(&Proof::PreSharedKey { identity, key }, &["-cipher", suite]);
        let config =
            Config::with_pre_shared_key(PreSharedKey::new(identity.as_bytes(), key).unwrap());
        let mut link = Link::connect(config.cbc(true), peer.address()).unwrap();
        assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{suite}");
        link.close();
    }
}

#[test]
fn resumed_by_ticket_and_by_id() {
    let (root, server) = rsa();
    for options in [&[][..], &["-no_ticket"]] {
        let peer = Peer::openssl(&Proof::Certificate(&server, &[]), options);
        let mut link = Link::connect(certificates(&root), peer.address()).unwrap();
        assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
        let saved = link.client.take_saved_session().unwrap();
        link.close();
        let mut link = Link::connect(certificates(&root).resume(saved), peer.address()).unwrap();
        assert!(link.client.was_resumed());
        assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
        eprintln!("{:?} {:?}", link.sent, link.received);
        link.close();
    }
}

#[test]
fn gnutls_rsa_and_psk() {
    let (root, server) = rsa();
    let peer =
        Peer::gnutls(&Proof::Certificate(&server, &[]), "NORMAL:-VERS-ALL:+VERS-DTLS1.2", &[]);
    let mut link = Link::connect(certificates(&root), peer.address()).unwrap();
    assert_eq!(link.exchange(b"hello"), b"hello");
    link.close();
    let (identity, key) = ("sensor-7", b"0123456789abcdef");
    let peer = Peer::gnutls(
        &Proof::PreSharedKey { identity, key },
        "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+PSK",
        &[],
    );
    let config = Config::with_pre_shared_key(PreSharedKey::new(identity.as_bytes(), key).unwrap());
    let mut link = Link::connect(config, peer.address()).unwrap();
    assert_eq!(link.exchange(b"hello"), b"hello");
    link.close();
}
