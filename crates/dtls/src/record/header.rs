//! A record's header, and cutting a datagram into records.

use crate::wire::Reader;

/// DTLS 1.2 on the wire.
pub(crate) const VERSION: [u8; 2] = [0xfe, 0xfd];
const VERSION_1_0: [u8; 2] = [0xfe, 0xff];

/// The header without a connection id.
pub(crate) const RECORD_HEADER_LEN: usize = 13;

/// Before the keys are in use.
pub(crate) const EPOCH_PLAIN: u16 = 0;
/// With keys: renegotiation is refused, so there is no other.
pub(crate) const EPOCH_PROTECTED: u16 = 1;

/// Sequence numbers have 48 bits.
pub(crate) const SEQUENCE_END: u64 = 1 << 48;

/// The longest connection id that is sent or asked for here. RFC 9146 allows
/// 255 bytes; servers use 4 to 20.
pub(crate) const LONGEST_CONNECTION_ID: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    /// The outer type of a record with a connection id (RFC 9146, section 4).
    ConnectionId,
}

impl ContentType {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            25 => Self::ConnectionId,
            _ => return None,
        })
    }

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::ConnectionId => 25,
        }
    }
}

/// A connection id, which may be empty: then it is not on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    len: u8,
    bytes: [u8; LONGEST_CONNECTION_ID],
}

impl Connection {
    /// `None` if it is too long.
    pub(crate) fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; LONGEST_CONNECTION_ID];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { len: id.len() as u8, bytes })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len.into()
    }
}

/// What is authenticated beside the content of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) content_type: ContentType,
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
    pub(crate) connection: Connection,
}

impl Header {
    /// Epoch and sequence number, as they stand in the header and in the
    /// explicit nonce of an AEAD.
    pub(crate) fn number(&self) -> [u8; 8] {
        (u64::from(self.epoch) << 48 | self.sequence).to_be_bytes()
    }

    pub(crate) fn len(&self) -> usize {
        RECORD_HEADER_LEN + self.connection.len()
    }

    /// Writes the header of a record whose fragment has `fragment_len` bytes;
    /// `None` if `out` is shorter than [`len`](Self::len).
    pub(crate) fn encode(&self, fragment_len: usize, out: &mut [u8]) -> Option<()> {
        let (start, rest) = out.split_at_mut_checked(11)?;
        start[0] = self.content_type.byte();
        start[1..3].copy_from_slice(&VERSION);
        start[3..].copy_from_slice(&self.number());
        let (id, rest) = rest.split_at_mut_checked(self.connection.len())?;
        id.copy_from_slice(self.connection.as_bytes());
        let length = u16::try_from(fragment_len).ok()?;
        rest.get_mut(..2)?.copy_from_slice(&length.to_be_bytes());
        Some(())
    }
}

/// A record as it stands in a datagram.
pub(crate) struct Record<'d> {
    pub(crate) header: Header,
    pub(crate) fragment: &'d mut [u8],
}

/// A datagram, where it is cut into records; see [`Client::read`].
///
/// [`Client::read`]: crate::Client::read
pub struct Datagram<'d>(&'d mut [u8]);

impl<'d> Datagram<'d> {
    /// A datagram as it was received. Its records are decrypted in place.
    pub fn new(bytes: &'d mut [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &[u8] {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Cuts the next record off the front; `own` is the connection id that this
    /// side has asked for. Where there is none the rest is dropped.
    pub(crate) fn next_record(&mut self, own: &Connection) -> Option<Record<'d>> {
        let bytes = core::mem::take(&mut self.0);
        let mut reader = Reader::new(bytes);
        let content_type = ContentType::from_byte(reader.u8()?)?;
        let version = reader.array()?;
        let epoch = reader.u16()?;
        // Servers say DTLS 1.0 until the version is agreed upon.
        if version != VERSION && !(version == VERSION_1_0 && epoch == EPOCH_PLAIN) {
            return None;
        }
        let sequence = reader.u48()?;
        let mut connection = Connection::default();
        if content_type == ContentType::ConnectionId {
            if own.is_empty() || reader.bytes(own.len())? != own.as_bytes() {
                return None;
            }
            connection = *own;
        }
        let fragment_len = usize::from(reader.u16()?);
        let header_len = bytes.len() - reader.rest().len();
        let (_, rest) = bytes.split_at_mut_checked(header_len)?;
        let (fragment, rest) = rest.split_at_mut_checked(fragment_len)?;
        self.0 = rest;
        Some(Record { header: Header { content_type, epoch, sequence, connection }, fragment })
    }
}
