//! Hazard: a session is less safe than the server would have it, or a server that knows no
//! better is not reached. What is offered first, and what to a server that refuses it, or seems
//! to.
#![cfg(feature = "full")]

use std::time::{Duration, Instant};

use iot_coap_dtls::{Client, Config, Error, State};
use iot_coap_test_support::certificates::rsa;
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
const FOR_OLD_SERVERS: [u16; 5] = [0xc027, 0x003c, 0x003d, 0x002f, 0x0035];
const STRONG_PSK: [u16; 2] = [0x00a8, 0xc0a8];
const REFUSED: [u8; 2] = [2, 40];

fn cautious(config: Config) -> Config {
    config.cbc(true).static_rsa(true).strong_first(true)
}

fn first_offer(config: Config) -> Vec<u16> {
    let now = iot_coap_dtls::Instant::from_millis(0);
    let mut client = Client::new(config, SystemRandom::default(), now).unwrap();
    let mut buffer = [0; 2048];
    let len = client.poll_transmit(&mut buffer).unwrap();
    offered_suites(&buffer[..len])
}

#[test]
fn what_is_for_old_servers_is_not_offered_first() {
    let (root, _) = rsa();
    assert_eq!(first_offer(cautious(certificates(&root))), STRONG);
    assert_eq!(first_offer(cautious(pre_shared_key())), STRONG_PSK);
    // Otherwise all at once, the best first.
    let all = certificates(&root).cbc(true).static_rsa(true);
    assert_eq!(first_offer(all), [&STRONG[..], &FOR_OLD_SERVERS].concat());
}

/// Each old server is reached, whatever it says to the first offer, and soon: before the
/// first timeout, which is a second.
fn assert_reached(server: Server, wish: &Wish, proof: &Proof<'_>, config: Config) -> Link {
    let peer = wish.start(server, proof);
    let start = Instant::now();
    let mut link = Link::start(cautious(config), peer.address());
    // It refuses without a word.
    if server == Server::GnuTls {
        link.wait(Duration::from_millis(100));
        assert!(!link.client.made_second_offer());
        link.offer_everything();
    }
    link.handshake().unwrap_or_else(|error| panic!("{server:?} {wish:?}: {error}"));
    let took = start.elapsed();
    eprintln!("{server:?} {:?} cookies {}: {took:?}", wish.suite, wish.cookies);
    assert_eq!(link.client.cipher_suite(), wish.suite.map(|suite| suite.name));
    assert!(link.client.made_second_offer() && link.client.has_suite_of_second_offer());
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{server:?} {wish:?}");
    assert!(took < Duration::from_millis(900), "{server:?} {wish:?} took {took:?}");
    link
}

#[test]
fn old_servers_are_reached_by_the_second_offer() {
    let (root, leaf) = rsa();
    let certificate = Proof::Certificate(&leaf, &[]);
    let psk = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    for server in Server::ALL {
        for cookies in [false, true] {
            let wish = |suite| Wish { cookies, ..Wish::only(suite) };
            for suite in [Suite::ECDHE_RSA_CBC, Suite::RSA_CBC[0], Suite::RSA_CBC[3]] {
                assert_reached(server, &wish(suite), &certificate, certificates(&root)).close();
            }
            assert_reached(server, &wish(Suite::PSK_CBC), &psk, pre_shared_key()).close();
        }
    }
}

/// A hello must have the suite of the session that it is to resume.
#[test]
fn a_session_of_an_old_suite_is_resumed_at_once() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    let wish = Wish { resumption: Resumption::Tickets, ..Wish::only(Suite::RSA_CBC[0]) };
    for server in [Server::OpenSsl, Server::GnuTls, Server::Mbed3] {
        let peer = wish.start(server, &proof);
        let mut link = Link::start(cautious(certificates(&root)), peer.address());
        if server == Server::GnuTls {
            link.offer_everything();
        }
        link.handshake().unwrap();
        link.exchange(b"echo 1\n");
        let session = link.client.take_saved_session().expect("a ticket");
        link.close();
        let config = cautious(certificates(&root)).resume(session);
        let link = Link::connect(config, peer.address()).unwrap();
        assert!(link.client.was_resumed(), "{server:?}");
        assert!(!link.client.made_second_offer(), "{server:?}");
        link.close();
    }
}

/// Offered everything, each server that knows better takes what is better.
#[test]
fn the_second_offer_leads_to_no_worse_suite_than_the_server_knows() {
    let (root, leaf) = rsa();
    for server in Server::ALL {
        let peer = Wish::default().start(server, &Proof::Certificate(&leaf, &[]));
        let everything = certificates(&root).cbc(true).static_rsa(true);
        let link = Link::connect(everything, peer.address()).unwrap();
        assert!(link.client.has_forward_secrecy(), "{server:?}");
        assert!(!link.client.has_suite_of_second_offer(), "{server:?}");
        link.close();
    }
}

/// The server that a client talks to through somebody who refuses in its name.
fn refuse(pair: &mut Pair, now: u64) -> Vec<Vec<u8>> {
    let record = pair.server.plain(ALERT, &REFUSED);
    feed_at(&mut pair.client, &record, now).unwrap();
    sent(&mut pair.client)
}

