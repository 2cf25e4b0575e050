//! The record layer (RFC 6347, section 4.1; connection ids by RFC 9146):
//! headers, epochs and the replay window. It knows nothing of handshakes.

mod header;
mod replay;

pub use header::Datagram;
pub(crate) use header::{
    Connection, ContentType, EPOCH_PLAIN, EPOCH_PROTECTED, Header, LONGEST_CONNECTION_ID,
    RECORD_HEADER_LEN, Record, SEQUENCE_END, VERSION,
};
pub(crate) use replay::ReplayWindow;
