//! Hazard: a server that pings or asks for a resource is ignored, answered
//! wrongly, or disturbs what is outstanding (RFC 7252 sections 4.3, 5.2, 5.4.1,
//! 5.8).

mod support;

use coap_lite::{CoapOption, MessageType};
use iot_coap_client::{Dropped, OptionNumber, Received};
use support::{
    ACK, BAD_OPTION, Bench, CON, CONTENT, METHOD_NOT_ALLOWED, NON, NOT_FOUND,
    PROXYING_NOT_SUPPORTED, RST, empty, id_of, message, packet, read,
};

const REQUEST_ID: u16 = 0x4321;

fn request(kind: MessageType, method: u8, token: &[u8], options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut packet = packet(kind, method, REQUEST_ID, token, b"payload");
    for (number, value) in options {
        packet.add_option(CoapOption::from(*number), value.to_vec());
    }
    packet.to_bytes().unwrap()
}

/// Section 4.3: an Empty Confirmable message elicits a Reset.
#[test]
fn a_ping_is_answered_with_a_reset() {
    let mut bench = Bench::new(support::config());
    for id in [0, 1, 0xFFFF] {
        assert!(matches!(bench.receive(&empty(CON, id)), Received::Handled));
        assert_eq!(bench.one(), empty(RST, id));
    }
}

#[test]
fn the_methods_of_the_rfc_find_nothing() {
    let mut bench = Bench::signed_in();
    let path = (11, &b"rpc"[..]);
    for method in 1..=4 {
        assert!(matches!(bench.receive(&request(CON, method, b"tk", &[path])), Received::Handled));
        assert_eq!(bench.one(), message(ACK, NOT_FOUND, REQUEST_ID, b"tk", b""));
    }
}

#[test]
fn unknown_methods_are_not_allowed() {
    let mut bench = Bench::signed_in();
    for method in 5..=31 {
        bench.receive(&request(CON, method, b"tk", &[]));
        assert_eq!(bench.one(), message(ACK, METHOD_NOT_ALLOWED, REQUEST_ID, b"tk", b""));
    }
}

#[test]
fn tokens_are_echoed_whatever_their_length() {
    let mut bench = Bench::signed_in();
    for len in 0..=8 {
        let token = &b"\x00\x01\xFF\x80token"[..len];
        bench.receive(&request(CON, 1, token, &[]));
        let reply = bench.one();
        assert_eq!(read(&reply).get_token(), token);
        assert_eq!(reply.len(), 4 + len, "nothing else");
    }
}

/// Section 5.4.1.
#[test]
fn an_unknown_critical_option_is_a_bad_option() {
    for number in [9_u16, 23, 61, 2089, 65_535] {
        let mut bench = Bench::signed_in();
        let options = [(11, &b"x"[..]), (number, &b"y"[..])];
        for method in [1, 31] {
            bench.receive(&request(CON, method, b"tk", &options));
            assert_eq!(bench.one(), message(ACK, BAD_OPTION, REQUEST_ID, b"tk", b""), "{number}");
        }
        // A Non-confirmable one is rejected, that is ignored.
        let received = bench.receive(&request(NON, 1, b"tk", &options));
        let expected = Dropped::CriticalOption(OptionNumber(number));
        assert!(matches!(received, Received::Dropped(reason) if reason == expected));
        assert!(bench.is_silent());
    }
}

#[test]
fn the_critical_options_of_a_common_request_are_known() {
    let mut bench = Bench::signed_in();
    let options = [
        (3_u16, &b"device.local"[..]),
        (7, &[0x16, 0x33][..]),
        (11, &b"a"[..]),
        (11, &b"b"[..]),
        (15, &b"q=1"[..]),
        (17, &[50][..]),
        (60, &[1][..]),
        (2048, &b"elective"[..]),
    ];
    bench.receive(&request(CON, 1, b"tk", &options));
    assert_eq!(bench.one(), message(ACK, NOT_FOUND, REQUEST_ID, b"tk", b""));
}

/// Sections 5.4.3 and 5.10: a critical option whose value has a length that it
/// cannot have is as good as unknown.
#[test]
fn a_critical_option_of_an_odd_length_is_a_bad_option() {
    for (number, shortest, longest) in [
        (1_u16, 0, 8),
        (3, 1, 255),
        (5, 0, 0),
        (7, 0, 2),
        (11, 0, 255),
        (15, 0, 255),
        (17, 0, 2),
        (35, 1, 1034),
        (39, 1, 255),
    ] {
        let mut bench = Bench::signed_in();
        let value = [b'v'; 1035];
        let code = |bench: &mut Bench, len: usize| {
            bench.receive(&request(CON, 1, b"tk", &[(number, &value[..len])]));
            read(&bench.one()).header.get_code()
        };
        let accepted = if number < 35 { "4.04" } else { "5.05" };
        for len in [shortest, longest] {
            assert_eq!(code(&mut bench, len), accepted, "option {number} of {len} bytes");
        }
        for len in [shortest.wrapping_sub(1), longest + 1].into_iter().filter(|len| *len < 1035) {
            assert_eq!(code(&mut bench, len), "4.02", "option {number} of {len} bytes");
            let odd = request(NON, 1, b"tk", &[(number, &value[..len])]);
            assert!(matches!(bench.receive(&odd), Received::Dropped(Dropped::CriticalOption(_))));
            assert!(bench.is_silent());
        }
    }
}

