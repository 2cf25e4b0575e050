//! Hazard: an access token runs out unnoticed, or a cloud that refuses fresh
//! ones is asked for more without end.

mod support;

use iot_coap_client::{Event, Received, SignInError};
use support::{
    Bench, CONTENT, FIRST_TOKEN, HOUR, INTERNAL_SERVER_ERROR, SECOND, UNAUTHORIZED,
    access_token_of, config, is_sign_in, ms,
};

/// Posts and has it answered; returns the access token that went with it.
fn post_with(bench: &mut Bench) -> String {
    let message = bench.post(1);
    assert_eq!(bench.answered(&message, CONTENT), (1, CONTENT));
    access_token_of(&message)
}

#[test]
fn it_is_renewed_before_48_hours_without_a_gap() {
    let mut bench = Bench::signed_in();
    let start = bench.now;
    let mut access_token = FIRST_TOKEN.to_owned();
    let mut since = vec![start];
    // A message a minute for ten days: none is kept waiting, none is sent with
    // a token that has run out.
    for minute in 0..10 * 24 * 60 {
        bench.serve_until(start + minute * 60 * SECOND, &mut |bench, request| {
            assert!(is_sign_in(&request));
            // The old one still goes with messages.
            assert_eq!(post_with(bench), access_token);
            access_token = format!("token {}", since.len());
            bench.grant(&request, &access_token);
            since.push(bench.now);
        });
        assert!(bench.now - since.last().unwrap() < 48 * HOUR);
        assert_eq!(post_with(&mut bench), access_token);
    }
    let mut distances = since.windows(2).map(|pair| pair[1] - pair[0]);
    assert_eq!(distances.len(), 5);
    assert!(distances.all(|distance| (40 * HOUR..48 * HOUR).contains(&distance)), "{since:?}");
}

#[test]
fn other_lifetimes_are_kept_too() {
    for lifetime_ms in [60 * SECOND, HOUR, 24 * HOUR] {
        let bench = Bench::signed_in_with(config().access_token_lifetime(ms(lifetime_ms)));
        let start = bench.now;
        let due = bench.next_timeout().expect("a renewal") - start;
        assert!((lifetime_ms * 8 / 10..lifetime_ms).contains(&due), "{due} of {lifetime_ms}");
    }
}

/// Devices that signed in in one second, after a loss of power, do not renew in one.
#[test]
fn the_renewals_of_a_fleet_are_spread() {
    let mut delays: Vec<u64> = (0..1000)
        .map(|seed| {
            let bench = Bench::signed_in_with(support::seeded_config(seed));
            bench.next_timeout().expect("a renewal") - bench.now
        })
        .collect();
    delays.sort_unstable();
    // Evenly from 85 % to 95 % of 48 hours: 4.8 hours.
    for (tenth, delay) in delays.iter().step_by(100).enumerate() {
        let expected = 48 * HOUR * (850 + 10 * tenth as u64) / 1000;
        assert!(delay.abs_diff(expected) <= HOUR / 3, "{tenth}: {delay} and not {expected}");
    }
    // A restored access token, whose age is unknown, as well.
    let mut bench = Bench::new(config());
    assert!(bench.client.restore_access_token(support::at(bench.now), b"kept"));
    let delay = bench.next_timeout().expect("a renewal") - bench.now;
    assert!((48 * HOUR * 85 / 100..=48 * HOUR * 95 / 100).contains(&delay));
}

#[test]
fn a_renewal_that_fails_is_tried_again_while_the_token_holds() {
    let mut bench = Bench::signed_in();
    let end = bench.now + 48 * HOUR;
    let renewal = bench.next_timeout().unwrap();
    bench.pass_until(renewal);
    // The sign-in server fails for half an hour; messages go through, which is
    // no reason to ask it more often.
    let mut asked = 0;
    for second in 0..1800 {
        bench.serve_until(renewal + second * SECOND, &mut |bench, request| {
            asked += 1;
            bench.answer(&request, INTERNAL_SERVER_ERROR, b"");
        });
        assert_eq!(post_with(&mut bench), FIRST_TOKEN, "still good");
        bench.events();
    }
    assert!((4..30).contains(&asked), "{asked}");
    let now = bench.now;
    bench.serve_until(now + 600 * SECOND, &mut |bench, request| bench.grant(&request, "second"));
    assert!(bench.now < end, "in time");
    assert_eq!(post_with(&mut bench), "second");
}

