//! Hazard: an answer is lost, delivered twice, or given to the wrong message
//! (RFC 7252 sections 4.2 to 4.5, 5.2, 5.3.2 and 5.4.1).

mod support;

use coap_lite::{CoapOption, MessageType};
use iot_coap_client::{Dropped, Event, GiveUp, OptionNumber, Received};
use support::{
    ACK, Bench, CON, CONTENT, NON, NOT_FOUND, RST, SECOND, empty, id_of, message, packet,
    piggybacked, read, response, separate,
};

fn acknowledges(datagram: &[u8], id: u16) -> bool {
    datagram == empty(ACK, id)
}

#[test]
fn in_the_acknowledgement() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let answer = response(bench.receive(&piggybacked(&request, CONTENT, b"hello")));
    assert_eq!((answer.application, answer.code.0), (1, CONTENT));
    assert_eq!(answer.token.to_le_bytes(), read(&request).get_token());
    assert!(bench.is_silent() && bench.events().is_empty());
    assert_eq!(bench.client.outstanding(), 0);
    // A copy of it says nothing new.
    let copy = bench.receive(&piggybacked(&request, CONTENT, b"hello"));
    assert!(matches!(copy, Received::Dropped(_)));
    assert!(bench.is_silent());
}

#[test]
fn separately_confirmable_after_the_acknowledgement() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    assert!(matches!(bench.receive(&empty(ACK, id_of(&request))), Received::Handled));
    assert!(bench.is_silent());
    bench.advance(100 * SECOND);
    let answer = response(bench.receive(&separate(CON, 77, &request, CONTENT, b"x")));
    assert_eq!(answer.application, 1);
    assert!(acknowledges(&bench.one(), 77));
}

#[test]
fn separately_non_confirmable_after_the_acknowledgement() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    bench.receive(&empty(ACK, id_of(&request)));
    let answer = response(bench.receive(&separate(NON, 77, &request, CONTENT, b"x")));
    assert_eq!(answer.application, 1);
    assert!(bench.is_silent());
}

/// Section 5.2.2: the acknowledgement got lost or overtaken.
#[test]
fn before_or_without_the_acknowledgement() {
    for kind in [CON, NON] {
        let mut bench = Bench::signed_in();
        let request = bench.post(1);
        let answer = response(bench.receive(&separate(kind, 77, &request, CONTENT, b"x")));
        assert_eq!(answer.application, 1);
        assert_eq!(bench.sent().len(), usize::from(kind == CON));
        // Late, the acknowledgement means nothing.
        let late = bench.receive(&empty(ACK, id_of(&request)));
        assert!(matches!(late, Received::Dropped(Dropped::Unmatched)));
        let now = bench.now;
        assert!(bench.run_until(now + 300 * SECOND).is_empty(), "not sent again");
        assert!(bench.events().is_empty());
    }
}

#[test]
fn to_a_non_confirmable_message() {
    for kind in [CON, NON] {
        let mut bench = Bench::signed_in();
        let request = bench.post_non(1);
        let answer = response(bench.receive(&separate(kind, 77, &request, CONTENT, b"x")));
        assert_eq!(answer.application, 1);
        let sent = bench.sent();
        assert_eq!(sent.len(), usize::from(kind == CON));
        assert!(sent.iter().all(|datagram| acknowledges(datagram, 77)));
    }
}

/// Nothing acknowledges a Non-confirmable message (section 4.3).
#[test]
fn in_an_acknowledgement_of_a_non_confirmable_message_is_ignored() {
    let mut bench = Bench::signed_in();
    let request = bench.post_non(1);
    for datagram in [empty(ACK, id_of(&request)), piggybacked(&request, CONTENT, b"x")] {
        assert!(matches!(bench.receive(&datagram), Received::Dropped(Dropped::Unmatched)));
    }
    assert_eq!(bench.client.outstanding(), 1);
}

