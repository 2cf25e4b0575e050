//! Messages and records out of order, and wrong Finished messages.

use iot_coap_dtls::{Error, State, Violation};

use iot_coap_test_support::scripted::messages::{
    self, ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, CLIENT_KEY_EXCHANGE, FINISHED, HANDSHAKE,
    HELLO_REQUEST, NEW_SESSION_TICKET, SERVER_HELLO_DONE, SESSION_TICKET, message, record,
};
use iot_coap_test_support::scripted::{
    Hello, Pair, Suite, at, ends_in_time, feed, feed_at, psk_config, sent,
};

const SUITE: Suite = Suite::PskGcm;

fn before_finished() -> Pair {
    Pair::before_finished(psk_config(), SUITE, &Hello::new(SUITE))
}

fn unexpected(what: &'static str) -> Error {
    Error::Protocol(Violation::Unexpected(what))
}

/// Anybody can send these alerts, so they must not affect the handshake.
#[test]
fn forged_alerts_do_not_end_a_handshake() {
    let mut pair = Pair::start(psk_config(), SUITE);
    for alert in [[2, 40], [2, 0], [1, 0], [2, 80], [1, 100], [7, 7]] {
        let record = pair.server.plain(ALERT, &alert);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    for malformed in [&[][..], &[2], &[2, 40, 0]] {
        let record = pair.server.plain(ALERT, malformed);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    let record = pair.server.plain(ALERT, &[2, 40]);
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
    pair.client.handle_timeout(at(1_000_000)).unwrap();
    pair.assert_alive();
}

/// A server that refuses does not answer retransmissions either. Its second alert may be
/// less specific than the first, which is the one that counts.
#[test]
fn an_alert_without_a_later_answer_ends_the_handshake_in_time() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let record = pair.server.plain(ALERT, &[2, 40]);
    feed(&mut pair.client, &record).unwrap();
    assert_eq!(pair.client.handle_timeout(at(999)), Ok(()));
    assert_eq!(pair.client.handle_timeout(at(1000)), Ok(()));
    let [again] = &sent(&mut pair.client)[..] else { panic!("not sent again") };
    assert_eq!(again[0], HANDSHAKE);
    let record = pair.server.plain(ALERT, &[2, 10]);
    feed(&mut pair.client, &record).unwrap();
    assert_eq!(pair.client.handle_timeout(at(2999)), Ok(()));
    let refused = pair.client.handle_timeout(at(3000));
    assert!(matches!(refused, Err(Error::PeerAlert(alert)) if alert.0 == 40), "{refused:?}");
    assert!(sent(&mut pair.client).is_empty(), "an alert is not answered");
}

/// The server takes longer than the timeout, and somebody else sends alerts while the client
/// waits.
#[test]
fn forged_alerts_do_not_end_a_handshake_with_a_slow_server() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let alert = |pair: &mut Pair, now| {
        let record = pair.server.plain(ALERT, &[2, 40]);
        feed_at(&mut pair.client, &record, now).unwrap();
    };
    alert(&mut pair, 10);
    pair.client.handle_timeout(at(1000)).unwrap();
    let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
    feed_at(&mut pair.client, &flight, 2900).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    alert(&mut pair, 3000);
    pair.client.handle_timeout(at(3900)).unwrap();
    let finished = pair.server.say_finished();
    feed_at(&mut pair.client, &finished, 5800).unwrap();
    pair.client.handle_timeout(at(1_000_000)).unwrap();
    pair.assert_alive();
}

#[test]
fn a_plaintext_finished_proves_nothing() {
    let mut pair = before_finished();
    let mut copy = pair.server.clone();
    let content = copy.finished();
    let forged = copy.plain(HANDSHAKE, &content);
    assert_eq!(feed(&mut pair.client, &forged), Ok(vec![]));
    assert_eq!(pair.client.state(), State::Handshaking);
    assert_eq!(pair.client.dropped().malformed, 1);
    // It does not block the genuine one.
    pair.finish();
    pair.assert_alive();
}

