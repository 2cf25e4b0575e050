//! Connection ids (RFC 9146): with an address that changes, in one direction only, and with
//! servers that do not support them.
#![cfg(feature = "full")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use iot_coap_dtls::{Config, Dropped};
use iot_coap_test_support::certificates::rsa;
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, certificates, pre_shared_key};
use iot_coap_test_support::network::{Direction, Fate, Proxy};
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::servers::{Resumption, Server, Suite, Wish};

const SERVERS_ID: &str = "c0ffee0102";
const CONNECTION_ID_RECORD: u8 = 25;

fn wish() -> Wish {
    Wish { connection_id: Some(SERVERS_ID), ..Wish::default() }
}

/// Suites that authenticate the id in different ways: as additional data of an AEAD, in a
/// MAC inside the encryption, and in a MAC outside of it.
fn suites() -> impl Iterator<Item = Wish> {
    let aead = [Suite::PSK_GCM, Suite::PSK_CCM_8].map(|suite| (suite, true));
    let cbc = [true, false].map(|encrypt_then_mac| (Suite::PSK_CBC, encrypt_then_mac));
    aead.into_iter().chain(cbc).map(|(suite, encrypt_then_mac)| Wish {
        suite: Some(suite),
        encrypt_then_mac,
        ..wish()
    })
}

fn config(own: &[u8]) -> Config {
    pre_shared_key().cbc(true).connection_id(own).unwrap()
}

const PROOF: Proof<'static> = Proof::PreSharedKey { identity: IDENTITY, key: PSK };

#[test]
fn a_session_outlives_its_address() {
    for wish in suites() {
        for own in [&b""[..], b"\x07", b"0123456789abcdef0123456789abcdef"] {
            let peer = wish.start(Server::Mbed3, &PROOF);
            let mut link = Link::connect(config(own), peer.address()).unwrap();
            assert!(link.client.uses_connection_id());
            assert!(peer.wait_for("connected").ends_with(" cid"));
            for message in [&b"first"[..], b"second", b"third"] {
                link.rebind();
                assert_eq!(link.exchange(message), message, "{wish:?}");
                peer.wait_for("moved");
                // The answer carries the id that the client offered.
                let expected: &[u8] = if own.is_empty() { b"" } else { own };
                let is_id_record = link.last_received[0] == CONNECTION_ID_RECORD;
                assert_eq!(is_id_record, !own.is_empty());
                if is_id_record {
                    assert_eq!(&link.last_received[11..11 + own.len()], expected);
                }
            }
            assert_eq!(link.client.dropped(), Dropped::default(), "{wish:?}");
            link.client.close();
            link.close();
            peer.wait_for("closed");
        }
    }
}

/// A NAT loses its mapping.
#[test]
fn a_nat_that_forgets_is_not_noticed() {
    let peer = Wish { suite: Some(Suite::PSK_GCM), ..wish() }.start(Server::Mbed3, &PROOF);
    let connected = Arc::new(AtomicBool::new(false));
    let proxy = Proxy::start(peer.address(), {
        let connected = Arc::clone(&connected);
        move |direction, _| match direction {
            Direction::ToServer if connected.load(Ordering::SeqCst) => Fate::ARRIVES.rebound(),
            _ => Fate::ARRIVES,
        }
    });
    let mut link = Link::connect(config(b"own"), proxy.address()).unwrap();
    assert_eq!(link.exchange(b"before"), b"before");
    connected.store(true, Ordering::SeqCst);
    for message in [&b"first"[..], b"second", b"third"] {
        link.exchange_through_loss(message);
        peer.wait_for("moved");
    }
}

/// Without connection ids, the server does not recognize the client at a new address.
#[test]
fn a_session_without_them_ends_with_its_address() {
    let peer = Wish::only(Suite::PSK_GCM).start(Server::Mbed3, &PROOF);
    let mut link = Link::connect(pre_shared_key(), peer.address()).unwrap();
    assert_eq!(link.exchange(b"before"), b"before");
    link.rebind();
    assert_eq!(link.exchange_or_none(b"after"), None);
}

#[test]
fn the_server_wants_none_in_records_to_it() {
    for wish in suites() {
        let wish = Wish { connection_id: Some(""), ..wish };
        let peer = wish.start(Server::Mbed3, &PROOF);
        let mut link = Link::connect(config(b"own"), peer.address()).unwrap();
        assert!(!link.client.uses_connection_id());
        assert_eq!(link.exchange(b"hello"), b"hello");
        assert_eq!(link.last_received[0], CONNECTION_ID_RECORD);
        assert_eq!(&link.last_received[11..14], b"own");
        link.close();
        peer.wait_for("closed");
    }
}

/// Each handshake negotiates them anew.
#[test]
fn a_resumed_session_has_them_too() {
    let (root, leaf) = rsa();
    for resumption in [Resumption::Tickets, Resumption::Ids] {
        let peer =
            Wish { resumption, ..wish() }.start(Server::Mbed3, &Proof::Certificate(&leaf, &[]));
        let config = || certificates(&root).connection_id(b"own").unwrap();
        let mut link = Link::connect(config(), peer.address()).unwrap();
        assert_eq!(link.exchange(b"full"), b"full");
        let saved = link.client.take_saved_session().unwrap();
        link.close();
        let mut link = Link::connect(config().resume(saved.clone()), peer.address()).unwrap();
        assert!(link.client.was_resumed() && link.client.uses_connection_id());
        link.rebind();
        assert_eq!(link.exchange(b"resumed"), b"resumed");
        peer.wait_for("moved");
        eprintln!("resumed {resumption:?} with ids: {:?} + {:?}", link.sent, link.received);
        let before = link.sent.1 + link.received.1;
        assert_eq!(link.exchange(&[b'x'; 100]), [b'x'; 100]);
        eprintln!("100 bytes and back: {} bytes", link.sent.1 + link.received.1 - before);
        link.close();
        // A resumed session need not use them.
        let mut link = Link::connect(certificates(&root).resume(saved), peer.address()).unwrap();
        assert!(link.client.was_resumed() && !link.client.uses_connection_id());
        assert_eq!(link.exchange(b"without"), b"without");
        link.close();
    }
}

#[test]
fn a_server_that_ignores_them() {
    let (root, leaf) = rsa();
    for server in Server::ALL {
        let peer = Wish::default().start(server, &Proof::Certificate(&leaf, &[]));
        let config = certificates(&root).connection_id(b"own").unwrap();
        let mut link = Link::connect(config, peer.address()).unwrap();
        assert!(!link.client.uses_connection_id(), "{server:?}");
        assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{server:?}");
        assert_ne!(link.last_received[0], CONNECTION_ID_RECORD, "{server:?}");
        link.close();
    }
}
