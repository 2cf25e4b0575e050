//! Hazard: a message is sent again too soon, too often, changed, or for ever;
//! or it is given up early, late or without a word (RFC 7252 section 4.2).

mod support;

use iot_coap_client::{Config, Duration, Event, GiveUp, TransmissionParameters};
use support::{
    ACK, Bench, CON, CONTENT, RST, SECOND, at, config, empty, id_of, ms, response, seeded_config,
    separate,
};

/// When each transmission of one message happened and when it was given up,
/// from its first transmission on, with every datagram the same.
fn transmissions(bench: &mut Bench) -> (Vec<u64>, u64) {
    let start = bench.now;
    let first = bench.post(7);
    let mut times = vec![0];
    loop {
        let timeout = bench.next_timeout().expect("still outstanding");
        // A millisecond before, nothing happens.
        bench.pass_until(timeout - 1);
        assert!(bench.is_silent() && bench.events().is_empty(), "too soon");
        bench.pass_until(timeout);
        let events = bench.events();
        if !events.is_empty() {
            let gave_up = matches!(
                events[..],
                [Event::GaveUp { application: 7, reason: GiveUp::NotAcknowledged, .. }]
            );
            assert!(gave_up, "{events:?}");
            assert!(bench.is_silent());
            return (times, bench.now - start);
        }
        assert_eq!(bench.one(), first, "identical bytes each time");
        times.push(bench.now - start);
    }
}

#[test]
fn four_times_at_doubling_distances_then_given_up() {
    let mut first_timeouts = Vec::new();
    for seed in 0..200 {
        let (times, end) = transmissions(&mut Bench::signed_in_with(seeded_config(seed)));
        // ACK_TIMEOUT 2 s, ACK_RANDOM_FACTOR 1.5, MAX_RETRANSMIT 4.
        let first = times[1];
        assert!((2000..=3000).contains(&first), "{first}");
        assert_eq!(times, [0, first, 3 * first, 7 * first, 15 * first]);
        // MAX_TRANSMIT_SPAN and MAX_TRANSMIT_WAIT (section 4.8.2).
        assert!(times[4] <= 45_000);
        assert_eq!(end, 93_000);
        first_timeouts.push(first);
    }
    first_timeouts.sort_unstable();
    // Spread over the whole range, or many devices would call in step.
    assert!(first_timeouts[0] < 2100 && first_timeouts[199] > 2900, "{first_timeouts:?}");
    first_timeouts.dedup();
    assert!(first_timeouts.len() > 150);
}

#[test]
fn each_message_has_a_timeout_of_its_own() {
    let mut bench = Bench::signed_in();
    let mut firsts: Vec<u64> = (0..20).map(|_| transmissions(&mut bench).0[1]).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 10, "{firsts:?}");
}

/// RFC 7252's timers: what is learned from round trips is tested in `round_trips`.
fn config_with(ack_timeout: Duration, max_retransmit: u8) -> Config {
    config().transmission(TransmissionParameters {
        ack_timeout,
        max_retransmit,
        learns_round_trips: false,
    })
}

#[test]
fn the_timers_are_configurable() {
    for (ack_timeout, max_retransmit) in [(1000, 4), (5000, 2), (2000, 0), (1, 20)] {
        let config = config_with(ms(ack_timeout), max_retransmit);
        let (times, end) = transmissions(&mut Bench::signed_in_with(config));
        assert_eq!(times.len(), 1 + usize::from(max_retransmit));
        for (number, pair) in times.windows(2).enumerate() {
            let timeout = (pair[1] - pair[0]) >> number;
            assert!((ack_timeout..=ack_timeout * 3 / 2).contains(&timeout), "{times:?}");
        }
        // MAX_TRANSMIT_WAIT (section 4.8.2).
        assert_eq!(end, ack_timeout * ((1 << (max_retransmit + 1)) - 1) * 3 / 2);
    }
}

#[test]
fn odd_timers_are_survived() {
    for (ack_timeout, max_retransmit) in
        [(Duration::ZERO, 0), (Duration::MAX, 4), (Duration::ZERO, u8::MAX)]
    {
        transmissions(&mut Bench::signed_in_with(config_with(ack_timeout, max_retransmit)));
    }
}

/// The timer starts when the datagram leaves, not when it became due.
#[test]
fn a_late_transmission_moves_the_next_one() {
    let mut bench = Bench::signed_in();
    bench.send(&support::con(b"x"), 1);
    bench.advance(10 * SECOND);
    assert_eq!(bench.sent().len(), 1);
    let timeout = bench.next_timeout().unwrap();
    assert!((2000..=3000).contains(&(timeout - bench.now)));
}

#[test]
fn one_timeout_sends_again_once_however_late_it_comes() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    bench.advance(60 * SECOND);
    assert_eq!(bench.one(), request);
    assert!(bench.events().is_empty());
}

