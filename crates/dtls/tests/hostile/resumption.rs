//! Servers that resume a session wrongly.

use iot_coap_dtls::{
    Client, Config, Error, SavedSession, SealingKey, State, TrustAnchors, Violation,
};
use openssl::hash::MessageDigest;

use iot_coap_test_support::certificates::{ec_key, root};
use iot_coap_test_support::scripted::messages::{
    ALERT, APPLICATION_DATA, ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, FINISHED, HANDSHAKE,
    NEW_SESSION_TICKET, RENEGOTIATION_INFO, SERVER_KEY_EXCHANGE, SESSION_TICKET, message, vector16,
};
use iot_coap_test_support::scripted::{
    Hello, Numbers, Pair, Suite, at, ends_in_time, feed, psk_config, sent,
};

const SUITE: Suite = Suite::PskGcm;
const RESUMPTION: Error = Error::Protocol(Violation::Resumption);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Id,
    Ticket,
}

const BOTH: [By; 2] = [By::Id, By::Ticket];

/// A session and its master secret.
fn saved(by: By) -> (SavedSession, Vec<u8>) {
    let mut hello = Hello { session_id: vec![7; 32], ..Hello::new(SUITE) };
    if by == By::Ticket {
        hello = hello.with(SESSION_TICKET, &[]);
    }
    let mut pair = Pair::before_finished(psk_config(), SUITE, &hello);
    if by == By::Ticket {
        let record = pair.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 3, 1, 2, 3]);
        feed(&mut pair.client, &record).unwrap();
    }
    pair.finish();
    (pair.client.take_saved_session().unwrap(), pair.server.master_secret)
}

/// The server has read the hello that offers the session.
fn offered(by: By) -> Pair {
    offered_with(by, psk_config().cbc(true))
}

fn offered_with(by: By, config: Config) -> Pair {
    let (session, secret) = saved(by);
    let mut pair = Pair::start(config.resume(session), SUITE);
    assert_eq!(pair.server.session_id.len(), if by == By::Id { 32 } else { 0 });
    pair.server.master_secret = secret;
    pair
}

fn resuming(pair: &Pair) -> Hello {
    Hello { session_id: pair.server.session_id.clone(), ..Hello::new(SUITE) }
}

fn said(pair: &mut Pair, hello: &Hello) -> Result<(), Error> {
    let record = pair.server.say_hello(hello);
    pair.server.make_keys();
    feed(&mut pair.client, &record).map(drop)
}

#[track_caller]
fn is_resumed(mut pair: Pair) {
    pair.finish();
    assert!(pair.client.was_resumed());
    pair.server.read_flight(&sent(&mut pair.client));
    pair.assert_alive();
    assert!(pair.client.take_saved_session().is_some());
}

#[test]
fn the_good_one_is_resumed() {
    for by in BOTH {
        let mut pair = offered(by);
        let hello = resuming(&pair);
        said(&mut pair, &hello).unwrap();
        is_resumed(pair);
    }
}

/// What is asked of a ServerHello is asked of each (RFC 5746, section 3.4).
#[test]
fn by_a_hello_without_renegotiation_info() {
    for by in BOTH {
        for required in [true, false] {
            let mut pair = offered_with(by, psk_config().require_renegotiation_info(required));
            let hello = resuming(&pair).without(RENEGOTIATION_INFO);
            if required {
                let error = Error::Protocol(Violation::NoRenegotiationInfo);
                assert_eq!(said(&mut pair, &hello), Err(error));
                continue;
            }
            said(&mut pair, &hello).unwrap();
            pair.finish();
            assert!(pair.client.was_resumed());
            assert!(!pair.client.server_sent_renegotiation_info());
        }
    }
}

/// The message after the ServerHello tells that the session is resumed (RFC 5077, section
/// 3.4).
#[test]
fn by_a_ticket_under_any_id_with_a_new_ticket_or_none() {
    for session_id in [vec![], vec![7; 32], vec![8; 1]] {
        for new in [true, false] {
            let mut pair = offered(By::Ticket);
            let mut hello = Hello { session_id: session_id.clone(), ..Hello::new(SUITE) };
            if new {
                hello = hello.with(SESSION_TICKET, &[]);
            }
            said(&mut pair, &hello).unwrap();
            assert!(!pair.client.was_resumed());
            if new {
                let record = pair.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 2, 5, 5]);
                feed(&mut pair.client, &record).unwrap();
            }
            is_resumed(pair);
        }
    }
}

