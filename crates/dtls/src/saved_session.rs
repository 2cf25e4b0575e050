//! A session that can be resumed. If the caller keeps it between connections and across
//! restarts, the next handshake needs no certificates and public-key operations.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::key_schedule::{MASTER_SECRET_LEN, MasterSecret};
use crate::memory::{Boxed, copy};
use crate::record::FragmentLength;
use crate::suite::{self, Suite};
use crate::validity::{VALIDITY_LEN, Validity};
use crate::wire::{Reader, Writer};

/// The version of the format of [`SavedSession::to_bytes`], in the lower half of the first
/// byte. The upper half is the code of the length of records.
const FORMAT: u8 = 2;

/// The longest ticket that is kept, in bytes. It leaves room in a ClientHello for the
/// other extensions.
pub(crate) const MAX_TICKET_LEN: usize = 1 << 15;

/// RFC 5246, section 7.4.1.2.
const MAX_SESSION_ID_LEN: usize = 32;

/// A master secret, with the ticket or session id that names it to the server.
///
/// Only sessions with an extended master secret are saved (RFC 7627, section 5.3), and
/// only with a ticket of at most 32,768 bytes.
#[derive(Clone)]
pub struct SavedSession {
    pub(crate) suite: &'static Suite,
    /// The negotiated length of records, which applies to resumed sessions too (RFC 6066,
    /// section 4).
    pub(crate) max_fragment: FragmentLength,
    pub(crate) master_secret: Boxed<MasterSecret>,
    pub(crate) validity: Validity,
    /// How long the server accepts the ticket, in seconds; 0 if it did not say.
    pub(crate) lifetime_hint: u32,
    /// Empty if the server issued a ticket.
    pub(crate) id: Vec<u8>,
    /// Empty if the server gave only a session id.
    pub(crate) ticket: Vec<u8>,
}

impl SavedSession {
    /// Whether its suite is one that [`Config::cbc`](crate::Config::cbc) allows. If so, it
    /// can only be resumed with that setting.
    pub fn uses_cbc(&self) -> bool {
        self.suite.algorithm.is_cbc()
    }

    /// Serializes the session for storage. The bytes contain the master secret: protect
    /// them like a key, for example with [`SealingKey`](crate::SealingKey).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut bytes = Zeroizing::new(Vec::new());
        // Reserve all at once: growing would leave copies of the secret in freed memory.
        bytes
            .try_reserve_exact(
                1 + 2
                    + MASTER_SECRET_LEN
                    + VALIDITY_LEN
                    + 4
                    + 1
                    + self.id.len()
                    + 2
                    + self.ticket.len(),
            )
            .map_err(|_| Error::OutOfMemory)?;
        let mut writer = Writer::new(&mut bytes);
        writer.u8(FORMAT | self.max_fragment.code() << 4);
        writer.u16(self.suite.id);
        writer.bytes(self.master_secret.as_bytes());
        self.validity.write(&mut writer);
        writer.bytes(&self.lifetime_hint.to_be_bytes());
        writer.vector8(|writer| writer.bytes(&self.id));
        writer.vector16(|writer| writer.bytes(&self.ticket));
        writer.finish()?;
        Ok(bytes)
    }

    /// Reads the bytes that [`to_bytes`](Self::to_bytes) wrote. Returns `None` for other
    /// bytes, and for lack of memory; a full handshake is then needed.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8()?;
        if first & 0x0F != FORMAT {
            return None;
        }
        let max_fragment = FragmentLength::from_code(first >> 4)?;
        let suite = suite::by_id(reader.u16()?)?;
        let master_secret = reader.bytes(MASTER_SECRET_LEN)?.try_into().ok()?;
        let master_secret = MasterSecret::boxed(master_secret).ok()?;
        let validity = Validity::read(&mut reader)?;
        let lifetime_hint = u32::from_be_bytes(reader.array()?);
        let id = copy(reader.vector8().filter(|id| id.len() <= MAX_SESSION_ID_LEN)?).ok()?;
        let ticket = reader.vector16().filter(|ticket| ticket.len() <= MAX_TICKET_LEN)?;
        let ticket = copy(ticket).ok()?;
        reader.is_empty().then_some(Self {
            suite,
            max_fragment,
            master_secret,
            validity,
            lifetime_hint,
            id,
            ticket,
        })
    }

    /// How long the server accepts the ticket, in seconds since it arrived (RFC 5077,
    /// section 3.3). `None` if the server did not say, or gave a session id.
    ///
    /// The dates of the server's certificates also limit a session; the engine checks them.
    /// The caller must limit the age of sessions: RFC 5246, section F.1.4, suggests a day.
    pub fn lifetime_hint(&self) -> Option<u32> {
        (self.lifetime_hint != 0).then_some(self.lifetime_hint)
    }
}

impl fmt::Debug for SavedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedSession").finish_non_exhaustive()
    }
}
