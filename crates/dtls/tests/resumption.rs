//! Resumption of sessions: accepted and refused by the server, after a restart of either
//! side, and never without an extended master secret.
#![cfg(feature = "full")]

use iot_coap_dtls::{Config, SavedSession};
use iot_coap_test_support::certificates::rsa;
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, certificates, pre_shared_key};
use iot_coap_test_support::peers::servers::{Resumption, Server, Suite, Wish};
use iot_coap_test_support::peers::{Peer, Proof};

const HOW: [Resumption; 2] = [Resumption::Tickets, Resumption::Ids];

fn ways() -> impl Iterator<Item = (Server, Resumption)> {
    Server::ALL.into_iter().flat_map(|server| HOW.map(|how| (server, how)))
}

/// The bound for a resumed handshake with an exchange, for resumption by a session id, and by
/// a ticket if no block ciphers are offered. The server chooses the length of its tickets,
/// and with a cookie the client sends the ticket twice; with GnuTLS both make it longer.
const MAX_BYTES: usize = 1000;

/// Connects, exchanges a line, and returns the saved session.
fn visit(config: Config, peer: &Peer, resumed: bool, what: &str) -> Option<SavedSession> {
    let mut link = Link::connect(config, peer.address()).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(link.client.was_resumed(), resumed, "{what}");
    let (sent, received) = (link.sent, link.received);
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{what}");
    assert_eq!(link.client.dropped().forged, 0, "{what}");
    let kind = if resumed { "resumed" } else { "full" };
    eprintln!(
        "{what} {kind}: {} + {} bytes in {} + {} datagrams; with an exchange {} bytes",
        sent.1,
        received.1,
        sent.0,
        received.0,
        link.sent.1 + link.received.1,
    );
    let is_bounded = resumed && (what.contains("Ids") || what.contains("restarted"));
    assert!(!is_bounded || link.sent.1 + link.received.1 <= MAX_BYTES, "{what}");
    let saved = link.client.take_saved_session();
    assert!(link.client.take_saved_session().is_none(), "{what}");
    link.close();
    saved
}

/// The session after it was stored and read back, as after a restart of the client.
fn stored(session: &SavedSession) -> SavedSession {
    SavedSession::from_bytes(&session.to_bytes().unwrap()).unwrap()
}

#[test]
fn accepted_again_and_again() {
    let (root, leaf) = rsa();
    for (server, resumption) in ways() {
        for suite in [Suite::ECDHE_RSA_GCM, Suite::ECDHE_RSA_CBC, Suite::RSA_CBC[0]] {
            let what = format!("{server:?} {resumption:?} {}", suite.name);
            let wish = Wish { resumption, ..Wish::only(suite) };
            let peer = wish.start(server, &Proof::Certificate(&leaf, &[]));
            let config = || certificates(&root).cbc(true).static_rsa(true);
            let mut saved = visit(config(), &peer, false, &what).expect(&what);
            for _ in 0..3 {
                let config = config().resume(stored(&saved));
                saved = visit(config, &peer, true, &what).expect(&what);
            }
        }
    }
}

#[test]
fn accepted_with_a_pre_shared_key() {
    for (server, resumption) in ways() {
        for suite in [Suite::PSK_GCM, Suite::PSK_CCM_8, Suite::PSK_CBC] {
            let what = format!("{server:?} {resumption:?} {}", suite.name);
            let wish = Wish { resumption, ..Wish::only(suite) };
            let peer = wish.start(server, &Proof::PreSharedKey { identity: IDENTITY, key: PSK });
            let config = || pre_shared_key().cbc(true);
            let saved = visit(config(), &peer, false, &what).expect(&what);
            visit(config().resume(stored(&saved)), &peer, true, &what).expect(&what);
        }
    }
}

