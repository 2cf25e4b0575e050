//! Hazard: a message stays for ever in some state that nothing leads out of: nobody
//! fetches it, no access token comes, or the program's timers are late. Whatever its
//! state, an event that names it ends it in the time that the documentation says.

mod support;

use iot_coap_client::{Code, Event, GiveUp, Received, SignInError};
use support::{
    ACK, Bench, CONTENT, FORBIDDEN, SECOND, UNAUTHORIZED, at, con, config_for, empty, id_of,
    is_sign_in, non,
};

/// EXCHANGE_LIFETIME, MAX_TRANSMIT_WAIT and NON_LIFETIME (RFC 7252 section 4.8.2).
const LIFETIME: u64 = 247 * SECOND;
const MAX_TRANSMIT_WAIT: u64 = 93 * SECOND;
const NON_LIFETIME: u64 = 145 * SECOND;

/// Lets time pass until `end`, at which message 7 must end and not before. Nothing is
/// fetched meanwhile.
fn ends_at(bench: &mut Bench, end: u64) -> Event<u32> {
    assert!(bench.next_timeout().expect("something to wait for") <= end);
    bench.pass_until(end - 1);
    let early: Vec<_> = bench.events().into_iter().filter(|event| *event != SIGN_IN).collect();
    assert!(early.is_empty(), "too soon: {early:?}");
    assert!(bench.next_timeout().expect("it is to end") <= end);
    bench.pass_until(end);
    let mut events = bench.events();
    events.retain(|event| !matches!(event, Event::SignInFailed(_)));
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(bench.client.outstanding(), 0);
    events.remove(0)
}

const SIGN_IN: Event<u32> = Event::SignInFailed(SignInError::NotAnswered);

fn assert_gave_up(event: &Event<u32>, expected: GiveUp) {
    let Event::GaveUp { application: 7, reason, .. } = event else {
        panic!("{event:?}");
    };
    assert_eq!(*reason, expected);
}

#[test]
fn due_and_never_fetched() {
    for request in [con(b"x"), non(b"x")] {
        let mut bench = Bench::signed_in();
        let made = bench.now;
        bench.send(&request, 7);
        let event = ends_at(&mut bench, made + LIFETIME);
        assert_gave_up(&event, GiveUp::NotFetched);
        assert!(bench.is_silent(), "and is not sent afterwards");
    }
}

/// The datagrams take another way while the message waits, also when all its
/// retransmissions went the way that led nowhere.
#[test]
fn another_way_neither_loses_a_message_nor_keeps_it() {
    for retransmissions in 0..=4 {
        let mut bench = Bench::signed_in();
        let first = bench.post(7);
        let end = bench.now + MAX_TRANSMIT_WAIT;
        for _ in 0..retransmissions {
            bench.pass_until(bench.next_timeout().expect("a retransmission"));
            assert_eq!(bench.one(), first);
        }
        bench.client.handle_path_changed();
        assert_eq!(bench.one(), first, "once more, after {retransmissions}");
        // Another way each second is no way to send for ever.
        for _ in 0..3 {
            bench.advance(SECOND);
            bench.client.handle_path_changed();
            assert!(bench.sent().iter().all(|again| *again == first));
        }
        while bench.next_timeout().expect("it is to end") < end {
            bench.pass_until(bench.next_timeout().expect("it is to end"));
            assert!(bench.sent().iter().all(|again| *again == first));
        }
        assert_gave_up(&ends_at(&mut bench, end), GiveUp::NotAcknowledged);
    }
}

#[test]
fn awaiting_an_acknowledgement() {
    // Made long before it was sent: the time counts from when it was sent.
    let mut bench = Bench::signed_in();
    bench.send(&con(b"x"), 7);
    bench.advance(200 * SECOND);
    let sent = bench.now;
    assert_eq!(bench.run_until(sent + MAX_TRANSMIT_WAIT - 1).len(), 1 + 4);
    let event = ends_at(&mut bench, sent + MAX_TRANSMIT_WAIT);
    assert_gave_up(&event, GiveUp::NotAcknowledged);
}

/// A program that looks in once in a while fetches retransmissions late, so that each
/// timeout starts late: that must not add up.
#[test]
fn awaiting_an_acknowledgement_with_late_timers() {
    for period in [20 * SECOND, 40 * SECOND, 80 * SECOND] {
        let mut bench = Bench::signed_in();
        let sent = bench.now;
        bench.post(7);
        while bench.now + period < sent + MAX_TRANSMIT_WAIT {
            bench.advance(period);
            bench.sent();
        }
        let event = ends_at(&mut bench, sent + MAX_TRANSMIT_WAIT);
        assert_gave_up(&event, GiveUp::NotAcknowledged);
    }
}

#[test]
fn due_again_and_not_fetched() {
    let mut bench = Bench::signed_in();
    let sent = bench.now;
    bench.post(7);
    bench.pass_timeout();
    assert!(bench.client.has_transmit());
    let event = ends_at(&mut bench, sent + MAX_TRANSMIT_WAIT);
    assert_gave_up(&event, GiveUp::NotAcknowledged);
    assert!(bench.is_silent());
}