#[test]
fn past_its_end_a_message_waits_for_another() {
    let mut bench = Bench::signed_in();
    let end = bench.now + 48 * HOUR;
    // The device slept through the renewal.
    bench.now = end;
    bench.send(&support::con(b"x"), 1);
    let request = bench.one();
    assert!(is_sign_in(&request));
    bench.grant(&request, "second");
    assert_eq!(access_token_of(&bench.one()), "second");

    let mut bench = Bench::signed_in();
    bench.now += 48 * HOUR - 1;
    assert_eq!(access_token_of(&bench.post(1)), FIRST_TOKEN, "to the last");
}

/// How many sign-ins a cloud sees within an hour that grants every one of them
/// and refuses every message, from a device with a message every `period_ms`.
fn sign_ins_in_an_hour(period_ms: u64) -> u64 {
    let mut bench = Bench::signed_in();
    let start = bench.now;
    let (mut sign_ins, mut accepted, mut ended) = (0, 0, 0);
    for message in 0..HOUR / period_ms {
        bench.serve_until(start + message * period_ms, &mut |bench, datagram| {
            if is_sign_in(&datagram) {
                sign_ins += 1;
                bench.grant(&datagram, &format!("fresh {sign_ins}"));
            } else {
                let refusal = support::piggybacked(&datagram, UNAUTHORIZED, b"");
                ended += usize::from(matches!(bench.receive(&refusal), Received::Response(_)));
            }
        });
        let sign_in =
            |event: &Event<u32>| matches!(event, Event::SignedIn | Event::SignInFailed(_));
        ended += bench.events().iter().filter(|event| !sign_in(event)).count();
        accepted += usize::from(bench.try_post(1).is_ok());
    }
    assert_eq!(accepted, ended + bench.client.outstanding(), "each ends once");
    sign_ins
}

#[test]
fn fresh_tokens_refused_at_once_bring_on_no_storm() {
    for period_ms in [100, SECOND, 10 * SECOND, 60 * SECOND, 600 * SECOND] {
        let sign_ins = sign_ins_in_an_hour(period_ms);
        // Pauses may double from 4 s to 600 s: about 7 in the first ten minutes and, in
        // the mean, one in five minutes after that.
        assert!((2..=25).contains(&sign_ins), "{sign_ins} with a message every {period_ms} ms");
    }
}

/// However often it was refused before: when the cloud grants a good token, the
/// device must be able to get it.
#[test]
fn after_a_long_refusal_it_still_recovers() {
    for period in [10 * SECOND, 200 * SECOND] {
        let mut bench = Bench::signed_in();
        let start = bench.now;
        // Two hours of refusals to whatever comes.
        let well = start + 2 * HOUR;
        let mut served = 0;
        for message in 0..3 * HOUR / period {
            bench.serve_until(start + message * period, &mut |bench, datagram| {
                // An answer takes its time, and time goes on.
                bench.advance(30);
                let answer = match (bench.now < well, is_sign_in(&datagram)) {
                    (true, true) => support::piggybacked(&datagram, INTERNAL_SERVER_ERROR, b""),
                    (true, false) => support::piggybacked(&datagram, UNAUTHORIZED, b""),
                    (false, true) => {
                        support::piggybacked(&datagram, CONTENT, br#"{"token":"good"}"#)
                    }
                    (false, false) => {
                        served += 1;
                        support::piggybacked(&datagram, CONTENT, b"")
                    }
                };
                bench.receive(&answer);
            });
            bench.events();
            let _ = bench.try_post(1);
        }
        assert!(bench.client.is_signed_in());
        assert!(served >= HOUR * 8 / 10 / period, "{served} messages in the last hour");
    }
}

#[test]
fn a_refused_renewal_leaves_the_old_token_in_force() {
    let mut bench = Bench::signed_in();
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.answer(&request, support::FORBIDDEN, b"");
    let refused = SignInError::Refused(iot_coap_client::Code(support::FORBIDDEN));
    assert_eq!(bench.events(), [Event::SignInFailed(refused)]);
    assert!(bench.client.is_signed_in());
    assert_eq!(post_with(&mut bench), FIRST_TOKEN);
}