/// The server does not accept the ticket.
#[test]
fn a_full_handshake_in_answer_to_a_ticket() {
    for announced in [true, false] {
        for hint in [true, false] {
            let mut pair = offered(By::Ticket);
            let mut hello = resuming(&pair);
            if announced {
                hello = hello.with(SESSION_TICKET, &[]);
            }
            pair.server.master_secret.clear();
            let mut flight = pair.server.say_hello(&hello);
            if hint {
                flight.extend(pair.server.say(SERVER_KEY_EXCHANGE, &[0, 1, b'h']));
            }
            flight.extend(pair.server.say_done());
            feed(&mut pair.client, &flight).unwrap();
            pair.server.read_flight(&sent(&mut pair.client));
            if announced {
                let record = pair.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 2, 5, 5]);
                feed(&mut pair.client, &record).unwrap();
            }
            pair.finish();
            assert!(!pair.client.was_resumed());
            pair.assert_alive();
        }
    }
}

/// With the new keys, sequence numbers start again.
#[test]
fn a_full_handshake_after_a_record_under_the_old_secret() {
    let mut pair = offered(By::Ticket);
    let hello = resuming(&pair);
    said(&mut pair, &hello).unwrap();
    let warning = pair.server.protected(ALERT, &[1, 90]);
    feed(&mut pair.client, &warning).unwrap();
    assert_eq!(pair.client.dropped().forged, 0);
    let done = pair.server.say_done();
    feed(&mut pair.client, &done).unwrap();
    pair.server.sequence[1] = 0;
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
    assert!(!pair.client.was_resumed());
    pair.assert_alive();
}

/// Once a full handshake has begun, the old secret is worthless: no message of the full
/// handshake can be skipped with it.
#[test]
fn a_full_handshake_that_ends_as_a_resumed_one() {
    let mut pair = offered(By::Ticket);
    let hello = resuming(&pair);
    said(&mut pair, &hello).unwrap();
    let hint = pair.server.say(SERVER_KEY_EXCHANGE, &[0, 1, b'h']);
    feed(&mut pair.client, &hint).unwrap();
    let finished = pair.server.say_finished();
    let error = Error::Protocol(Violation::Unexpected("Finished"));
    assert_eq!(feed(&mut pair.client, &finished), Err(error));
    assert!(!pair.client.was_resumed());

    // A handshake that has begun as a resumption cannot become a full one.
    let mut pair = offered(By::Ticket);
    let hello = resuming(&pair).with(SESSION_TICKET, &[]);
    said(&mut pair, &hello).unwrap();
    let record = pair.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 2, 5, 5]);
    feed(&mut pair.client, &record).unwrap();
    let done = pair.server.say_done();
    assert_eq!(feed(&mut pair.client, &done), Ok(vec![]));
    assert!(sent(&mut pair.client).is_empty());
    let error = Error::Protocol(Violation::Unexpected("ServerHelloDone"));
    assert_eq!(ends_in_time(&mut pair.client), Err(error));
}

/// In answer to a ticket, this is the ServerHello of a full handshake, after which no
/// Finished may come.
#[test]
fn with_another_suite_or_without_the_extended_master_secret() {
    for by in BOTH {
        let hello = resuming(&offered(by));
        let other = Hello { suite: Suite::PskCcm8.number(), ..hello.clone() };
        for hello in [other, hello.without(EXTENDED_MASTER_SECRET)] {
            let mut pair = offered(by);
            if by == By::Id {
                assert_eq!(said(&mut pair, &hello), Err(RESUMPTION));
                continue;
            }
            said(&mut pair, &hello).unwrap();
            let finished = pair.server.say_finished();
            feed(&mut pair.client, &finished).unwrap();
            assert_eq!(pair.client.state(), State::Handshaking);
            assert!(!pair.client.was_resumed());
        }
    }
}