#[test]
fn awaiting_a_response() {
    let mut bench = Bench::signed_in();
    let sent = bench.now;
    let request = bench.post(7);
    bench.advance(SECOND);
    bench.receive(&empty(ACK, id_of(&request)));
    let event = ends_at(&mut bench, sent + LIFETIME);
    assert_gave_up(&event, GiveUp::NotAnswered);

    let mut bench = Bench::signed_in();
    let sent = bench.now;
    bench.post_non(7);
    let event = ends_at(&mut bench, sent + NON_LIFETIME);
    assert_gave_up(&event, GiveUp::NotAnswered);
}

/// Parks message 7 as one that was never sent; the sign-in that it waits for goes on
/// for ever, since the application joins it again and again.
#[test]
fn parked_without_an_access_token() {
    for request in [con(b"x"), non(b"x")] {
        let mut bench = Bench::signed_in();
        bench.now += 48 * support::HOUR;
        let made = bench.now;
        bench.send(&request, 7);
        while bench.now < made + 240 * SECOND {
            bench.start_sign_in(100 * SECOND);
            bench.advance(10 * SECOND);
        }
        bench.start_sign_in(100 * SECOND);
        let event = ends_at(&mut bench, made + LIFETIME);
        assert_gave_up(&event, GiveUp::NotSignedIn);
    }
}

/// The time of a message that was refused counts from then, and its answer is the
/// refusal.
#[test]
fn parked_after_a_refusal() {
    let mut bench = Bench::signed_in();
    let request = bench.post(7);
    bench.receive(&empty(ACK, id_of(&request)));
    bench.advance(200 * SECOND);
    bench.answer(&request, UNAUTHORIZED, b"");
    let refused = bench.now;
    bench.start_sign_in(1000 * SECOND);
    let event = ends_at(&mut bench, refused + LIFETIME);
    let is_refusal =
        matches!(event, Event::Refused { application: 7, code: Code(UNAUTHORIZED), .. });
    assert!(is_refusal, "{event:?}");
}

#[test]
fn parked_when_the_sign_in_fails() {
    let mut bench = Bench::signed_in();
    bench.now += 48 * support::HOUR;
    bench.send(&con(b"x"), 7);
    let sign_in = bench.one();
    bench.answer(&sign_in, FORBIDDEN, b"");
    let events = bench.events();
    assert!(matches!(events[0], Event::SignInFailed(_)), "{events:?}");
    assert_gave_up(&events[1], GiveUp::NotSignedIn);
}

#[test]
fn due_with_a_new_access_token_and_not_fetched() {
    let mut bench = Bench::signed_in();
    let request = bench.post(7);
    bench.advance(SECOND);
    bench.answer(&request, UNAUTHORIZED, b"");
    let sign_in = bench.one();
    bench.advance(50 * SECOND);
    bench.grant(&sign_in, "second");
    assert_eq!(bench.events(), [Event::SignedIn]);
    let unparked = bench.now;
    let event = ends_at(&mut bench, unparked + LIFETIME);
    assert_gave_up(&event, GiveUp::NotFetched);
}

/// Over a new session the time starts over, but only within the message's lifetime.
#[test]
fn over_one_new_session_after_another() {
    let mut bench = Bench::signed_in();
    let made = bench.now;
    bench.post(7);
    for _ in 0..3 {
        bench.advance(80 * SECOND);
        bench.client.handle_session_renewed(at(bench.now));
        assert!(!bench.sent().is_empty());
    }
    let last = bench.now;
    assert_eq!(last, made + 240 * SECOND);
    bench.advance(10 * SECOND);
    bench.client.handle_session_renewed(at(bench.now));
    let event = ends_at(&mut bench, last + MAX_TRANSMIT_WAIT);
    assert_gave_up(&event, GiveUp::NotAcknowledged);
    // Not fetched over the new session, it ends with its lifetime.
    let mut bench = Bench::signed_in();
    let made = bench.now;
    bench.post(7);
    bench.advance(80 * SECOND);
    bench.client.handle_session_renewed(at(bench.now));
    let event = ends_at(&mut bench, made + LIFETIME);
    assert_gave_up(&event, GiveUp::NotFetched);
}

/// A sign-in's own request ends too, and is made again while there is time.
#[test]
fn the_request_of_a_sign_in() {
    let mut bench = Bench::new(config_for("coap://127.0.0.1"));
    let start = bench.now;
    bench.start_sign_in(1000 * SECOND);
    let first = bench.one();
    let sent = bench.run_until(start + 200 * SECOND);
    let again = sent.iter().find(|(_, datagram)| id_of(datagram) != id_of(&first));
    let (at, again) = again.expect("another request");
    assert!(is_sign_in(again));
    assert!((start + MAX_TRANSMIT_WAIT..start + 100 * SECOND).contains(at), "{}", at - start);

    // Never fetched.
    let mut bench = Bench::new(config_for("coap://127.0.0.1"));
    let start = bench.now;
    bench.start_sign_in(1000 * SECOND);
    bench.pass_until(start + LIFETIME);
    assert!(bench.is_silent(), "a pause first");
    bench.pass_timeout();
    assert!(is_sign_in(&bench.one()));
}

/// What has ended is out of the way: an answer that comes then is nobody's.
#[test]
fn an_answer_after_the_end_is_dropped() {
    let mut bench = Bench::signed_in();
    let sent = bench.now;
    let request = bench.post(7);
    ends_at(&mut bench, sent + MAX_TRANSMIT_WAIT);
    let late = bench.receive(&support::piggybacked(&request, CONTENT, b""));
    assert!(matches!(late, Received::Dropped(_)), "{late:?}");
}
