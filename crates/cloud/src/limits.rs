//! How many requests of one device and of one address are served. What DTLS bounds is its own
//! business.

use std::net::SocketAddr;
use std::time::Instant;

use crate::config::Config;
use crate::devices::DeviceNumber;
use crate::rates::{BURST, Rates, TooOften};
use crate::source::{Source, is_here};
use crate::transport::{Peer, Transport};

/// Topic messages a second and device, unless the configuration says otherwise.
const MESSAGES: u32 = 50;

/// The limits of requests.
pub(crate) struct RequestLimits {
    messages: Rates<DeviceNumber>,
    /// That limit was given, and is for devices on this machine too.
    messages_here: bool,
    /// Of addresses that have shown that somebody listens there, by a DTLS cookie, apart from
    /// those that anybody can write into a datagram.
    strangers: Rates<(Source, bool)>,
    here: bool,
    sessions: usize,
}

impl RequestLimits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            messages: Rates::new(config.rate_limit.unwrap_or(MESSAGES), 1),
            messages_here: config.rate_limit.is_some() || config.limits.here,
            strangers: Rates::new(config.limits.strangers, BURST),
            here: config.limits.here,
            sessions: usize::try_from(config.limits.sessions).unwrap_or(usize::MAX),
        }
    }

    /// Counts a message of a device that has shown who it is.
    pub(crate) fn message(
        &mut self,
        now: Instant,
        from: SocketAddr,
        device: DeviceNumber,
    ) -> Result<(), TooOften> {
        if is_here(from) && !self.messages_here {
            return Ok(());
        }
        self.messages.take(now, device)
    }

    /// Counts a request that does not show who it is from.
    pub(crate) fn stranger(&mut self, now: Instant, peer: Peer) -> Result<(), TooOften> {
        let from = peer.route.address;
        if is_here(from) && !self.here {
            return Ok(());
        }
        self.strangers.take(now, (Source::of(from), peer.transport == Transport::Dtls))
    }

    /// The most sessions of symmetric mode that a device has which comes from there.
    pub(crate) fn sessions(&self, from: SocketAddr) -> Option<usize> {
        (self.sessions > 0 && (self.here || !is_here(from))).then_some(self.sessions)
    }
}
