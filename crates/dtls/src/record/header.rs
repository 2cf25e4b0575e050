//! The header of a record (RFC 6347, section 4.1; RFC 9146, section 4).

/// DTLS 1.2 on the wire.
pub(crate) const VERSION: [u8; 2] = [0xfe, 0xfd];
/// DTLS 1.0 on the wire.
pub(crate) const VERSION_1_0: [u8; 2] = [0xfe, 0xff];

/// The length of a header without a connection id.
pub(crate) const RECORD_HEADER_LEN: usize = 13;

/// The epoch before the keys are in use.
pub(crate) const EPOCH_PLAIN: u16 = 0;
/// The epoch with keys. There is no later one, since renegotiation is refused.
pub(crate) const EPOCH_PROTECTED: u16 = 1;

/// The last sequence number: they have 48 bits.
pub(crate) const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// The longest connection id that is sent or requested, in bytes. RFC 9146 allows 255;
/// servers use 4 to 20.
pub(crate) const MAX_CONNECTION_ID_LEN: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    /// The outer type of a record with a connection id, tls12_cid in RFC 9146,
    /// section 4.
    Tls12Cid,
}

impl ContentType {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            25 => Self::Tls12Cid,
            _ => return None,
        })
    }

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::Tls12Cid => 25,
        }
    }
}

/// A connection id. An empty one does not appear on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    len: u8,
    bytes: [u8; MAX_CONNECTION_ID_LEN],
}

impl ConnectionId {
    /// `None` if `id` is longer than [`MAX_CONNECTION_ID_LEN`].
    pub(crate) fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_CONNECTION_ID_LEN];
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

/// The header fields of a record. They are authenticated with its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) content_type: ContentType,
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
    pub(crate) connection_id: ConnectionId,
}

impl Header {
    /// Epoch and sequence number as in the header, which is also the explicit
    /// nonce of an AEAD.
    pub(crate) fn number(&self) -> [u8; 8] {
        (u64::from(self.epoch) << 48 | self.sequence).to_be_bytes()
    }

    pub(crate) fn len(&self) -> usize {
        RECORD_HEADER_LEN + self.connection_id.len()
    }

    /// Writes the header of a record with a fragment of `fragment_len` bytes.
    /// Returns `None` if `out` is shorter than [`len`](Self::len).
    pub(crate) fn encode(&self, fragment_len: usize, out: &mut [u8]) -> Option<()> {
        let (start, rest) = out.split_at_mut_checked(11)?;
        start[0] = self.content_type.byte();
        start[1..3].copy_from_slice(&VERSION);
        start[3..].copy_from_slice(&self.number());
        let (id, rest) = rest.split_at_mut_checked(self.connection_id.len())?;
        id.copy_from_slice(self.connection_id.as_bytes());
        let length = u16::try_from(fragment_len).ok()?;
        rest.get_mut(..2)?.copy_from_slice(&length.to_be_bytes());
        Some(())
    }
}
