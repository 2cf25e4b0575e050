//! How long to wait for an acknowledgement, learned from the round trips that were
//! measured: the retransmission time-out (RTO) in the way of CoCoA
//! (draft-ietf-core-cocoa-03). Measures nothing itself, and sends nothing.
//!
//! Messages that were transmitted once feed the strong estimator. Of one that was
//! transmitted more often it is unknown which transmission was acknowledged; the time
//! from its first one feeds the weak estimator. Each sample moves the overall estimate
//! half-way to what its estimator says. The first one of an estimator moves it all the
//! way, and so does a weak one that moves it up.
//!
//! What differs from CoCoA, which was made for networks that are quicker than
//! `ACK_TIMEOUT`:
//!
//! - The time-out stays between `ACK_TIMEOUT` and [`LONGEST_MS`].
//! - A message of which a transmission was lost says nothing of the network's speed. If
//!   its acknowledgement came about a round trip after the last transmission, by the
//!   strong estimator, that explains it, and the weak estimator does not get it. In
//!   return, weak samples count after any number of retransmissions, and as much as strong
//!   ones: where the round trip is 18 s there are no others at first.
//! - An acknowledgement that comes much sooner than expected tells of a quicker network,
//!   rather than of one whose round trips vary.
//! - What was learned is good for hours ([`AGEING_PERIOD`]) rather than for four times
//!   the time-out: a device that posts every hour would never have it.
//! - After a message that nothing acknowledged, those of the application start with a
//!   time-out so long that they are sent twice at the most, until something is: as by
//!   Karn's rule (RFC 6298 section 5), which keeps a time-out that was backed off. A fleet
//!   that lost its cloud would else meet it with five datagrams a message.

use iot_coap_time::{Duration, Instant};

use crate::timing::{Timeout, Timing};

/// The unit of the estimates: 4 ms, so that 16 bits hold four minutes.
const UNIT_MS: u32 = 4;

/// The longest time-out, before it is spread, in milliseconds; unless `ACK_TIMEOUT` is
/// configured longer.
const LONGEST_MS: u32 = 60_000;
const LONGEST: u16 = (LONGEST_MS / UNIT_MS) as u16;

/// `K` of the strong estimator and of the weak one: by how many mean deviations its
/// time-out exceeds its mean.
const STRONG_DEVIATIONS: u16 = 4;
const WEAK_DEVIATIONS: u16 = 1;

/// How the deviation begins: a part of the first sample. A half is RFC 6298's, which
/// makes a strong time-out three times the round trip. At 18 s that leaves no
/// retransmission before the message is given up, so it is a quarter.
const STRONG_FIRST_PART: u16 = 4;
const WEAK_FIRST_PART: u16 = 2;

/// How far from the mean a round trip may be at least, and still be one that is expected,
/// in units: an eighth of `ACK_TIMEOUT`, which is less than time-outs are spread by, and up
/// to 250 ms, which is more than waking up takes.
fn margin(timing: &Timing) -> u16 {
    (timing.ack_timeout().as_millis_u32() / (8 * UNIT_MS)).min(62) as u16
}

/// How long estimates are good for that no sample renews: 2 hours. Then they are
/// forgotten, and what the time-out exceeds `ACK_TIMEOUT` by halves, once in each
/// period. In ticks of [`now_ticks`].
const AGEING_PERIOD: u32 = 7031;

/// By how many halves a time-out grows with each retransmission: the variable backoff
/// factor. One that is small and that the network taught must not use up all
/// retransmissions at once; a long one must leave room for some.
const SMALL_MS: u32 = 1000;
const SMALL_HALVES: u8 = 6;
const LARGE_MS: u32 = 3000;
const LARGE_HALVES: u8 = 3;

/// One so long does not grow: a message has 93 s, and in them it is to be transmitted
/// often enough to outlast a few losses.
const LONG_MS: u32 = 10_000;
const LONG_HALVES: u8 = 2;

/// A measured round trip.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sample {
    Strong(Duration),
    Weak { since_first: Duration, since_last: Duration },
}

impl Sample {
    /// Of a message that was transmitted once.
    pub(crate) const fn of_one(round_trip: Duration) -> Self {
        Self::Strong(round_trip)
    }

    /// Of one that was transmitted more than once: how long ago that was for the first
    /// time, and for the last.
    pub(crate) const fn of_several(since_first: Duration, since_last: Duration) -> Self {
        Self::Weak { since_first, since_last }
    }
}

