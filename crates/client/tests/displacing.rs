//! Hazard: a program that sends Non-confirmable messages and seldom asks what became of
//! them fills the heap, or keeps the client busy for ever.

mod support;

use iot_coap_client::{Event, GiveUp, Request, SendError};
use iot_coap_test_heap as heap;
use support::{Bench, HOUR, SECOND, UNAUTHORIZED, con, config, is_sign_in, non};

const MOST: usize = 32;

/// The numbers of the messages that the events say were displaced.
fn displaced(events: &[Event<u32>]) -> Vec<u32> {
    let displaced = |event: &Event<u32>| match event {
        Event::GaveUp { application, reason: GiveUp::Displaced, .. } => *application,
        other => panic!("{other:?}"),
    };
    events.iter().map(displaced).collect()
}

/// Sends messages with these numbers, and never asks for events.
fn flood(bench: &mut Bench, numbers: core::ops::Range<u32>) {
    for number in numbers {
        bench.send(&non(b"{\"a\":1}"), number);
        while bench.client.poll_transmit(support::at(bench.now)).is_some() {}
        bench.now += 1;
    }
}

#[test]
fn without_a_poll_the_heap_does_not_grow() {
    let mut bench = Bench::signed_in();
    flood(&mut bench, 0..100);
    let live = heap::live();
    let allocations = heap::allocations();
    flood(&mut bench, 100..20_100);
    assert_eq!(heap::live(), live);
    assert_eq!(heap::allocations(), allocations);
    assert_eq!(bench.client.outstanding(), 2 * MOST);
    // Then the last of them are told, each once, the oldest first.
    bench.advance(100);
    let expected: Vec<u32> = (20_100 - 2 * MOST as u32..20_100 - MOST as u32).collect();
    assert_eq!(displaced(&bench.events()), expected);
    assert_eq!(bench.client.outstanding(), MOST);
    assert_eq!(bench.client.take_forgotten(), 20_100 - 2 * MOST as u32);
    assert_eq!(bench.client.take_forgotten(), 0, "since the last call");
    #[cfg(feature = "statistics")]
    assert_eq!(bench.client.statistics().given_up, 20_100 - MOST as u64, "none is uncounted");
    // The others as ever.
    bench.advance(145 * SECOND);
    assert_eq!(bench.events().len(), MOST);
    assert_eq!(bench.next_timeout().filter(|at| *at < bench.now + HOUR), None);
}

#[test]
fn each_is_told_once_if_it_is_asked_for() {
    let mut bench = Bench::signed_in();
    let mut told = Vec::new();
    for round in 0..20 {
        flood(&mut bench, round * 10..(round + 1) * 10);
        while bench.next_timeout().is_some_and(|at| at <= bench.now + 100) {
            bench.pass_timeout();
        }
        told.extend(displaced(&bench.events()));
    }
    assert_eq!(told, (0..200 - MOST as u32).collect::<Vec<_>>());
}

/// A notice handler that sends again what was displaced: each time it is told of so many
/// at most, and its turn ends.
#[test]
fn sending_again_what_was_displaced_goes_round_slowly() {
    let mut bench = Bench::signed_in();
    flood(&mut bench, 0..1000);
    let start = bench.now;
    let mut sent_again = 0;
    for _ in 0..1000 {
        if bench.now >= start + 10 * SECOND {
            break;
        }
        bench.pass_timeout();
        for _ in 0..=MOST {
            let Some(event) = bench.client.poll_event() else { break };
            sent_again += 1;
            bench.send(&non(b"{\"a\":1}"), displaced(&[event])[0]);
            bench.sent();
        }
        assert!(!bench.client.has_event(), "the turn does not end");
    }
    assert!((MOST..=101 * MOST).contains(&sent_again), "{sent_again} in 10 s");
    assert_eq!(bench.client.outstanding(), 2 * MOST);
}

#[test]
fn also_those_that_were_never_sent_give_way() {
    // Nobody fetches them: the connection is down.
    let mut bench = Bench::signed_in();
    (0..40).for_each(|number| _ = bench.send(&non(b"{}"), number));
    assert_eq!(bench.sent().len(), MOST);
    bench.advance(100);
    assert_eq!(displaced(&bench.events()), [0, 1, 2, 3, 4, 5, 6, 7]);
    // They wait for an access token.
    let mut bench = Bench::signed_in();
    bench.now += 49 * HOUR;
    (0..33).for_each(|number| _ = bench.send(&non(b"{}"), number));
    bench.advance(100);
    assert_eq!(displaced(&bench.events()), [0]);
    assert_eq!(bench.client.outstanding(), MOST);
}

/// One that was refused and waits to be sent again too; it is told as displaced, since
/// that is what became of it.
#[test]
fn a_refused_one_gives_way_too() {
    let mut bench = Bench::signed_in_with(config().max_outstanding(1));
    let message = bench.post_non(1);
    let received = bench.receive(&support::separate(support::NON, 7, &message, UNAUTHORIZED, b""));
    assert!(matches!(received, iot_coap_client::Received::Handled));
    assert!(is_sign_in(&bench.one()));
    bench.send(&con(b"{}"), 2);
    bench.advance(100);
    assert_eq!(displaced(&bench.events()), [1]);
}

#[test]
fn a_confirmable_one_never_gives_way() {
    let mut bench = Bench::signed_in();
    (0..MOST as u32).for_each(|number| drop(bench.post(number)));
    for request in [con(b"{}"), non(b"{}")] {
        assert_eq!(bench.try_send(&request, 99), Err(SendError::TooManyOutstanding));
    }
    assert!(!bench.client.has_event());
}

#[test]
fn a_displaced_one_can_be_cancelled_until_it_is_told() {
    let mut bench = Bench::signed_in_with(config().max_outstanding(2));
    let tokens: Vec<u32> = (0..5)
        .map(|number| {
            let token = bench.client.next_token();
            bench.post_non(number);
            token
        })
        .collect();
    // Two are outstanding, two of three that gave way are remembered.
    assert_eq!(bench.client.cancel_token(tokens[0]), None);
    assert_eq!(bench.client.cancel_token(tokens[1]), Some(1));
    bench.advance(100);
    assert!(bench.client.has_event());
    assert_eq!(bench.client.cancel_token(tokens[2]), Some(2));
    assert!(!bench.client.has_event());
    assert_eq!(bench.client.outstanding(), 2);
}

/// What is refused costs no message id and no token: else they would be used up, and
/// signing in too.
#[test]
fn messages_that_are_refused_use_nothing_up() {
    let mut bench = Bench::signed_in();
    let before = bench.client.next_token();
    let too_long = vec![0; 1280];
    let path = [b'p'; 136];
    for request in [con(&too_long), non(&too_long), Request { path: &path, ..con(b"") }] {
        for _ in 0..66_000 {
            bench.try_send(&request, 1).expect_err("too long");
        }
    }
    assert_eq!(bench.client.next_token(), before);
    bench.sign_in("second");
    let message = bench.post(2);
    assert_eq!(bench.answered(&message, support::CONTENT).0, 2);
}
