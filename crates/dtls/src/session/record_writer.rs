//! Writes records and assigns their sequence numbers.
//!
//! With AES-GCM, using a sequence number twice with the same keys reveals the
//! authentication key. So a number is used only while it is below a limit, which a
//! checkpoint sets.

use rand_core::TryCryptoRng;

use crate::error::Error;
use crate::keys::Keys;
use crate::record::{
    ConnectionId, ContentType, EPOCH_PLAIN, EPOCH_PROTECTED, Header, MAX_SEQUENCE,
    RECORD_HEADER_LEN,
};

/// The number of records after which new keys are advised. RFC 8446, section 5.5, allows
/// 2^24.5 records of full length for AES-GCM; the limits of other ciphers are far higher.
const MAX_RECORDS: u64 = 1 << 24;

/// The sequence numbers of the records to the peer.
pub(crate) struct RecordWriter {
    /// The next number before the keys are in use.
    plain_sequence: u64,
    /// The next number with keys.
    sequence: u64,
    /// The first number with keys that may not be used.
    sequence_limit: u64,
    /// The limit once the last checkpoint is confirmed.
    unconfirmed_limit: Option<u64>,
    /// Whether the ChangeCipherSpec has been sent.
    is_protected: bool,
}

impl RecordWriter {
    /// A writer for a new session.
    pub(crate) fn new() -> Self {
        Self {
            plain_sequence: 0,
            sequence: 0,
            sequence_limit: MAX_SEQUENCE + 1,
            unconfirmed_limit: None,
            is_protected: false,
        }
    }

    /// A writer for a new session whose unprotected records have numbers from `sequence`
    /// on.
    #[cfg(feature = "server")]
    pub(crate) fn starting_at(sequence: u64) -> Self {
        Self { plain_sequence: sequence, ..Self::new() }
    }

    /// A writer for a session restored from a checkpoint: numbers from `sequence` on are
    /// unused, but not reserved yet.
    pub(crate) fn restored(sequence: u64) -> Self {
        Self { sequence, sequence_limit: sequence, is_protected: true, ..Self::new() }
    }

    /// A writer for a session whose next protected record has this number, without a limit.
    #[cfg(any(test, feature = "server"))]
    pub(crate) fn at(sequence: u64) -> Self {
        Self { sequence, is_protected: true, ..Self::new() }
    }

    /// Whether records are protected from now on.
    pub(crate) fn is_protected(&self) -> bool {
        self.is_protected
    }

    pub(crate) fn set_protected(&mut self) {
        self.is_protected = true;
    }

    /// Whether no number is left for application data. The last one is for the closing
    /// alert.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.sequence >= MAX_SEQUENCE
    }

    /// Whether enough records were written that it is time for new keys.
    pub(crate) fn is_worn_out(&self) -> bool {
        self.sequence >= MAX_RECORDS
    }

    /// The number that follows `reserve` numbers from the next one on.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceExhausted`] if there is no such number.
    pub(crate) fn sequence_after(&self, reserve: u32) -> Result<u64, Error> {
        let sequence = self.sequence + u64::from(reserve);
        if sequence > MAX_SEQUENCE { Err(Error::SequenceExhausted) } else { Ok(sequence) }
    }

    /// Notes that a checkpoint was made, whose restored session uses numbers from `limit`
    /// on. Until it is stored, a restart finds the previous one, so the lower limit
    /// applies.
    pub(crate) fn checkpoint_made(&mut self, limit: u64) {
        self.sequence_limit = self.sequence_limit.min(limit);
        self.unconfirmed_limit = Some(limit);
    }

    /// Whether no number is left below the limit.
    pub(crate) const fn is_limit_reached(&self) -> bool {
        self.sequence >= self.sequence_limit
    }

    /// Notes that the last checkpoint is stored.
    pub(crate) fn checkpoint_stored(&mut self) {
        if let Some(limit) = self.unconfirmed_limit.take() {
            self.sequence_limit = limit;
        }
    }

    /// Writes an unprotected record with the two parts of `content`; `None` if it does not
    /// fit.
    pub(crate) fn write_plain(
        &mut self,
        content_type: ContentType,
        content: [&[u8]; 2],
        out: &mut [u8],
    ) -> Option<usize> {
        let header = Header {
            content_type,
            epoch: EPOCH_PLAIN,
            sequence: self.plain_sequence,
            connection_id: ConnectionId::default(),
        };
        let len = content[0].len() + content[1].len();
        header.encode(len, out)?;
        let end = RECORD_HEADER_LEN + len;
        copy_parts(content, out.get_mut(RECORD_HEADER_LEN..end)?)?;
        self.plain_sequence += 1;
        Some(end)
    }

    /// Writes a protected record with the two parts of `content`.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] without keys; [`Error::ReservationExhausted`]; [`Error::BadLength`] if it is too long or does not
    /// fit; [`Error::Random`].
    pub(crate) fn write_protected<R: TryCryptoRng>(
        &mut self,
        keys: Option<&Keys>,
        random: &mut R,
        content_type: ContentType,
        content: [&[u8]; 2],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let keys = keys.ok_or(Error::NotConnected)?;
        if self.is_limit_reached() {
            return Err(Error::ReservationExhausted);
        }
        let content_len = content[0].len() + content[1].len();
        if content_len > keys.secrets.max_fragment.bytes() {
            return Err(Error::BadLength);
        }
        // With a connection id, the type goes inside (RFC 9146, section 4).
        let has_id = !keys.peer_id.is_empty();
        let inner_len = content_len + usize::from(has_id);
        let header = Header {
            content_type: if has_id { ContentType::Tls12Cid } else { content_type },
            epoch: EPOCH_PROTECTED,
            sequence: self.sequence,
            connection_id: keys.peer_id,
        };
        let fragment_len = keys.write.sealed_len(inner_len);
        let end = header.len() + fragment_len;
        header.encode(fragment_len, out).ok_or(Error::BadLength)?;
        let fragment = out.get_mut(header.len()..end).ok_or(Error::BadLength)?;
        let start = keys.write.content_start();
        let (destination, after) = fragment
            .get_mut(start..)
            .and_then(|rest| rest.split_at_mut_checked(content_len))
            .ok_or(Error::BadLength)?;
        copy_parts(content, destination).ok_or(Error::BadLength)?;
        if has_id {
            *after.first_mut().ok_or(Error::BadLength)? = content_type.byte();
        }
        keys.write.seal(&header, fragment, inner_len, random)?;
        self.sequence += 1;
        Ok(end)
    }
}

/// Copies both parts into `out`; `None` if it does not have exactly their length.
fn copy_parts(parts: [&[u8]; 2], out: &mut [u8]) -> Option<()> {
    let [first, second] = parts;
    let (start, rest) = out.split_at_mut_checked(first.len())?;
    start.copy_from_slice(first);
    if rest.len() != second.len() {
        return None;
    }
    rest.copy_from_slice(second);
    Some(())
}