/// Section 5.4.5: so is one that must not come again, from the second on.
#[test]
fn a_critical_option_that_comes_too_often_is_a_bad_option() {
    for (number, value, code) in [
        (1_u16, &b"etag"[..], NOT_FOUND),
        (3, b"host", BAD_OPTION),
        (5, b"", BAD_OPTION),
        (7, b"\x16", BAD_OPTION),
        (11, b"path", NOT_FOUND),
        (15, b"query", NOT_FOUND),
        (17, b"\x32", BAD_OPTION),
        // Elective ones are passed over, however often they come.
        (14, b"\x3C", NOT_FOUND),
    ] {
        let mut bench = Bench::signed_in();
        bench.receive(&request(CON, 1, b"tk", &[(number, value), (number, value)]));
        assert_eq!(bench.one(), message(ACK, code, REQUEST_ID, b"tk", b""), "{number}");
    }
}

/// Sections 5.7.2 and 5.10.2.
#[test]
fn proxying_is_not_supported() {
    for number in [35, 39] {
        let mut bench = Bench::signed_in();
        for method in [1, 31] {
            bench.receive(&request(CON, method, b"tk", &[(number, b"coap")]));
            let refusal = message(ACK, PROXYING_NOT_SUPPORTED, REQUEST_ID, b"tk", b"");
            assert_eq!(bench.one(), refusal);
        }
    }
}

/// Section 5.2.3: answered with a Non-confirmable message, under an id of ours.
#[test]
fn non_confirmable_requests_are_answered_likewise() {
    let mut bench = Bench::signed_in();
    let ours = bench.post(1);
    for (method, code) in [(1, NOT_FOUND), (9, METHOD_NOT_ALLOWED)] {
        assert!(matches!(bench.receive(&request(NON, method, b"tk", &[])), Received::Handled));
        let reply = bench.one();
        let id = id_of(&reply);
        assert_eq!(reply, message(NON, code, id, b"tk", b""));
        assert_ne!(id, id_of(&ours), "an id that is in use");
    }
    assert_ne!(id_of(&bench.post(2)), id_of(&ours));
}

/// Section 4.5: a copy of a request gets the same answer.
#[test]
fn a_copy_gets_the_same_answer() {
    let mut bench = Bench::signed_in();
    for _ in 0..3 {
        bench.receive(&request(CON, 1, b"tk", &[]));
        assert_eq!(bench.one(), message(ACK, NOT_FOUND, REQUEST_ID, b"tk", b""));
    }
}

#[test]
fn a_request_in_an_acknowledgement_or_reset_is_none() {
    let mut bench = Bench::signed_in();
    for kind in [ACK, RST] {
        let received = bench.receive(&request(kind, 1, b"tk", &[]));
        assert!(matches!(received, Received::Dropped(Dropped::Unmatched)));
        assert!(bench.is_silent());
    }
}

/// Also where the server's message ids and tokens are the ones of ours: its
/// ids and ours are different spaces (section 4.4).
#[test]
fn nothing_that_is_outstanding_is_disturbed() {
    let mut bench = Bench::signed_in();
    let ours = bench.post(1);
    let unconfirmed = bench.post_non(2);
    let timeout = bench.next_timeout();
    for outstanding in [&ours, &unconfirmed] {
        let (id, token) = (id_of(outstanding), read(outstanding).get_token().to_vec());
        for method in [1, 2, 31] {
            bench.receive(&message(CON, method, id, &token, b"x"));
            bench.receive(&message(NON, method, id, &token, b"x"));
            bench.sent();
        }
        bench.receive(&empty(CON, id));
        assert_eq!(bench.one(), empty(RST, id));
    }
    assert!(bench.events().is_empty());
    assert_eq!(bench.next_timeout(), timeout);
    assert_eq!(bench.client.outstanding(), 2);
    bench.pass_timeout();
    assert_eq!(bench.one(), ours, "sent again as it was");
    assert_eq!(bench.answered(&ours, CONTENT), (1, CONTENT));
}

/// The reply goes out before a message that is due: the peer's timer runs.
#[test]
fn the_reply_goes_out_first() {
    let mut bench = Bench::signed_in();
    bench.send(&support::con(b"x"), 1);
    bench.receive(&empty(CON, 5));
    let sent = bench.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], empty(RST, 5));
}

#[test]
fn before_signing_in_too() {
    let mut bench = Bench::new(support::config());
    bench.receive(&request(CON, 1, b"tk", &[]));
    assert_eq!(bench.one(), message(ACK, NOT_FOUND, REQUEST_ID, b"tk", b""));
}
