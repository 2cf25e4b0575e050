//! The cloud's access token. A sign-in returns it, and every message to a topic carries it.
//! It is opaque, wiped when dropped, and never printed.

use alloc::vec::Vec;

use iot_coap_time::{Duration, Instant};
use zeroize::Zeroizing;

/// The longest access token, in bytes.
pub const MAX_ACCESS_TOKEN_LEN: usize = 255;

/// How long an access token is valid: 48 hours.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(48 * 3600);

/// How long after its grant an access token of this lifetime is renewed: between 85 % and
/// 95 % of its lifetime, drawn by `random`, so that a fleet that signed in within a minute
/// does not do so again two days later. With 48 hours, the rest is enough to outlast a
/// cloud that is away for two hours.
pub(crate) fn renewal_delay(lifetime: Duration, random: u32) -> Duration {
    // In units of 1/65,536, since 32-bit processors divide 64 bits in software.
    let part = 55_706 + random % 6553;
    Duration::from_millis(lifetime.saturating_mul(part.into()).as_millis() >> 16)
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
