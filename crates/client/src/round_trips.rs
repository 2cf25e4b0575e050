//! Learns from measured round trips how long to wait for an acknowledgement: the
//! retransmission time-out (RTO), following CoCoA (draft-ietf-core-cocoa-03). This module
//! neither measures nor sends anything.
//!
//! Messages that were transmitted once feed the strong estimator. If a message was
//! transmitted more often, it is unknown which transmission was acknowledged, so the time
//! since its first transmission feeds the weak estimator. Each sample moves the overall
//! estimate half-way to the time-out of its estimator. The first sample of an estimator
//! moves it all the way, and so does a weak sample that raises it.
//!
//! CoCoA was designed for networks that are quicker than `ACK_TIMEOUT`. This module differs
//! from it:
//!
//! - The time-out stays between `ACK_TIMEOUT` and [`MAX_RTO_MS`].
//! - If a transmission was lost, the time since the first one tells nothing about the
//!   network's speed. So a weak sample is dropped if its acknowledgement came about one
//!   round trip, by the strong estimator, after the last transmission. In return, weak
//!   samples count after any number of retransmissions, and as much as strong ones: with a
//!   round trip of 18 s, there are only weak samples at first.
//! - An acknowledgement that comes much sooner than expected is taken as a sign of a
//!   quicker network, not of a large deviation.
//! - Estimates are valid for hours ([`AGEING_PERIOD`]), not for four times the time-out:
//!   otherwise, a device that posts every hour could never use them.
//! - After a message was not acknowledged, the application's messages start with a time-out
//!   that is long enough for two transmissions only, until something is acknowledged. This
//!   resembles Karn's rule (RFC 6298 section 5), which keeps a time-out that was backed
//!   off. Otherwise, a fleet that lost its cloud would meet it with five datagrams for each
//!   message.

use iot_coap_time::{Duration, Instant};

use crate::timing::{Timeout, Timing};

/// The unit of the estimates: 4 ms, so that 16 bits hold four minutes.
const UNIT_MS: u32 = 4;

/// The longest time-out before it is spread, in milliseconds, unless `ACK_TIMEOUT` is
/// longer.
const MAX_RTO_MS: u32 = 60_000;
const MAX_RTO: u16 = (MAX_RTO_MS / UNIT_MS) as u16;

/// `K` of the strong and the weak estimator: the number of mean deviations between the mean
/// and the time-out.
const STRONG_DEVIATIONS: u16 = 4;
const WEAK_DEVIATIONS: u16 = 1;

/// The divisor that makes the first deviation from the first sample. RFC 6298 takes a half,
/// which makes a strong time-out three times the round trip. At 18 s that would leave no
/// retransmission before the message is given up, so the strong estimator takes a quarter.
const STRONG_FIRST_PART: u16 = 4;
const WEAK_FIRST_PART: u16 = 2;

/// The smallest deviation from the mean, in units, that makes a round trip unexpected: an
/// eighth of `ACK_TIMEOUT`, which is less than the spread of time-outs, and at most 250 ms,
/// which is more than waking up takes.
fn margin(timing: &Timing) -> u16 {
    (timing.ack_timeout().as_millis_u32() / (8 * UNIT_MS)).min(62) as u16
}

/// How long estimates are valid without a new sample: 2 hours, in ticks of [`now_ticks`].
/// Then they are forgotten, and the excess of the time-out over `ACK_TIMEOUT` is halved
/// once in each period.
const AGEING_PERIOD: u32 = 7031;

/// By how many halves a time-out grows with each retransmission: the variable backoff
/// factor. A small learned time-out must not use up all retransmissions at once; a large
/// one must leave time for some.
const SMALL_MS: u32 = 1000;
const SMALL_HALVES: u8 = 6;
const LARGE_MS: u32 = 3000;
const LARGE_HALVES: u8 = 3;

/// A time-out this long does not grow: a message should be transmitted often enough in its
/// 93 s to outlast a few losses.
const LONG_MS: u32 = 10_000;
const LONG_HALVES: u8 = 2;

/// A measured round trip.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sample {
    Strong(Duration),
    Weak { since_first: Duration, since_last: Duration },
}

impl Sample {
    /// The sample of a message that was transmitted once.
    pub(crate) const fn of_one(round_trip: Duration) -> Self {
        Self::Strong(round_trip)
    }

    /// The sample of a message that was transmitted more than once: the times since its
    /// first and its last transmission.
    pub(crate) const fn of_several(since_first: Duration, since_last: Duration) -> Self {
        Self::Weak { since_first, since_last }
    }
}

