//! Hazard: a message that the cloud refused for its access token is lost, sent
//! twice too often, or brings on sign-in after sign-in.

mod support;

use iot_coap_client::{Code, Event, GiveUp, Received, SendError};
use support::{
    ACK, BAD_OPTION, Bench, CON, CONTENT, FIRST_TOKEN, FORBIDDEN, NON, SECOND, UNAUTHORIZED,
    access_token_of, con, empty, id_of, is_sign_in, piggybacked, read, response, separate,
};

/// A message and the one that follows it, after which the cloud refused it.
fn assert_is_sent_again(again: &[u8], before: &[u8], access_token: &str) {
    let (again_packet, before_packet) = (read(again), read(before));
    assert_eq!(again_packet.get_token(), before_packet.get_token(), "the same CoAP token");
    assert_ne!(id_of(again), id_of(before), "a new message");
    assert_eq!(access_token_of(again), access_token);
    assert_eq!(again_packet.header.get_type(), before_packet.header.get_type());
    assert_eq!(again_packet.header.code, before_packet.header.code);
    assert_eq!(again_packet.payload, before_packet.payload);
    for number in [support::URI_PATH, support::CONTENT_FORMAT, support::ACCEPT] {
        assert_eq!(support::option(again, number), support::option(before, number));
    }
    assert_eq!(again_packet.options().count(), before_packet.options().count());
}

#[test]
fn a_refused_message_is_sent_again_with_another_token() {
    for code in [UNAUTHORIZED, BAD_OPTION] {
        let longest = "l".repeat(255);
        for access_token in ["second-access-token!!!", "s", &longest] {
            for payload in [&b""[..], b"x", &[0xFF; 40], b"{\"a\":1}"] {
                let mut bench = Bench::signed_in();
                bench.send(&con(payload), 1);
                let message = bench.one();
                bench.answer(&message, code, b"not you");
                let request = bench.one();
                bench.grant(&request, access_token);
                assert_eq!(bench.events(), [Event::SignedIn]);
                let again = bench.one();
                assert_is_sent_again(&again, &message, access_token);
                assert_eq!(bench.answered(&again, CONTENT), (1, CONTENT));
                assert!(bench.is_silent() && bench.events().is_empty());
                // And from now on that is the token.
                assert_eq!(access_token_of(&bench.post(2)), access_token);
            }
        }
    }
}

#[test]
fn refused_in_a_separate_response_too() {
    for kind in [CON, NON] {
        let mut bench = Bench::signed_in();
        let message = bench.post(1);
        bench.receive(&empty(ACK, id_of(&message)));
        let refusal = separate(kind, 7, &message, UNAUTHORIZED, b"");
        assert!(matches!(bench.receive(&refusal), Received::Handled));
        let mut sent = bench.sent();
        let request = sent.pop().unwrap();
        assert_eq!(sent, vec![empty(ACK, 7); usize::from(kind == CON)]);
        bench.grant(&request, "second");
        assert_is_sent_again(&bench.one(), &message, "second");
    }
}

#[test]
fn a_non_confirmable_message_too() {
    let mut bench = Bench::signed_in();
    let message = bench.post_non(1);
    bench.receive(&separate(NON, 7, &message, UNAUTHORIZED, b""));
    let request = bench.one();
    bench.grant(&request, "second");
    let again = bench.one();
    assert_is_sent_again(&again, &message, "second");
    assert_eq!(response(bench.receive(&separate(NON, 8, &again, CONTENT, b""))).application, 1);
}

/// Sent again once: whatever comes then is the application's.
#[test]
fn the_second_answer_is_delivered_whatever_it_is() {
    for second in [CONTENT, UNAUTHORIZED, BAD_OPTION, FORBIDDEN, 0xA0] {
        for first in [UNAUTHORIZED, BAD_OPTION] {
            let mut bench = Bench::signed_in();
            let message = bench.post(1);
            bench.answer(&message, first, b"");
            let request = bench.one();
            bench.grant(&request, "second");
            let again = bench.one();
            bench.events();
            let mut datagram = piggybacked(&again, second, b"why");
            let answer = response(bench.receive_in_place(&mut datagram));
            assert_eq!((answer.application, answer.code), (1, Code(second)));
            assert_eq!(&datagram[answer.payload], b"why");
            assert!(bench.is_silent() && bench.events().is_empty());
        }
    }
}

