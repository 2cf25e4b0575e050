//! Transmission parameters and the times derived from them (RFC 7252 section
//! 4.8). Numbers only: nothing here reads a clock.

/// How long to wait for an acknowledgement and how often to send again
/// (RFC 7252 section 4.8). The factor by which timeouts are spread is fixed at
/// the RFC's 1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmissionParameters {
    /// `ACK_TIMEOUT` in milliseconds; 2000 by default. Below 1000 the RFC asks
    /// for congestion control that is not here (section 4.8.1).
    pub ack_timeout_ms: u32,
    /// `MAX_RETRANSMIT`; 4 by default, 20 at most.
    pub max_retransmit: u8,
}

/// `MAX_LATENCY` (RFC 7252 section 4.8.2).
const MAX_LATENCY_MS: u64 = 100_000;

impl Default for TransmissionParameters {
    fn default() -> Self {
        Self { ack_timeout_ms: 2000, max_retransmit: 4 }
    }
}

impl TransmissionParameters {
    /// The first timeout of a Confirmable message: between `ACK_TIMEOUT` and
    /// `ACK_TIMEOUT * ACK_RANDOM_FACTOR`, by `random` (section 4.2).
    pub(crate) fn first_timeout_ms(self, random: u32) -> u64 {
        let spread = self.ack_timeout_ms / 2;
        u64::from(self.ack_timeout_ms) + u64::from(random % (spread + 1))
    }

    /// `MAX_TRANSMIT_SPAN`: from the first transmission to the last; 45 s.
    const fn max_transmit_span_ms(self) -> u64 {
        self.ack_timeout_ms as u64 * ((1 << self.max_retransmit) - 1) * 3 / 2
    }

    /// `EXCHANGE_LIFETIME`: how long a message id of a Confirmable message must
    /// not be used again, and how long a separate response is waited for; 247 s.
    pub const fn exchange_lifetime_ms(self) -> u64 {
        self.max_transmit_span_ms() + 2 * MAX_LATENCY_MS + self.ack_timeout_ms as u64
    }

    /// `NON_LIFETIME`: the same for a Non-confirmable message; 145 s.
    pub const fn non_lifetime_ms(self) -> u64 {
        self.max_transmit_span_ms() + MAX_LATENCY_MS
    }

    /// Within what can be computed with: a caller's odd values are brought
    /// into range rather than trusted.
    pub(crate) fn clamped(self) -> Self {
        Self {
            ack_timeout_ms: self.ack_timeout_ms.clamp(1, 600_000),
            max_retransmit: self.max_retransmit.min(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_times_are_those_of_the_rfc() {
        let parameters = TransmissionParameters::default();
        assert_eq!(parameters.max_transmit_span_ms(), 45_000);
        assert_eq!(parameters.exchange_lifetime_ms(), 247_000);
        assert_eq!(parameters.non_lifetime_ms(), 145_000);
    }

    #[test]
    fn first_timeout_stays_within_the_random_factor() {
        let parameters = TransmissionParameters::default();
        assert_eq!(parameters.first_timeout_ms(0), 2000);
        assert_eq!(parameters.first_timeout_ms(1000), 3000);
        for random in [1, 999, 1001, u32::MAX] {
            assert!((2000..=3000).contains(&parameters.first_timeout_ms(random)));
        }
    }
}
