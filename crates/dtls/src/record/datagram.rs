//! Splits a datagram into records.

use super::header::{ConnectionId, ContentType, EPOCH_PLAIN, Header, VERSION, VERSION_1_0};
use crate::wire::Reader;

/// A record in the memory of its datagram.
pub(crate) struct Record<'d> {
    pub(crate) header: Header,
    pub(crate) fragment: &'d mut [u8],
}

/// A received datagram and how far it has been read, for
/// [`Client::handle_datagram`](crate::Client::handle_datagram).
pub struct Datagram<'d>(&'d mut [u8]);

impl<'d> Datagram<'d> {
    /// Wraps a datagram as it was received. Its records are decrypted in place.
    pub fn new(bytes: &'d mut [u8]) -> Self {
        Self(bytes)
    }

    /// The records that have not been read yet.
    pub fn rest(&self) -> &[u8] {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Splits off the next record. `own_id` is the connection id that the peer was asked to
    /// use. If the rest of the datagram does not begin with a record, the rest is dropped.
    pub(crate) fn next_record(&mut self, own_id: &ConnectionId) -> Option<Record<'d>> {
        let bytes = core::mem::take(&mut self.0);
        let mut reader = Reader::new(bytes);
        let content_type = ContentType::from_byte(reader.u8()?)?;
        let version = reader.array()?;
        let epoch = reader.u16()?;
        // Peers may use the version of DTLS 1.0 until 1.2 is negotiated.
        if version != VERSION && !(version == VERSION_1_0 && epoch == EPOCH_PLAIN) {
            return None;
        }
        let sequence = reader.u48()?;
        let mut connection_id = ConnectionId::default();
        if content_type == ContentType::Tls12Cid {
            if own_id.is_empty() || reader.bytes(own_id.len())? != own_id.as_bytes() {
                return None;
            }
            connection_id = *own_id;
        }
        let fragment_len = usize::from(reader.u16()?);
        let header_len = bytes.len() - reader.rest().len();
        let (_, rest) = bytes.split_at_mut_checked(header_len)?;
        let (fragment, rest) = rest.split_at_mut_checked(fragment_len)?;
        self.0 = rest;
        Some(Record { header: Header { content_type, epoch, sequence, connection_id }, fragment })
    }
}