/// The answer still comes through afterwards: nothing that does not match has
/// an effect.
#[test]
fn with_another_id_or_token_is_ignored() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let (id, token) = (id_of(&request), read(&request).get_token().to_vec());
    let mut other_token = token.clone();
    other_token[0] ^= 1;
    let wrong_ids = [id ^ 1, id.swap_bytes() ^ 0x0101, id.wrapping_add(1)];
    for wrong in wrong_ids {
        for datagram in
            [message(ACK, CONTENT, wrong, &token, b"x"), empty(ACK, wrong), empty(RST, wrong)]
        {
            assert!(matches!(bench.receive(&datagram), Received::Dropped(Dropped::Unmatched)));
        }
    }
    let longer = [&token[..], &[0]].concat();
    for wrong in [&other_token[..], &token[..3], &longer, b""] {
        let acknowledgement = message(ACK, CONTENT, id, wrong, b"x");
        assert!(matches!(bench.receive(&acknowledgement), Received::Dropped(Dropped::Unmatched)));
        assert!(bench.is_silent());
        let unconfirmed = message(NON, CONTENT, 99, wrong, b"x");
        assert!(matches!(bench.receive(&unconfirmed), Received::Dropped(Dropped::Unmatched)));
        assert!(bench.is_silent());
        // Section 4.2: rejected, so that the peer stops sending it.
        let confirmable = message(CON, CONTENT, 98, wrong, b"x");
        assert!(matches!(bench.receive(&confirmable), Received::Dropped(Dropped::Unmatched)));
        assert_eq!(bench.one(), empty(RST, 98));
    }
    // Still outstanding, still not acknowledged, and its answer is delivered.
    bench.pass_timeout();
    assert_eq!(bench.one(), request);
    assert_eq!(bench.answered(&request, CONTENT), (1, CONTENT));
}

#[test]
fn a_reset_ends_a_message_of_either_kind() {
    for confirmable in [true, false] {
        for acknowledged in [false, confirmable] {
            let mut bench = Bench::signed_in();
            let request = if confirmable { bench.post(4) } else { bench.post_non(4) };
            if acknowledged {
                bench.receive(&empty(ACK, id_of(&request)));
            }
            assert!(matches!(bench.receive(&empty(RST, id_of(&request))), Received::Handled));
            let events = bench.events();
            let reset =
                matches!(events[..], [Event::GaveUp { application: 4, reason: GiveUp::Reset, .. }]);
            assert!(reset, "{events:?}");
            assert!(bench.is_silent());
        }
    }
}

/// A Reset or an acknowledgement carries no request, a Reset no response
/// (section 4.3 and table 1).
#[test]
fn codes_that_do_not_go_with_a_type_are_ignored() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let (id, token) = (id_of(&request), read(&request).get_token().to_vec());
    for datagram in [
        message(RST, CONTENT, id, &token, b""),
        message(RST, 1, id, &token, b""),
        message(ACK, 1, id, &token, b""),
        empty(NON, id),
    ] {
        assert!(matches!(bench.receive(&datagram), Received::Dropped(Dropped::Unmatched)));
        assert!(bench.is_silent());
    }
    assert_eq!(bench.answered(&request, CONTENT), (1, CONTENT));
}

/// Section 5.4.1.
#[test]
fn an_unknown_critical_option_has_it_rejected() {
    for number in [9_u16, 61, 2089, 65_535] {
        let mut bench = Bench::signed_in();
        let request = bench.post(1);
        let unconfirmed = bench.post_non(2);
        let with_option = |kind: MessageType, id: u16, request: &[u8]| {
            let mut packet = packet(kind, CONTENT, id, read(request).get_token(), b"x");
            packet.add_option(CoapOption::from(number), vec![1]);
            packet.to_bytes().unwrap()
        };
        for (kind, id, request, resets) in [
            (ACK, id_of(&request), &request, false),
            (NON, 80, &unconfirmed, false),
            (CON, 81, &request, true),
        ] {
            let received = bench.receive(&with_option(kind, id, request));
            let expected = Dropped::CriticalOption(OptionNumber(number));
            assert!(matches!(received, Received::Dropped(reason) if reason == expected));
            let sent = bench.sent();
            assert_eq!(sent.len(), usize::from(resets));
            assert!(sent.iter().all(|datagram| *datagram == empty(RST, id)));
        }
        assert!(bench.events().is_empty());
        assert_eq!(bench.answered(&request, CONTENT), (1, CONTENT));
    }
}

#[test]
fn an_unknown_elective_option_does_not() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let mut packet = packet(ACK, CONTENT, id_of(&request), read(&request).get_token(), b"hello");
    for number in [4_u16, 12, 14, 2090, 65_534] {
        packet.add_option(CoapOption::from(number), vec![1, 2]);
    }
    let mut datagram = packet.to_bytes().unwrap();
    let answer = response(bench.receive_in_place(&mut datagram));
    assert_eq!(&datagram[answer.payload], b"hello");
}