/// The server asks for a cookie first.
#[test]
fn accepted_after_a_cookie() {
    let (root, leaf) = rsa();
    for (server, resumption) in ways() {
        // With -listen, s_server sends a cookie to one client and serves the next.
        if server == Server::OpenSsl {
            continue;
        }
        let what = format!("{server:?} {resumption:?} with a cookie");
        let wish = Wish { resumption, cookies: true, ..Wish::default() };
        let peer = wish.start(server, &Proof::Certificate(&leaf, &[]));
        let saved = visit(certificates(&root), &peer, false, &what).expect(&what);
        visit(certificates(&root).resume(saved), &peer, true, &what).expect(&what);
    }
}

#[test]
fn refused_by_a_server_that_has_restarted() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    for (server, resumption) in ways() {
        let what = format!("{server:?} {resumption:?} restarted");
        let wish = Wish { resumption, ..Wish::default() };
        let before = wish.start(server, &proof);
        let saved = visit(certificates(&root), &before, false, &what).expect(&what);
        drop(before);
        let after = wish.start(server, &proof);
        let saved = visit(certificates(&root).resume(saved), &after, false, &what).expect(&what);
        visit(certificates(&root).resume(saved), &after, true, &what).expect(&what);
    }
}

/// The server no longer supports resumption, or is another one.
#[test]
fn refused_by_a_server_that_resumes_nothing() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    for (server, resumption) in ways() {
        let what = format!("{server:?} {resumption:?} forgotten");
        let before = Wish { resumption, ..Wish::default() }.start(server, &proof);
        let saved = visit(certificates(&root), &before, false, &what).expect(&what);
        drop(before);
        let after = Wish::default().start(server, &proof);
        visit(certificates(&root).resume(saved), &after, false, &what);
    }
}

/// Without it, an attacker could splice sessions (RFC 7627, section 1).
#[test]
fn never_saved_without_an_extended_master_secret() {
    let (root, leaf) = rsa();
    for (server, resumption) in ways().filter(|&(server, _)| server != Server::OpenSsl) {
        let what = format!("{server:?} {resumption:?} without extended master secret");
        let wish = Wish { resumption, extended_master_secret: false, ..Wish::default() };
        let peer = wish.start(server, &Proof::Certificate(&leaf, &[]));
        assert!(visit(certificates(&root), &peer, false, &what).is_none(), "{what}");
    }
}

/// The configuration was changed in between.
#[test]
fn not_tried_under_a_suite_that_is_not_offered() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    for (server, resumption) in ways() {
        let what = format!("{server:?} {resumption:?} another suite");
        let wish = Wish { resumption, ..Wish::default() };
        let before = Wish { suite: Some(Suite::RSA_CBC[0]), ..wish }.start(server, &proof);
        let config = certificates(&root).cbc(true).static_rsa(true);
        let saved = visit(config, &before, false, &what).expect(&what);
        drop(before);
        let after = wish.start(server, &proof);
        visit(certificates(&root).resume(saved), &after, false, &what).expect(&what);
    }
}

#[test]
fn invalid_bytes_are_refused() {
    let (root, leaf) = rsa();
    for resumption in HOW {
        let wish = Wish { resumption, ..Wish::default() };
        let peer = wish.start(Server::OpenSsl, &Proof::Certificate(&leaf, &[]));
        let saved = visit(certificates(&root), &peer, false, "to be stored").unwrap();
        let bytes = saved.to_bytes().unwrap();
        for len in 0..bytes.len() {
            assert!(SavedSession::from_bytes(&bytes[..len]).is_none(), "the first {len} bytes");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(SavedSession::from_bytes(&longer).is_none());
        // A wrong format, and an unknown suite.
        for (index, value) in [(0, 0), (0, 1), (0, 255), (1, 0x13), (2, 0xff)] {
            let mut other = bytes.to_vec();
            other[index] = value;
            assert!(SavedSession::from_bytes(&other).is_none(), "byte {index} is {value}");
        }
        assert_eq!(SavedSession::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
    }
}
