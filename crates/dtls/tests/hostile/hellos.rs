//! Hostile ServerHello and HelloVerifyRequest messages.

use iot_coap_dtls::{Config, Error, State, TrustAnchors, Violation};

use iot_coap_test_support::certificates::ecdsa;
use iot_coap_test_support::hellos::{
    RENEGOTIATION_INFO as RENEGOTIATION_VALUE, suites_and_extensions,
};
use iot_coap_test_support::scripted::messages::{
    CONNECTION_ID, EC_POINT_FORMATS, ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, HANDSHAKE,
    HELLO_VERIFY_REQUEST, RENEGOTIATION_INFO, SERVER_HELLO, SERVER_NAME, SESSION_TICKET, message,
    record,
};
use iot_coap_test_support::scripted::{
    Hello, Pair, Suite, client, ends_in_time, feed, psk_config, sent,
};

const SUITE: Suite = Suite::PskGcm;
const MALFORMED: Error = Error::Protocol(Violation::Malformed("ServerHello"));

fn answered(hello: &Hello) -> (Result<Vec<Vec<u8>>, Error>, Pair) {
    let mut pair = Pair::start(psk_config(), SUITE);
    let record = pair.server.say_hello(hello);
    let read = feed(&mut pair.client, &record);
    (read, pair)
}

/// Asserts that the hello ends the handshake with this error and this alert.
#[track_caller]
fn refused(hello: &Hello, error: Error, alert: u8) {
    let (read, mut pair) = answered(hello);
    assert_eq!(read, Err(error));
    assert_eq!(pair.client.state(), State::Ended(error));
    let datagrams = sent(&mut pair.client);
    let [datagram] = &datagrams[..] else { panic!("{datagrams:?}") };
    assert_eq!(datagram[13..], [2, alert]);
}

fn not_offered(what: &'static str) -> Error {
    Error::Protocol(Violation::NotOffered(what))
}

/// What a client must say in each ClientHello, also in one with a cookie (RFC 5746, section
/// 3.4; RFC 7627, section 5.2).
#[test]
fn each_of_ours_offers_what_makes_handshakes_safe() {
    let (root, _) = ecdsa();
    let anchors = TrustAnchors::from_pem(root.pem().as_bytes()).unwrap();
    let certificates = Config::with_certificates("localhost", anchors, None).unwrap();
    for config in [psk_config(), psk_config().cbc(true), certificates] {
        let mut client = client(config);
        for cookie in 0..3 {
            let datagrams = sent(&mut client);
            let [hello] = &datagrams[..] else { panic!("{datagrams:?}") };
            let (suites, extensions) = suites_and_extensions(hello).unwrap();
            assert!(suites.contains(&RENEGOTIATION_VALUE), "{cookie}: {suites:x?}");
            assert!(extensions.contains(&EXTENDED_MASTER_SECRET), "{cookie}: {extensions:?}");
            let body = [&[0xfe, 0xff, 4][..], &[cookie; 4]].concat();
            let request = message(HELLO_VERIFY_REQUEST, cookie.into(), &body);
            let record = record(HANDSHAKE, 0, cookie.into(), &request);
            assert_eq!(feed(&mut client, &record), Ok(vec![]));
        }
    }
}

#[test]
fn the_good_one_is_taken() {
    let hello = Hello::new(SUITE).with(SESSION_TICKET, &[]);
    assert_eq!(answered(&hello).0, Ok(vec![]));
    let bare = Hello { extensions: Vec::new(), ..Hello::new(SUITE) };
    assert_eq!(answered(&bare).0, Ok(vec![]));
}

#[test]
fn a_suite_that_was_not_offered() {
    // Suites with certificates, without encryption, unknown, with CBC while that is off,
    // and the two signaling values.
    for suite in [0xc02b, 0x002c, 0x0000, 0xabcd, 0x008c, 0x00ff, 0x5600] {
        let hello = Hello { suite, ..Hello::new(SUITE) };
        refused(&hello, not_offered("a cipher suite"), 47);
    }
}

#[test]
fn a_compression_method() {
    for compression in [1, 64, 255] {
        let hello = Hello { compression, ..Hello::new(SUITE) };
        refused(&hello, not_offered("a compression method"), 47);
    }
}

#[test]
fn another_version() {
    for version in [[0xfe, 0xff], [0xfe, 0xfc], [3, 3], [0, 0], [0xff, 0xfd]] {
        let hello = Hello { version, ..Hello::new(SUITE) };
        refused(&hello, Error::Protocol(Violation::Version), 70);
    }
}

#[test]
fn an_extension_that_was_not_offered() {
    // unsupported_extension (RFC 5246, section 7.4.1.4). server_name and the point formats
    // are offered only with certificates.
    for number in [SERVER_NAME, EC_POINT_FORMATS, CONNECTION_ID, 16, 10, 0xabcd] {
        let error = Error::Protocol(Violation::Extension);
        refused(&Hello::new(SUITE).with(number, &[]), error, 110);
    }
    // encrypt_then_mac is offered for block ciphers, but chosen for an AEAD (RFC 7366,
    // section 3).
    let mut pair = Pair::start(psk_config().cbc(true), SUITE);
    let record = pair.server.say_hello(&Hello::new(SUITE).with(ENCRYPT_THEN_MAC, &[]));
    let error = not_offered("encrypt-then-MAC for an AEAD");
    assert_eq!(feed(&mut pair.client, &record), Err(error));
}

#[test]
fn an_extension_that_comes_twice() {
    for (number, content) in
        [(EXTENDED_MASTER_SECRET, &[][..]), (RENEGOTIATION_INFO, &[0]), (SESSION_TICKET, &[])]
    {
        let hello = Hello::new(SUITE).without(number);
        refused(&hello.with(number, content).with(number, content), MALFORMED, 50);
    }
}

