//! One handshake with a client that has shown its cookie.

use std::net::SocketAddr;
use std::time::Instant;

use super::context::Connection;
use super::crowd::Member;
use super::id::Id;
use crate::transport::Route;

/// Handshakes under way; beyond that one makes room.
pub(super) const MOST_HANDSHAKES: usize = 4_096;

/// A handshake under way.
pub(super) struct Handshake {
    pub(super) connection: Box<Connection>,
    pub(super) route: Route,
    pub(super) id: Id,
    pub(super) since: Instant,
    /// When it will be looked at.
    pub(super) due: Instant,
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
