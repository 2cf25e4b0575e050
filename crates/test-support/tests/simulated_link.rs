//! The simulated link does what its figures say, by arithmetic that is not its own.

use iot_coap_test_support::network::{
    Conditions, Decide, Direction, Fate, NB_IOT_GOOD, NB_IOT_POOR, Odds, PROFILES, SimulatedLink,
    by_odds, losing,
};
use iot_coap_time::{Duration, Instant};

use Direction::{ToClient, ToServer};

const fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn nothing() -> impl Decide {
    |_, _| Fate::ARRIVES
}

fn link(conditions: Conditions) -> SimulatedLink {
    SimulatedLink::new(conditions, conditions, 1, nothing())
}

/// All that arrives, with the time at which the link said it would.
fn drain(link: &mut SimulatedLink) -> Vec<(u64, Direction, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(next) = link.next_arrival() {
        if next > at(0) {
            assert!(link.arrived(at(next.as_millis() - 1)).is_none(), "before its time");
        }
        let (direction, datagram) = link.arrived(next).expect("it was announced");
        all.push((next.as_millis(), direction, datagram));
    }
    all
}

fn times(link: &mut SimulatedLink) -> Vec<u64> {
    drain(link).into_iter().map(|(time, _, _)| time).collect()
}

#[test]
fn an_ideal_link_delivers_at_once_and_in_order() {
    let mut link = SimulatedLink::ideal(nothing());
    for (number, direction) in [ToServer, ToClient, ToServer].into_iter().enumerate() {
        assert_eq!(link.send(at(5), direction, &[number as u8]).arrival, Some(at(5)));
    }
    let expected = [(5, ToServer, vec![0]), (5, ToClient, vec![1]), (5, ToServer, vec![2])];
    assert_eq!(drain(&mut link), expected);
    assert_eq!(link.next_arrival(), None);
}

/// 222 bytes and 28 of headers are 2000 bits: 100 ms at 20 kbit/s.
#[test]
fn datagrams_queue_for_the_bandwidth() {
    let slow = Conditions { bits_per_second: Some(20_000), ..Conditions::delayed(ms(700)) };
    let mut link = link(slow);
    for now in [0, 0, 0, 1000, 1050] {
        link.send(at(now), ToServer, &[0; 222]);
    }
    assert_eq!(times(&mut link), [800, 900, 1000, 1800, 1900]);
}

/// 97 bytes and 28 of headers are 1000 bits: 10 us at 100 Mbit/s, so that a hundred of them
/// take one millisecond together, not one each or none.
#[test]
fn fractions_of_a_millisecond_add_up() {
    let fast = Conditions { bits_per_second: Some(100_000_000), ..Conditions::IDEAL };
    let mut link = link(fast);
    for _ in 0..100 {
        link.send(at(0), ToServer, &[0; 97]);
    }
    let mut expected = [0; 100];
    expected[99] = 1;
    assert_eq!(times(&mut link), expected);
}

#[test]
fn each_direction_is_of_its_own() {
    let up = Conditions { bits_per_second: Some(1000), ..Conditions::delayed(ms(10)) };
    let down = Conditions::delayed(ms(20));
    let mut link = SimulatedLink::new(up, down, 1, losing(ToClient, [1]));
    // 97 bytes and 28 of headers at 1 kbit/s.
    link.send(at(0), ToServer, &[0; 97]);
    link.send(at(0), ToClient, &[0; 97]);
    link.send(at(0), ToClient, &[0; 97]);
    link.send(at(0), ToServer, &[0; 97]);
    let arrivals: Vec<_> = drain(&mut link).into_iter().map(|(at, to, _)| (at, to)).collect();
    assert_eq!(arrivals, [(20, ToClient), (1010, ToServer), (2010, ToServer)]);
}

/// Three packets of 1000 bits are 375 bytes.
#[test]
fn what_does_not_fit_into_the_queue_is_lost() {
    let narrow = Conditions { bits_per_second: Some(1000), queue: 375, ..Conditions::IDEAL };
    let mut link = link(narrow);
    let mut send = |now| link.send(at(now), ToServer, &[0; 97]).arrival.is_some();
    assert_eq!([send(0), send(0), send(0), send(0)], [true, true, true, false]);
    // At 1000 ms the first has left.
    assert_eq!([send(999), send(1000), send(1001)], [false, true, false]);
    assert_eq!(times(&mut link), [1000, 2000, 3000, 4000]);
    let counters = link.counters(ToServer);
    assert_eq!((counters.sent.datagrams, counters.sent.bytes), (7, 7 * 97));
    assert_eq!((counters.lost.datagrams, counters.lost.bytes), (3, 3 * 97));
    assert_eq!((counters.delivered.datagrams, counters.delivered.bytes), (4, 4 * 97));
}

#[test]
fn what_is_longer_than_the_mtu_is_lost_and_takes_no_time() {
    let ethernet = Conditions { bits_per_second: Some(8000), mtu: 1500, ..Conditions::IDEAL };
    let mut link = link(ethernet);
    assert_eq!(link.send(at(0), ToServer, &[0; 1473]).arrival, None);
    // 1500 bytes at one a millisecond.
    assert_eq!(link.send(at(0), ToServer, &[0; 1472]).arrival, Some(at(1500)));
}

