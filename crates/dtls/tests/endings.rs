//! How sessions end, and what does not end them: closing by either side, alerts and their
//! names, and requests to renegotiate.
#![cfg(feature = "full")]

use iot_coap_dtls::{Config, Duration, Error, PreSharedKey, State};
use iot_coap_test_support::certificates::rsa;
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, certificates, pre_shared_key};
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::servers::{Server, Suite, Wish};

const PROOF: Proof<'static> = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
const MBED: [Server; 2] = [Server::Mbed2, Server::Mbed3];

#[test]
fn the_client_closes() {
    // gnutls-serv does not print anything.
    for (server, heard) in
        [(Server::OpenSsl, "DONE"), (Server::Mbed2, "closed"), (Server::Mbed3, "closed")]
    {
        let peer = Wish::only(Suite::PSK_GCM).start(server, &PROOF);
        let mut link = Link::connect(pre_shared_key(), peer.address()).unwrap();
        assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
        link.client.close();
        assert_eq!(link.client.state(), State::Ended(Error::Closed));
        assert_eq!(link.client.send(b"more", &mut [0; 100]), Err(Error::Closed));
        link.close();
        peer.wait_for(heard);
    }
}

#[test]
fn the_server_closes() {
    for server in MBED {
        let peer = Wish::only(Suite::PSK_GCM).start(server, &PROOF);
        let mut link = Link::connect(pre_shared_key(), peer.address()).unwrap();
        link.send(b"bye");
        assert_eq!(link.end(), Error::Closed, "{server:?}");
        assert_eq!(link.client.send(b"more", &mut [0; 100]), Err(Error::Closed));
        // The client answers with its own close_notify (RFC 5246, section 7.2.1).
        peer.wait_for("closed");
    }
}

/// The client answers a HelloRequest with an alert, and the session goes on.
#[test]
fn renegotiation_is_refused() {
    for server in MBED {
        let peer = Wish::only(Suite::PSK_GCM).start(server, &PROOF);
        let mut link = Link::connect(pre_shared_key(), peer.address()).unwrap();
        assert_eq!(link.exchange(b"renegotiate"), b"renegotiate", "{server:?}");
        for _ in 0..3 {
            assert_eq!(link.exchange(b"still there"), b"still there", "{server:?}");
        }
        assert_eq!(link.exchange(b"renegotiate"), b"renegotiate", "{server:?}");
        assert_eq!(link.exchange(b"still there"), b"still there", "{server:?}");
        assert_eq!(link.client.dropped().forged, 0);
        link.close();
        peer.wait_for("closed");
    }
}

/// OpenSSL's server then ends the session.
#[test]
fn renegotiation_is_refused_to_openssl() {
    let peer = Wish::only(Suite::PSK_GCM).start(Server::OpenSsl, &PROOF);
    let mut link = Link::connect(pre_shared_key(), peer.address()).unwrap();
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
    peer.tell("R");
    assert_eq!(link.end().to_string(), "the peer sent the alert handshake_failure (40)");
    peer.wait_for("no renegotiation");
}

fn refusal(config: Config, wish: &Wish, server: Server, proof: &Proof<'_>) -> String {
    let peer = wish.start(server, proof);
    let ended = Link::connect(
        config.timeouts(Duration::from_millis(100), Duration::from_secs(1)),
        peer.address(),
    );
    ended.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn no_suite_in_common() {
    let (root, leaf) = rsa();
    // gnutls-serv sends no alerts during a handshake.
    for server in [Server::OpenSsl, Server::Mbed2, Server::Mbed3] {
        let (wish, proof) = (Wish::only(Suite::RSA_CBC[0]), Proof::Certificate(&leaf, &[]));
        let refusal = refusal(certificates(&root), &wish, server, &proof);
        assert_eq!(refusal, "the peer sent the alert handshake_failure (40)", "{server:?}");
    }
}

#[test]
fn an_identity_that_the_server_does_not_know() {
    for server in MBED {
        let key = PreSharedKey::new(b"somebody else", PSK).unwrap();
        let config = Config::with_pre_shared_key(key);
        let refusal = refusal(config, &Wish::only(Suite::PSK_GCM), server, &PROOF);
        assert_eq!(refusal, "the peer sent the alert unknown_psk_identity (115)", "{server:?}");
    }
}

#[test]
fn another_key_than_the_server_knows() {
    for server in MBED {
        let key = PreSharedKey::new(IDENTITY.as_bytes(), b"another key").unwrap();
        let config = Config::with_pre_shared_key(key);
        let refusal = refusal(config, &Wish::only(Suite::PSK_GCM), server, &PROOF);
        assert_eq!(refusal, "the peer sent the alert bad_record_mac (20)", "{server:?}");
    }
}