/// The mean of some round trips and their mean deviation from it, in units; a mean of 0
/// while there is no sample.
#[derive(Clone, Copy, Debug)]
struct Estimator {
    mean: u16,
    deviation: u16,
}

impl Estimator {
    const EMPTY: Self = Self { mean: 0, deviation: 0 };

    const fn is_empty(self) -> bool {
        self.mean == 0
    }

    /// Takes a sample. The deviation begins as this part of the first one.
    fn take(&mut self, sample: u16, first_part: u16) {
        if self.is_empty() {
            *self = Self { mean: sample, deviation: sample / first_part };
            return;
        }
        let difference = self.mean.abs_diff(sample);
        if sample < self.mean && difference > self.deviation.min(self.mean / 2) {
            self.deviation -= self.deviation / 4;
            self.mean -= difference / 2;
            return;
        }
        self.deviation = moved(self.deviation, difference);
        self.mean = moved(self.mean, sample);
    }

    /// The time-out with this many deviations above the mean. A margin of half the mean
    /// at least: where round trips hardly vary, the deviation comes close to nothing, and
    /// the next slow one would be taken for a loss.
    fn timeout(self, deviations: u16) -> u16 {
        let margin = self.deviation.saturating_mul(deviations).max(self.mean / 2);
        self.mean.saturating_add(margin)
    }

    /// Whether it expects a round trip of `units`, give or take a margin of `least` or more.
    fn expects(self, units: u16, least: u16) -> bool {
        let margin = self.deviation.saturating_mul(2).max(self.mean / 8).max(least);
        !self.is_empty() && self.mean.abs_diff(units) <= margin
    }
}

/// `from`, a quarter of the way to `to`.
const fn moved(from: u16, to: u16) -> u16 {
    if to > from { from + (to - from).div_ceil(4) } else { from - (from - to) / 4 }
}

/// What the measured round trips say about the next one.
#[derive(Debug)]
pub(crate) struct RoundTrips {
    strong: Estimator,
    weak: Estimator,
    /// The overall estimate, in units; 0 if nothing was learned.
    overall: u16,
    learns: bool,
    /// Nothing has arrived since a message was given up that nothing acknowledged.
    is_unreachable: bool,
    /// When the last sample was taken, by [`now_ticks`].
    updated: u32,
}

impl RoundTrips {
    pub(crate) const fn new(learns: bool) -> Self {
        Self {
            strong: Estimator::EMPTY,
            weak: Estimator::EMPTY,
            overall: 0,
            learns,
            is_unreachable: false,
            updated: 0,
        }
    }

    /// The retransmission time-out now, before it is spread; `None` if nothing was
    /// learned.
    pub(crate) fn overall(&self, now: Instant, timing: &Timing) -> Option<Duration> {
        let ack_timeout = timing.ack_timeout().as_millis_u32();
        let periods = now_ticks(now).wrapping_sub(self.updated) / AGEING_PERIOD;
        let learned = u32::from(self.overall) * UNIT_MS;
        let above = learned.saturating_sub(ack_timeout).checked_shr(periods).unwrap_or(0);
        let aged = learned.min(ack_timeout) + above;
        let bounded = aged.clamp(ack_timeout, LONGEST_MS.max(ack_timeout));
        (self.overall != 0).then_some(Duration::from_millis(bounded.into()))
    }

    /// The time-outs of the next message; patient ones while nothing is known to arrive,
    /// if `is_patient`.
    pub(crate) fn timeout(
        &self,
        now: Instant,
        timing: &Timing,
        is_patient: bool,
        random: u32,
    ) -> Timeout {
        let ack_timeout = timing.ack_timeout().as_millis_u32();
        if u32::from(self.overall) * UNIT_MS <= ack_timeout && !self.is_unreachable {
            // On most networks no more than this is to be done for a message.
            return Timeout::spread(ack_timeout, Timeout::DOUBLING, random);
        }
        self.learned_timeout(now, timing, is_patient, random)
    }

