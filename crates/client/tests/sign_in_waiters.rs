//! Hazard: who waits for a sign-in fails because of another who waits less long, or
//! never signs in, since the network is slower than its patience.

mod support;

use iot_coap_client::{Code, Dropped, Event, Received, SignInError};
use support::{
    ACK, Bench, CON, CONTENT, FIRST_TOKEN, FORBIDDEN, HOUR, INTERNAL_SERVER_ERROR, NON, RST,
    SECOND, access_token_of, at, config, empty, id_of, is_sign_in, piggybacked, separate,
};

const LATE: &[u8] = br#"{"token":"late"}"#;
const EXCHANGE_LIFETIME: u64 = 247 * SECOND;

/// Lets time pass, and returns the requests that were sent.
fn run(bench: &mut Bench, ms: u64) -> Vec<Vec<u8>> {
    let end = bench.now + ms;
    let sent = bench.run_until(end).into_iter().map(|(_, datagram)| datagram).collect();
    bench.pass_until(end);
    sent
}

/// A client that asked at `bench.now`, and gave up 10 s later.
fn gave_up() -> (Bench, Vec<u8>) {
    let mut bench = Bench::new(config());
    let attempt = bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    run(&mut bench, 10 * SECOND);
    assert_eq!(bench.sign_in_outcome(attempt), Some(Err(SignInError::NotAnswered)));
    assert_eq!(bench.events(), [Event::SignInFailed(SignInError::NotAnswered)]);
    (bench, request)
}

fn is_unmatched(received: &Received<u32>) -> bool {
    matches!(received, Received::Dropped(Dropped::Unmatched))
}

#[test]
fn each_has_a_limit_of_its_own() {
    let mut bench = Bench::new(config());
    let patient = bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    let hasty = bench.start_sign_in(SECOND);
    run(&mut bench, SECOND - 1);
    assert_eq!(bench.sign_in_outcome(hasty), None);
    bench.advance(1);
    assert_eq!(bench.sign_in_outcome(hasty), Some(Err(SignInError::NotAnswered)));
    assert_eq!(bench.sign_in_outcome(patient), None);
    assert!(bench.events().is_empty(), "it is not over");
    bench.advance(8 * SECOND);
    assert_eq!(bench.sign_in_outcome(patient), None);
    bench.grant(&request, "token");
    for attempt in [patient, hasty] {
        assert_eq!(bench.sign_in_outcome(attempt), Some(Ok(())));
    }
}

/// The one that joins has its time, and the first one no more than its own.
#[test]
fn nor_does_a_longer_limit_make_others_wait() {
    let mut bench = Bench::new(config());
    let first = bench.start_sign_in(2 * SECOND);
    bench.advance(SECOND);
    let second = bench.start_sign_in(10 * SECOND);
    run(&mut bench, SECOND);
    assert_eq!(bench.sign_in_outcome(first), Some(Err(SignInError::NotAnswered)));
    run(&mut bench, 9 * SECOND - 1);
    assert_eq!(bench.sign_in_outcome(second), None);
    bench.advance(1);
    assert_eq!(bench.sign_in_outcome(second), Some(Err(SignInError::NotAnswered)));
    assert_eq!(bench.events(), [Event::SignInFailed(SignInError::NotAnswered)]);
}

/// Who cannot wait for the next request is told at once what the last one brought.
#[test]
fn a_pause_beyond_a_limit_ends_that_attempt_alone() {
    let mut bench = Bench::new(config());
    let patient = bench.start_sign_in(100 * SECOND);
    let request = bench.one();
    let hasty = bench.start_sign_in(SECOND);
    bench.answer(&request, INTERNAL_SERVER_ERROR, b"");
    let refused = SignInError::Refused(Code(INTERNAL_SERVER_ERROR));
    assert_eq!(bench.sign_in_outcome(hasty), Some(Err(refused)));
    assert_eq!(bench.sign_in_outcome(patient), None);
    bench.pass_timeout();
    let again = bench.one();
    bench.grant(&again, "token");
    assert_eq!(bench.sign_in_outcome(patient), Some(Ok(())));
}

