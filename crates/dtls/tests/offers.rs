//! Hazard: a session is less safe than the server would have it, or a server that knows no
//! better is not reached. What is offered first, and what to a server that refuses it, or seems
//! to.
#![cfg(feature = "full")]

use std::time::Duration;

use iot_coap_dtls::{Client, Config, Error, State};
use iot_coap_test_support::certificates::{ecdsa, rsa};
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, SystemRandom, certificates, pre_shared_key};
use iot_coap_test_support::hellos::offered_suites;
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::servers::{Resumption, Server, Suite, Wish};
use iot_coap_test_support::scripted::messages::{ALERT, HANDSHAKE, HELLO_VERIFY_REQUEST, message};
use iot_coap_test_support::scripted::{
    self, Hello, Pair, ends_in_time, feed, feed_at, psk_config, sent,
};

const STRONG: [u16; 3] = [0xc02b, 0xc02f, 0xc0ae];
const FOR_OLD_SERVERS: [u16; 8] = [0xc023, 0xc027, 0xc009, 0xc013, 0x003c, 0x003d, 0x002f, 0x0035];
const STRONG_PSK: [u16; 2] = [0x00a8, 0xc0a8];
const REFUSED: [u8; 2] = [2, 40];

fn everything(config: Config) -> Config {
    config.cbc(true).static_rsa(true)
}

fn offer(config: Config) -> Vec<u16> {
    let now = iot_coap_dtls::Instant::from_millis(0);
    let mut client = Client::new(config, SystemRandom::default(), now).unwrap();
    let mut buffer = [0; 2048];
    let len = client.poll_transmit(&mut buffer).unwrap();
    offered_suites(&buffer[..len])
}

#[test]
fn what_is_for_old_servers_is_offered_where_it_is_asked_for_and_last() {
    let (root, _) = rsa();
    assert_eq!(offer(certificates(&root)), STRONG);
    assert_eq!(offer(certificates(&root).static_rsa(true)), STRONG);
    assert_eq!(offer(pre_shared_key()), STRONG_PSK);
    let all = [&STRONG[..], &FOR_OLD_SERVERS].concat();
    assert_eq!(offer(everything(certificates(&root))), all);
    assert_eq!(offer(everything(pre_shared_key())), [&STRONG_PSK[..], &[0x008c]].concat());
    assert!(everything(pre_shared_key()).offers_cbc() && !pre_shared_key().offers_cbc());
}

/// Each old server shows soon that it refuses, which is before the first timeout, of a second;
/// and accepts everything. (Of the same process, `s_server` may take the second ClientHello for
/// the end of the first handshake. `tests/dtls_offers.rs` in the library's tests goes on with
/// the same server.)
fn assert_reached(server: Server, wish: &Wish, proof: &Proof<'_>, config: &Config) -> Link {
    let peer = wish.start(server, proof);
    let mut link = Link::start(config.clone(), peer.address());
    // GnuTLS refuses without a word.
    let patience = Duration::from_millis(if server == Server::GnuTls { 100 } else { 900 });
    assert_eq!(link.is_refused_within(patience), server != Server::GnuTls, "{server:?} {wish:?}");
    assert!(!link.client.has_server_hello());
    let peer = wish.start(server, proof);
    let mut link = Link::connect(everything(config.clone()), peer.address())
        .unwrap_or_else(|error| panic!("{server:?} {wish:?}: {error}"));
    assert_eq!(link.client.cipher_suite(), wish.suite.map(|suite| suite.name));
    assert!(link.client.uses_cbc());
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{server:?} {wish:?}");
    link
}

#[test]
fn old_servers_refuse_soon_and_are_reached() {
    let (root, leaf) = rsa();
    let certificate = Proof::Certificate(&leaf, &[]);
    let psk = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    for server in Server::ALL {
        for cookies in [false, true] {
            let wish = |suite| Wish { cookies, ..Wish::only(suite) };
            for suite in [
                Suite::ECDHE_RSA_CBC,
                Suite::ECDHE_RSA_CBC_SHA1,
                Suite::RSA_CBC[0],
                Suite::RSA_CBC[3],
            ] {
                assert_reached(server, &wish(suite), &certificate, &certificates(&root)).close();
            }
            let (root, leaf) = ecdsa();
            for suite in Suite::ECDHE_ECDSA_CBC {
                let proof = Proof::Certificate(&leaf, &[]);
                assert_reached(server, &wish(suite), &proof, &certificates(&root)).close();
            }
            assert_reached(server, &wish(Suite::PSK_CBC), &psk, &pre_shared_key()).close();
        }
    }
}

/// A hello must have the suite of the session that it is to resume.
#[test]
fn a_session_of_an_old_suite_says_so_and_is_resumed() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    let wish = Wish { resumption: Resumption::Tickets, ..Wish::only(Suite::RSA_CBC[0]) };
    for server in [Server::OpenSsl, Server::GnuTls, Server::Mbed3] {
        let peer = wish.start(server, &proof);
        let mut link = Link::connect(everything(certificates(&root)), peer.address()).unwrap();
        link.exchange(b"echo 1\n");
        let session = link.client.take_saved_session().expect("a ticket");
        assert!(session.uses_cbc());
        link.close();
        let config = everything(certificates(&root)).resume(session);
        let link = Link::connect(config, peer.address()).unwrap();
        assert!(link.client.was_resumed(), "{server:?}");
        link.close();
    }
}