/// The mean of round trips, and their mean deviation from it, in units. The mean is 0
/// before the first sample.
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

    /// Takes a sample. The first one, divided by `first_part`, is the first deviation.
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

    /// The time-out: this many deviations above the mean, but at least half the mean above
    /// it. If round trips hardly vary, the deviation is close to zero, and the next slow
    /// round trip would count as a loss.
    fn timeout(self, deviations: u16) -> u16 {
        let margin = self.deviation.saturating_mul(deviations).max(self.mean / 2);
        self.mean.saturating_add(margin)
    }

    /// Whether a round trip of `units` is expected: within the deviation, or within
    /// `least`, of the mean.
    fn expects(self, units: u16, least: u16) -> bool {
        let margin = self.deviation.saturating_mul(2).max(self.mean / 8).max(least);
        !self.is_empty() && self.mean.abs_diff(units) <= margin
    }
}

/// Moves `from` a quarter of the way to `to`.
const fn moved(from: u16, to: u16) -> u16 {
    if to > from { from + (to - from).div_ceil(4) } else { from - (from - to) / 4 }
}

/// The estimates that were learned from measured round trips.
#[derive(Debug)]
pub(crate) struct RoundTrips {
    strong: Estimator,
    weak: Estimator,
    /// The overall estimate, in units; 0 if nothing was learned.
    overall: u16,
    learns: bool,
    /// Nothing has arrived since an unacknowledged message was given up.
    is_unreachable: bool,
    /// When the last sample was taken, in ticks of [`now_ticks`].
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
        let bounded = aged.clamp(ack_timeout, MAX_RTO_MS.max(ack_timeout));
        (self.overall != 0).then_some(Duration::from_millis(bounded.into()))
    }

    /// The time-outs of the next message. If `is_patient`, they are long while the peer
    /// seems unreachable.
    pub(crate) fn timeout(
        &self,
        now: Instant,
        timing: &Timing,
        is_patient: bool,
        random: u32,
    ) -> Timeout {
        let ack_timeout = timing.ack_timeout().as_millis_u32();
        if u32::from(self.overall) * UNIT_MS <= ack_timeout && !self.is_unreachable {
            // On most networks, this is all that is done for a message.
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
            // The second time-out, which is doubled, ends with the message.
            let patient = (timing.max_transmit_wait().as_millis_u32() / 3).min(MAX_RTO_MS);
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

    /// Notes that the peer acknowledged or answered a message, which may be a sample.
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

    /// Notes that an unacknowledged message was given up.
    pub(crate) const fn handle_unacknowledged(&mut self) {
        self.is_unreachable = self.learns;
    }

    /// Notes that there is a new session below, whose handshake arrived.
    pub(crate) const fn handle_session_renewed(&mut self) {
        self.is_unreachable = false;
    }

    /// Starts with a time-out that was kept.
    pub(crate) fn restore(&mut self, now: Instant, timeout: Duration) {
        if self.learns {
            *self = Self::new(true);
            self.overall = (units(timeout) - 1).max(1);
            self.updated = now_ticks(now);
        }
    }

    /// Whether this round trip is as quick as the earlier ones. Then the time-out stays
    /// `ACK_TIMEOUT`, and losses are judged as before, so the sample can be ignored. This
    /// saves the arithmetic on most networks.
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
        let estimate = self.strong.timeout(STRONG_DEVIATIONS).min(MAX_RTO);
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
            // The message was lost, and sent again.
            return;
        }
        self.forget_old(now);
        let is_first = self.weak.is_empty();
        self.weak.take(units(since_first), WEAK_FIRST_PART);
        let estimate = self.weak.timeout(WEAK_DEVIATIONS).min(MAX_RTO);
        // A sample that raises the time-out has just shown that it was too short.
        let is_whole = is_first || estimate > self.overall;
        self.overall = if is_whole { estimate } else { self.overall.midpoint(estimate) };
    }

    /// Forgets estimates that are too old when a new sample comes.
    fn forget_old(&mut self, now: Instant) {
        let ticks = now_ticks(now);
        if ticks.wrapping_sub(self.updated) >= AGEING_PERIOD {
            (self.strong, self.weak) = (Estimator::EMPTY, Estimator::EMPTY);
        }
        self.updated = ticks;
    }
}

/// A time in units, rounded up: at least 1, and at most what 16 bits hold.
fn units(time: Duration) -> u16 {
    let units = time.as_millis() / u64::from(UNIT_MS) + 1;
    units.min(u16::MAX.into()) as u16
}

/// The time in ticks of 1024 ms: 32-bit processors divide 64 bits in software.
const fn now_ticks(now: Instant) -> u32 {
    (now.as_millis() / 1024) as u32
}
