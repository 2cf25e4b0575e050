//! The transports the cloud is reached by, and who is at the other end.
//!
//! Names and addresses only: no socket is opened here.

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

/// A CoAP endpoint as RFC 7252 section 9.1.1 tells them apart: with DTLS also
/// by its session, so that message ids start afresh with a new session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub(crate) route: Route,
    pub(crate) transport: Transport,
    /// Number of the DTLS session; 0 without DTLS.
    pub(crate) session: u64,
}