#[test]
fn with_encrypt_then_mac_for_an_aead() {
    for by in BOTH {
        let mut pair = offered(by);
        let hello = resuming(&pair).with(ENCRYPT_THEN_MAC, &[]);
        let error = Error::Protocol(Violation::NotOffered("encrypt-then-MAC for an AEAD"));
        assert_eq!(said(&mut pair, &hello), Err(error));
    }
}

/// A session id that the client did not send belongs to a new session.
#[test]
fn under_another_id() {
    for session_id in [vec![8; 32], vec![7; 31], Vec::new()] {
        let mut pair = offered(By::Id);
        let hello = Hello { session_id, ..resuming(&pair) };
        let record = pair.server.say_hello(&hello);
        feed(&mut pair.client, &record).unwrap();
        // So a Finished with the old secret is not accepted.
        pair.server.make_keys();
        let finished = pair.server.say_finished();
        feed(&mut pair.client, &finished).unwrap();
        assert_eq!(pair.client.state(), State::Handshaking);
        assert!(!pair.client.was_resumed());
    }
}

/// An empty session id in both hellos does not mean resumption.
#[test]
fn without_a_session_to_resume() {
    let mut pair = Pair::start(psk_config(), SUITE);
    assert!(pair.server.session_id.is_empty());
    let hello = resuming(&pair);
    let record = pair.server.say_hello(&hello);
    feed(&mut pair.client, &record).unwrap();
    pair.server.master_secret = vec![0; 48];
    pair.server.make_keys();
    let finished = pair.server.say_finished();
    feed(&mut pair.client, &finished).unwrap();
    assert_eq!(pair.client.state(), State::Handshaking);
}

/// By a server that knows the session id or the ticket, but not the secret.
#[test]
fn with_another_secret() {
    for by in BOTH {
        let mut pair = offered(by);
        pair.server.master_secret[0] ^= 1;
        let hello = resuming(&pair);
        said(&mut pair, &hello).unwrap();
        let finished = pair.server.say_finished();
        feed(&mut pair.client, &finished).unwrap();
        assert_eq!(pair.client.state(), State::Handshaking);
        assert_eq!(pair.client.dropped().forged, 1);
    }
}

/// The client has not sent its ChangeCipherSpec yet, so its alert must be in plaintext.
#[test]
fn with_a_wrong_finished() {
    for by in BOTH {
        let mut pair = offered(by);
        let hello = resuming(&pair);
        said(&mut pair, &hello).unwrap();
        let content = message(FINISHED, pair.server.message_seq, &[0; 12]);
        let record = pair.server.protected(HANDSHAKE, &content);
        let error = Error::Protocol(Violation::Finished);
        assert_eq!(feed(&mut pair.client, &record), Err(error));
        let [alert] = &sent(&mut pair.client)[..] else { panic!("no alert") };
        assert_eq!(alert[..5], [ALERT, 0xfe, 0xfd, 0, 0]);
        assert_eq!(alert[13..], [2, 51]);
    }
}

#[test]
fn a_saved_session_that_is_truncated_or_of_another_format_is_refused() {
    let (session, _) = saved(By::Ticket);
    let bytes = session.to_bytes().unwrap();
    assert!(SavedSession::from_bytes(&bytes).is_some());
    for len in 0..bytes.len() {
        assert!(SavedSession::from_bytes(&bytes[..len]).is_none(), "{len}");
    }
    assert!(SavedSession::from_bytes(&[&bytes[..], &[0]].concat()).is_none());
    // The format, the suite, whether dates were checked, and the length of the id.
    for (index, value) in [(0, 1), (0, 3), (1, 0xab), (51, 2), (64, 33)] {
        let mut other = bytes.to_vec();
        other[index] = value;
        assert!(SavedSession::from_bytes(&other).is_none(), "{index}");
    }
}

