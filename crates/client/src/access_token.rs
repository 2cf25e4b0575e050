//! The cloud's access token, which a sign-in brings and every message to a topic
//! carries. Opaque, wiped when dropped, and never shown.

use alloc::vec::Vec;

use iot_coap_time::{Duration, Instant};
use zeroize::Zeroizing;

/// The longest access token, in bytes.
pub const MAX_ACCESS_TOKEN_LEN: usize = 255;

/// How long an access token is valid: 48 hours.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(48 * 3600);

/// How long before its end an access token is renewed, at the most.
const MAX_RENEWAL_MARGIN: Duration = Duration::from_secs(3600);

/// How long after it was granted an access token of this lifetime is renewed: an
/// hour before its end, or an eighth of its lifetime if that is less.
pub(crate) fn renewal_delay(lifetime: Duration) -> Duration {
    let eighth = Duration::from_millis(lifetime.as_millis() / 8);
    lifetime.saturating_sub(eighth.min(MAX_RENEWAL_MARGIN))
}

/// An access token and the time at which it expires.
pub(crate) struct AccessToken {
    value: Zeroizing<Vec<u8>>,
    expires_at: Instant,
}

impl AccessToken {
    pub(crate) const fn new(value: Zeroizing<Vec<u8>>, expires_at: Instant) -> Self {
        Self { value, expires_at }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.value
    }

    pub(crate) fn has_expired(&self, now: Instant) -> bool {
        now >= self.expires_at
    }
}
