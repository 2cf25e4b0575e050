//! Which sockets a link is read from. While there is a candidate beside the transport, there
//! are two: our own port waits for both at once. Other ports read one at a time, and then the
//! two are read in turn.

use iot_coap_client::Duration;

use super::Link;
use super::candidate::Candidate;
use super::transport::{Beside, Reader, Transport};

/// How long a read lasts of two sockets that are read in turn, in milliseconds: in a
/// handshake, and while a probe is open, which takes longer and is in no hurry.
const TURN_MS: u64 = 20;
const TURN_OF_PROBE_MS: u64 = 100;

/// Which socket a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Transport,
    Candidate,
}

impl Side {
    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Transport => Self::Candidate,
            Self::Candidate => Self::Transport,
        }
    }
}

/// What to read from next.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) side: Side,
    pub(crate) reader: Reader,
    /// The socket of the other side, if the same read takes what comes there.
    pub(crate) beside: Option<Beside>,
    /// There is something else to look at next, so a read lasts no longer than a
    /// [`turn`](Link::turn).
    pub(crate) is_shared: bool,
}

impl Link {
    /// What to read from; `None` if there is no socket.
    pub(crate) fn reading(&mut self) -> Option<Reading> {
        let transport = self.transport.as_ref().map(Transport::reader);
        let Some(candidate) = &self.candidate else {
            let (side, reader) = (Side::Transport, transport?);
            return Some(Reading { side, reader, beside: None, is_shared: false });
        };
        let candidate = candidate.reader();
        self.is_candidates_turn = !self.is_candidates_turn;
        // Where one read takes what comes to either, the one whose turn it is comes first.
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

    /// How long a read may last of two sockets that are read in turn.
    pub(crate) fn turn(&self) -> Duration {
        let ms = if self.probe().is_some() { TURN_OF_PROBE_MS } else { TURN_MS };
        Duration::from_millis(ms)
    }

    /// Ends the read of another thread, if the port can do that, since the link is about to
    /// be closed.
    pub(crate) fn stop_reading(&self) {
        let transports = self.transport.iter().chain(self.retired.iter()).map(Transport::reader);
        let candidate = self.candidate.as_ref().and_then(Candidate::reader);
        transports.chain(candidate).for_each(Reader::stop);
    }
}
