//! Hazard: a cloud that wants to see whether a device receives what is sent to it (RFC
//! 9175) is taken for one that refuses the access token, or is answered without end.

mod support;

use coap_lite::{CoapOption, Packet};
use iot_coap_client::{Code, Event, GiveUp, Request, SendError, SignInError};
use support::{
    ACCEPT, ACCESS_TOKEN, ACCESS_TOKEN_LINK, ACK, BAD_OPTION, BAD_REQUEST, Bench, CON, CONTENT,
    CONTENT_FORMAT, FIRST_TOKEN, NON, SECOND, SEQUENCE, UNAUTHORIZED, URI_PATH, access_token_of,
    con, config, config_for, id_of, is_sign_in, non, option, packet, read, response,
};

const ECHO: u16 = 252;

/// The answer to `request` that asks for an Echo.
fn challenge(request: &[u8], code: u8, echo: &[u8]) -> Vec<u8> {
    let request = read(request);
    let (id, token) = (request.header.message_id, request.get_token());
    with_echo(packet(ACK, code, id, token, b""), echo)
}

fn with_echo(mut packet: Packet, echo: &[u8]) -> Vec<u8> {
    packet.add_option(CoapOption::Unknown(ECHO), echo.to_vec());
    packet.to_bytes().expect("fits")
}

/// The numbers of the options, one for each, in the order of the datagram.
fn numbers(datagram: &[u8]) -> Vec<u16> {
    // Read by hand, since coap-lite sorts them (RFC 7252 section 3.1).
    let (mut rest, mut number, mut all) = (&datagram[8..], 0, Vec::new());
    while let [head, tail @ ..] = rest
        && *head != 0xFF
    {
        rest = tail;
        let mut extended = |nibble: u8| match nibble {
            13 => {
                let value = u16::from(rest[0]) + 13;
                rest = &rest[1..];
                value
            }
            14 => {
                let value = u16::from_be_bytes([rest[0], rest[1]]) + 269;
                rest = &rest[2..];
                value
            }
            small => small.into(),
        };
        number += extended(head >> 4);
        let len = extended(head & 15);
        rest = &rest[len.into()..];
        all.push(number);
    }
    all
}

#[test]
fn the_same_message_is_sent_once_more_with_the_value() {
    for request in [con(b"payload"), non(b"payload")] {
        for (token_option, order) in
            [(ACCESS_TOKEN, [ACCESS_TOKEN, ECHO]), (ACCESS_TOKEN_LINK, [ECHO, ACCESS_TOKEN_LINK])]
        {
            for value in [&[7_u8][..], b"an echo of 12", &[0xE0; 40]] {
                let number = iot_coap_client::OptionNumber(token_option);
                let mut bench = Bench::signed_in_with(config().access_token_option(number));
                bench.send(&request, 5);
                let first = bench.one();
                bench.receive(&challenge_to(&first, value));
                let again = bench.one();
                let head = [URI_PATH, URI_PATH, URI_PATH, URI_PATH, CONTENT_FORMAT, ACCEPT];
                assert_eq!(numbers(&first), [&head[..], &[token_option]].concat());
                assert_eq!(numbers(&again), [&head[..], &order].concat());
                assert_eq!(option(&again, ECHO), [value]);
                assert_eq!(option(&again, token_option), [FIRST_TOKEN.as_bytes()]);
                assert_eq!(read(&again).payload, b"payload");
                assert_eq!(read(&again).get_token(), read(&first).get_token());
                assert_ne!(id_of(&again), id_of(&first), "a message of its own");
                // Nothing else of it differs.
                for number in [URI_PATH, CONTENT_FORMAT, ACCEPT] {
                    assert_eq!(option(&again, number), option(&first, number));
                }
                assert!(bench.client.is_signed_in());
                assert_eq!(bench.client.outstanding(), 1);
                assert!(bench.events().is_empty());
                let answer = support::separate(CON, 77, &again, CONTENT, b"");
                assert_eq!(response(bench.receive(&answer)).application, 5);
            }
        }
    }
}

/// In the acknowledgement, or, to a Non-confirmable message, on its own.
fn challenge_to(request: &[u8], value: &[u8]) -> Vec<u8> {
    let parsed = read(request);
    if parsed.header.get_type() == CON {
        return challenge(request, UNAUTHORIZED, value);
    }
    with_echo(packet(NON, UNAUTHORIZED, 4000, parsed.get_token(), b""), value)
}

#[test]
fn it_is_retransmitted_like_any_message() {
    let mut bench = Bench::signed_in();
    let first = bench.post(1);
    bench.receive(&challenge(&first, UNAUTHORIZED, b"echo"));
    let start = bench.now;
    let sent = bench.run_until(start + 92 * SECOND);
    assert_eq!(sent.len(), 5);
    assert!(sent.iter().all(|(_, datagram)| *datagram == sent[0].1));
}

/// The second 4.01 is about the access token, whatever it carries.
#[test]
fn a_second_refusal_brings_on_a_sign_in() {
    for echo in [None, Some(&b"another"[..])] {
        let mut bench = Bench::signed_in();
        let first = bench.post(3);
        bench.receive(&challenge(&first, UNAUTHORIZED, b"echo"));
        let again = bench.one();
        match echo {
            None => bench.answer(&again, UNAUTHORIZED, b""),
            Some(value) => drop(bench.receive(&challenge(&again, UNAUTHORIZED, value))),
        }
        let request = bench.one();
        bench.grant(&request, "fresh");
        let last = bench.one();
        assert_eq!(access_token_of(&last), "fresh");
        assert!(option(&last, ECHO).is_empty());
        assert_eq!(read(&last).payload, read(&first).payload);
        assert_eq!(bench.answered(&last, CONTENT), (3, CONTENT));
        // The next message may be asked again.
        bench.events();
        let next = bench.post(4);
        bench.receive(&challenge(&next, UNAUTHORIZED, b"echo"));
        assert_eq!(option(&bench.one(), ECHO), [b"echo"]);
    }
}

