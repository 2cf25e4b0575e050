//! Hazard: when a cloud comes back, all devices start handshakes at once, and take it down
//! again. A simulation in virtual time counts the datagrams that arrive in each second.
//!
//! The devices use their [`Health`] as a link does: see `reopening.rs` for when a candidate
//! is opened, and `candidate.rs` for how long it tries. A handshake is five datagrams
//! within one to two seconds: a hello, a hello with the cookie one round trip later, and a
//! flight of three after another round trip. An unanswered hello is repeated after 1 s,
//! then after twice as long each time, until the handshake has taken 60 s, or 30 s if it
//! resumes a session. A message in a session is one datagram. Every datagram that reaches
//! the cloud counts, also in sessions that the cloud has forgotten.
//!
//! Several fleets are counted together: in a fleet of 1,000 devices, chance alone makes a
//! second a tenth busier than its neighbours.
//!
//! Outages of less than two minutes are not tested: after 30 s, the busiest second has four
//! to nine times the mean. At that time the devices make their first attempts, which are
//! quick in case the cloud has forgotten the session of a single device
//! (`docs/decisions/17-a-calm-return.md`).

use std::collections::BTreeSet;

use device::{Datagram, Device, Dice, FLIGHTS, Reply};

mod device;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;

const DEVICES: usize = 1000;
const FLEETS: u64 = 4;

/// How long the cloud serves before the outage.
const CALM: u64 = 20 * MINUTE;

/// How many seconds after the cloud's return are counted.
const WINDOW: usize = 120;

/// How the cloud goes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// It is silent, and forgets all sessions.
    Forgetful,
    /// Its host refuses what comes, and it forgets all sessions.
    Refusing,
    /// It ends all sessions, and is silent afterwards.
    Politely,
}

struct Cloud {
    leaves: Leaves,
    away: core::ops::Range<u64>,
    arrivals: [u64; WINDOW],
}

impl Cloud {
    /// Returns the cloud's answer.
    fn answer(
        &mut self,
        now: u64,
        datagram: &Datagram,
        accepted: &mut Option<u32>,
    ) -> Option<Reply> {
        if self.away.contains(&now) {
            return (self.leaves == Leaves::Refusing).then_some(Reply::Refused);
        }
        if now >= self.away.end {
            let second = ((now - self.away.end) / SECOND) as usize;
            *self.arrivals.get_mut(second)? += 1;
        }
        match *datagram {
            Datagram::Handshake { number, flight } => {
                if usize::from(flight) + 1 == FLIGHTS.len() {
                    *accepted = Some(number);
                }
                Some(Reply::Flight { number, flight })
            }
            Datagram::Message { session, posted } => {
                let is_known = *accepted == Some(session);
                is_known.then_some(Reply::Acknowledgement { session, posted })
            }
        }
    }
}

/// Takes out what has arrived by now.
fn arrived<T>(arrivals: &mut Vec<(u64, T)>, now: u64) -> Vec<T> {
    let (here, on_its_way) = arrivals.drain(..).partition(|arrival| arrival.0 <= now);
    *arrivals = on_its_way;
    here.into_iter().map(|arrival: (u64, T)| arrival.1).collect()
}

/// How many datagrams arrive in each second after the cloud's return, and how many devices
/// have a session at the end that the cloud knows.
fn arrivals_after(seed: u64, outage: u64, leaves: Leaves, period: u64) -> ([u64; WINDOW], usize) {
    let mut dice = Dice((outage << 8) ^ seed);
    let mut devices: Vec<Device> =
        (0..DEVICES).map(|_| Device::new(dice.roll(1 << 31), period)).collect();
    let back = CALM + outage;
    let mut cloud = Cloud { leaves, away: CALM..back, arrivals: [0; WINDOW] };
    let mut events: BTreeSet<(u64, usize)> =
        devices.iter().enumerate().map(|(number, device)| (device.next_event(), number)).collect();
    if leaves == Leaves::Politely {
        events.extend((0..DEVICES).map(|number| (CALM, number)));
    }
    let mut gone = BTreeSet::new();
    while let Some((now, number)) = events.pop_first() {
        if now >= back + WINDOW as u64 * SECOND {
            break;
        }
        let device = &mut devices[number];
        if now >= CALM && gone.insert(number) {
            device.accepted = None;
            if leaves == Leaves::Politely {
                device.homeward.push((CALM + device.one_way, Reply::Ended));
            }
        }
        for datagram in arrived(&mut device.outward, now) {
            let answer = cloud.answer(now, &datagram, &mut device.accepted);
            device.homeward.extend(answer.map(|answer| (now + device.one_way, answer)));
        }
        for reply in arrived(&mut device.homeward, now) {
            device.handle_reply(now, &reply);
        }
        device.post(now);
        device.handle_timeout(now);
        device.work(now);
        device.transmit(now);
        events.insert((device.next_event(), number));
    }
    let is_back = |device: &&Device| device.session.is_some() && device.session == device.accepted;
    (cloud.arrivals, devices.iter().filter(is_back).count())
}

/// Checks that no second of the first two minutes has more than three times the mean.
fn comes_back_calmly(outage: u64, leaves: Leaves, period: u64) {
    let mut arrivals = [0; WINDOW];
    for seed in 0..FLEETS {
        let (of_one, back) = arrivals_after(seed, outage, leaves, period);
        assert!(back > DEVICES * 95 / 100, "they are back: {back}");
        for (sum, count) in arrivals.iter_mut().zip(of_one) {
            *sum += count;
        }
    }
    let total: u64 = arrivals.iter().sum();
    let (worst, most) = arrivals.iter().enumerate().max_by_key(|(_, count)| **count).unwrap();
    assert!(
        most * WINDOW as u64 <= 3 * total,
        "{most} in second {worst} of {total} in {WINDOW} s: {arrivals:?}"
    );
}

/// Each device posts once a minute.
fn after(leaves: Leaves, outages: &[u64]) {
    for outage in outages {
        comes_back_calmly(*outage, leaves, MINUTE);
    }
}

#[test]
fn after_a_silent_restart() {
    after(Leaves::Forgetful, &[2 * MINUTE, 5 * MINUTE, 60 * MINUTE]);
}

#[test]
fn after_a_restart_of_a_host_that_refuses() {
    after(Leaves::Refusing, &[2 * MINUTE, 5 * MINUTE, 60 * MINUTE]);
}

#[test]
fn after_a_restart_that_begins_with_the_end_of_all_sessions() {
    after(Leaves::Politely, &[2 * MINUTE, 5 * MINUTE, 60 * MINUTE]);
}

#[test]
fn when_all_sessions_end_at_once() {
    after(Leaves::Politely, &[0]);
}

/// The devices have nothing to send for minutes.
#[test]
fn when_all_sessions_of_idle_devices_end_at_once() {
    comes_back_calmly(0, Leaves::Politely, 30 * MINUTE);
}
