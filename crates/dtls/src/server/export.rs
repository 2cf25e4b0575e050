//! Exports an idle session: it is sealed into a blob and dropped, and goes on from the blob
//! with its next record, in this process, in the next one, or in another server.
//!
//! Two sessions from one blob would use the same record numbers with the same keys, which
//! with AES-GCM reveals the authentication key. So an export ends the session, and the
//! importer of a blob must make sure that it is not imported again.

use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::Connection;
use super::config::Config;
use super::connection::Arrived;
use crate::error::{Error, RestoreError};
use crate::handshake::Flight;
use crate::memory::copy;
use crate::sealing::SealingKey;
use crate::session::{Kept, MAX_KEPT_LEN, RecordReader, RecordWriter, Retransmission, State};
use crate::validity::Validity;
use crate::wire::{Reader, Writer};

/// The version of the format of a blob's content. It differs from every version of a
/// client's checkpoint.
const FORMAT: u8 = 0x81;

impl<R: TryCryptoRng> Connection<R> {
    /// Seals the session into a blob for [`import`](Self::import), and ends it without
    /// telling the client. `context` states what the blob is for; `import` requires the
    /// same one.
    ///
    /// The blob is as secret as the session. It has about 200 bytes, plus the identity and
    /// the connection ids.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session has ended; [`Error::FlightDue`] as long as
    /// this side's last flight may have to be sent again; [`Error::SequenceExhausted`];
    /// [`Error::Random`]; [`Error::OutOfMemory`]. The session goes on as before.
    pub fn export(&mut self, key: &SealingKey, context: &[u8]) -> Result<Vec<u8>, Error> {
        self.state.check_connected()?;
        if !self.flight.is_empty() || self.alert.is_some() {
            return Err(Error::FlightDue);
        }
        let keys = self.keys.as_ref().ok_or(Error::NotConnected)?;
        let kept = Kept {
            sequence: self.writer.sequence_after(0)?,
            first_unseen: self.reader.end_sequence(),
            validity: Validity::unlimited(true),
        };
        let mut content = Zeroizing::new(Vec::new());
        let len = 1 + MAX_KEPT_LEN + 2 + self.identity.len();
        content.try_reserve_exact(len).map_err(|_| Error::OutOfMemory)?;
        let mut writer = Writer::new(&mut content);
        writer.u8(FORMAT);
        kept.write(keys, &mut writer);
        writer.vector16(|writer| writer.bytes(&self.identity));
        writer.finish()?;
        let blob = key.seal(context, &content, &mut self.random)?;
        self.end(Error::Closed);
        self.alert = None;
        self.keys = None;
        Ok(blob)
    }

    /// Continues a session from a blob of [`export`](Self::export), without a handshake.
    ///
    /// Use each blob once: delete it before calling this, even if the process may end right
    /// afterwards. A blob in the memory of one process may be kept until the connection has
    /// sent something or [received an authentic record](Self::take_authentic). Records that
    /// were on their way during the export are dropped if they are older than records that
    /// had arrived. The count of forged records and [`was_resumed`](Self::was_resumed)
    /// start over.
    ///
    /// # Errors
    ///
    /// After each [`RestoreError`] the client needs another handshake.
    /// [`RestoreError::Foreign`] is also returned for lack of memory.
    pub fn import(
        config: &Config,
        blob: &[u8],
        key: &SealingKey,
        context: &[u8],
        random: R,
    ) -> Result<Self, RestoreError> {
        let content = key.open(context, blob).ok_or(RestoreError::Foreign)?;
        let mut reader = Reader::new(&content);
        if reader.u8() != Some(FORMAT) {
            return Err(RestoreError::Format);
        }
        Self::from_content(config, &mut reader, random).ok_or(RestoreError::Format)
    }

    fn from_content(config: &Config, content: &mut Reader<'_>, random: R) -> Option<Self> {
        let mut keys = None;
        let Kept { sequence, first_unseen, validity: _ } = Kept::read(content, &mut keys)?;
        let identity = copy(content.vector16().filter(|_| content.is_empty())?).ok()?;
        let keys_in_place = keys.as_mut()?;
        keys_in_place.swap_directions();
        let mut reader = RecordReader::restored(keys_in_place.own_id, first_unseen);
        reader.set_max_forgeries(config.max_forgeries);
        Some(Self {
            random,
            state: State::Connected,
            handshake: None,
            flight: Flight::default(),
            retransmission: Retransmission::idle(),
            keys,
            reader,
            writer: RecordWriter::at(sequence),
            mtu: config.mtu,
            max_repeats: config.max_repeats,
            limit: None,
            alert: None,
            renegotiation_refused: false,
            identity,
            arrived: Arrived::default(),
            was_resumed: false,
        })
    }
}