#[test]
fn a_finished_before_the_keys() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let hello = pair.server.say_hello(&Hello::new(SUITE));
    feed(&mut pair.client, &hello).unwrap();
    let content = message(FINISHED, 1, &[0; 12]);
    for record in [record(HANDSHAKE, 1, 0, &content), record(HANDSHAKE, 0, 9, &content)] {
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    assert_eq!(pair.client.state(), State::Handshaking);
    assert_eq!(pair.client.dropped().malformed, 2);
    assert!(sent(&mut pair.client).is_empty());
}

/// The network reorders the records. The Finished is authenticated in any case.
#[test]
fn a_finished_before_its_change_cipher_spec() {
    let mut pair = before_finished();
    let content = pair.server.finished();
    let record = pair.server.protected(HANDSHAKE, &content);
    feed(&mut pair.client, &record).unwrap();
    assert_eq!(pair.client.state(), State::Connected);
    let late = pair.server.plain(CHANGE_CIPHER_SPEC, &[1]);
    feed(&mut pair.client, &late).unwrap();
    pair.assert_alive();
}

#[test]
fn change_cipher_spec_alone_changes_nothing() {
    for content in [&[1][..], &[], &[2], &[1, 1]] {
        let mut pair = Pair::start(psk_config(), SUITE);
        let record = pair.server.plain(CHANGE_CIPHER_SPEC, content);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
        let data = pair.server.plain(APPLICATION_DATA, b"open the door");
        assert_eq!(feed(&mut pair.client, &data), Ok(vec![]));
        assert_eq!(pair.client.state(), State::Handshaking);
        assert_eq!(pair.client.send(b"x", &mut [0; 99]), Err(Error::NotConnected));
    }
}

#[test]
fn a_finished_that_is_wrong() {
    let wrong = Error::Protocol(Violation::Finished);
    let good = {
        let mut pair = before_finished();
        pair.server.finished()[12..].to_vec()
    };
    let mut bodies: Vec<Vec<u8>> = (0..12)
        .map(|index| {
            let mut body = good.clone();
            body[index] ^= 0x10;
            body
        })
        .collect();
    bodies.push(Vec::new());
    bodies.push(good[..11].to_vec());
    bodies.push([&good[..], &[0]].concat());
    bodies.push(vec![0; 12]);
    for body in bodies {
        let mut pair = before_finished();
        let content = message(FINISHED, pair.server.message_seq, &body);
        let record = pair.server.protected(HANDSHAKE, &content);
        assert_eq!(feed(&mut pair.client, &record), Err(wrong), "{body:?}");
        let [alert] = &sent(&mut pair.client)[..] else { panic!("no alert") };
        assert_eq!(pair.server.open(alert), Some((ALERT, vec![2, 51])));
        assert_eq!(pair.client.send(b"x", &mut [0; 99]), Err(wrong));
    }
}

/// The client's own Finished, reflected.
#[test]
fn a_finished_that_is_the_clients_own() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    for datagram in sent(&mut pair.client) {
        let _ = feed(&mut pair.client, &datagram);
        assert_ne!(pair.client.state(), State::Connected);
    }
}

#[test]
fn plaintext_before_the_handshake_is_done() {
    let mut pair = before_finished();
    let early = pair.server.protected(APPLICATION_DATA, b"open the door");
    assert_eq!(feed(&mut pair.client, &early), Ok(vec![]));
    let unprotected = pair.server.plain(APPLICATION_DATA, b"open the door");
    assert_eq!(feed(&mut pair.client, &unprotected), Ok(vec![]));
    assert_eq!(pair.client.dropped().malformed, 2);
    pair.finish();
    // It is dropped the second time, too.
    assert_eq!(feed(&mut pair.client, &early), Ok(vec![]));
    pair.assert_alive();
}