#[test]
fn the_nth_is_lost_and_has_taken_its_time() {
    let slow = Conditions { bits_per_second: Some(1000), ..Conditions::IDEAL };
    let mut link = SimulatedLink::new(slow, slow, 1, losing(ToServer, [0, 2]));
    for _ in 0..4 {
        link.send(at(0), ToServer, &[0; 97]);
    }
    assert_eq!(times(&mut link), [2000, 4000]);
}

#[test]
fn an_outage_has_a_beginning_and_an_end() {
    let mut link =
        SimulatedLink::new(Conditions::delayed(ms(50)), Conditions::delayed(ms(50)), 1, nothing())
            .with_outage(at(100), at(200));
    for now in [99, 100, 199, 200] {
        link.send(at(now), ToClient, b"x");
    }
    assert_eq!(times(&mut link), [149, 250]);
}

/// The mean of a uniform distribution is half its range; that of 20,000 draws from 0 to
/// 1000 has a standard deviation of 1000 / sqrt(12 * 20,000) = 2.04.
#[test]
fn jitter_is_uniform_and_keeps_the_order() {
    let jittery = Conditions { jitter: ms(1000), ..Conditions::delayed(ms(500)) };
    let mut apart = link(jittery);
    let mut total = 0;
    for number in 0..20_000 {
        let now = at(number * 10_000);
        let took = apart.send(now, ToServer, b"x").arrival.expect("nothing is lost") - now;
        assert!((500..=1500).contains(&took.as_millis()), "{took:?}");
        total += took.as_millis();
    }
    let mean = total / 20_000;
    assert!((990..=1010).contains(&mean), "{mean}");

    let mut together = link(jittery);
    for number in 0..200 {
        together.send(at(u64::from(number)), ToServer, &[number]);
    }
    let arrived = drain(&mut together);
    assert!(arrived.is_sorted_by_key(|(_, _, datagram)| datagram[0]), "{arrived:?}");
}

/// Of 50,000 with a chance of 1/10, 5,000 are expected, with a standard deviation of
/// sqrt(50,000 * 0.1 * 0.9) = 67.
#[test]
fn faults_are_as_frequent_as_their_odds() {
    let odds = Odds { lost: 100, doubled: 50, late: 20 };
    let mut decide = by_odds(7, odds);
    let fates: Vec<_> = (0..50_000).map(|number| decide(ToServer, number)).collect();
    let count = |fate| fates.iter().filter(|each| **each == fate).count();
    assert!((4_700..=5_300).contains(&count(Fate::LOST)), "{}", count(Fate::LOST));
    let doubled = count(Fate::times(2));
    assert!((2_260..=2_740).contains(&doubled), "{doubled}");
    let late = count(Fate::ARRIVES.late());
    assert!((840..=1_160).contains(&late), "{late}");
}

#[test]
fn a_seed_repeats_itself_and_another_does_not() {
    let run = |seed| {
        let mut link = NB_IOT_POOR.link(seed);
        let arrivals = (0..200).map(|number| {
            link.send(at(5000 * number), ToServer, &[0; 50]).arrival.map(Instant::as_millis)
        });
        arrivals.collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    // What goes the other way changes nothing.
    let mut link = NB_IOT_POOR.link(1);
    let arrivals = (0..200).map(|number| {
        link.send(at(5000 * number), ToClient, &[0; 700]);
        link.send(at(5000 * number), ToServer, &[0; 50]).arrival.map(Instant::as_millis)
    });
    assert_eq!(arrivals.collect::<Vec<_>>(), run(1));
}

#[test]
fn copies_arrive_together_and_late_ones_are_overtaken() {
    let plan = [Fate::times(2), Fate::ARRIVES.late(), Fate::ARRIVES];
    let conditions = Conditions { late: ms(30), ..Conditions::delayed(ms(10)) };
    let mut link = SimulatedLink::new(conditions, conditions, 1, move |_, number| plan[number]);
    for number in 0..3 {
        link.send(at(u64::from(number)), ToServer, &[number]);
    }
    let arrived: Vec<_> =
        drain(&mut link).into_iter().map(|(at, _, datagram)| (at, datagram[0])).collect();
    assert_eq!(arrived, [(10, 0), (10, 0), (12, 2), (41, 1)]);
}

#[test]
fn joined_datagrams_arrive_as_one() {
    let plan = [Fate::ARRIVES.joined(), Fate::ARRIVES.joined(), Fate::ARRIVES];
    let mut link = SimulatedLink::ideal(move |_, number| plan[number]);
    for number in 1..=3 {
        link.send(at(0), ToServer, &[number]);
    }
    assert_eq!(drain(&mut link), [(0, ToServer, vec![1, 2, 3])]);
}

/// 222 bytes and 28 of headers up, 22 and 28 down: with NB-IoT 2000 bits at 20 kbit/s and
/// 400 at 26 kbit/s, which is 100 and 15.4 ms; at the edge of a cell 2 and 0.2 s.
#[test]
fn profiles_have_the_round_trips_that_they_claim() {
    assert_eq!(NB_IOT_GOOD.round_trip(222, 22), ms(700 + 100 + 700 + 15));
    assert_eq!(NB_IOT_POOR.round_trip(222, 22), ms(2500 + 2000 + 2500 + 200));
    let trips = PROFILES.map(|profile| profile.round_trip(222, 22));
    assert!(trips.is_sorted(), "{trips:?}");
}