/// The server sees the first offer and answers it, before or after the forged alerts, of which
/// there are as many as it takes for a second offer, and more.
#[test]
fn forged_refusals_do_not_hold_up_a_server_that_accepts_the_first_offer() {
    let suite = scripted::Suite::PskGcm;
    for alerts in 0..5 {
        let mut pair = Pair::start(cautious(psk_config()), suite);
        for _ in 0..alerts {
            refuse(&mut pair, 0);
        }
        assert_eq!(pair.client.made_second_offer(), alerts >= 2);
        // The second ClientHello is taken for a retransmission.
        let flight = [pair.server.say_hello(&Hello::new(suite)), pair.server.say_done()].concat();
        feed(&mut pair.client, &flight).unwrap();
        assert!(refuse(&mut pair, 0).len() <= 1, "the flight that was due");
    }
    for alerts in 0..5 {
        let mut pair = Pair::start(cautious(psk_config()), suite);
        for _ in 0..alerts {
            refuse(&mut pair, 0);
        }
        let hello = pair.server.say_hello(&Hello::new(suite));
        feed(&mut pair.client, &hello).unwrap();
        for _ in 0..3 {
            assert_eq!(refuse(&mut pair, 0), [[0; 0]; 0], "nothing is left to refuse");
        }
        let done = pair.server.say_done();
        feed(&mut pair.client, &done).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
        pair.assert_alive();
        assert!(!pair.client.has_suite_of_second_offer());
    }
}

/// The same behind a cookie, where one alert is enough.
#[test]
fn a_forged_refusal_after_a_cookie_does_not_hold_up_a_server_that_accepts() {
    let suite = scripted::Suite::PskGcm;
    for asks_again in [false, true] {
        let mut pair = Pair::start(cautious(psk_config()), suite);
        let ask = |pair: &mut Pair, cookie: &[u8]| {
            let body = [&[0xfe, 0xff, cookie.len() as u8], cookie].concat();
            let ask = message(HELLO_VERIFY_REQUEST, 0, &body);
            let record = pair.server.plain(HANDSHAKE, &ask);
            feed(&mut pair.client, &record).unwrap();
            sent(&mut pair.client)
        };
        let first = ask(&mut pair, b"one");
        pair.server.read_hello(&first);
        let second = refuse(&mut pair, 0);
        assert!(offered_suites(&second[0]).contains(&0x008c));
        assert_eq!(second[0][13 + 4..13 + 6], [0, 0], "begins again");
        if asks_again {
            // It had not got the first offer with its cookie.
            let second = ask(&mut pair, b"another");
            assert!(offered_suites(&second[0]).contains(&0x008c));
            pair.server.read_hello(&second);
        }
        pair.server.message_seq = 1;
        let flight = [pair.server.say_hello(&Hello::new(suite)), pair.server.say_done()].concat();
        feed(&mut pair.client, &flight).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
        pair.assert_alive();
    }
}

#[test]
fn the_second_offer_takes_the_place_of_the_first() {
    let suite = scripted::Suite::PskCbcSha;
    let mut client = scripted::client(cautious(psk_config()));
    let first = sent(&mut client).remove(0);
    assert_eq!(offered_suites(&first), STRONG_PSK);
    let mut pair = Pair { client, server: scripted::Server::new(suite) };
    let again = refuse(&mut pair, 5).remove(0);
    assert_eq!(first[13..], again[13..], "the first offer once more, at once");
    let second = refuse(&mut pair, 10).remove(0);
    assert_eq!(offered_suites(&second), [&STRONG_PSK[..], &[0x008c]].concat());
    // The message number, version and random bytes are the same.
    assert_eq!(second[13 + 4..13 + 6], first[13 + 4..13 + 6]);
    assert_eq!(second[13 + 12..][..34], first[13 + 12..][..34]);
    pair.server.read_hello(&[second]);
    let flight = [pair.server.say_hello(&Hello::new(suite)), pair.server.say_done()].concat();
    feed_at(&mut pair.client, &flight, 20).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
    pair.assert_alive();
}

/// As a server does that keeps the session which failed.
#[test]
fn a_server_that_refuses_only_once_is_offered_more_in_time() {
    for alert in [40, 71] {
        let mut pair = Pair::start(cautious(psk_config()), scripted::Suite::PskCbcSha);
        let record = pair.server.plain(ALERT, &[2, alert]);
        feed(&mut pair.client, &record).unwrap();
        assert_eq!(sent(&mut pair.client).len(), 1);
        for now in [1000, 3000] {
            let due = pair.client.next_timeout().unwrap();
            assert_eq!(due, scripted::at(now));
            pair.client.handle_timeout(due).unwrap();
            let hello = sent(&mut pair.client).remove(0);
            assert_eq!(offered_suites(&hello).contains(&0x008c), now == 3000);
        }
    }
}

#[test]
fn a_server_that_refuses_everything_ends_the_handshake() {
    let mut pair = Pair::start(cautious(psk_config()), scripted::Suite::PskCbcSha);
    for _ in 0..3 {
        refuse(&mut pair, 0);
    }
    let refused = ends_in_time(&mut pair.client);
    assert!(matches!(refused, Err(Error::PeerAlert(alert)) if alert.0 == 40), "{refused:?}");
    assert!(matches!(pair.client.state(), State::Ended(_)));
}

/// Other alerts do not say that something else should be offered.
#[test]
fn other_alerts_bring_no_second_offer() {
    for alert in [[1, 0], [2, 10], [2, 80], [2, 48], [1, 40]] {
        let mut pair = Pair::start(cautious(psk_config()), scripted::Suite::PskCbcSha);
        for _ in 0..3 {
            let record = pair.server.plain(ALERT, &alert);
            feed(&mut pair.client, &record).unwrap();
            assert!(sent(&mut pair.client).is_empty(), "{alert:?}");
        }
        assert!(!pair.client.made_second_offer());
    }
    // Nor does a refusal where nothing more may be offered.
    let mut pair = Pair::start(psk_config().strong_first(true), scripted::Suite::PskCbcSha);
    for _ in 0..3 {
        assert!(refuse(&mut pair, 0).is_empty());
    }
    assert!(!pair.client.made_second_offer());
}
