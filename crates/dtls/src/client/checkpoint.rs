//! A session kept through deep sleep and power loss: sealed into a blob that
//! the caller stores, and restored from it without a handshake.
//!
//! A record number must never be used twice, whatever moment the power fails:
//! with AES-GCM that would give the key away. So a blob says from which number
//! on the restored session may write, and the session that made it may use only
//! numbers below that; and a restored session may use none until it has made a
//! blob of its own, which displaces the one it came from.

use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{Client, Dropped, Origin, State};
use crate::config::DEFAULT_MTU;
use crate::error::Error;
use crate::handshake::{Flight, Secrets};
use crate::key_schedule::{MasterSecret, Randoms};
use crate::record::{Connection, ReplayWindow, SEQUENCE_END};
use crate::sealed::{SEAL_LEN, SealingKey};
use crate::suite;
use crate::wire::{Reader, Writer};

/// The form of a blob's content.
const FORMAT: u8 = 1;

const ENCRYPT_THEN_MAC: u8 = 1;
const DATES_CHECKED: u8 = 2;

/// Format, generation, numbers, suite and flags, secrets, two connection ids.
const LONGEST_CONTENT: usize = 1 + 8 + 8 + 8 + 3 + 48 + 64 + 2 * (1 + 32);

/// Why a blob is not restored. Make a new session then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// It was not sealed by this key for this context, or was changed.
    Foreign,
    /// A later blob was made, or this one has been restored before.
    Stale,
    /// It was made by another version of this library.
    Format,
}

impl RestoreError {
    /// The same in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Foreign => "the session was not saved by this device for this server",
            Self::Stale => "the saved session is not the latest, or was used before",
            Self::Format => "the session was saved by another version",
        }
    }
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for RestoreError {}

impl<R: TryCryptoRng> Client<R> {
    /// Seals the session into a blob for [`restore`](Self::restore), from which
    /// it goes on `reserve` record numbers ahead; this session may use those in
    /// between. Store the blob in place of the one before, then call
    /// [`checkpoint_is_stored`](Self::checkpoint_is_stored): only then are the
    /// numbers free to use. With a `reserve` of 0 it may write no more, which is
    /// right before a sleep.
    ///
    /// `generation` numbers the blobs: greater each time, also over restarts.
    /// `context` is what a blob is good for, such as the server's name and the
    /// device's.
    ///
    /// A record that arrives after a blob was made could be played again to the
    /// session that is restored from it.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session is over; [`Error::Random`];
    /// [`Error::OutOfMemory`]; [`Error::SequenceExhausted`].
    pub fn checkpoint(
        &mut self,
        key: &SealingKey,
        context: &[u8],
        generation: u64,
        reserve: u32,
    ) -> Result<Vec<u8>, Error> {
        match self.state {
            State::Connected => {}
            State::Handshaking => return Err(Error::NotConnected),
            State::Ended(error) => return Err(error),
        }
        let keys = self.keys.as_ref().ok_or(Error::NotConnected)?;
        let resume_at = self.sequence + u64::from(reserve);
        if resume_at >= SEQUENCE_END {
            return Err(Error::SequenceExhausted);
        }
        let mut content = Zeroizing::new(Vec::new());
        content.try_reserve_exact(LONGEST_CONTENT).map_err(|_| Error::OutOfMemory)?;
        let mut writer = Writer::new(&mut content);
        writer.u8(FORMAT);
        writer.u64(generation);
        writer.u64(resume_at);
        writer.u64(self.replay.end());
        writer.u16(keys.secrets.suite.id);
        let flags = [
            (keys.secrets.encrypt_then_mac, ENCRYPT_THEN_MAC),
            (self.dates_checked, DATES_CHECKED),
        ];
        writer.u8(flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum());
        writer.bytes(keys.secrets.master_secret.as_bytes());
        writer.bytes(&keys.secrets.randoms.client);
        writer.bytes(&keys.secrets.randoms.server);
        writer.vector8(|writer| writer.bytes(keys.peer_id.as_bytes()));
        writer.vector8(|writer| writer.bytes(keys.own_id.as_bytes()));
        writer.finish()?;
        let blob = key.seal(context, &content, &mut self.random)?;
        // Until the new blob is stored, the one before is what a restart finds.
        self.sequence_limit = self.sequence_limit.min(resume_at);
        self.reserved = Some(resume_at);
        Ok(blob)
    }

    /// The blob of the last [`checkpoint`](Self::checkpoint) is where a restart
    /// will find it; the numbers that it reserved may be used.
    pub fn checkpoint_is_stored(&mut self) {
        if let Some(reserved) = self.reserved.take() {
            self.sequence_limit = reserved;
        }
    }

    /// How many records may be written before the next
    /// [`checkpoint`](Self::checkpoint).
    pub fn reservation_left(&self) -> u64 {
        self.sequence_limit.saturating_sub(self.sequence)
    }

    /// Goes on with a session from its blob, whose generation must be at least
    /// `oldest`: the one after the greatest that was ever restored or made
    /// before this blob. The next datagram can be plaintext, once a
    /// [`checkpoint`](Self::checkpoint) of a greater generation is stored.
    ///
    /// It allocates nothing.
    ///
    /// Whether the server still knows the session shows when it answers. From
    /// another address than before it does so only where
    /// [`uses_connection_id`](Self::uses_connection_id) is true.
    ///
    /// # Errors
    ///
    /// [`RestoreError`].
    pub fn restore(
        blob: &[u8],
        key: &SealingKey,
        context: &[u8],
        oldest: u64,
        random: R,
    ) -> Result<Self, RestoreError> {
        // Not on the heap: what wakes a device up must not fail for memory.
        let mut opened = Zeroizing::new([0; LONGEST_CONTENT + SEAL_LEN]);
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
        let sequence = reader.u64().filter(|sequence| *sequence < SEQUENCE_END)?;
        let replay = ReplayWindow::starting_at(reader.u64()?);
        let suite = suite::by_id(reader.u16()?)?;
        let flags = reader.u8()?;
        let encrypt_then_mac = flags & ENCRYPT_THEN_MAC != 0;
        let master_secret = MasterSecret::from_bytes(reader.array()?);
        let randoms = Randoms { client: reader.array()?, server: reader.array()? };
        let peer_id = Connection::new(reader.vector8()?)?;
        let own_id = Connection::new(reader.vector8()?)?;
        let secrets = Secrets { suite, master_secret, randoms, encrypt_then_mac };
        let keys = secrets.keys(peer_id, own_id)?;
        Some(Self {
            random,
            state: State::Connected,
            handshake: None,
            flight: Flight::default(),
            timer: None,
            mtu: DEFAULT_MTU,
            first_timeout: 0,
            longest_timeout: 0,
            flight_due: 0,
            flight_repeats: 0,
            suspicion: None,
            plain_sequence: 0,
            keys: Some(keys),
            writes_protected: true,
            sequence,
            sequence_limit: sequence,
            reserved: None,
            replay,
            own_id,
            alert: None,
            renegotiation_refused: false,
            saved: None,
            origin: Origin::Restored,
            dates_checked: flags & DATES_CHECKED != 0,
            dropped: Dropped::default(),
        })
    }
}
