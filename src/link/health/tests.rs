//! Tests when a link becomes suspect, and when it is opened again.

use super::*;

/// A time in milliseconds.
const fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// How long answers may take, before any was measured.
const PATIENCE: Duration = Duration::from_secs(6);

/// The health of a link that has just opened one of `addresses` addresses.
fn opened(addresses: u8) -> Health {
    let mut health = Health::new();
    health.handle_opened(addresses);
    health.handle_replaced();
    health
}

/// When silence makes a link suspect after a message was sent at 0.
fn suspected(health: &mut Health, expected: Expected, patience: Duration) -> Option<u64> {
    health.handle_sent(at(0));
    while let Some(judge_at) = health.judge_at() {
        assert!(!health.judge_silence(at(judge_at.as_millis() - 1), false, expected, patience, 0));
        if health.judge_silence(judge_at, false, expected, patience, 0) {
            return Some(judge_at.as_millis());
        }
    }
    None
}

#[test]
fn silence_is_borne_for_as_long_as_an_answer_may_take() {
    let mut health = opened(1);
    health.handle_sign_of_life();
    let acknowledgements = Expected::Acknowledgements;
    assert_eq!(suspected(&mut health, acknowledgements, PATIENCE), Some(15_000));
    health.handle_sign_of_life();
    // A round trip of 18 s.
    let patience = Duration::from_secs(54);
    assert_eq!(suspected(&mut health, acknowledgements, patience), Some(54_000));
    // There is another address, and this one has never answered.
    assert_eq!(suspected(&mut opened(2), acknowledgements, patience), Some(4000));
}

#[test]
fn a_peer_that_answers_no_non_message_is_let_be() {
    let mut health = opened(1);
    assert_eq!(suspected(&mut health, Expected::Answers, PATIENCE), None);
    health.handle_sign_of_life();
    assert_eq!(suspected(&mut health, Expected::Answers, PATIENCE), Some(100_000));
    health.handle_sign_of_life();
    // Another address was in use for a while.
    health.handle_opened(1);
    health.handle_replaced();
    assert_eq!(suspected(&mut health, Expected::Answers, PATIENCE), Some(100_000));
    health.handle_sign_of_life();
    assert_eq!(suspected(&mut health, Expected::Nothing, PATIENCE), None);
}

#[test]
fn every_address_is_tried_before_the_first_pause() {
    let mut health = opened(3);
    for address in [1, 2] {
        health.handle_failure(at(0), false, 0);
        assert_eq!((health.state(), health.next_address()), (State::Suspect, address));
        health.handle_opened(3);
        health.handle_replaced();
    }
    health.handle_failure(at(0), false, u32::MAX);
    assert_eq!(health.state(), State::BackingOff { until: at(8000) });
    assert_eq!(health.next_address() % 3, 0, "from the first again");
    // An address that has answered is tried first when it fails.
    health.handle_sign_of_life();
    health.handle_failure(at(0), false, 0);
    assert_eq!((health.state(), health.next_address()), (State::Suspect, 0));
}

#[test]
fn a_session_that_ends_at_once_each_time_is_not_opened_without_end() {
    let mut health = opened(1);
    health.handle_end(at(0), u32::MAX);
    assert_eq!(health.state(), State::Suspect, "once");
    let mut now = 0;
    for most in [8, 60, 60, 60] {
        // A handshake does not prove that the session serves.
        health.handle_opened(1);
        health.handle_replaced();
        health.handle_end(at(now), u32::MAX);
        now += most * 1000;
        assert_eq!(health.state(), State::BackingOff { until: at(now) });
    }
    health.handle_sign_of_life();
    health.handle_end(at(now), u32::MAX);
    assert_eq!(health.state(), State::Suspect);
}

/// After each of these failures, whether the link goes on at once, and to which address.
#[cfg(feature = "dtls-psk")]
fn after(addresses: u8, causes: &[Cause]) -> Vec<(bool, u8)> {
    let mut health = Health::new();
    let failed = causes.iter().map(|&cause| {
        let tried = health.next_address();
        health.handle_opened(addresses);
        health.handle_candidate_failed(at(0), cause, 0);
        assert!(!health.has_tried_all() || health.state() != State::Suspect);
        (health.has_tried_all(), tried)
    });
    failed.collect()
}

