//! Decides which socket of a link is read. While there is a candidate beside the transport,
//! there are two sockets. Our own port waits for both at once. Other ports read one at a
//! time, so the two are read in turn.

use iot_coap_client::Duration;

use super::Link;
use super::candidate::Candidate;
use super::transport::{Beside, Reader, Transport};

/// How long a read lasts if two sockets are read in turn, in milliseconds: first during a
/// handshake, then beside a probe, which takes longer and is in no hurry.
const TURN_MS: u64 = 20;
const TURN_OF_PROBE_MS: u64 = 100;

/// The socket that a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Transport,
    Candidate,
}

impl Side {
    /// The other side.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Transport => Self::Candidate,
            Self::Candidate => Self::Transport,
        }
    }
}

/// The next read.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) side: Side,
    pub(crate) reader: Reader,
    /// The socket of the other side, if the same read also takes its datagrams.
    pub(crate) beside: Option<Beside>,
    /// There is something else to check afterwards, so a read lasts no longer than a
    /// [`turn`](Link::turn).
    pub(crate) is_shared: bool,
}

impl Link {
    /// Decides what to read from; `None` if there is no socket.
    pub(crate) fn reading(&mut self) -> Option<Reading> {
        let transport = self.transport.as_ref().map(Transport::reader);
        let Some(candidate) = &self.candidate else {
            let (side, reader) = (Side::Transport, transport?);
            return Some(Reading { side, reader, beside: None, is_shared: false });
        };
        let candidate = candidate.reader();
        self.is_candidates_turn = !self.is_candidates_turn;
        // If one read takes datagrams of both sockets, it begins with the one whose turn it
        // is.
        let (side, reader, other) = match (transport, candidate) {
            (Some(reader), None) => (Side::Transport, reader, None),
            (Some(reader), candidate) if !self.is_candidates_turn => {
                (Side::Transport, reader, candidate)
            }
            (transport, candidate) => (Side::Candidate, candidate?, transport),
        };
        let beside = other.and_then(|other| reader.beside(other));
        let is_shared = transport.is_some() && beside.is_none();
        Some(Reading { side, reader, beside, is_shared })
    }

    /// How long a read may last if two sockets are read in turn.
    pub(crate) fn turn(&self) -> Duration {
        let ms = if self.probe().is_some() { TURN_OF_PROBE_MS } else { TURN_MS };
        Duration::from_millis(ms)
    }

    /// Ends the read of another thread, if the port can, since the link is about to be
    /// closed.
    pub(crate) fn stop_reading(&self) {
        let transports = self.transport.iter().chain(self.retired.iter()).map(Transport::reader);
        let candidate = self.candidate.as_ref().and_then(Candidate::reader);
        transports.chain(candidate).for_each(Reader::stop);
    }
}