#[test]
fn several_refused_at_once_bring_on_one_sign_in_and_keep_their_order() {
    let mut bench = Bench::signed_in();
    let messages: Vec<_> = (0..8).map(|application| bench.post(application)).collect();
    let mut requests = Vec::new();
    // Refused in another order than they were sent in.
    for index in [3, 0, 7, 1, 6, 2, 5, 4] {
        bench.answer(&messages[index], UNAUTHORIZED, b"");
        requests.extend(bench.sent());
    }
    assert_eq!(requests.len(), 1, "one sign-in");
    bench.grant(&requests[0], "second");
    let again = bench.sent();
    assert_eq!(again.len(), messages.len());
    for (again, message) in again.iter().zip(&messages) {
        assert_is_sent_again(again, message, "second");
    }
    for (application, again) in again.iter().enumerate() {
        assert_eq!(bench.answered(again, CONTENT), (application as u32, CONTENT));
    }
    assert_eq!(bench.events(), [Event::SignedIn]);
}

#[test]
fn messages_sent_while_signing_in_wait_and_keep_their_order() {
    let mut bench = Bench::signed_in();
    let message = bench.post(0);
    bench.answer(&message, UNAUTHORIZED, b"");
    let request = bench.one();
    for application in 1..5 {
        bench.send(&con(&[b'0' + application as u8]), application);
    }
    assert!(bench.is_silent(), "not without a token");
    bench.grant(&request, "second");
    let sent = bench.sent();
    assert_is_sent_again(&sent[0], &message, "second");
    let payloads: Vec<_> = sent.iter().map(|datagram| read(datagram).payload).collect();
    assert_eq!(payloads, [&b"{}"[..], b"1", b"2", b"3", b"4"]);
    assert!(sent.iter().all(|datagram| access_token_of(datagram) == "second"));
    for (application, datagram) in sent.iter().enumerate() {
        assert_eq!(bench.answered(datagram, CONTENT).0, application as u32);
    }
}

/// A refusal of the old token says nothing about the new one.
#[test]
fn a_late_refusal_of_the_old_token_brings_on_no_other_sign_in() {
    let mut bench = Bench::signed_in();
    let early = bench.post(1);
    let late = bench.post(2);
    bench.answer(&early, UNAUTHORIZED, b"");
    let request = bench.one();
    bench.grant(&request, "second");
    let again = bench.one();
    bench.answer(&late, UNAUTHORIZED, b"");
    let late_again = bench.one();
    assert_is_sent_again(&late_again, &late, "second");
    assert_eq!(bench.answered(&late_again, CONTENT), (2, CONTENT));
    assert_eq!(bench.answered(&again, CONTENT), (1, CONTENT));
    assert_eq!(bench.events(), [Event::SignedIn]);
    assert!(bench.client.is_signed_in());
}

#[test]
fn where_signing_in_is_refused_too_each_message_gets_its_refusal() {
    let mut bench = Bench::signed_in();
    let messages = [bench.post(1), bench.post(2)];
    bench.answer(&messages[0], UNAUTHORIZED, b"");
    let request = bench.one();
    bench.answer(&messages[1], BAD_OPTION, b"");
    bench.send(&con(b"new"), 3);
    bench.answer(&request, FORBIDDEN, b"");
    let events = bench.events();
    let refusal = |application: u32, code, message: &[u8]| {
        let token = <[u8; 4]>::try_from(read(message).get_token()).unwrap();
        Event::Refused { application, code: Code(code), token: u32::from_le_bytes(token) }
    };
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(matches!(events[0], Event::SignInFailed(_)));
    assert!(events.contains(&refusal(1, UNAUTHORIZED, &messages[0])));
    assert!(events.contains(&refusal(2, BAD_OPTION, &messages[1])));
    let never_sent = |event: &Event<u32>| {
        matches!(event, Event::GaveUp { application: 3, reason: GiveUp::NotSignedIn, .. })
    };
    assert!(events.iter().any(never_sent), "{events:?}");
    assert!(!bench.client.is_signed_in());
    assert_eq!(bench.client.outstanding(), 0);
}