/// Section 12.1: only classes 2, 4 and 5 hold response codes.
#[test]
fn reserved_code_classes_are_no_responses() {
    for class in [1_u8, 3, 6, 7] {
        for detail in [0, 5, 31] {
            let code = class << 5 | detail;
            let mut bench = Bench::signed_in();
            let request = bench.post(1);
            bench.receive(&piggybacked(&request, code, b""));
            assert!(bench.is_silent(), "{code:#x}");
            bench.receive(&separate(NON, 5, &request, code, b""));
            assert!(bench.is_silent(), "{code:#x}");
            bench.receive(&separate(CON, 6, &request, code, b""));
            assert_eq!(bench.one(), empty(RST, 6));
            assert!(bench.events().is_empty());
            assert_eq!(bench.answered(&request, CONTENT), (1, CONTENT));
        }
    }
}

#[test]
fn every_response_code_passes_through_as_it_is() {
    let mut bench = Bench::signed_in();
    for class in [2_u8, 4, 5] {
        for detail in 0..32 {
            let code = class << 5 | detail;
            // What the client itself acts on is in reauthentication.rs.
            if matches!(code, support::UNAUTHORIZED | support::BAD_OPTION) {
                continue;
            }
            let request = bench.post(code.into());
            assert_eq!(bench.answered(&request, code), (code.into(), code));
        }
    }
}

#[test]
fn the_payload_is_where_it_is_said_to_be() {
    for payload in [&b""[..], b"x", &[0xFF], &[0xFF; 5], &[0; 1000]] {
        for options in [&[][..], &[12_u16, 2090]] {
            let mut bench = Bench::signed_in();
            let request = bench.post(1);
            let mut packet =
                packet(ACK, CONTENT, id_of(&request), read(&request).get_token(), payload);
            for number in options {
                packet.add_option(CoapOption::from(*number), vec![0xFF]);
            }
            let mut datagram = packet.to_bytes().unwrap();
            let answer = response(bench.receive_in_place(&mut datagram));
            assert_eq!(&datagram[answer.payload], payload);
        }
    }
}

/// Section 4.5, and 4.8.2 for how long: EXCHANGE_LIFETIME 247 s.
#[test]
fn a_copy_of_a_separate_response_is_acknowledged_again_and_not_delivered() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let answer = separate(CON, 77, &request, CONTENT, b"x");
    response(bench.receive(&answer));
    assert!(acknowledges(&bench.one(), 77));
    let start = bench.now;
    for after in [0, 100 * SECOND, 247 * SECOND - 1] {
        bench.pass_until(start + after);
        assert!(matches!(bench.receive(&answer), Received::Dropped(Dropped::Duplicate)));
        assert!(acknowledges(&bench.one(), 77));
    }
    assert!(bench.events().is_empty());
    // After that the id can be another message's.
    bench.pass_until(start + 247 * SECOND);
    let request = bench.post(2);
    assert_eq!(response(bench.receive(&separate(CON, 77, &request, CONTENT, b"y"))).application, 2);
}

#[test]
fn a_copy_of_a_non_confirmable_response_is_ignored() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let answer = separate(NON, 77, &request, CONTENT, b"x");
    response(bench.receive(&answer));
    bench.advance(145 * SECOND - 1);
    assert!(matches!(bench.receive(&answer), Received::Dropped(Dropped::Duplicate)));
    assert!(bench.is_silent());
}

#[test]
fn several_outstanding_are_answered_in_any_order() {
    let mut bench = Bench::signed_in();
    let requests: Vec<_> = (0..32).map(|application| bench.post(application)).collect();
    // 13 is prime to 32: every one once.
    for step in 0..32_u32 {
        let application = step * 13 % 32;
        let request = &requests[application as usize];
        let code = if application % 3 == 0 { NOT_FOUND } else { CONTENT };
        let answer = match application % 4 {
            0 => separate(CON, application as u16, request, code, b"x"),
            1 => separate(NON, application as u16, request, code, b"x"),
            _ => piggybacked(request, code, b"x"),
        };
        let answer = response(bench.receive(&answer));
        bench.sent();
        assert_eq!((answer.application, answer.code.0), (application, code));
    }
    assert_eq!(bench.client.outstanding(), 0);
    assert!(bench.events().is_empty());
}

#[test]
fn an_empty_datagram_is_ignored() {
    let mut bench = Bench::signed_in();
    bench.post(1);
    assert!(matches!(bench.receive(b""), Received::Dropped(_)));
    assert!(bench.is_silent() && bench.events().is_empty());
}