    #[cold]
    fn learned_timeout(
        &self,
        now: Instant,
        timing: &Timing,
        is_patient: bool,
        random: u32,
    ) -> Timeout {
        let ack_timeout = timing.ack_timeout().as_millis_u32();
        let ms = self.overall(now, timing).map_or(ack_timeout, Duration::as_millis_u32);
        if is_patient && self.is_unreachable {
            // A second one, doubled, ends with the message.
            let patient = (timing.max_transmit_wait().as_millis_u32() / 3).min(LONGEST_MS);
            return Timeout::spread(patient.max(ms), Timeout::DOUBLING, random);
        }
        let halves = match ms {
            _ if ms == ack_timeout => Timeout::DOUBLING,
            ..SMALL_MS => SMALL_HALVES,
            SMALL_MS..LARGE_MS => Timeout::DOUBLING,
            LARGE_MS..LONG_MS => LARGE_HALVES,
            _ => LONG_HALVES,
        };
        Timeout::spread(ms, halves, random)
    }

    /// Something acknowledged or answered a message, which may be a sample.
    #[inline]
    pub(crate) fn handle_answered(
        &mut self,
        now: Instant,
        timing: &Timing,
        sample: Option<Sample>,
    ) {
        self.is_unreachable = false;
        match sample {
            Some(Sample::Strong(round_trip))
                if self.learns && !self.is_as_quick(round_trip, timing) =>
            {
                self.take_strong(now, round_trip);
            }
            Some(Sample::Weak { since_first, since_last }) if self.learns => {
                self.take_weak(now, timing, since_first, since_last);
            }
            _ => {}
        }
    }

    /// A message was given up that nothing acknowledged.
    pub(crate) const fn handle_unacknowledged(&mut self) {
        self.is_unreachable = self.learns;
    }

    /// There is a new session below: its handshake arrived.
    pub(crate) const fn handle_session_renewed(&mut self) {
        self.is_unreachable = false;
    }

    /// Goes on with a time-out that was kept.
    pub(crate) fn restore(&mut self, now: Instant, timeout: Duration) {
        if self.learns {
            *self = Self::new(true);
            self.overall = (units(timeout) - 1).max(1);
            self.updated = now_ticks(now);
        }
    }

    /// Whether a round trip is one of many that are quick: no time-out comes from them but
    /// `ACK_TIMEOUT`, and no loss looks otherwise for one of them. Most networks are
    /// spared the arithmetic by this.
    #[inline]
    fn is_as_quick(&self, round_trip: Duration, timing: &Timing) -> bool {
        let quick = margin(timing);
        !self.strong.is_empty()
            && self.strong.mean.max(self.overall) <= quick
            && round_trip.as_millis() < u64::from(quick) * u64::from(UNIT_MS)
    }

    #[cold]
    fn take_strong(&mut self, now: Instant, round_trip: Duration) {
        self.forget_old(now);
        let is_first = self.strong.is_empty();
        self.strong.take(units(round_trip), STRONG_FIRST_PART);
        let estimate = self.strong.timeout(STRONG_DEVIATIONS).min(LONGEST);
        self.overall = if is_first { estimate } else { self.overall.midpoint(estimate) };
    }

    #[cold]
    fn take_weak(
        &mut self,
        now: Instant,
        timing: &Timing,
        since_first: Duration,
        since_last: Duration,
    ) {
        if self.strong.expects(units(since_last), margin(timing)) {
            // Lost, and sent again.
            return;
        }
        self.forget_old(now);
        let is_first = self.weak.is_empty();
        self.weak.take(units(since_first), WEAK_FIRST_PART);
        let estimate = self.weak.timeout(WEAK_DEVIATIONS).min(LONGEST);
        // One that raises the time-out has just shown it to be too short.
        let is_whole = is_first || estimate > self.overall;
        self.overall = if is_whole { estimate } else { self.overall.midpoint(estimate) };
    }

    /// Forgets estimates that are too old for the sample that comes now.
    fn forget_old(&mut self, now: Instant) {
        let ticks = now_ticks(now);
        if ticks.wrapping_sub(self.updated) >= AGEING_PERIOD {
            (self.strong, self.weak) = (Estimator::EMPTY, Estimator::EMPTY);
        }
        self.updated = ticks;
    }
}

/// A time in units, rounded up: 1 at the least, and the most that there are if it is
/// longer.
fn units(time: Duration) -> u16 {
    let units = time.as_millis() / u64::from(UNIT_MS) + 1;
    units.min(u16::MAX.into()) as u16
}

/// The time in ticks of 1024 ms: 32-bit processors divide 64 bits in software.
const fn now_ticks(now: Instant) -> u32 {
    (now.as_millis() / 1024) as u32
}