#[test]
fn a_message_in_the_epoch_that_it_is_not_for() {
    // A message of the plaintext flight, but protected.
    let hello = Hello::new(SUITE).with(SESSION_TICKET, &[]);
    let mut pair = Pair::before_finished(psk_config(), SUITE, &hello);
    let ticket = pair.server.message(NEW_SESSION_TICKET, &[0, 0, 0, 0, 0, 1, 7]);
    let record = pair.server.protected(HANDSHAKE, &ticket);
    assert_eq!(feed(&mut pair.client, &record), Err(unexpected("NewSessionTicket")));

    // The first half of a Finished is protected, the second is not.
    let mut pair = before_finished();
    let content = pair.server.finished();
    let number = pair.server.message_seq - 1;
    let half = |offset: usize| {
        let bytes = &content[12 + offset..18 + offset];
        messages::fragment(FINISHED, number, 12, offset, bytes)
    };
    let flight =
        [pair.server.protected(HANDSHAKE, &half(0)), pair.server.plain(HANDSHAKE, &half(6))];
    feed(&mut pair.client, &flight.concat()).unwrap();
    assert_eq!(pair.client.state(), State::Handshaking);
    let rest = pair.server.protected(HANDSHAKE, &half(6));
    feed(&mut pair.client, &rest).unwrap();
    assert_eq!(pair.client.state(), State::Connected);
}

/// A forged fragment has the message number of the Finished.
#[test]
fn a_forged_fragment_does_not_block_the_finished() {
    let mut pair = before_finished();
    let number = pair.server.message_seq;
    let forged = messages::fragment(SERVER_HELLO_DONE, number, 500, 0, &[1; 9]);
    let record = pair.server.plain(HANDSHAKE, &forged);
    feed(&mut pair.client, &record).unwrap();
    pair.finish();
    pair.assert_alive();
}

/// Asserts that these records are dropped and counted, and end the handshake only if the
/// server does not answer.
#[track_caller]
fn out_of_order(mut pair: Pair, records: &[u8], what: &'static str) {
    let before = pair.client.dropped().malformed;
    assert_eq!(feed(&mut pair.client, records), Ok(vec![]));
    assert_eq!(pair.client.dropped().malformed, before + 1);
    assert_eq!(ends_in_time(&mut pair.client), Err(unexpected(what)));
    let [alert] = &sent(&mut pair.client)[..] else { panic!("no alert") };
    if alert[4] == 0 {
        assert_eq!(alert[13..], [2, 10]);
    } else {
        assert_eq!(pair.server.open(alert), Some((ALERT, vec![2, 10])));
    }
}

#[test]
fn messages_out_of_order() {
    for kind in [1, CLIENT_KEY_EXCHANGE, 15, 16, 21, 24, 99, 255] {
        for first in [true, false] {
            let mut pair = if first { Pair::start(psk_config(), SUITE) } else { before_finished() };
            let record = pair.server.say(kind, &[0; 40]);
            // The server's half knows them by name.
            let what = match kind {
                1 if cfg!(feature = "server") => "ClientHello",
                16 if cfg!(feature = "server") => "ClientKeyExchange",
                _ => "a handshake message of another type",
            };
            out_of_order(pair, &record, what);
        }
    }
    let mut pair = Pair::start(psk_config(), SUITE);
    let record = pair.server.say_done();
    out_of_order(pair, &record, "ServerHelloDone");
    // A second ServerHello.
    let mut pair = Pair::start(psk_config(), SUITE);
    let mut hellos = pair.server.say_hello(&Hello::new(SUITE));
    hellos.extend(pair.server.say_hello(&Hello::new(SUITE)));
    out_of_order(pair, &hellos, "ServerHello");
    // Content in a message that must be empty.
    let mut pair = Pair::start(psk_config(), SUITE);
    let mut flight = pair.server.say_hello(&Hello::new(SUITE));
    flight.extend(pair.server.say(SERVER_HELLO_DONE, &[0]));
    let error = Error::Protocol(Violation::Malformed("ServerHelloDone"));
    assert_eq!(feed(&mut pair.client, &flight), Err(error));
}

