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

use super::*;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;

const DEVICES: usize = 1000;
const FLEETS: u64 = 4;
const MIN_ROUND_TRIP: u64 = 500;
const MAX_ROUND_TRIP: u64 = SECOND;

/// How long the cloud serves before the outage.
const CALM: u64 = 20 * MINUTE;

/// How many seconds after the cloud's return are counted.
const WINDOW: usize = 120;

/// The default of `connect_limit_ms`.
const DEFAULT_MAX_CONNECT_TIME: u64 = 60 * SECOND;

/// How long answers may take, before any was measured.
const PATIENCE: Duration = Duration::from_secs(6);

/// A random generator that is independent of the library's: a multiplication and a shift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }

    /// A random number for the length of a pause.
    fn random(&mut self) -> u32 {
        (self.roll(1 << 16) << 16 | self.roll(1 << 16)) as u32
    }
}

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

enum Datagram {
    /// A datagram of a flight of the handshake with this number.
    Handshake { number: u32, flight: u8 },
    /// A message, in the session that was opened by the handshake with this number.
    Message { session: u32, posted: u64 },
}

enum Reply {
    Flight { number: u32, flight: u8 },
    Acknowledgement { session: u32, posted: u64 },
    Refused,
    Ended,
}

/// The flights of a client in a handshake, in datagrams.
const FLIGHTS: [usize; 3] = [1, 1, 3];

struct Handshake {
    flight: u8,
    /// When the hello is repeated, and how long the last wait was.
    repeat_at: u64,
    timeout: u64,
    half_time: u64,
    give_up_at: u64,
    /// It resumes the previous session.
    resumes: bool,
    has_error: bool,
}

struct Message {
    posted: u64,
    next_at: u64,
    timeout: u64,
    transmissions: u8,
}

struct Device {
    health: Health,
    dice: Dice,
    one_way: u64,
    period: u64,
    next_post: u64,
    /// How many handshakes there were, which is the number of the latest one.
    handshakes: u32,
    handshake: Option<Handshake>,
    /// The number of the handshake that opened the session.
    session: Option<u32>,
    /// A session can be resumed.
    remembers: bool,
    messages: Vec<Message>,
    /// The datagrams on their way to the cloud and back, with the times when they arrive.
    outward: Vec<(u64, Datagram)>,
    homeward: Vec<(u64, Reply)>,
    /// The session of this device that the cloud knows.
    accepted: Option<u32>,
}

impl Device {
    fn new(seed: u64, period: u64) -> Self {
        let mut dice = Dice(seed);
        let round_trip = MIN_ROUND_TRIP + dice.roll(MAX_ROUND_TRIP - MIN_ROUND_TRIP);
        let mut health = Health::new();
        health.handle_opened(1);
        health.handle_replaced();
        health.handle_sign_of_life();
        Self {
            health,
            one_way: round_trip / 2,
            period,
            next_post: dice.roll(period),
            dice,
            handshakes: 0,
            handshake: None,
            session: Some(0),
            remembers: true,
            messages: Vec::new(),
            outward: Vec::new(),
            homeward: Vec::new(),
            accepted: Some(0),
        }
    }

    fn next_event(&self) -> u64 {
        let mut next = self.next_post;
        let arrivals = self.outward.iter().map(|arrival| arrival.0);
        arrivals.for_each(|at| next = next.min(at));
        self.homeward.iter().for_each(|arrival| next = next.min(arrival.0));
        self.messages.iter().for_each(|message| next = next.min(message.next_at));
        match (&self.handshake, self.health.state()) {
            (Some(handshake), _) => {
                let half_time = if handshake.flight == 0 && handshake.resumes {
                    handshake.half_time
                } else {
                    u64::MAX
                };
                next.min(handshake.repeat_at).min(half_time).min(handshake.give_up_at)
            }
            (None, State::BackingOff { until }) => next.min(until.as_millis()),
            (None, _) => next.min(self.health.judge_at().map_or(u64::MAX, Instant::as_millis)),
        }
    }

    fn send(&mut self, now: u64, datagram: Datagram) {
        self.outward.push((now + self.one_way, datagram));
    }

    fn send_flight(&mut self, now: u64, flight: u8) {
        for _ in 0..FLIGHTS[usize::from(flight)] {
            self.send(now, Datagram::Handshake { number: self.handshakes, flight });
        }
    }

    fn fail_handshake(&mut self, now: u64, cause: Cause) {
        self.handshake = None;
        self.remembers = false;
        self.health.handle_candidate_failed(Instant::from_millis(now), cause, self.dice.random());
    }