/// Datagrams before time: what lay in the socket while the program slept is handed in
/// before the time that has passed.
#[test]
fn an_answer_that_was_there_before_the_timeout_stops_it() {
    for slept in [10 * SECOND, 92 * SECOND, 100 * SECOND, 1000 * SECOND] {
        for (answer, ends) in [(true, true), (false, false)] {
            let mut bench = Bench::signed_in();
            let request = bench.post(1);
            bench.now += slept;
            if answer {
                assert_eq!(bench.answered(&request, CONTENT), (1, CONTENT));
            } else {
                bench.receive(&empty(ACK, id_of(&request)));
            }
            bench.pass_until(bench.now);
            assert!(bench.is_silent(), "sent again after its answer, {slept} ms late");
            // An acknowledged message waits for its answer up to its lifetime.
            assert_eq!(bench.events().is_empty(), ends || slept < 247 * SECOND);
        }
    }
}

#[test]
fn an_acknowledgement_stops_it() {
    for retransmissions in 0..=4 {
        let mut bench = Bench::signed_in();
        let request = bench.post(1);
        for _ in 0..retransmissions {
            bench.pass_timeout();
            assert_eq!(bench.one(), request);
        }
        bench.receive(&empty(ACK, id_of(&request)));
        let now = bench.now;
        let later = bench.run_until(now + 150 * SECOND);
        assert!(later.is_empty(), "sent again after {retransmissions} retransmissions");
        assert!(bench.events().is_empty());
    }
}

/// An acknowledgement that comes between a timeout and the retransmission.
#[test]
fn an_acknowledgement_at_the_last_moment_stops_it_too() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let timeout = bench.next_timeout().unwrap();
    bench.pass_until(timeout);
    bench.receive(&empty(ACK, id_of(&request)));
    assert!(bench.is_silent());
}

/// EXCHANGE_LIFETIME (section 4.8.2): 247 s from the first transmission.
#[test]
fn a_separate_response_is_waited_for_247_seconds() {
    for delay in [0, 2 * SECOND] {
        for late in [false, true] {
            let mut bench = Bench::signed_in();
            let request = bench.post(5);
            let start = bench.now;
            bench.advance(delay);
            bench.sent();
            bench.receive(&empty(ACK, id_of(&request)));
            bench.run_until(start + 247 * SECOND - 1);
            bench.pass_until(start + 247 * SECOND - 1);
            assert!(bench.events().is_empty(), "given up too soon");
            if late {
                bench.pass_until(start + 247 * SECOND);
                let [Event::GaveUp { application: 5, reason: GiveUp::NotAnswered, .. }] =
                    bench.events()[..]
                else {
                    panic!("not given up in time");
                };
                assert_eq!(bench.client.outstanding(), 0);
            } else {
                let answer = separate(CON, 1, &request, CONTENT, b"late");
                assert_eq!(response(bench.receive(&answer)).application, 5);
            }
        }
    }
}

#[test]
fn a_non_confirmable_message_is_sent_once_and_waited_for_145_seconds() {
    let mut bench = Bench::signed_in();
    let start = bench.now;
    bench.post_non(9);
    assert!(bench.run_until(start + 145 * SECOND - 1).is_empty());
    bench.pass_until(start + 145 * SECOND - 1);
    assert!(bench.events().is_empty(), "given up too soon");
    bench.pass_until(start + 145 * SECOND);
    let events = bench.events();
    let gave_up =
        matches!(events[..], [Event::GaveUp { application: 9, reason: GiveUp::NotAnswered, .. }]);
    assert!(gave_up, "{events:?}");
    assert!(bench.is_silent());
}

#[test]
fn a_message_that_is_over_has_no_timeout() {
    let mut bench = Bench::signed_in();
    let idle = bench.next_timeout();
    let request = bench.post(1);
    assert_ne!(bench.next_timeout(), idle);
    bench.answered(&request, CONTENT);
    assert_eq!(bench.next_timeout(), idle);
    let request = bench.post(2);
    bench.receive(&empty(RST, id_of(&request)));
    bench.events();
    assert_eq!(bench.next_timeout(), idle);
}

#[test]
fn a_cancelled_message_is_not_sent_again() {
    let mut bench = Bench::signed_in();
    let exchange = bench.send(&support::con(b"x"), 3);
    bench.sent();
    assert_eq!(bench.client.cancel(exchange), Some(3));
    assert_eq!(bench.client.cancel(exchange), None, "once");
    let now = bench.now;
    assert!(bench.run_until(now + 300 * SECOND).is_empty());
    assert!(bench.events().is_empty());
}

/// The session below is another: what is outstanding goes out as new.
#[test]
fn a_new_session_starts_the_transmissions_over() {
    let mut bench = Bench::signed_in();
    let acknowledged = bench.post(1);
    bench.receive(&empty(ACK, id_of(&acknowledged)));
    let waiting = bench.post(2);
    bench.pass_timeout();
    bench.sent();
    let unconfirmed = bench.post_non(3);
    let answered = bench.post(4);
    bench.answered(&answered, CONTENT);

    bench.client.handle_session_renewed(at(bench.now));
    assert_eq!(bench.sent(), [acknowledged.clone(), waiting.clone()]);
    // All four retransmissions are to be had again.
    let now = bench.now;
    let again = bench.run_until(now + 93 * SECOND + 1);
    let count = |datagram: &Vec<u8>| again.iter().filter(|(_, sent)| sent == datagram).count();
    assert_eq!((count(&acknowledged), count(&waiting), count(&unconfirmed)), (4, 4, 0));
    assert_eq!(bench.events().len(), 2);
}