/// Before each message of the server, somebody sends a forged message or fragment of another
/// type with the same number. Some types would skip the authentication of the server.
#[test]
fn forged_messages_out_of_order_do_not_end_a_handshake() {
    let hello = Hello::new(SUITE).with(SESSION_TICKET, &[]);
    let kinds = [1, 2, 4, 12, 14, 20, 99];
    for len in [0, 40] {
        let mut pair = Pair::start(psk_config(), SUITE);
        let forge = |pair: &mut Pair, expected: &[u8]| {
            for kind in kinds.into_iter().filter(|kind| !expected.contains(kind)) {
                let forged = pair.server.fragment(kind, 40, 0, &vec![1; len]);
                assert_eq!(feed(&mut pair.client, &forged), Ok(vec![]));
                assert!(sent(&mut pair.client).is_empty());
            }
        };
        sent(&mut pair.client);
        forge(&mut pair, &[2, 3]);
        let record = pair.server.say_hello(&hello);
        feed(&mut pair.client, &record).unwrap();
        forge(&mut pair, &[12, 14]);
        let record = pair.server.say_done();
        feed(&mut pair.client, &record).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        forge(&mut pair, &[4]);
        let record = pair.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 0, 0, 1, 7]);
        feed(&mut pair.client, &record).unwrap();
        forge(&mut pair, &[]);
        pair.finish();
        pair.client.handle_timeout(at(1_000_000)).unwrap();
        pair.assert_alive();
    }
}

#[test]
fn tickets_that_are_malformed_or_were_not_announced() {
    let hello = Hello::new(SUITE).with(SESSION_TICKET, &[]);
    for body in [&[][..], &[0; 4], &[0; 5], &[0, 0, 0, 0, 0, 2, 1], &[0, 0, 0, 0, 0, 0, 1]] {
        let mut pair = Pair::before_finished(psk_config(), SUITE, &hello);
        let record = pair.server.say(NEW_SESSION_TICKET, body);
        let error = Error::Protocol(Violation::Malformed("NewSessionTicket"));
        assert_eq!(feed(&mut pair.client, &record), Err(error), "{body:?}");
    }
    let mut pair = before_finished();
    let record = pair.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 0, 0, 1, 7]);
    out_of_order(pair, &record, "NewSessionTicket");
}

#[test]
fn a_ticket_of_no_length_is_none() {
    let hello = Hello::new(SUITE).with(SESSION_TICKET, &[]);
    let mut pair = Pair::before_finished(psk_config(), SUITE, &hello);
    let record = pair.server.say(NEW_SESSION_TICKET, &[0; 6]);
    feed(&mut pair.client, &record).unwrap();
    pair.finish();
    assert!(pair.client.take_saved_session().is_none());
    pair.assert_alive();
}

#[test]
fn a_request_to_negotiate_again_is_refused_once() {
    let request = message(HELLO_REQUEST, 0, &[]);
    let mut pair = before_finished();
    // Unprotected, or during a handshake: it is ignored.
    for record in
        [pair.server.plain(HANDSHAKE, &request), pair.server.protected(HANDSHAKE, &request)]
    {
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
        assert!(sent(&mut pair.client).is_empty());
    }
    pair.finish();
    let forged = pair.server.plain(HANDSHAKE, &request);
    assert_eq!(feed(&mut pair.client, &forged), Ok(vec![]));
    assert!(sent(&mut pair.client).is_empty());
    for expected in [1, 0, 0] {
        let record = pair.server.protected(HANDSHAKE, &request);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
        let datagrams = sent(&mut pair.client);
        assert_eq!(datagrams.len(), expected);
        for alert in datagrams {
            assert_eq!(pair.server.open(&alert), Some((ALERT, vec![1, 100])));
        }
    }
    pair.assert_alive();
}
