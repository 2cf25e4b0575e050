//! Interoperability: handshakes and exchanges with each kind of server, and each suite, group
//! and type of certificate. `--nocapture` shows the traffic.
#![cfg(feature = "full")]

use iot_coap_dtls::{Alert, Config, Error, PreSharedKey, Violation};
use iot_coap_test_support::certificates::{
    GOOD, Leaf, ecdsa, intermediate, leaf, root, rsa, rsa_key,
};
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, certificates, pre_shared_key};
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::servers::{Group, Server, Suite, Wish};
use openssl::hash::MessageDigest;

const GROUPS: [Group; 2] = [Group::X25519, Group::P256];

fn assert_exchange(server: Server, wish: &Wish, proof: &Proof<'_>, config: Config) {
    let peer = wish.start(server, proof);
    let mut link = Link::connect(config, peer.address())
        .unwrap_or_else(|error| panic!("{server:?} {wish:?}: {error}"));
    let (sent, received) = (link.sent, link.received);
    if let Some(suite) = wish.suite {
        assert_eq!(link.client.cipher_suite(), Some(suite.name), "{server:?}");
    }
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{server:?} {wish:?}");
    assert_eq!(link.client.dropped().forged, 0, "{server:?} {wish:?}");
    eprintln!(
        "{server:?} {} {:?} etm {}: {} + {} bytes in {} + {} datagrams",
        link.client.cipher_suite().unwrap(),
        wish.group,
        wish.encrypt_then_mac,
        sent.1,
        received.1,
        sent.0,
        received.0,
    );
    link.close();
}

fn each_suite(server: Server) {
    let (root, leaf_of_root) = rsa();
    let between = intermediate(&root, rsa_key());
    let leaf_of_between = leaf(&between, rsa_key(), &GOOD);
    let direct = Proof::Certificate(&leaf_of_root, &[]);
    let through = Proof::Certificate(&leaf_of_between, &[&between]);
    let (ec_root, ec_leaf) = ecdsa();
    let ec = Proof::Certificate(&ec_leaf, &[]);
    for group in GROUPS {
        let wish = |suite| Wish { group: Some(group), ..Wish::only(suite) };
        for proof in [&direct, &through] {
            assert_exchange(server, &wish(Suite::ECDHE_RSA_GCM), proof, certificates(&root));
        }
        for suite in [Suite::ECDHE_ECDSA_GCM, Suite::ECDHE_ECDSA_CCM_8] {
            assert_exchange(server, &wish(suite), &ec, certificates(&ec_root));
        }
    }
    for encrypt_then_mac in [true, false] {
        let wish = |suite| Wish { encrypt_then_mac, ..Wish::only(suite) };
        for group in GROUPS {
            let wish = Wish { group: Some(group), ..wish(Suite::ECDHE_RSA_CBC) };
            assert_exchange(server, &wish, &direct, certificates(&root).cbc(true));
        }
        for suite in Suite::RSA_CBC {
            let config = certificates(&root).cbc(true).static_rsa(true);
            assert_exchange(server, &wish(suite), &direct, config);
        }
        let psk = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
        assert_exchange(server, &wish(Suite::PSK_CBC), &psk, pre_shared_key().cbc(true));
    }
    for suite in [Suite::PSK_GCM, Suite::PSK_CCM_8] {
        let psk = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
        assert_exchange(server, &Wish::only(suite), &psk, pre_shared_key());
    }
}

#[test]
fn openssl_with_each_suite() {
    each_suite(Server::OpenSsl);
}

#[test]
fn gnutls_with_each_suite() {
    each_suite(Server::GnuTls);
}

#[test]
fn mbedtls_2_28_with_each_suite() {
    each_suite(Server::Mbed2);
}

#[test]
fn mbedtls_3_6_with_each_suite() {
    each_suite(Server::Mbed3);
}

#[test]
fn cookies_are_sent_back() {
    let (root, leaf) = rsa();
    for server in Server::ALL {
        let wish = Wish { cookies: true, ..Wish::default() };
        assert_exchange(server, &wish, &Proof::Certificate(&leaf, &[]), certificates(&root));
        let psk = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
        let wish = Wish { cookies: true, ..Wish::only(Suite::PSK_GCM) };
        assert_exchange(server, &wish, &psk, pre_shared_key());
    }
}

#[test]
fn a_server_asks_for_a_certificate_and_goes_on_without() {
    let (root, leaf) = rsa();
    for server in Server::ALL {
        for suite in [Suite::ECDHE_RSA_GCM, Suite::RSA_CBC[0]] {
            let wish = Wish { requests_certificate: true, ..Wish::only(suite) };
            let config = certificates(&root).cbc(true).static_rsa(true);
            assert_exchange(server, &wish, &Proof::Certificate(&leaf, &[]), config);
        }
    }
}

/// A server that was made before RFC 5746, and the same one that was not.
#[test]
fn a_server_without_renegotiation_info() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    for renegotiation_info in [true, false] {
        let wish = Wish { renegotiation_info, ..Wish::default() };
        let peer = wish.start(Server::GnuTls, &proof);
        let link = Link::connect(certificates(&root), peer.address()).unwrap();
        assert_eq!(link.client.server_sent_renegotiation_info(), renegotiation_info);
        link.close();
        let peer = wish.start(Server::GnuTls, &proof);
        let strict = certificates(&root).require_renegotiation_info(true);
        let connected = Link::connect(strict, peer.address()).map(Link::close);
        let error = Error::Protocol(Violation::NoRenegotiationInfo);
        assert_eq!(connected, if renegotiation_info { Ok(()) } else { Err(error) });
    }
}

