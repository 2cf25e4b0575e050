//! One session. While its client is silent it is nothing but sealed bytes.

use std::net::SocketAddr;
use std::time::Instant;

use iot_coap_dtls::{Datagram, Error};

use super::context::Connection;
use super::crowd::Member;
use super::id::Id;
use crate::devices::DeviceNumber;
use crate::transport::Route;

/// The state of a session.
pub(super) enum Kept {
    Live(Box<Connection>),
    /// What [`Connection::export`] made of it.
    Sealed(Box<[u8]>),
}

/// A session whose handshake is done.
pub(super) struct Session {
    pub(super) kept: Kept,
    pub(super) route: Route,
    /// The id that its client puts into records; without one it is found by its address.
    pub(super) id: Option<Id>,
    pub(super) is_proven: bool,
    /// The first device that has shown who it is.
    pub(super) device: Option<DeviceNumber>,
    /// When an authentic record last came.
    pub(super) heard: Instant,
    /// When a record last came or went.
    pub(super) used: Instant,
    /// When it will be looked at.
    pub(super) due: Instant,
    /// Datagrams since it was sealed in which nothing was authentic.
    pub(super) forged: u32,
    /// How often it was saved as sealed bytes, for its client's silence or over a restart;
    pub(super) saves: u32,
    /// and how often its client went on from another address.
    pub(super) moves: u16,
}

impl Session {
    pub(super) fn new(kept: Kept, route: Route, id: Option<Id>, heard: Instant) -> Self {
        Self {
            kept,
            route,
            id,
            is_proven: false,
            device: None,
            heard,
            used: heard,
            due: heard,
            forged: 0,
            saves: 0,
            moves: 0,
        }
    }

    pub(super) fn is_sealed(&self) -> bool {
        matches!(self.kept, Kept::Sealed(_))
    }
}

impl Member for Session {
    fn address(&self) -> SocketAddr {
        self.route.address
    }

    fn is_proven(&self) -> bool {
        self.is_proven
    }

    fn heard(&self) -> Instant {
        self.heard
    }
}

/// Gives a connection a datagram, and appends what it says to `plaintexts`.
pub(super) fn feed(
    connection: &mut Connection,
    now: iot_coap_dtls::Instant,
    datagram: &mut [u8],
    plaintexts: &mut Vec<Vec<u8>>,
) -> Result<(), Error> {
    let mut datagram = Datagram::new(datagram);
    while let Some(plaintext) = connection.handle_datagram(now, &mut datagram)? {
        plaintexts.push(plaintext.to_vec());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/scale.md promises what a silent session takes.
    #[test]
    fn a_session_is_no_larger_than_it_was() {
        assert_eq!(size_of::<Session>(), 136);
    }
}
