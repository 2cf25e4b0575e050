//! The cloud's access token: what a sign-in brings and every topic message
//! carries. Opaque; wiped when dropped, never shown.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

/// The longest access token, in bytes.
pub const ACCESS_TOKEN_MAX_LEN: usize = 255;

/// How long an access token is valid: 48 hours.
pub const ACCESS_TOKEN_LIFETIME_MS: u64 = 48 * 3600 * 1000;

/// An access token and the time until which it is worth using.
pub(crate) struct AccessToken {
    value: Zeroizing<Vec<u8>>,
    expires_at: u64,
}

impl AccessToken {
    pub(crate) const fn new(value: Zeroizing<Vec<u8>>, expires_at: u64) -> Self {
        Self { value, expires_at }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.value
    }

    /// When to get a new one, while this is still good: an hour before its
    /// end, or an eighth of its lifetime if that is less.
    pub(crate) const fn renew_at(&self, lifetime_ms: u64) -> u64 {
        const HOUR_MS: u64 = 3600 * 1000;
        let margin = if lifetime_ms / 8 < HOUR_MS { lifetime_ms / 8 } else { HOUR_MS };
        self.expires_at.saturating_sub(margin)
    }

    pub(crate) const fn has_expired(&self, now: u64) -> bool {
        now >= self.expires_at
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