    fn handle_reply(&mut self, now: u64, reply: &Reply) {
        let at = Instant::from_millis(now);
        match *reply {
            Reply::Flight { number, flight } if number == self.handshakes => {
                let Some(handshake) = &mut self.handshake else { return };
                if handshake.flight != flight {
                    return;
                }
                handshake.flight += 1;
                // No later flight is lost.
                handshake.repeat_at = u64::MAX;
                if usize::from(flight) + 1 < FLIGHTS.len() {
                    self.send_flight(now, flight + 1);
                    return;
                }
                self.handshake = None;
                self.session = Some(number);
                self.remembers = true;
                self.health.handle_replaced();
                for message in &mut self.messages {
                    (message.next_at, message.transmissions) = (now, 0);
                }
            }
            Reply::Acknowledgement { session, posted } if self.session == Some(session) => {
                self.messages.retain(|message| message.posted != posted);
                self.health.handle_sign_of_life();
                self.handshake = None;
            }
            Reply::Refused => match &mut self.handshake {
                Some(handshake) if !handshake.has_error => handshake.has_error = true,
                Some(_) => self.fail_handshake(now, Cause::Refused),
                None => self.health.handle_failure(at, false, self.dice.random()),
            },
            Reply::Ended => {
                self.session = None;
                if self.handshake.is_none() {
                    self.health.handle_end(at, self.dice.random());
                }
            }
            Reply::Flight { .. } | Reply::Acknowledgement { .. } => {}
        }
    }

    /// Does what is due in a handshake, or because of silence.
    fn handle_timeout(&mut self, now: u64) {
        let Some(handshake) = &mut self.handshake else {
            let (is_proven, random) = (self.session.is_some(), self.dice.random());
            let expected = match self.messages.len() {
                0 => Expected::Nothing,
                _ => Expected::Acknowledgements,
            };
            let now = Instant::from_millis(now);
            self.health.judge_silence(now, is_proven, expected, PATIENCE, random);
            return;
        };
        if now >= handshake.give_up_at {
            self.fail_handshake(now, Cause::Late);
        } else if handshake.flight == 0 && handshake.resumes && now >= handshake.half_time {
            self.fail_handshake(now, Cause::Silent);
        } else if now >= handshake.repeat_at {
            handshake.timeout *= 2;
            handshake.repeat_at = now + handshake.timeout;
            self.send_flight(now, 0);
        }
    }

    /// Works like `Link::work`.
    fn work(&mut self, now: u64) {
        let is_needed = !self.messages.is_empty();
        match self.health.state() {
            _ if self.handshake.is_some() => {}
            State::Open => {}
            State::BackingOff { until }
                if now < until.as_millis() && !(is_needed && self.health.is_deferred()) => {}
            State::Suspect if !is_needed => {
                self.health.defer(Instant::from_millis(now), self.dice.random());
            }
            State::BackingOff { .. } | State::Suspect => {
                self.health.handle_opened(1);
                let limit = Duration::from_millis(DEFAULT_MAX_CONNECT_TIME);
                let first_timeout = self
                    .health
                    .first_timeout(limit, self.dice.random())
                    .map_or(SECOND, |timeout| timeout.as_millis_u32().into());
                self.handshakes += 1;
                self.handshake = Some(Handshake {
                    flight: 0,
                    repeat_at: now + first_timeout,
                    timeout: first_timeout,
                    half_time: now + DEFAULT_MAX_CONNECT_TIME / 2,
                    give_up_at: now + DEFAULT_MAX_CONNECT_TIME,
                    resumes: self.remembers,
                    has_error: false,
                });
                self.send_flight(now, 0);
            }
        }
    }

    /// Sends what is due; a message is repeated four times before it is given up (RFC 7252,
    /// section 4.2).
    fn transmit(&mut self, now: u64) {
        let Some(session) = self.session else {
            self.messages.retain(|message| now - message.posted < 93_000);
            // The message waits for a session.
            for message in &mut self.messages {
                message.next_at = u64::MAX;
            }
            return;
        };
        self.messages.retain(|message| message.next_at > now || message.transmissions < 5);
        for index in 0..self.messages.len() {
            let message = &mut self.messages[index];
            if message.next_at > now {
                continue;
            }
            if message.transmissions == 0 {
                message.timeout = 2000 + self.dice.roll(1000);
            }
            message.transmissions += 1;
            message.next_at = now + message.timeout;
            message.timeout *= 2;
            let posted = message.posted;
            self.health.handle_sent(Instant::from_millis(now));
            self.send(now, Datagram::Message { session, posted });
        }
    }

    fn post(&mut self, now: u64) {
        if now >= self.next_post {
            self.next_post += self.period;
            self.messages.push(Message { posted: now, next_at: now, timeout: 0, transmissions: 0 });
        }
    }
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
