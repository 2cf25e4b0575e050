//! The transports the cloud is reached by, and who is at the other end.
//!
//! Names and addresses only: no socket is opened here.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use serde::Serialize;

/// A way to reach the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// `coap://`: plain UDP.
    Udp,
    /// `coaps://`: DTLS 1.2.
    Dtls,
    /// `coap-psk://`: plain UDP whose payloads and sequence numbers are encrypted.
    Symmetric,
}

impl Transport {
    /// The scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Udp => "coap",
            Self::Dtls => "coaps",
            Self::Symmetric => "coap-psk",
        }
    }

    /// The option of the program that chooses its port.
    pub(crate) fn port_option(self) -> &'static str {
        match self {
            Self::Udp => "--udp-port",
            Self::Dtls => "--dtls-port",
            Self::Symmetric => "--symmetric-port",
        }
    }

    /// The port that the cloud documents for it.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp => 5683,
            Self::Dtls => 5684,
            Self::Symmetric => 5682,
        }
    }
}

/// Where a datagram came from: one of our sockets and the address beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) socket: usize,
    pub(crate) address: SocketAddr,
}

/// A CoAP endpoint as RFC 7252 section 9.1.1 tells them apart: with DTLS by its session
/// alone, which goes on when the address changes, and whose message ids are its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) route: Route,
    pub(crate) transport: Transport,
    /// Number of the DTLS session; 0 without DTLS.
    pub(crate) session: u64,
}

impl Peer {
    /// What tells it from others.
    fn identity(&self) -> (Transport, u64, Option<Route>) {
        let route = (self.transport != Transport::Dtls).then_some(self.route);
        (self.transport, self.session, route)
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Peer {}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dtls_session_is_the_same_at_another_address() {
        let peer = |transport, port, session| Peer {
            route: Route { socket: 0, address: ([127, 0, 0, 1], port).into() },
            transport,
            session,
        };
        assert_eq!(peer(Transport::Dtls, 1, 7), peer(Transport::Dtls, 2, 7));
        assert_ne!(peer(Transport::Dtls, 1, 7), peer(Transport::Dtls, 1, 8));
        assert_ne!(peer(Transport::Udp, 1, 0), peer(Transport::Udp, 2, 0));
        assert_ne!(peer(Transport::Udp, 1, 0), peer(Transport::Symmetric, 1, 0));
    }
}