#[test]
fn where_signing_in_is_not_answered_the_messages_are_told_in_bounded_time() {
    let mut bench = Bench::signed_in();
    let start = bench.now;
    let message = bench.post(1);
    bench.answer(&message, UNAUTHORIZED, b"");
    let sent = bench.run_until(start + 600 * SECOND);
    assert!(sent.iter().all(|(_, datagram)| is_sign_in(datagram)));
    assert!(sent.len() > 4, "tried in earnest");
    let events = bench.events();
    assert!(matches!(events[1], Event::Refused { application: 1, .. }), "{events:?}");
    // And the next message tries again.
    bench.try_post(2).expect("accepted");
    assert!(is_sign_in(&bench.one()));
}

/// The new token is longer, and the message no longer fits.
#[test]
fn a_message_that_no_longer_fits_gets_its_refusal() {
    let mut bench = Bench::signed_in();
    let mut payload = vec![b'x'; 1280];
    while bench.try_send(&con(&payload), 1).is_err() {
        payload.pop();
    }
    let message = bench.one();
    assert_eq!(message.len(), 1280);
    bench.answer(&message, UNAUTHORIZED, b"");
    bench.send(&con(&payload), 2);
    let request = bench.one();
    bench.grant(&request, &format!("{FIRST_TOKEN}, longer"));
    assert!(bench.is_silent());
    let events = bench.events();
    assert_eq!(events[0], Event::SignedIn);
    assert!(
        matches!(
            events[1..],
            [
                Event::Refused { application: 1, code: Code(UNAUTHORIZED), .. },
                Event::GaveUp {
                    application: 2,
                    reason: GiveUp::Unsendable(SendError::MessageTooLong),
                    ..
                }
            ]
        ),
        "{events:?}"
    );
    assert_eq!(bench.client.outstanding(), 0);
}

#[test]
fn the_retransmissions_of_a_message_sent_again_start_over() {
    let mut bench = Bench::signed_in();
    let message = bench.post(1);
    for _ in 0..3 {
        bench.pass_timeout();
        bench.sent();
    }
    bench.answer(&message, UNAUTHORIZED, b"");
    // It is no longer known whether the cloud was away: see `fleet`.
    bench.pass_timeout();
    let request = bench.one();
    bench.grant(&request, "second");
    let again = bench.one();
    let start = bench.now;
    let later = bench.run_until(start + 93 * SECOND + 1);
    assert_eq!(later.len(), 4);
    assert!(later.iter().all(|(_, datagram)| *datagram == again));
    let first_timeout = later[0].0 - start;
    assert!((2000..=3000).contains(&first_timeout), "{first_timeout}");
}

/// The cloud was away, and a whole fleet is refused when it is back: the sign-ins are
/// spread. One that was refused at its first transmission is served at once.
#[test]
fn a_refusal_after_an_outage_brings_on_no_sign_in_at_once() {
    let mut delays: Vec<u64> = (0..1000)
        .map(|seed| {
            let mut bench = Bench::signed_in_with(support::seeded_config(seed));
            let message = bench.post(1);
            bench.pass_timeout();
            bench.sent();
            bench.answer(&message, UNAUTHORIZED, b"");
            let start = bench.now;
            if bench.is_silent() {
                bench.pass_timeout();
            }
            assert!(is_sign_in(&bench.one()));
            bench.now - start
        })
        .collect();
    delays.sort_unstable();
    assert!(delays[999] <= 30 * SECOND, "{}", delays[999]);
    for (tenth, delay) in delays.iter().step_by(100).enumerate() {
        assert!(delay.abs_diff(3000 * tenth as u64) <= 2000, "{tenth}: {delay}");
    }
}

#[test]
fn a_waiting_message_can_be_cancelled() {
    let mut bench = Bench::signed_in();
    let exchange = bench.send(&con(b"x"), 1);
    let message = bench.one();
    bench.answer(&message, UNAUTHORIZED, b"");
    assert_eq!(bench.client.cancel(exchange), Some(1));
    let request = bench.one();
    bench.grant(&request, "second");
    assert!(bench.is_silent());
    assert_eq!(bench.events(), [Event::SignedIn]);
}

/// What the original does not: with the session's parameters as they are, a
/// refusal that arrives while a sign-in runs joins it.
#[test]
fn a_refusal_while_signing_in_joins_it() {
    let mut bench = Bench::signed_in();
    let message = bench.post(1);
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.answer(&message, UNAUTHORIZED, b"");
    assert!(bench.is_silent(), "one sign-in");
    bench.grant(&request, "second");
    assert_is_sent_again(&bench.one(), &message, "second");
    assert_eq!(bench.events(), [Event::SignedIn]);
}