/// Offered everything, each server that knows better takes what is better.
#[test]
fn an_offer_of_everything_leads_to_no_worse_suite_than_the_server_knows() {
    let (root, leaf) = rsa();
    for server in Server::ALL {
        let peer = Wish::default().start(server, &Proof::Certificate(&leaf, &[]));
        let link = Link::connect(everything(certificates(&root)), peer.address()).unwrap();
        assert!(link.client.has_forward_secrecy(), "{server:?}");
        assert!(!link.client.uses_cbc(), "{server:?}");
        link.close();
    }
}

/// The server that a client talks to through somebody who refuses in its name.
fn refuse(pair: &mut Pair, now: u64) -> Vec<Vec<u8>> {
    let record = pair.server.plain(ALERT, &REFUSED);
    feed_at(&mut pair.client, &record, now).unwrap();
    sent(&mut pair.client)
}

/// The server answers, before or after the forged alerts, of which there are as many as make it
/// seem to refuse, and more.
#[test]
fn forged_refusals_do_not_hold_up_a_server_that_accepts() {
    let suite = scripted::Suite::PskGcm;
    for alerts in 0..5 {
        let mut pair = Pair::start(psk_config(), suite);
        for number in 1..=alerts {
            let repeated = refuse(&mut pair, 0);
            assert_eq!(repeated.len(), usize::from(number == 1), "asks again at once, and once");
        }
        assert_eq!(pair.client.is_refused(), alerts >= 2);
        let hello = pair.server.say_hello(&Hello::new(suite));
        feed(&mut pair.client, &hello).unwrap();
        assert!(!pair.client.is_refused() && pair.client.has_server_hello());
        for _ in 0..3 {
            assert_eq!(refuse(&mut pair, 0), [[0; 0]; 0], "nothing is left to refuse");
        }
        assert!(!pair.client.is_refused());
        let done = pair.server.say_done();
        feed(&mut pair.client, &done).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
        pair.assert_alive();
        assert!(!pair.client.is_refused() && !pair.client.was_answered());
    }
}

/// The same behind a cookie, where one alert is enough.
#[test]
fn a_forged_refusal_after_a_cookie_does_not_hold_up_a_server_that_accepts() {
    let suite = scripted::Suite::PskGcm;
    let mut pair = Pair::start(psk_config(), suite);
    let ask = message(HELLO_VERIFY_REQUEST, 0, &[&[0xfe, 0xff, 3][..], b"one"].concat());
    let record = pair.server.plain(HANDSHAKE, &ask);
    feed(&mut pair.client, &record).unwrap();
    pair.server.read_hello(&sent(&mut pair.client));
    assert!(pair.client.was_answered() && !pair.client.is_refused());
    assert_eq!(refuse(&mut pair, 0), [[0; 0]; 0]);
    assert!(pair.client.is_refused());
    pair.server.message_seq = 1;
    let flight = [pair.server.say_hello(&Hello::new(suite)), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
    pair.assert_alive();
}

#[test]
fn a_refusal_is_asked_about_at_once_by_the_same_hello() {
    let mut client = scripted::client(psk_config());
    let first = sent(&mut client).remove(0);
    let server = scripted::Server::new(scripted::Suite::PskCbcSha);
    let mut pair = Pair { client, server };
    let again = refuse(&mut pair, 5).remove(0);
    assert_eq!(first[13..], again[13..]);
}

/// As a server does that keeps the session which failed.
#[test]
fn a_server_that_refuses_only_once_ends_the_handshake_in_time() {
    for alert in [40, 71] {
        let mut pair = Pair::start(psk_config(), scripted::Suite::PskCbcSha);
        let record = pair.server.plain(ALERT, &[2, alert]);
        feed(&mut pair.client, &record).unwrap();
        assert_eq!(sent(&mut pair.client).len(), 1);
        for now in [1000, 3000] {
            let due = pair.client.next_timeout().unwrap();
            assert_eq!(due, scripted::at(now));
            assert_eq!(pair.client.handle_timeout(due).is_err(), now == 3000);
        }
        let ended = pair.client.state();
        let State::Ended(Error::PeerAlert(reason)) = ended else { panic!("{ended:?}") };
        assert!(reason.0 == alert && reason.is_refusal());
    }
}

#[test]
fn a_server_that_refuses_everything_ends_the_handshake() {
    let mut pair = Pair::start(everything(psk_config()), scripted::Suite::PskCbcSha);
    for _ in 0..3 {
        refuse(&mut pair, 0);
    }
    let refused = ends_in_time(&mut pair.client);
    assert!(matches!(refused, Err(Error::PeerAlert(alert)) if alert.0 == 40), "{refused:?}");
    assert!(matches!(pair.client.state(), State::Ended(_)));
}

/// Other alerts do not say that something else should be offered.
#[test]
fn other_alerts_are_no_refusals() {
    for alert in [[1, 0], [2, 10], [2, 80], [2, 48], [1, 40]] {
        let mut pair = Pair::start(psk_config(), scripted::Suite::PskCbcSha);
        for _ in 0..3 {
            let record = pair.server.plain(ALERT, &alert);
            feed(&mut pair.client, &record).unwrap();
            assert!(sent(&mut pair.client).is_empty(), "{alert:?}");
        }
        assert!(!pair.client.is_refused());
    }
}
