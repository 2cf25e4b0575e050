//! Checkpoints. A session is sealed into a blob, which survives deep sleep and power loss,
//! and is restored from the blob without a handshake.
//!
//! A sequence number must never be used twice, whenever the power fails: with AES-GCM that
//! would reveal the authentication key. So a blob states the first number that the restored
//! session may use, and the session that made the blob uses only lower numbers. A restored
//! session writes nothing until it has made a blob of its own that replaces the first one.

use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::Client;
use crate::error::{Error, RestoreError};
use crate::handshake::Flight;
use crate::sealing::{SEAL_LEN, SealingKey};
use crate::session::{Kept, MAX_KEPT_LEN, RecordReader, RecordWriter, Retransmission};
use crate::wire::{Reader, Writer};

/// The version of the format of a blob's content.
const FORMAT: u8 = 2;

/// The longest content: format, generation, and the session.
const MAX_CONTENT_LEN: usize = 1 + 8 + MAX_KEPT_LEN;

impl<R: TryCryptoRng> Client<R> {
    /// Seals the session into a blob for [`restore`](Self::restore).
    ///
    /// The blob reserves `reserve` sequence numbers for this session, one per record; a
    /// restored session continues after them. Store the blob in place of the previous one,
    /// then call [`confirm_checkpoint`](Self::confirm_checkpoint): only then may this session
    /// use the reserved numbers. A `reserve` of 0 suits a device that goes to sleep: this
    /// session then sends nothing more.
    ///
    /// `generation` numbers the blobs. It must increase with each blob, also across restarts.
    /// `context` states what the blob is for, such as the names of the server and the
    /// device; `restore` requires the same one.
    ///
    /// A record that arrives after the checkpoint could be replayed to the restored session.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session has ended; [`Error::FlightDue`] as long as
    /// [`is_flight_due`](Self::is_flight_due); [`Error::Random`]; [`Error::OutOfMemory`];
    /// [`Error::SequenceExhausted`] if fewer than `reserve` numbers are left. The session goes
    /// on as before.
    pub fn checkpoint(
        &mut self,
        key: &SealingKey,
        context: &[u8],
        generation: u64,
        reserve: u32,
    ) -> Result<Vec<u8>, Error> {
        self.state.check_connected()?;
        if self.is_flight_due() {
            return Err(Error::FlightDue);
        }
        let keys = self.keys.as_ref().ok_or(Error::NotConnected)?;
        let resume_at = self.writer.sequence_after(reserve)?;
        let mut content = Zeroizing::new(Vec::new());
        content.try_reserve_exact(MAX_CONTENT_LEN).map_err(|_| Error::OutOfMemory)?;
        let mut writer = Writer::new(&mut content);
        writer.u8(FORMAT);
        writer.u64(generation);
        let first_unseen = self.reader.end_sequence();
        let kept = Kept { sequence: resume_at, first_unseen, validity: self.validity };
        kept.write(keys, &mut writer);
        writer.finish()?;
        let blob = key.seal(context, &content, &mut self.random)?;
        self.writer.checkpoint_made(resume_at);
        Ok(blob)
    }

    /// Whether this side's last flight was not sent yet, or may have to be sent again:
    /// after a resumption, until the first application data from the server arrives. A
    /// restored session could not send the flight.
    pub fn is_flight_due(&self) -> bool {
        !self.flight.is_empty()
    }

    /// Confirms that the blob of the last [`checkpoint`](Self::checkpoint) is stored, so that
    /// a restart would find it. From now on this session may use the numbers that the blob
    /// reserves.
    pub fn confirm_checkpoint(&mut self) {
        self.writer.checkpoint_stored();
    }

    /// Whether all reserved numbers are used up: then [`send`](Self::send) fails until
    /// another checkpoint is confirmed.
    pub fn needs_checkpoint(&self) -> bool {
        self.writer.is_limit_reached()
    }

    /// Restores a session from a blob of [`checkpoint`](Self::checkpoint) without a handshake
    /// and without allocating.
    ///
    /// The session is connected, but cannot send before it has made a checkpoint of a greater
    /// generation and [confirmed](Self::confirm_checkpoint) it. `oldest` is the lowest
    /// generation to accept: one more than the highest generation that was restored or made
    /// before this blob.
    ///
    /// Whether the server still knows the session becomes clear when it answers. If the
    /// client's address has changed, it answers only if
    /// [`uses_connection_id`](Self::uses_connection_id) returns true.
    ///
    /// The server does not authenticate again, so check [`is_valid_at`](Self::is_valid_at).
    ///
    /// # Errors
    ///
    /// Each [`RestoreError`] means that a new session is needed.
    pub fn restore(
        blob: &[u8],
        key: &SealingKey,
        context: &[u8],
        oldest: u64,
        random: R,
    ) -> Result<Self, RestoreError> {
        // On the stack, since waking up must not fail for lack of memory.
        let mut opened = Zeroizing::new([0; MAX_CONTENT_LEN + SEAL_LEN]);
        let opened = opened.get_mut(..blob.len()).ok_or(RestoreError::Format)?;
        opened.copy_from_slice(blob);
        let content = key.open_in_place(context, opened).ok_or(RestoreError::Foreign)?;
        let mut reader = Reader::new(content);
        if reader.u8() != Some(FORMAT) {
            return Err(RestoreError::Format);
        }
        let generation = reader.u64().ok_or(RestoreError::Format)?;
        if generation < oldest {
            return Err(RestoreError::Stale);
        }
        Self::from_content(&mut reader, random).ok_or(RestoreError::Format)
    }

    fn from_content(reader: &mut Reader<'_>, random: R) -> Option<Self> {
        let mut keys = None;
        let Kept { sequence, first_unseen, validity } = Kept::read(reader, &mut keys)?;
        let own_id = keys.as_ref()?.own_id;
        let mut client = Self::from_parts(
            random,
            None,
            Flight::default(),
            Retransmission::idle(),
            keys,
            RecordReader::restored(own_id, first_unseen),
            RecordWriter::restored(sequence),
        );
        client.validity = validity;
        Some(client)
    }
}
