//! Transmission parameters and the times derived from them (RFC 7252 section
//! 4.8). Nothing here reads a clock.

use iot_coap_time::{Duration, Instant};

/// How long to wait for an acknowledgement and how often to retransmit (RFC 7252
/// section 4.8). `ACK_RANDOM_FACTOR`, which spreads the timeouts, is always the
/// RFC's 1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmissionParameters {
    /// `ACK_TIMEOUT`; 2 s by default. A client clamps it to the range from 1 ms to 10
    /// minutes. Below 1 s the RFC demands congestion control (section 4.8.1). A learned
    /// time-out is never shorter.
    pub ack_timeout: Duration,
    /// `MAX_RETRANSMIT`; 4 by default. A client clamps it to 20.
    pub max_retransmit: u8,
    /// Whether the time-out is learned from measured round trips, as in CoCoA; `true` by
    /// default. Otherwise, and without the feature `cocoa`, every message has the time-out
    /// of RFC 7252.
    pub learns_round_trips: bool,
}

/// `MAX_LATENCY` (RFC 7252 section 4.8.2).
const MAX_LATENCY: Duration = Duration::from_secs(100);

/// The longest [`TransmissionParameters::ack_timeout`], in milliseconds.
const MAX_ACK_TIMEOUT_MS: u32 = 600_000;

/// The greatest [`TransmissionParameters::max_retransmit`].
const MAX_MAX_RETRANSMIT: u8 = 20;

/// The time of a timer that does not run.
pub(crate) const NEVER: Instant = Instant::from_millis(u64::MAX);

impl Default for TransmissionParameters {
    fn default() -> Self {
        Self { ack_timeout: Duration::from_secs(2), max_retransmit: 4, learns_round_trips: true }
    }
}

impl TransmissionParameters {
    /// Clamps the parameters to values that can be computed with, since the caller's values
    /// are not trusted.
    fn clamped(self) -> Self {
        let ack_timeout = self.ack_timeout.as_millis_u32().clamp(1, MAX_ACK_TIMEOUT_MS);
        Self {
            ack_timeout: Duration::from_millis(ack_timeout.into()),
            max_retransmit: self.max_retransmit.min(MAX_MAX_RETRANSMIT),
            ..self
        }
    }

    /// The longest time from the first transmission to the last of `retransmissions`.
    const fn span(self, retransmissions: u8) -> Duration {
        let timeouts = (1 << retransmissions) - 1;
        Duration::from_millis(self.ack_timeout.as_millis() * timeouts * 3 / 2)
    }
}

/// The times that a client uses. Brackets show the values with the default parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// `MAX_TRANSMIT_WAIT` (93 s): how long after its first transmission an unacknowledged
    /// Confirmable message is given up.
    max_transmit_wait_ms: u32,
    /// `EXCHANGE_LIFETIME` (247 s): how long the message id of a Confirmable message must
    /// not be reused, and how long a separate response is awaited.
    exchange_lifetime_ms: u32,
    ack_timeout_ms: u32,
    /// `MAX_RETRANSMIT` (4).
    pub(crate) max_retransmit: u8,
}

impl Timing {
    pub(crate) fn new(parameters: TransmissionParameters) -> Self {
        let parameters = parameters.clamped();
        let TransmissionParameters { ack_timeout, max_retransmit, .. } = parameters;
        // MAX_TRANSMIT_SPAN (45 s), MAX_LATENCY there and back, and PROCESSING_DELAY.
        let round_trip = MAX_LATENCY + MAX_LATENCY;
        let lifetime = parameters.span(max_retransmit) + round_trip + ack_timeout;
        Self {
            max_transmit_wait_ms: parameters.span(max_retransmit + 1).as_millis_u32(),
            exchange_lifetime_ms: lifetime.as_millis_u32(),
            ack_timeout_ms: ack_timeout.as_millis_u32(),
            max_retransmit,
        }
    }

    pub(crate) const fn max_transmit_wait(&self) -> Duration {
        Duration::from_millis(self.max_transmit_wait_ms as u64)
    }

    pub(crate) const fn exchange_lifetime(&self) -> Duration {
        Duration::from_millis(self.exchange_lifetime_ms as u64)
    }

    /// `ACK_TIMEOUT` (2 s).
    pub(crate) const fn ack_timeout(&self) -> Duration {
        Duration::from_millis(self.ack_timeout_ms as u64)
    }

    /// `NON_LIFETIME` (145 s): like `EXCHANGE_LIFETIME`, but for a Non-confirmable message.
    pub(crate) fn non_lifetime(&self) -> Duration {
        self.exchange_lifetime().saturating_sub(MAX_LATENCY + self.ack_timeout())
    }
}

/// How long the transmissions of one Confirmable message wait for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout {
    /// How long the next transmission waits, in milliseconds; 49 days at most.
    pub(crate) ms: u32,
    /// By how many halves the time grows with each transmission; 4, which doubles it, in
    /// RFC 7252.
    pub(crate) halves: u8,
}

impl Timeout {
    /// The `halves` that double each time-out (section 4.2).
    pub(crate) const DOUBLING: u8 = 4;

    /// The first time-out: between `timeout_ms` and `timeout_ms` times `ACK_RANDOM_FACTOR`,
    /// drawn by `random` (section 4.2).
    pub(crate) const fn spread(timeout_ms: u32, halves: u8, random: u32) -> Self {
        let ms = timeout_ms.saturating_add(random % (timeout_ms / 2 + 1));
        Self { ms, halves }
    }

    /// The next time-out.
    pub(crate) const fn grown(self) -> Self {
        let grown = self.ms as u64 * self.halves as u64 / 2;
        Self { ms: Duration::from_millis(grown).as_millis_u32(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_times_are_those_of_the_rfc() {
        let parameters = TransmissionParameters::default();
        assert_eq!(parameters.span(parameters.max_retransmit), Duration::from_secs(45));
        let timing = Timing::new(parameters);
        assert_eq!(timing.max_transmit_wait(), Duration::from_secs(93));
        assert_eq!(timing.exchange_lifetime(), Duration::from_secs(247));
        assert_eq!(timing.non_lifetime(), Duration::from_secs(145));
    }

    #[test]
    fn first_timeout_stays_within_the_random_factor() {
        let first = |random| Timeout::spread(2000, Timeout::DOUBLING, random).ms;
        assert_eq!(first(0), 2000);
        assert_eq!(first(1000), 3000);
        for random in [1, 999, 1001, u32::MAX] {
            assert!((2000..=3000).contains(&first(random)));
        }
    }

    #[test]
    fn timeouts_grow_up_to_what_can_be_computed_with() {
        let mut timeout = Timeout::spread(3000, 3, 0);
        timeout = timeout.grown();
        assert_eq!(timeout.ms, 4500);
        let greatest = Timeout::spread(u32::MAX, 6, u32::MAX);
        assert_eq!(greatest.grown().ms, u32::MAX);
    }

    #[test]
    fn the_greatest_parameters_can_be_computed_with() {
        let ack_timeout = Duration::MAX;
        let greatest = TransmissionParameters {
            ack_timeout,
            max_retransmit: u8::MAX,
            ..TransmissionParameters::default()
        };
        let longest = Duration::from_millis(u32::MAX.into());
        assert_eq!(Timing::new(greatest).max_transmit_wait(), longest);
    }
}
