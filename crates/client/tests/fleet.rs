//! Hazard: a fleet that lost its cloud comes back all at once when the cloud does, and
//! takes it down again. A simulation in virtual time counts what arrives in each second.
//!
//! The devices are on NB-IoT, whose round trips take 1 to 10 s; each posts a small message
//! once a minute, at a time of its own.

mod support;

use std::collections::BTreeSet;

use support::{
    Bench, CONTENT, SECOND, UNAUTHORIZED, access_token_of, con, is_sign_in, piggybacked,
    seeded_config,
};

const DEVICES: usize = 1000;
const PERIOD: u64 = 60 * SECOND;
const SHORTEST_ROUND_TRIP: u64 = SECOND;
const LONGEST_ROUND_TRIP: u64 = 10 * SECOND;

/// How long all goes well before the outage, so that the devices know their network.
const CALM: u64 = 10 * PERIOD;

/// How many seconds are looked at after the cloud's return.
const WINDOW: usize = 120;

/// A generator that is independent of the client's: a multiply and a shift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// What is on its way to a device, and when it arrives.
type Arrival = (u64, Vec<u8>);

struct Device {
    bench: Bench,
    round_trip: u64,
    next_post: u64,
    /// Datagrams on their way to the cloud, and answers on their way back.
    outward: Vec<Arrival>,
    homeward: Vec<Arrival>,
}

impl Device {
    fn next_event(&self) -> u64 {
        let arrivals = self.outward.iter().chain(&self.homeward).map(|arrival| arrival.0);
        let timeout = self.bench.next_timeout().unwrap_or(u64::MAX);
        arrivals.fold(timeout.min(self.next_post), u64::min)
    }
}

/// Takes out what has arrived by now.
fn arrived(arrivals: &mut Vec<Arrival>, now: u64) -> Vec<Vec<u8>> {
    let (here, on_its_way) = arrivals.drain(..).partition(|arrival| arrival.0 <= now);
    *arrivals = on_its_way;
    here.into_iter().map(|arrival: Arrival| arrival.1).collect()
}

struct Cloud {
    away: core::ops::Range<u64>,
    /// Whether access tokens from before the outage are refused.
    forgets: bool,
    arrivals: [u64; WINDOW],
}

impl Cloud {
    /// What it answers to a datagram; nothing while it is away.
    fn answer(&mut self, now: u64, datagram: &[u8]) -> Option<Vec<u8>> {
        if self.away.contains(&now) {
            return None;
        }
        let is_back = now >= self.away.end;
        if is_back
            && let Some(count) = self.arrivals.get_mut(((now - self.away.end) / SECOND) as usize)
        {
            *count += 1;
        }
        let token = if is_back && self.forgets { "new" } else { "old" };
        Some(if is_sign_in(datagram) {
            let reply = format!(r#"{{"token":"{token}"}}"#);
            piggybacked(datagram, CONTENT, reply.as_bytes())
        } else if access_token_of(datagram) == token {
            piggybacked(datagram, CONTENT, b"")
        } else {
            piggybacked(datagram, UNAUTHORIZED, b"")
        })
    }
}

/// How many datagrams arrive in each second after the cloud's return.
fn arrivals_after(outage: u64, forgets: bool) -> [u64; WINDOW] {
    let mut dice = Dice(outage ^ 0x5EED);
    let mut devices: Vec<Device> = (0..DEVICES)
        .map(|number| {
            let mut bench = Bench::new(seeded_config(dice.roll(1 << 31) << 10 | number as u64));
            bench.now = 0;
            bench.start_sign_in(PERIOD);
            Device {
                bench,
                round_trip: SHORTEST_ROUND_TRIP
                    + dice.roll(LONGEST_ROUND_TRIP - SHORTEST_ROUND_TRIP),
                next_post: PERIOD + dice.roll(PERIOD),
                outward: Vec::new(),
                homeward: Vec::new(),
            }
        })
        .collect();
    let back = CALM + outage;
    let mut cloud = Cloud { away: CALM..back, forgets, arrivals: [0; WINDOW] };
    let mut events: BTreeSet<(u64, usize)> = (0..DEVICES).map(|number| (0, number)).collect();
    while let Some((now, number)) = events.pop_first() {
        if now >= back + WINDOW as u64 * SECOND {
            break;
        }
        let device = &mut devices[number];
        device.bench.now = now;
        // There and back a tenth of the round trip more or less.
        let one_way = device.round_trip * (45 + dice.roll(11)) / 100;
        for datagram in arrived(&mut device.outward, now) {
            let answer = cloud.answer(now, &datagram);
            device.homeward.extend(answer.map(|answer| (now + one_way, answer)));
        }
        for datagram in arrived(&mut device.homeward, now) {
            device.bench.receive(&datagram);
        }
        if now >= device.next_post {
            device.next_post += PERIOD;
            device.bench.try_send(&con(b"{}"), 1).expect("room for one a minute");
        }
        device.bench.pass_until(now);
        device.bench.events();
        for datagram in device.bench.sent() {
            device.outward.push((now + one_way, datagram));
        }
        events.insert((device.next_event(), number));
    }
    cloud.arrivals
}

/// At most three times the mean in any second of the first two minutes.
fn comes_back_calmly(outage: u64, forgets: bool) {
    let arrivals = arrivals_after(outage, forgets);
    let total: u64 = arrivals.iter().sum();
    let (worst, most) = arrivals.iter().enumerate().max_by_key(|(_, count)| **count).unwrap();
    assert!(total > 2 * DEVICES as u64 * 9 / 10, "they are back: {total}");
    assert!(
        most * WINDOW as u64 <= 3 * total,
        "{most} in second {worst} of {total} in {WINDOW} s: {arrivals:?}"
    );
}

#[test]
fn after_30_seconds() {
    comes_back_calmly(30 * SECOND, false);
}

#[test]
fn after_5_minutes() {
    comes_back_calmly(300 * SECOND, false);
}

#[test]
fn after_an_hour() {
    comes_back_calmly(3600 * SECOND, false);
}

#[test]
fn after_5_minutes_with_all_access_tokens_refused() {
    comes_back_calmly(300 * SECOND, true);
}
