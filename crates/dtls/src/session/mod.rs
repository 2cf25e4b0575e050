//! The parts of a session that both sides share: reading and writing records, and sending
//! and retransmitting flights. To these modules, handshake messages are only parts of a
//! flight.

mod kept;
mod outgoing;
mod record_reader;
mod record_writer;
mod retransmission;

pub(crate) use kept::{Kept, MAX_KEPT_LEN};
pub(crate) use outgoing::{MIN_ROOM, Outgoing};
pub use record_reader::Dropped;
pub(crate) use record_reader::RecordReader;
pub(crate) use record_writer::RecordWriter;
pub(crate) use retransmission::Retransmission;

use crate::error::Error;

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The handshake is in progress.
    Handshaking,
    /// Application data can be sent and received.
    Connected,
    /// The session is over, for this reason.
    Ended(Error),
}

impl State {
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session has ended.
    pub(crate) fn check_connected(self) -> Result<(), Error> {
        match self {
            Self::Connected => Ok(()),
            Self::Handshaking => Err(Error::NotConnected),
            Self::Ended(error) => Err(error),
        }
    }
}
