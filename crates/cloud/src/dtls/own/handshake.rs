//! One handshake with a client that has shown its cookie.

use std::net::SocketAddr;
use std::time::Instant;

use iot_coap_dtls::Error;

use super::context::Connection;
use super::crowd::Member;
use super::id::Id;
use crate::dtls::claimed::Claimed;
use crate::transport::Route;

/// Handshakes under way; beyond that one makes room.
pub(super) const MOST_HANDSHAKES: usize = 4_096;

/// A handshake under way.
pub(super) struct Handshake {
    pub(super) connection: Box<Connection>,
    pub(super) route: Route,
    pub(super) id: Id,
    pub(super) since: Instant,
    /// Who the client claims to be, if it has a pre-shared key.
    pub(super) claimed: Option<Claimed>,
    /// That it fails has been told.
    pub(super) is_told: bool,
    /// When it will be looked at.
    pub(super) due: Instant,
}

impl Handshake {
    /// Why it hardly can succeed, if that is news: the client has sent an alert, or keys are
    /// there, and something was encrypted by others. Anybody can have sent that, so it goes on.
    pub(super) fn take_doubt(&mut self) -> Option<String> {
        if self.is_told {
            return None;
        }
        let reason = match self.connection.unprotected_alert() {
            Some(alert) => Error::PeerAlert(alert).to_string(),
            None if self.connection.dropped().forged > 0 => self.claimed.as_ref()?.reason(),
            None => return None,
        };
        self.is_told = true;
        Some(reason)
    }
}

impl Member for Handshake {
    fn address(&self) -> SocketAddr {
        self.route.address
    }

    fn is_proven(&self) -> bool {
        false
    }

    fn heard(&self) -> Instant {
        self.since
    }
}
