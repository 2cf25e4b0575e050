//! Hazard: a cloud that is overloaded, and says for how long, is asked to sign in before
//! that; or a program that asks in a loop spins meanwhile (RFC 7252 section 5.9.3.4,
//! RFC 8516).

mod support;

use coap_lite::CoapOption;
use iot_coap_client::{Attempt, Code, Event, SignInError};
use support::{
    ACK, Bench, CONTENT, FIRST_TOKEN, HOUR, INTERNAL_SERVER_ERROR, NON, SECOND, TOO_MANY_REQUESTS,
    UNAUTHORIZED, access_token_of, is_sign_in, packet, read, seeded_config,
};

const SERVICE_UNAVAILABLE: u8 = 5 * 32 + 3;

/// The refusal of a request, with Max-Age as it is given.
fn refusal(request: &[u8], code: u8, max_age: Option<&[u8]>) -> Vec<u8> {
    let request = read(request);
    let (id, token) = (request.header.message_id, request.get_token());
    let mut refusal = packet(ACK, code, id, token, b"busy");
    if let Some(value) = max_age {
        refusal.add_option(CoapOption::MaxAge, value.to_vec());
    }
    refusal.to_bytes().expect("fits")
}

/// An integer as an option has it (section 3.2): without leading zeros.
fn uint(number: u32) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

fn refused(code: u8) -> SignInError {
    SignInError::Refused(Code(code))
}

/// A client whose first request was refused for so many seconds, and when that was.
fn held(seed: u64, code: u8, seconds: u32) -> (Bench, u64) {
    let mut bench = Bench::new(seeded_config(seed));
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.receive(&refusal(&request, code, Some(&uint(seconds))));
    bench.events();
    let start = bench.now;
    (bench, start)
}

fn is_over(bench: &Bench, attempt: Attempt) -> bool {
    bench.sign_in_outcome(attempt).is_some()
}

#[test]
fn an_attempt_made_meanwhile_asks_when_the_pause_is_over() {
    for code in [SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS] {
        // An hour at the most.
        for (seconds, heeded) in [(7, 7), (60, 60), (600, 600), (3600, 3600), (u32::MAX, 3600)] {
            let (mut bench, start) = held(1, code, seconds);
            bench.advance(SECOND);
            let attempt = bench.start_sign_in(2 * HOUR);
            let (mut asked, mut at) = (None, 0);
            bench.serve_until(start + 2 * HOUR, &mut |bench, datagram| {
                if asked.is_none() {
                    at = bench.now - start;
                    bench.grant(&datagram, "granted");
                    asked = Some(datagram);
                }
            });
            let least = heeded * SECOND;
            let most = least + (least / 4).max(5 * SECOND);
            assert!((least..=most).contains(&at), "asked after {at} ms of {heeded} s");
            assert_eq!(bench.sign_in_outcome(attempt), Some(Ok(())));
        }
    }
}

/// `while (IOT_CoAP_DeviceNameAuth(context) != 0);`
#[test]
fn a_program_that_asks_in_a_loop_neither_asks_nor_spins() {
    for code in [SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS] {
        let (mut bench, start) = held(2, code, 60);
        let mut attempts = 0;
        loop {
            let began = bench.now;
            let attempt = bench.start_sign_in(10 * SECOND);
            let mut sent = Vec::new();
            while !is_over(&bench, attempt) && sent.is_empty() {
                sent = bench.sent();
                if sent.is_empty() {
                    bench.pass_timeout();
                }
            }
            if let [request] = &sent[..] {
                assert!(is_sign_in(request));
                bench.grant(request, "granted");
                assert_eq!(bench.sign_in_outcome(attempt), Some(Ok(())));
                break;
            }
            attempts += 1;
            assert_eq!(bench.sign_in_outcome(attempt), Some(Err(refused(code))));
            assert_eq!(bench.now, began + 10 * SECOND, "at its limit");
        }
        assert!((6..=7).contains(&attempts), "{attempts}");
        assert!((60 * SECOND..=76 * SECOND).contains(&(bench.now - start)));
    }
}

/// Two threads that ask: each has its limit.
#[test]
fn attempts_that_wait_together_end_each_at_its_limit() {
    let (mut bench, start) = held(3, SERVICE_UNAVAILABLE, 60);
    let short = bench.start_sign_in(5 * SECOND);
    let long = bench.start_sign_in(20 * SECOND);
    bench.pass_until(start + 5 * SECOND - 1);
    assert!(!is_over(&bench, short));
    bench.pass_until(start + 5 * SECOND);
    assert_eq!(bench.sign_in_outcome(short), Some(Err(refused(SERVICE_UNAVAILABLE))));
    bench.pass_until(start + 20 * SECOND - 1);
    assert!(!is_over(&bench, long));
    bench.pass_until(start + 20 * SECOND);
    assert_eq!(bench.sign_in_outcome(long), Some(Err(refused(SERVICE_UNAVAILABLE))));
    let failed = Event::SignInFailed(refused(SERVICE_UNAVAILABLE));
    assert_eq!(bench.events(), [failed], "told once");
    assert!(bench.is_silent());
}

