//! The engine's time, which counts milliseconds.

use std::time::{Duration, Instant};

/// Converts between both kinds of time.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn new(start: Instant) -> Self {
        Self { start }
    }

    pub(super) fn engine(self, at: Instant) -> iot_coap_dtls::Instant {
        let millis = at.saturating_duration_since(self.start).as_millis();
        iot_coap_dtls::Instant::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    pub(super) fn system(self, at: iot_coap_dtls::Instant) -> Instant {
        self.start + Duration::from_millis(at.as_millis())
    }
}
