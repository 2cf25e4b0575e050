//! Replaces `round_trips.rs` without the feature `cocoa`: nothing is learned, and every
//! message has the time-out of RFC 7252 section 4.2.

use iot_coap_time::{Duration, Instant};

use crate::timing::{Timeout, Timing};

/// Learns nothing.
#[derive(Debug)]
pub(crate) struct RoundTrips {}

/// A round trip that is not measured.
pub(crate) struct Sample {}

impl Sample {
    pub(crate) const fn of_one(_round_trip: Duration) -> Self {
        Self {}
    }

    pub(crate) const fn of_several(_since_first: Duration, _since_last: Duration) -> Self {
        Self {}
    }
}

#[allow(clippy::unused_self, reason = "as with the feature")]
impl RoundTrips {
    pub(crate) const fn new(_learns: bool) -> Self {
        Self {}
    }

    pub(crate) const fn overall(&self, _now: Instant, _timing: &Timing) -> Option<Duration> {
        None
    }

    pub(crate) const fn restore(&mut self, _now: Instant, _timeout: Duration) {}

    pub(crate) const fn timeout(
        &self,
        _now: Instant,
        timing: &Timing,
        _is_patient: bool,
        random: u32,
    ) -> Timeout {
        let ack_timeout = timing.ack_timeout().as_millis_u32();
        Timeout::spread(ack_timeout, Timeout::DOUBLING, random)
    }

    pub(crate) const fn handle_answered(
        &mut self,
        _now: Instant,
        _timing: &Timing,
        _sample: Option<Sample>,
    ) {
    }

    pub(crate) const fn handle_unacknowledged(&mut self) {}

    pub(crate) const fn handle_session_renewed(&mut self) {}
}
