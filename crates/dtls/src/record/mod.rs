//! The record layer (RFC 6347, section 4.1; connection ids by RFC 9146): headers,
//! epochs and the replay window. It knows nothing about handshakes.

mod datagram;
mod fragment_length;
mod header;
mod replay;

pub use datagram::Datagram;
pub(crate) use datagram::Record;
pub(crate) use fragment_length::FragmentLength;
#[cfg(feature = "server")]
pub(crate) use header::VERSION_1_0;
pub(crate) use header::{
    ConnectionId, ContentType, EPOCH_PLAIN, EPOCH_PROTECTED, Header, MAX_CONNECTION_ID_LEN,
    MAX_SEQUENCE, RECORD_HEADER_LEN, VERSION,
};
pub(crate) use replay::ReplayWindow;