/// The messages of a client that signs in on its own behalf wait as long as they would
/// have without the program.
#[test]
fn messages_wait_longer_than_a_program_that_signs_in() {
    let mut bench = Bench::signed_in();
    bench.now += 49 * HOUR;
    bench.send(&support::con(b"{}"), 1);
    let request = bench.one();
    let attempt = bench.start_sign_in(SECOND);
    run(&mut bench, 60 * SECOND);
    assert_eq!(bench.sign_in_outcome(attempt), Some(Err(SignInError::NotAnswered)));
    assert!(bench.events().is_empty());
    bench.grant(&request, "token");
    assert_eq!(access_token_of(&bench.one()), "token");
}

/// The network refused the request of one of two.
#[test]
fn cancelling_leaves_what_others_wait_for() {
    let mut bench = Bench::new(config());
    let first = bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.start_sign_in(10 * SECOND);
    bench.client.cancel_sign_in(at(bench.now));
    assert_eq!(bench.sign_in_outcome(first), None);
    bench.grant(&request, "token");
    assert_eq!(bench.sign_in_outcome(first), Some(Ok(())));
    // Nor does it give up the messages that need one.
    let mut bench = Bench::signed_in();
    bench.now += 49 * HOUR;
    bench.start_sign_in(10 * SECOND);
    bench.send(&support::con(b"{}"), 1);
    bench.client.cancel_sign_in(at(bench.now));
    assert!(bench.events().is_empty());
}

#[test]
fn an_answer_counts_when_nobody_waits_for_it_any_more() {
    for kind in [ACK, CON, NON] {
        let (mut bench, request) = gave_up();
        assert!(bench.is_silent());
        bench.advance(EXCHANGE_LIFETIME - 10 * SECOND - 1);
        // Not in the acknowledgement of another message.
        let other = separate(ACK, id_of(&request).wrapping_add(1), &request, CONTENT, LATE);
        assert!(is_unmatched(&bench.receive(&other)));
        let received = bench.receive(&match kind {
            ACK => piggybacked(&request, CONTENT, LATE),
            _ => separate(kind, 9, &request, CONTENT, LATE),
        });
        assert!(matches!(received, Received::Handled), "{received:?}");
        assert_eq!(bench.events(), [Event::SignedIn]);
        let sent = bench.sent();
        assert_eq!(sent, if kind == CON { vec![empty(ACK, 9)] } else { vec![] });
        assert_eq!(access_token_of(&bench.post(1)), "late");
        // A copy says nothing new.
        let copy = bench.receive(&piggybacked(&request, CONTENT, LATE));
        assert!(is_unmatched(&copy), "{copy:?}");
    }
}

#[test]
fn but_not_for_ever() {
    let (mut bench, request) = gave_up();
    bench.advance(EXCHANGE_LIFETIME - 10 * SECOND);
    assert!(is_unmatched(&bench.receive(&piggybacked(&request, CONTENT, LATE))));
    bench.receive(&separate(CON, 9, &request, CONTENT, LATE));
    assert_eq!(bench.one(), empty(RST, 9));
    assert!(!bench.client.is_signed_in());
}

/// Where `/auth` takes 12 s, as with the original.
#[test]
fn a_slow_cloud_signs_in_on_the_second_call() {
    let (mut bench, request) = gave_up();
    let attempt = bench.start_sign_in(10 * SECOND);
    let second = bench.one();
    assert_ne!(second, request);
    bench.advance(2 * SECOND);
    bench.answer(&request, CONTENT, LATE);
    assert_eq!(bench.sign_in_outcome(attempt), Some(Ok(())));
    assert_eq!(bench.events(), [Event::SignedIn]);
    // The answer to the second call is younger, so that access token is the one to use.
    bench.advance(10 * SECOND);
    assert!(bench.is_silent(), "nobody asks any more");
    bench.grant(&second, "younger");
    assert_eq!(bench.events(), [Event::SignedIn]);
    assert_eq!(access_token_of(&bench.post(1)), "younger");
}