#[cfg(feature = "dtls-psk")]
#[test]
fn a_handshake_is_tried_again_once_before_it_has_tried_all() {
    use Cause::{Declined, Handshake, Late, Refused};
    let hopeless = |causes| after(1, causes).iter().map(|&(is, _)| is).collect::<Vec<_>>();
    assert_eq!(hopeless(&[Handshake, Handshake]), [false, true]);
    // A declined first offer does not count, nor does a refusal by the network.
    assert_eq!(hopeless(&[Declined, Handshake, Handshake]), [false, false, true]);
    assert_eq!(hopeless(&[Handshake, Declined, Handshake]), [false, false, true]);
    assert_eq!(hopeless(&[Refused, Refused, Handshake, Handshake]), [false, false, false, true]);
    // A server cannot decline for ever.
    assert_eq!(hopeless(&[Declined, Declined, Declined]), [false, false, true]);
    assert_eq!(hopeless(&[Late]), [true]);
}

/// Each address has as many handshakes as if it were the only one.
#[cfg(feature = "dtls-psk")]
#[test]
fn a_handshake_is_tried_again_at_the_same_address() {
    use Cause::{Declined, Handshake, Late, Silent};
    let causes = [Declined, Handshake, Handshake, Declined, Handshake, Handshake];
    let expected = [false, false, false, false, false, true].into_iter().zip([0, 0, 0, 1, 1, 1]);
    assert!(after(2, &causes).into_iter().eq(expected));
    assert_eq!(after(2, &[Late, Handshake, Late]), [(false, 0), (false, 1), (true, 1)]);
    // A server that does not answer may not be there.
    let silent = after(2, &[Silent, Silent, Handshake, Handshake]);
    assert_eq!(silent, [(false, 0), (false, 1), (false, 1), (true, 1)]);
}

#[test]
fn who_expects_nothing_is_in_no_hurry() {
    let mut health = opened(1);
    health.handle_sign_of_life();
    health.handle_end(at(0), 0);
    health.defer(at(0), u32::MAX / 2);
    assert_eq!(health.state(), State::BackingOff { until: at(45_000) });
    assert!(health.is_deferred());
    // A pause for another reason does not end when there is something to send.
    health.handle_not_opened(at(2000), 0);
    assert!(!health.is_deferred());
}

#[test]
fn what_cannot_be_opened_is_tried_after_a_pause() {
    let mut health = Health::new();
    health.handle_not_opened(at(0), 0);
    assert_eq!(health.state(), State::BackingOff { until: at(1000) });
    assert!(health.has_tried_all());
}

#[cfg(feature = "dtls-psk")]
#[test]
fn after_handshakes_in_vain_there_is_no_hurry() {
    let mut health = opened(1);
    let limit = Duration::from_secs(60);
    assert_eq!(health.first_timeout(limit, 0), None);
    // Before anything was ever heard, a call waits for the connection.
    health.handle_candidate_failed(at(0), Cause::Silent, 0);
    assert_eq!(health.first_timeout(limit, 0), None);
    health.handle_sign_of_life();
    let mut now = 0;
    // The first pause has the widest range, and the later ones are long.
    for shortest in [1, 40, 40] {
        health.handle_opened(1);
        health.handle_candidate_failed(at(now), Cause::Late, 0);
        now += shortest * 1000;
        assert_eq!(health.state(), State::BackingOff { until: at(now) });
        assert_eq!(health.first_timeout(limit, 0), Some(Duration::from_secs(20)));
        assert_eq!(health.first_timeout(limit, u32::MAX), Some(Duration::from_secs(40)));
    }
    health.handle_opened(1);
    health.handle_candidate_failed(at(now), Cause::Late, u32::MAX);
    assert_eq!(health.state(), State::BackingOff { until: at(now + 60_000) });
    health.handle_sign_of_life();
    assert_eq!(health.first_timeout(limit, 0), None);
}
