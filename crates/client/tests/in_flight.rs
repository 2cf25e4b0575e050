//! Hazard: more messages are in flight than the network bears (`NSTART`, RFC 7252
//! section 4.7), or one that waits for its turn waits for ever, or is lost without a word.

mod support;

use iot_coap_client::{Event, GiveUp};
use support::{
    ACK, Bench, CON, CONTENT, RST, SECOND, UNAUTHORIZED, at, con, config, empty, id_of, is_sign_in,
    read, response, separate,
};

fn limited_to(most: u16) -> Bench {
    Bench::signed_in_with(config().max_in_flight(most))
}

fn post_all(bench: &mut Bench, applications: core::ops::Range<u32>) {
    for application in applications {
        bench.send(&con(b"{}"), application);
    }
}

#[test]
fn no_more_are_in_flight_and_the_oldest_goes_next() {
    for most in [1, 2, 5] {
        let mut bench = limited_to(most);
        post_all(&mut bench, 0..20);
        let mut in_flight = bench.sent();
        for application in 0..20 {
            assert_eq!(in_flight.len(), usize::from(most).min(20 - application as usize));
            assert!(!bench.client.has_transmit(), "nothing to fetch");
            assert_eq!(bench.answered(&in_flight.remove(0), CONTENT).0, application, "in order");
            assert_eq!(bench.client.has_transmit(), application + u32::from(most) < 20);
            in_flight.extend(bench.sent());
        }
        assert_eq!(bench.client.outstanding(), 0);
    }
}

#[test]
fn without_a_limit_all_go_at_once() {
    let mut bench = Bench::signed_in();
    post_all(&mut bench, 0..20);
    assert_eq!(bench.sent().len(), 20);
}

/// However it ends: acknowledged, answered apart, reset, cancelled or given up, the next
/// one has its turn.
#[test]
fn one_that_ends_makes_room_for_one() {
    type End = fn(&mut Bench, &[u8]) -> Vec<Vec<u8>>;
    let ends: [End; 5] = [
        |bench, request| {
            bench.receive(&empty(ACK, id_of(request)));
            bench.sent()
        },
        |bench, request| {
            response(bench.receive(&separate(CON, 9, request, CONTENT, b"")));
            let acknowledgement = bench.client.poll_transmit(at(bench.now)).expect("one");
            assert!(acknowledgement.exchange.is_none());
            bench.sent()
        },
        |bench, request| {
            bench.receive(&empty(RST, id_of(request)));
            bench.sent()
        },
        |bench, request| {
            let token = read(request).get_token().try_into().expect("four bytes");
            assert_eq!(bench.client.cancel_token(u32::from_le_bytes(token)), Some(0));
            bench.sent()
        },
        |bench, request| {
            let sent = bench.run_until(bench.now + 93 * SECOND + 1);
            let others = sent.into_iter().map(|(_, datagram)| datagram);
            others.filter(|datagram| datagram != request).collect()
        },
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let mut bench = limited_to(1);
        post_all(&mut bench, 0..3);
        let first = bench.one();
        assert!(bench.is_silent());
        let next = end(&mut bench, &first);
        assert_eq!(next.len(), 1, "end {number}");
        assert_eq!(bench.answered(&next[0], CONTENT).0, 1);
    }
}

/// A retransmission is in flight already.
#[test]
fn retransmissions_go_on_and_those_that_wait_do_not_start() {
    let mut bench = limited_to(2);
    post_all(&mut bench, 0..4);
    let in_flight = bench.sent();
    let start = bench.now;
    let sent = bench.run_until(start + 50 * SECOND);
    assert_eq!(sent.len(), 8, "four retransmissions of each");
    assert!(sent.iter().all(|(_, datagram)| in_flight.contains(datagram)));
}

/// Neither a sign-in nor a Non-confirmable message waits or counts.
#[test]
fn what_is_not_a_confirmable_message_is_not_held_back() {
    let mut bench = limited_to(1);
    post_all(&mut bench, 0..2);
    let first = bench.one();
    bench.post_non(7);
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    assert!(is_sign_in(&request));
    bench.answered(&first, CONTENT);
    // The request to /auth is still in flight.
    let second = bench.one();
    assert_eq!(bench.answered(&second, CONTENT).0, 1);
}

/// One that was refused is not in flight while it waits for an access token, and goes
/// before those that came after it.
#[test]
fn a_refused_message_takes_its_turn_again() {
    let mut bench = limited_to(1);
    post_all(&mut bench, 0..3);
    let first = bench.one();
    bench.answer(&first, UNAUTHORIZED, b"");
    let sent = bench.sent();
    let request = sent.iter().find(|datagram| is_sign_in(datagram)).expect("a sign-in");
    let messages: Vec<_> = sent.iter().filter(|datagram| !is_sign_in(datagram)).collect();
    assert_eq!(messages.len(), 1, "the second one");
    bench.grant(request, "another");
    assert!(bench.is_silent(), "the second one is in flight");
    assert_eq!(bench.answered(messages[0], CONTENT).0, 1);
    let again = bench.one();
    assert_eq!(bench.answered(&again, CONTENT).0, 0);
}

/// EXCHANGE_LIFETIME after it was accepted, told what it waited for.
#[test]
fn one_whose_turn_does_not_come_is_reported() {
    let mut bench = limited_to(1);
    post_all(&mut bench, 0..4);
    let start = bench.now;
    let mut ends = Vec::new();
    for second in 0..300 {
        bench.run_until(start + second * SECOND);
        let now = (bench.now - start) / SECOND;
        ends.extend(bench.events().into_iter().map(|event| match event {
            Event::GaveUp { application, reason, .. } => (application, reason, now),
            other => panic!("{other:?}"),
        }));
    }
    let (mut held_back, mut not_acknowledged) = (0, 0);
    for (_, reason, second) in &ends {
        match reason {
            GiveUp::HeldBack => {
                held_back += 1;
                assert!((247..=248).contains(second), "{ends:?}");
            }
            GiveUp::NotAcknowledged => not_acknowledged += 1,
            other => panic!("{other}"),
        }
    }
    // 93 s each, one after the other.
    assert_eq!((not_acknowledged, held_back), (3, 1), "{ends:?}");

    // A message that nobody fetches, though it is its turn, is not held back.
    let mut bench = limited_to(1);
    post_all(&mut bench, 0..1);
    bench.advance(248 * SECOND);
    let events = bench.events();
    let not_fetched = matches!(events[..], [Event::GaveUp { reason: GiveUp::NotFetched, .. }]);
    assert!(not_fetched, "{events:?}");
}

#[test]
fn over_a_new_session_they_go_one_after_the_other_as_well() {
    let mut bench = limited_to(1);
    post_all(&mut bench, 0..3);
    let first = bench.one();
    bench.client.handle_session_renewed(at(bench.now));
    assert_eq!(bench.one(), first);
    bench.answered(&first, CONTENT);
    assert_eq!(bench.sent().len(), 1);
}
