//! A device of the simulation. It uses its [`Health`] as a link does.

use super::super::*;
use super::SECOND;

const MIN_ROUND_TRIP: u64 = 500;

const MAX_ROUND_TRIP: u64 = SECOND;

/// The default of `connect_limit_ms`.
const DEFAULT_MAX_CONNECT_TIME: u64 = 60 * SECOND;

/// How long answers may take, before any was measured.
const PATIENCE: Duration = Duration::from_secs(6);

/// A random generator that is independent of the library's: a multiplication and a shift.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % sides
    }

    /// A random number for the length of a pause.
    pub(super) fn random(&mut self) -> u32 {
        (self.roll(1 << 16) << 16 | self.roll(1 << 16)) as u32
    }
}

pub(super) enum Datagram {
    /// A datagram of a flight of the handshake with this number.
    Handshake { number: u32, flight: u8 },
    /// A message, in the session that was opened by the handshake with this number.
    Message { session: u32, posted: u64 },
}

pub(super) enum Reply {
    Flight { number: u32, flight: u8 },
    Acknowledgement { session: u32, posted: u64 },
    Refused,
    Ended,
}

/// The flights of a client in a handshake, in datagrams.
pub(super) const FLIGHTS: [usize; 3] = [1, 1, 3];

pub(super) struct Handshake {
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

pub(super) struct Message {
    posted: u64,
    next_at: u64,
    timeout: u64,
    transmissions: u8,
}

pub(super) struct Device {
    pub(super) health: Health,
    pub(super) dice: Dice,
    pub(super) one_way: u64,
    pub(super) period: u64,
    pub(super) next_post: u64,
    /// How many handshakes there were, which is the number of the latest one.
    pub(super) handshakes: u32,
    pub(super) handshake: Option<Handshake>,
    /// The number of the handshake that opened the session.
    pub(super) session: Option<u32>,
    /// A session can be resumed.
    pub(super) remembers: bool,
    pub(super) messages: Vec<Message>,
    /// The datagrams on their way to the cloud and back, with the times when they arrive.
    pub(super) outward: Vec<(u64, Datagram)>,
    pub(super) homeward: Vec<(u64, Reply)>,
    /// The session of this device that the cloud knows.
    pub(super) accepted: Option<u32>,
}

impl Device {
    pub(super) fn new(seed: u64, period: u64) -> Self {
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

    pub(super) fn next_event(&self) -> u64 {
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

    pub(super) fn send(&mut self, now: u64, datagram: Datagram) {
        self.outward.push((now + self.one_way, datagram));
    }

    pub(super) fn send_flight(&mut self, now: u64, flight: u8) {
        for _ in 0..FLIGHTS[usize::from(flight)] {
            self.send(now, Datagram::Handshake { number: self.handshakes, flight });
        }
    }

    pub(super) fn fail_handshake(&mut self, now: u64, cause: Cause) {
        self.handshake = None;
        self.remembers = false;
        self.health.handle_candidate_failed(Instant::from_millis(now), cause, self.dice.random());
    }

    pub(super) fn handle_reply(&mut self, now: u64, reply: &Reply) {
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
    pub(super) fn handle_timeout(&mut self, now: u64) {
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
    pub(super) fn work(&mut self, now: u64) {
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
    pub(super) fn transmit(&mut self, now: u64) {
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

    pub(super) fn post(&mut self, now: u64) {
        if now >= self.next_post {
            self.next_post += self.period;
            self.messages.push(Message { posted: now, next_at: now, timeout: 0, transmissions: 0 });
        }
    }
}