#[test]
fn a_cloud_that_takes_four_minutes_signs_in_too() {
    let mut bench = Bench::new(config());
    let mut requests = Vec::new();
    for _ in 0..24 {
        bench.start_sign_in(10 * SECOND);
        requests.push(bench.one());
        run(&mut bench, 10 * SECOND);
    }
    bench.events();
    bench.answer(&requests[0], CONTENT, LATE);
    assert_eq!(bench.events(), [Event::SignedIn]);
    for (number, request) in requests.iter().enumerate().skip(1) {
        let token = number.to_string();
        bench.grant(request, &token);
        assert_eq!(access_token_of(&bench.post(1)), token);
        bench.events();
        bench.advance(1);
    }
}

#[test]
fn an_older_answer_never_replaces_a_younger_one() {
    // That of the request that is waited for.
    let (mut bench, older) = gave_up();
    bench.sign_in("younger");
    assert!(is_unmatched(&bench.receive(&piggybacked(&older, CONTENT, LATE))));
    assert_eq!(access_token_of(&bench.post(1)), "younger");
    // That of one that is not.
    let (mut bench, older) = gave_up();
    bench.start_sign_in(10 * SECOND);
    let younger = bench.one();
    run(&mut bench, 10 * SECOND);
    bench.events();
    bench.grant(&younger, "younger");
    assert!(is_unmatched(&bench.receive(&piggybacked(&older, CONTENT, LATE))));
    assert_eq!(access_token_of(&bench.post(1)), "younger");
}

/// A refusal that comes late is no reason to give up what is under way.
#[test]
fn late_answers_without_an_access_token_are_ignored() {
    for (code, payload) in
        [(FORBIDDEN, &b"no"[..]), (INTERNAL_SERVER_ERROR, b""), (CONTENT, b"rubbish")]
    {
        let (mut bench, older) = gave_up();
        let attempt = bench.start_sign_in(10 * SECOND);
        let younger = bench.one();
        bench.answer(&older, code, payload);
        assert_eq!(bench.sign_in_outcome(attempt), None);
        assert!(bench.is_silent());
        // A request has one answer: what else comes for it is nobody's.
        let another = bench.receive(&piggybacked(&older, CONTENT, LATE));
        assert!(matches!(another, Received::Dropped(Dropped::Unmatched)), "{another:?}");
        bench.grant(&younger, FIRST_TOKEN);
        assert_eq!(bench.events(), [Event::SignedIn]);
    }
}

/// Given up since nothing acknowledged it, 93 s after it was sent.
#[test]
fn also_one_that_was_given_up_by_the_client() {
    let mut bench = Bench::signed_in();
    bench.now += 49 * HOUR;
    bench.send(&support::con(b"{}"), 1);
    let request = bench.one();
    let start = bench.now;
    run(&mut bench, 94 * SECOND);
    assert!(bench.now < start + EXCHANGE_LIFETIME);
    bench.answer(&request, CONTENT, LATE);
    assert_eq!(access_token_of(&bench.one()), "late");
    let now = bench.now;
    assert!(bench.run_until(now + SECOND).iter().all(|(_, datagram)| !is_sign_in(datagram)));
}

/// A request that was never sent is not answered, and takes no memory.
#[test]
fn what_was_never_sent_is_not_waited_for() {
    let mut bench = Bench::new(config());
    let token = bench.client.next_token();
    bench.start_sign_in(SECOND);
    bench.advance(SECOND);
    let mut answer = support::message(NON, CONTENT, 9, &token.to_le_bytes(), LATE);
    assert!(is_unmatched(&bench.receive_in_place(&mut answer)));
}

/// The access token is wiped from the datagram, as ever.
#[test]
fn a_late_answer_is_wiped() {
    let (mut bench, request) = gave_up();
    let mut datagram = piggybacked(&request, CONTENT, LATE);
    bench.receive_in_place(&mut datagram);
    assert!(datagram.ends_with(&vec![0; LATE.len()]));
}