/// A ticket that does not fit into a ClientHello is dropped.
#[test]
fn a_ticket_that_is_too_long() {
    const MAX_TICKET_LEN: usize = 1 << 15;
    let (session, _) = saved(By::Ticket);
    let bytes = session.to_bytes().unwrap();
    let (front, _) = bytes.split_at(bytes.len() - 5);
    let with = |len: usize| [front, &vector16(&vec![7; len])].concat();
    assert!(SavedSession::from_bytes(&with(MAX_TICKET_LEN + 1)).is_none());
    // The longest ticket fits into the longest hello, one with certificates.
    let mut longest = with(MAX_TICKET_LEN);
    longest[1..3].copy_from_slice(&Suite::EcdheEcdsaGcm.number().to_be_bytes());
    let longest = SavedSession::from_bytes(&longest).unwrap();
    let root = root(ec_key(), MessageDigest::sha256()).certificate.to_der().unwrap();
    let host = ["devices"; 31].join(".");
    let config = Config::with_certificates(&host, TrustAnchors::from_der(&root).unwrap(), None);
    let config = config.unwrap().cbc(true).static_rsa(true);
    let config = config.connection_id(&[7; 32]).unwrap().resume(longest);
    let mut client = Client::new(config, Numbers::new(1), at(0)).unwrap();
    assert!(sent(&mut client).concat().len() > MAX_TICKET_LEN);

    // From a server, with a limit on messages that allows it.
    let hello = Hello::new(SUITE).with(SESSION_TICKET, &[]);
    for (len, kept) in [(MAX_TICKET_LEN, true), (MAX_TICKET_LEN + 1, false)] {
        let config = psk_config().max_message_len(1 << 16);
        let mut pair = Pair::before_finished(config, SUITE, &hello);
        let body = [&[0, 0, 0, 9][..], &vector16(&vec![7; len])].concat();
        for (number, piece) in body.chunks(15_000).enumerate() {
            let offset = 15_000 * number;
            let record = pair.server.fragment(NEW_SESSION_TICKET, body.len(), offset, piece);
            feed(&mut pair.client, &record).unwrap();
        }
        pair.server.message(NEW_SESSION_TICKET, &body);
        pair.finish();
        assert_eq!(pair.client.take_saved_session().is_some(), kept, "{len}");
        pair.assert_alive();
    }
}

/// A session that is restored from a checkpoint could not repeat its last flight, without
/// which a server that resumes has no keys.
#[test]
fn a_checkpoint_is_refused_until_the_last_flight_is_known_to_have_arrived() {
    let key = SealingKey::new(b"a secret of this device").unwrap();
    for by in BOTH {
        let mut pair = offered(by);
        let hello = resuming(&pair);
        said(&mut pair, &hello).unwrap();
        pair.finish();
        let refused = |pair: &mut Pair| {
            assert!(pair.client.is_flight_due());
            assert_eq!(pair.client.checkpoint(&key, b"", 1, 9), Err(Error::FlightDue));
        };
        refused(&mut pair);
        pair.server.read_flight(&sent(&mut pair.client));
        refused(&mut pair);
        // Neither what the client says nor another record than of application data proves it.
        let mut out = [0; 256];
        pair.client.send(b"hello", &mut out).unwrap();
        let ping = pair.server.protected(ALERT, &[1, 90]);
        feed(&mut pair.client, &ping).unwrap();
        refused(&mut pair);
        pair.assert_alive();
        assert!(!pair.client.is_flight_due());
        assert!(pair.client.checkpoint(&key, b"", 1, 9).is_ok());
    }
    // In a full handshake the server's Finished is that proof.
    let mut pair = Pair::connected(SUITE);
    assert!(!pair.client.is_flight_due());
    assert!(pair.client.checkpoint(&key, b"", 1, 9).is_ok());
}

/// A server may have something to say at once.
#[test]
fn what_comes_with_the_finished_in_one_datagram_is_delivered() {
    let answers = |pair: &mut Pair| {
        let finished = pair.server.say_finished();
        let [first, second] =
            [b"first", b"other"].map(|text| pair.server.protected(APPLICATION_DATA, text));
        let read = feed(&mut pair.client, &[finished, first, second].concat());
        assert_eq!(read, Ok(vec![b"first".to_vec(), b"other".to_vec()]));
        assert_eq!(pair.client.state(), State::Connected);
    };
    answers(&mut Pair::before_finished(psk_config(), SUITE, &Hello::new(SUITE)));
    for by in BOTH {
        let mut pair = offered(by);
        let hello = resuming(&pair);
        said(&mut pair, &hello).unwrap();
        answers(&mut pair);
        assert!(pair.client.was_resumed());
    }
}
