//! Counts what a client has done so far. Decides nothing.

use iot_coap_time::Duration;

/// Counters of one client, which are never reset. Only the application's messages count as
/// messages, but the bytes of every datagram count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages transmitted for the first time.
    pub sent: u64,
    /// Transmissions beyond the first: retransmissions, and messages sent again
    /// after a sign-in or over a new session.
    pub resent: u64,
    /// Messages whose answer was delivered.
    pub answered: u64,
    /// Messages that were given up or refused.
    pub given_up: u64,
    /// Bytes of all datagrams sent: CoAP only, without the layers below.
    pub bytes_sent: u64,
    /// Bytes of all datagrams received, counted in the same way.
    pub bytes_received: u64,
    /// Measured round trips. Only messages that were transmitted once are measured, since
    /// it is unknown which of several transmissions an answer is for.
    pub round_trips: u64,
    /// The shortest round trip, in milliseconds; 0 if none was measured.
    pub round_trip_min_ms: u32,
    /// The longest round trip, in milliseconds; 0 if none was measured.
    pub round_trip_max_ms: u32,
    /// The sum of all round trips, in milliseconds.
    pub round_trip_sum_ms: u64,
}

/// The statistics of a client; empty without the feature `statistics`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    #[cfg(feature = "statistics")]
    all: Statistics,
}

impl Counters {
    #[inline]
    #[allow(clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn count(&mut self, count: impl FnOnce(&mut Statistics)) {
        #[cfg(feature = "statistics")]
        count(&mut self.all);
        #[cfg(not(feature = "statistics"))]
        let _ = count;
    }

    #[cfg(feature = "statistics")]
    pub(crate) const fn all(&self) -> &Statistics {
        &self.all
    }
}

impl Statistics {
    pub(crate) fn note_round_trip(&mut self, round_trip: Duration) {
        let ms = round_trip.as_millis_u32();
        let shortest = if self.round_trips == 0 { ms } else { self.round_trip_min_ms.min(ms) };
        self.round_trip_min_ms = shortest;
        self.round_trip_max_ms = self.round_trip_max_ms.max(ms);
        self.round_trip_sum_ms = self.round_trip_sum_ms.saturating_add(ms.into());
        self.round_trips += 1;
    }

    /// The mean round trip, in milliseconds; 0 if none was measured.
    pub const fn round_trip_mean_ms(&self) -> u64 {
        match self.round_trip_sum_ms.checked_div(self.round_trips) {
            Some(mean) => mean,
            None => 0,
        }
    }
}