#[test]
fn a_sign_in_is_sent_once_more_with_the_value() {
    let mut bench = Bench::new(config());
    let attempt = bench.start_sign_in(10 * SECOND);
    let first = bench.one();
    bench.receive(&challenge(&first, UNAUTHORIZED, b"echo"));
    let again = bench.one();
    assert_eq!(numbers(&again), [URI_PATH, CONTENT_FORMAT, ACCEPT, ECHO]);
    assert_eq!(option(&again, ECHO), [b"echo"]);
    assert_eq!(read(&again).payload, read(&first).payload);
    assert_eq!(bench.sign_in_outcome(attempt), None);
    bench.grant(&again, "granted");
    assert_eq!(bench.sign_in_outcome(attempt), Some(Ok(())));
    assert_eq!(bench.events(), [Event::SignedIn]);

    // Refused again, it fails.
    let attempt = bench.start_sign_in(10 * SECOND);
    let first = bench.one();
    bench.receive(&challenge(&first, UNAUTHORIZED, b"echo"));
    let again = bench.one();
    bench.receive(&challenge(&again, UNAUTHORIZED, b"another"));
    assert!(bench.is_silent());
    let refused = SignInError::Refused(Code(UNAUTHORIZED));
    assert_eq!(bench.sign_in_outcome(attempt), Some(Err(refused)));
}

#[test]
fn what_is_no_echo_is_not_sent_back() {
    // Of a length that it cannot have.
    for value in [&[][..], &[1; 41]] {
        let mut bench = Bench::signed_in();
        let message = bench.post(1);
        bench.receive(&challenge(&message, UNAUTHORIZED, value));
        assert!(is_sign_in(&bench.one()));
    }
    // With another code it is for later requests, which this client has nothing for.
    for code in [CONTENT, BAD_REQUEST] {
        let mut bench = Bench::signed_in();
        let message = bench.post(1);
        let delivered = response(bench.receive(&challenge(&message, code, b"echo")));
        assert_eq!((delivered.application, delivered.code.0), (1, code));
        assert!(bench.is_silent());
    }
    let mut bench = Bench::signed_in();
    let message = bench.post(1);
    bench.receive(&challenge(&message, BAD_OPTION, b"echo"));
    assert!(is_sign_in(&bench.one()));
}

#[test]
fn a_message_with_no_room_for_it_is_given_up() {
    let mut bench = Bench::signed_in();
    let overhead = bench.post(1).len() - 2;
    let payload = vec![1; 1280 - overhead];
    bench.send(&Request { payload: &payload, ..con(b"") }, 2);
    let message = bench.one();
    assert_eq!(message.len(), 1280);
    bench.receive(&challenge(&message, UNAUTHORIZED, b"echo"));
    assert!(bench.is_silent());
    let events = bench.events();
    let reason = GiveUp::Unsendable(SendError::MessageTooLong);
    let gave_up = matches!(events[..], [Event::GaveUp { application: 2, reason: told, .. }] if told == reason);
    assert!(gave_up, "{events:?}");
}

/// Another message was refused meanwhile: there is no access token to send it with.
#[test]
fn without_an_access_token_it_waits_for_one() {
    let mut bench = Bench::signed_in();
    bench.send(&con(b"a"), 1);
    bench.send(&con(b"b"), 2);
    let [first, second] = <[_; 2]>::try_from(bench.sent()).unwrap();
    bench.answer(&first, UNAUTHORIZED, b"");
    bench.receive(&challenge(&second, UNAUTHORIZED, b"echo"));
    let request = bench.one();
    bench.grant(&request, "fresh");
    let sent = bench.sent();
    assert_eq!(sent.len(), 2);
    for (message, application) in sent.iter().zip([1, 2]) {
        assert_eq!(access_token_of(message), "fresh");
        assert_eq!(bench.answered(message, CONTENT), (application, CONTENT));
    }
}

/// The sequence number must not come twice.
#[cfg(feature = "symmetric")]
#[test]
fn in_symmetric_mode_it_is_encrypted_anew() {
    let mut bench = Bench::new(config_for("coap-psk://127.0.0.1"));
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    let reply = br#"{"random":"915ede6cbc8a059f","seqOffset":1,"token":"t"}"#;
    bench.answer(&request, CONTENT, reply);
    bench.events();
    for payload in [&b""[..], b"a payload of some length"] {
        bench.send(&con(payload), 1);
        let first = bench.one();
        bench.receive(&challenge(&first, UNAUTHORIZED, b"echo"));
        let again = bench.one();
        let tail = [ACCESS_TOKEN, ECHO, SEQUENCE];
        assert!(numbers(&again).ends_with(&tail), "{:?}", numbers(&again));
        assert_ne!(option(&again, SEQUENCE), option(&first, SEQUENCE));
        // One key and one initial vector: the payload looks the same.
        assert_eq!(read(&again).payload, read(&first).payload);
        bench.answered(&again, CONTENT);
    }
}