#[test]
fn the_attempt_that_was_refused_goes_on_if_its_limit_allows() {
    let mut bench = Bench::new(seeded_config(4));
    let attempt = bench.start_sign_in(100 * SECOND);
    let start = bench.now;
    let request = bench.one();
    bench.receive(&refusal(&request, SERVICE_UNAVAILABLE, Some(&[30])));
    let mut asked = Vec::new();
    bench.serve_until(start + 100 * SECOND, &mut |bench, request| {
        asked.push(bench.now - start);
        bench.grant(&request, "granted");
    });
    assert_eq!(asked.len(), 1);
    assert!((30 * SECOND..=37_500).contains(&asked[0]), "{asked:?}");
    assert_eq!(bench.sign_in_outcome(attempt), Some(Ok(())));
}

/// A renewal that is refused: the access token still serves.
#[test]
fn messages_are_not_delayed() {
    let mut bench = Bench::signed_in();
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.receive(&refusal(&request, TOO_MANY_REQUESTS, Some(&uint(600))));
    bench.events();
    let start = bench.now;
    for second in 0..600 {
        let mut asked = 0;
        bench.serve_until(start + second * SECOND, &mut |_, _| asked += 1);
        assert_eq!(asked, 0, "second {second}");
        let message = bench.post(1);
        assert_eq!(access_token_of(&message), FIRST_TOKEN);
        assert_eq!(bench.answered(&message, CONTENT), (1, CONTENT));
    }
    // Then the renewal is tried again.
    let mut asked = 0;
    bench.serve_until(start + 751 * SECOND, &mut |bench, request| {
        asked += 1;
        bench.grant(&request, "another");
    });
    assert_eq!(asked, 1);
}

/// A message needs an access token, but the client may not ask for one.
#[test]
fn nor_does_the_client_ask_on_its_own_behalf() {
    let (mut bench, start) = held(5, SERVICE_UNAVAILABLE, 60);
    // A token that was kept, and that the cloud refuses.
    assert!(bench.client.restore_access_token(support::at(bench.now), b"kept"));
    let message = bench.post(1);
    bench.answer(&message, UNAUTHORIZED, b"");
    let mut asked = Vec::new();
    bench.serve_until(start + 100 * SECOND, &mut |bench, request| {
        if is_sign_in(&request) {
            asked.push(bench.now - start);
            bench.grant(&request, "granted");
        }
    });
    assert_eq!(asked.len(), 1);
    assert!((60 * SECOND..=75 * SECOND).contains(&asked[0]), "{asked:?}");
}

/// The network is slower than the program's patience.
#[test]
fn an_answer_that_nobody_waits_for_is_heeded_too() {
    let mut bench = Bench::new(seeded_config(6));
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.run_until(bench.now + 10 * SECOND);
    bench.pass_until(bench.now);
    bench.events();
    let start = bench.now;
    let parsed = read(&request);
    let mut late = packet(NON, SERVICE_UNAVAILABLE, 99, parsed.get_token(), b"");
    late.add_option(CoapOption::MaxAge, vec![60]);
    bench.receive(&late.to_bytes().unwrap());
    bench.start_sign_in(50 * SECOND);
    assert!(bench.run_until(start + 49 * SECOND).is_empty());
}

/// RFC 7252 would have it stand for 60 s; a cloud that says nothing is asked as ever.
#[test]
fn without_the_option_and_for_other_codes_nothing_is_held() {
    let five_bytes: &[u8] = &[0, 0, 0, 0, 60];
    for (code, max_age) in [
        (SERVICE_UNAVAILABLE, None),
        (TOO_MANY_REQUESTS, None),
        (SERVICE_UNAVAILABLE, Some(five_bytes)),
        (INTERNAL_SERVER_ERROR, Some(&[60][..])),
        (UNAUTHORIZED, Some(&[60])),
    ] {
        let mut bench = Bench::new(seeded_config(7));
        bench.start_sign_in(10 * SECOND);
        let request = bench.one();
        bench.receive(&refusal(&request, code, max_age));
        assert!(bench.is_silent());
        bench.start_sign_in(10 * SECOND);
        assert!(is_sign_in(&bench.one()), "{code:02x}");
    }
    // None of the bytes: 0, of which the spread is left.
    let (mut bench, start) = held(8, SERVICE_UNAVAILABLE, 0);
    bench.start_sign_in(60 * SECOND);
    let asked = bench.run_until(start + 60 * SECOND);
    assert!(asked[0].0 - start <= 5 * SECOND);
}

/// A thousand devices that were refused in one second.
#[test]
fn the_end_of_the_pause_is_spread() {
    for (seconds, spread) in [(4, 5), (60, 15), (3600, 900)] {
        let mut ends: Vec<u64> = (0..1000)
            .map(|seed| {
                let (mut bench, start) = held(seed, SERVICE_UNAVAILABLE, seconds);
                bench.start_sign_in(2 * HOUR);
                bench.pass_timeout();
                assert!(is_sign_in(&bench.one()));
                bench.now - start - u64::from(seconds) * SECOND
            })
            .collect();
        ends.sort_unstable();
        assert!(ends[999] <= spread * SECOND);
        for (tenth, end) in ends.iter().step_by(100).enumerate() {
            let expected = spread * 100 * tenth as u64;
            assert!(end.abs_diff(expected) <= spread * 60, "{tenth}: {end} of {expected}");
        }
    }
}