#[test]
fn an_extension_with_content_that_it_does_not_have() {
    for number in [EXTENDED_MASTER_SECRET, SESSION_TICKET] {
        refused(&Hello::new(SUITE).without(number).with(number, &[0]), MALFORMED, 50);
    }
    // The server sees a renegotiation, so an attacker has inserted a handshake before this
    // one (RFC 5746, section 3.4).
    for content in [&[][..], &[1, 7], &[0, 0], &[12; 13]] {
        let hello = Hello::new(SUITE).without(RENEGOTIATION_INFO);
        let error = Error::Protocol(Violation::Renegotiation);
        refused(&hello.with(RENEGOTIATION_INFO, content), error, 40);
    }
}

/// RFC 5746, section 3.4: a server without renegotiation_info is a matter of policy, what is
/// in it is not.
#[test]
fn a_server_without_renegotiation_info() {
    let old = Hello::new(SUITE).without(RENEGOTIATION_INFO);
    let bare = Hello { extensions: Vec::new(), ..old.clone() };
    for (hello, is_new) in [(&Hello::new(SUITE), true), (&old, false), (&bare, false)] {
        let mut pair = Pair::before_finished(psk_config(), SUITE, hello);
        pair.finish();
        assert_eq!(pair.client.server_sent_renegotiation_info(), is_new);
        pair.assert_alive();

        let strict = psk_config().require_renegotiation_info(true);
        let mut pair = Pair::start(strict, SUITE);
        let record = pair.server.say_hello(hello);
        let read = feed(&mut pair.client, &record);
        if is_new {
            assert_eq!(read, Ok(vec![]));
            continue;
        }
        let error = Error::Protocol(Violation::NoRenegotiationInfo);
        assert_eq!(read, Err(error));
        let datagrams = sent(&mut pair.client);
        let [datagram] = &datagrams[..] else { panic!("{datagrams:?}") };
        assert_eq!(datagram[13..], [2, 40]);
    }
    // Whatever the policy.
    for required in [false, true] {
        for content in [&[][..], &[1, 7], &[0, 0], &[12; 13]] {
            let config = psk_config().require_renegotiation_info(required);
            let mut pair = Pair::start(config, SUITE);
            let record = pair.server.say_hello(&old.clone().with(RENEGOTIATION_INFO, content));
            let error = Error::Protocol(Violation::Renegotiation);
            assert_eq!(feed(&mut pair.client, &record), Err(error), "{content:?}");
        }
    }
}

#[test]
fn a_connection_id_that_cannot_be_used() {
    for (content, error) in [
        (&[][..], MALFORMED),
        (&[3, 1, 2], MALFORMED),
        (&[1, 2, 3], MALFORMED),
        (&[33; 34], not_offered("a connection id of over 32 bytes")),
    ] {
        let config = psk_config().connection_id(b"me").unwrap();
        let mut pair = Pair::start(config, SUITE);
        let record = pair.server.say_hello(&Hello::new(SUITE).with(CONNECTION_ID, content));
        assert_eq!(feed(&mut pair.client, &record), Err(error));
    }
}

#[test]
fn a_hello_that_is_cut_or_has_more_behind_it() {
    let whole = Hello::new(SUITE).with(SESSION_TICKET, &[]).body(&[7; 32]);
    // A hello without extensions is valid.
    let bare = 2 + 32 + 1 + 2 + 1;
    for len in (0..whole.len()).filter(|&len| len != bare) {
        let mut pair = Pair::start(psk_config(), SUITE);
        let record = pair.server.say(SERVER_HELLO, &whole[..len]);
        assert_eq!(feed(&mut pair.client, &record), Err(MALFORMED), "{len}");
    }
    refused(&Hello { tail: vec![0], ..Hello::new(SUITE) }, MALFORMED, 50);
    refused(&Hello { session_id: vec![1; 33], ..Hello::new(SUITE) }, MALFORMED, 50);
}

#[test]
fn cookies_without_end() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let request = |cookie: u8| [0xfe, 0xff, 2, 7, cookie];
    for cookie in 1..=4 {
        let record = pair.server.say(HELLO_VERIFY_REQUEST, &request(cookie));
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
        let hello = sent(&mut pair.client).concat();
        assert!(hello.windows(3).any(|bytes| bytes == [2, 7, cookie]));
    }
    let record = pair.server.say(HELLO_VERIFY_REQUEST, &request(5));
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    assert!(sent(&mut pair.client).is_empty());
    let error = Error::Protocol(Violation::Unexpected("HelloVerifyRequest"));
    assert_eq!(ends_in_time(&mut pair.client), Err(error));
}

#[test]
fn a_request_that_is_none() {
    for body in [&[][..], &[0xfe], &[0xfe, 0xff], &[0xfe, 0xff, 1], &[0xfe, 0xff, 0, 1]] {
        let mut pair = Pair::start(psk_config(), SUITE);
        let record = pair.server.say(HELLO_VERIFY_REQUEST, body);
        let error = Error::Protocol(Violation::Malformed("HelloVerifyRequest"));
        assert_eq!(feed(&mut pair.client, &record), Err(error));
    }
}

#[test]
fn a_request_after_the_hello() {
    let (_, mut pair) = answered(&Hello::new(SUITE));
    let record = pair.server.say(HELLO_VERIFY_REQUEST, &[0xfe, 0xff, 1, 1]);
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    let error = Error::Protocol(Violation::Unexpected("HelloVerifyRequest"));
    assert_eq!(ends_in_time(&mut pair.client), Err(error));
}
