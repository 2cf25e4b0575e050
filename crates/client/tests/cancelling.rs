//! Hazard: a message that was cancelled is sent, answered or given up all the same, in
//! one of the states that it can be in.

mod support;

use iot_coap_client::{Dropped, Event, Received};
use support::{
    ACK, Bench, CON, CONTENT, HOUR, RST, SECOND, UNAUTHORIZED, con, empty, id_of, is_sign_in, non,
    piggybacked, separate,
};

/// Cancels the one message there is by its token, and lets two hours pass: nothing more
/// is heard or sent of it.
fn cancel(bench: &mut Bench, token: u32) {
    assert_eq!(bench.client.outstanding(), 1);
    assert_eq!(bench.client.cancel_token(token.wrapping_add(1)), None, "of another message");
    assert_eq!(bench.client.cancel_token(token), Some(1));
    assert_eq!(bench.client.cancel_token(token), None, "once");
    assert_eq!(bench.client.outstanding(), 0);
    let sent = bench.run_until(bench.now + 2 * HOUR);
    assert!(sent.iter().all(|(_, datagram)| is_sign_in(datagram)), "{sent:02x?}");
    let told = bench.events();
    let tells = |event: &Event<u32>| matches!(event, Event::GaveUp { .. } | Event::Refused { .. });
    assert!(!told.iter().any(tells), "{told:?}");
}

/// A client, and the token of its next message.
fn bench() -> (Bench, u32) {
    let bench = Bench::signed_in();
    let token = bench.client.next_token();
    (bench, token)
}

#[test]
fn before_it_is_sent() {
    for request in [con(b"{}"), non(b"{}")] {
        let (mut bench, token) = bench();
        bench.send(&request, 1);
        cancel(&mut bench, token);
    }
}

#[test]
fn in_flight() {
    let (mut bench, token) = bench();
    let request = bench.post(1);
    bench.pass_timeout();
    assert_eq!(bench.one(), request);
    cancel(&mut bench, token);
    // A late answer is one to nothing.
    let late = bench.receive(&piggybacked(&request, CONTENT, b""));
    assert!(matches!(late, Received::Dropped(Dropped::Unmatched)));
    bench.receive(&separate(CON, 9, &request, CONTENT, b""));
    assert_eq!(bench.one(), empty(RST, 9));
}

#[test]
fn about_to_be_sent_again() {
    let (mut bench, token) = bench();
    bench.post(1);
    bench.pass_timeout();
    cancel(&mut bench, token);
}

#[test]
fn acknowledged() {
    let (mut bench, token) = bench();
    let request = bench.post(1);
    bench.receive(&empty(ACK, id_of(&request)));
    cancel(&mut bench, token);
}

#[test]
fn non_confirmable() {
    let (mut bench, token) = bench();
    bench.post_non(1);
    cancel(&mut bench, token);
}

#[test]
fn behind_a_sign_in() {
    // Refused, and to be sent again with another access token.
    let (mut bench, token) = bench();
    let request = bench.post(1);
    bench.answer(&request, UNAUTHORIZED, b"");
    assert!(is_sign_in(&bench.one()));
    cancel(&mut bench, token);
    // Never sent, since the access token expired.
    let (mut bench, token) = self::bench();
    bench.now += 49 * HOUR;
    bench.send(&con(b"{}"), 1);
    let sign_in = bench.one();
    assert_eq!(bench.client.cancel_token(token), Some(1));
    bench.grant(&sign_in, "second");
    assert!(bench.is_silent());
    assert_eq!(bench.events(), [Event::SignedIn]);
}

#[test]
fn given_up_but_not_told() {
    let (mut bench, token) = bench();
    bench.post(1);
    bench.advance(94 * SECOND);
    assert!(bench.client.has_event());
    cancel(&mut bench, token);
}

#[test]
fn a_sign_in_is_no_message() {
    let mut bench = Bench::signed_in();
    let token = bench.client.next_token();
    bench.start_sign_in(10 * SECOND);
    assert_eq!(bench.client.cancel_token(token), None);
    let request = bench.one();
    bench.grant(&request, "second");
    assert_eq!(bench.client.cancel_token(token), None, "over");
}
