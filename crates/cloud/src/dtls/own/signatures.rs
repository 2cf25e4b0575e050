//! How many signatures the handshakes of one address may take.

use std::net::SocketAddr;
use std::time::Instant;

use crate::config::Limits;
use crate::rates::{BURST, Rates, TooOften};
use crate::source::{Source, is_here};

/// The limit.
pub(super) struct Signatures {
    rates: Rates<Source>,
    here: bool,
}

impl Signatures {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { rates: Rates::new(limits.handshakes, BURST), here: limits.here }
    }

    /// Whether a handshake with this address may take one.
    pub(super) fn has_one(&self, now: Instant, address: SocketAddr) -> bool {
        self.is_exempt(address) || self.rates.has_one(now, &Source::of(address))
    }

    /// One was asked for.
    pub(super) fn take(&mut self, now: Instant, address: SocketAddr) -> Result<(), TooOften> {
        if self.is_exempt(address) { Ok(()) } else { self.rates.take(now, Source::of(address)) }
    }

    fn is_exempt(&self, address: SocketAddr) -> bool {
        is_here(address) && !self.here
    }
}