/// Servers that sign by RSA-PSS alone.
#[test]
fn signatures_by_rsa_pss() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    for server in [Server::OpenSsl, Server::GnuTls] {
        for signatures in [
            ("rsa_pss_rsae_sha256", "RSA-PSS-RSAE-SHA256"),
            ("rsa_pss_rsae_sha384", "RSA-PSS-RSAE-SHA384"),
            ("rsa_pss_rsae_sha512", "RSA-PSS-RSAE-SHA512"),
        ] {
            let wish = Wish { signatures: Some(signatures), ..Wish::only(Suite::ECDHE_RSA_GCM) };
            assert_exchange(server, &wish, &proof, certificates(&root));
        }
    }
    // The wish is heeded: what was not offered is not to be had.
    let wish = Wish {
        signatures: Some(("rsa_pss_pss_sha256", "RSA-PSS-SHA256")),
        ..Wish::only(Suite::ECDHE_RSA_GCM)
    };
    let peer = wish.start(Server::OpenSsl, &proof);
    let error = Link::connect(certificates(&root), peer.address()).err();
    assert_eq!(error, Some(Error::PeerAlert(Alert::HANDSHAKE_FAILURE)));
}

/// With every padding: plaintext of each length up to a few blocks, and some long ones.
#[test]
fn plaintext_of_each_length() {
    let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    for (suite, encrypt_then_mac) in [
        (Suite::PSK_GCM, true),
        (Suite::PSK_CCM_8, true),
        (Suite::PSK_CBC, true),
        (Suite::PSK_CBC, false),
    ] {
        let peer = Wish { encrypt_then_mac, ..Wish::only(suite) }.start(Server::Mbed3, &proof);
        let mut link = Link::connect(pre_shared_key().cbc(true), peer.address()).unwrap();
        let overhead = link.client.record_overhead();
        for len in (1..=80).chain([255, 256, 257, 1000, 1200, 3900]) {
            let plaintext: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let before = link.sent.1;
            assert_eq!(link.exchange(&plaintext), plaintext, "{} {len}", suite.name);
            assert!(link.sent.1 - before <= len + overhead, "{} {len}", suite.name);
        }
        assert_eq!(link.client.dropped().forged, 0, "{}", suite.name);
        link.close();
    }
}

/// A chain of 5 KB in datagrams of at most 300 bytes.
#[test]
fn a_long_chain_in_many_fragments() {
    let root = root(rsa_key(), MessageDigest::sha256());
    let first = intermediate(&root, rsa_key());
    let second = intermediate(&first, rsa_key());
    let third = intermediate(&second, rsa_key());
    let names: Vec<String> =
        (0..40).map(|number| format!("DNS:server-{number}.devices.example.com")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("DNS:localhost");
    let leaf = leaf(&third, rsa_key(), &Leaf { names: &names, ..GOOD });
    for server in Server::ALL {
        let wish = Wish { mtu: Some(300), ..Wish::default() };
        let proof = Proof::Certificate(&leaf, &[&third, &second, &first]);
        let peer = wish.start(server, &proof);
        let mut link = Link::connect(certificates(&root), peer.address())
            .unwrap_or_else(|error| panic!("{server:?}: {error}"));
        let (datagrams, bytes) = link.received;
        assert!(bytes > 5_000 && bytes / datagrams <= 300, "{server:?}: {:?}", link.received);
        assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
        link.close();
    }
}

/// The encrypted premaster secret alone is longer than a datagram.
#[test]
fn a_flight_of_ours_in_many_fragments() {
    let (root, leaf) = rsa();
    for server in Server::ALL {
        let wish = Wish { requests_certificate: true, ..Wish::only(Suite::RSA_CBC[0]) };
        let config = certificates(&root).cbc(true).static_rsa(true).mtu(256);
        assert_exchange(server, &wish, &Proof::Certificate(&leaf, &[]), config);
    }
}

/// The scheme of the C SDK v3.2.0: a long identity, and the hexadecimal digits of a digest as
/// the key.
#[test]
fn the_scheme_of_the_original_client() {
    let identity = "device-1|hmacsha256|a1b2c3d4e5f&device-1|2524608000000";
    let key = b"6B86B273FF34FCE19D6B804EFF5A3F5747ADA4EAA22F1D49C01E52DDB7875B4B";
    // Debian's Mbed TLS accepts keys of at most 32 bytes.
    for server in [Server::OpenSsl, Server::GnuTls, Server::Mbed3] {
        let config =
            Config::with_pre_shared_key(PreSharedKey::new(identity.as_bytes(), key).unwrap());
        let proof = Proof::PreSharedKey { identity, key };
        assert_exchange(server, &Wish::only(Suite::PSK_CBC), &proof, config.cbc(true));
    }
}

#[test]
fn the_best_suite_is_offered_first() {
    let (root, leaf) = rsa();
    let peer = Wish::default().start(Server::OpenSsl, &Proof::Certificate(&leaf, &[]));
    let config = certificates(&root).cbc(true).static_rsa(true);
    let link = Link::connect(config, peer.address()).unwrap();
    peer.wait_for("CIPHER is ECDHE-RSA-AES128-GCM-SHA256");
    link.close();
}
