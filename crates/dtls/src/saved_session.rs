//! A session that can be resumed: what the caller keeps between connections,
//! also over a restart, to spare the next handshake its certificates and
//! exponentiations.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::config::copy;
use crate::error::Error;
use crate::key_schedule::MasterSecret;
use crate::suite::{self, Suite};
use crate::wire::{Reader, Writer};

/// The form of [`SavedSession::to_bytes`].
const FORMAT: u8 = 1;

/// The longest ticket that is kept, so that there is room for it in a
/// ClientHello beside everything else.
pub(crate) const LONGEST_TICKET: usize = 1 << 15;

/// The secret and the ticket or id under which the server knows it. Only
/// sessions with an extended master secret are saved (RFC 7627, section 5.3), and
/// no ticket of more than 32,768 bytes.
#[derive(Clone)]
pub struct SavedSession {
    pub(crate) suite: &'static Suite,
    pub(crate) master_secret: MasterSecret,
    /// Empty where the server gave a ticket.
    pub(crate) id: Vec<u8>,
    /// Empty where the server gave an id only.
    pub(crate) ticket: Vec<u8>,
}

impl SavedSession {
    /// For storing; it contains the secret, so keep it as safe as a key.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut bytes = Zeroizing::new(Vec::new());
        // No growing, which would leave copies of the secret behind.
        bytes
            .try_reserve_exact(8 + 48 + self.id.len() + self.ticket.len())
            .map_err(|_| Error::OutOfMemory)?;
        let mut writer = Writer::new(&mut bytes);
        self.write(&mut writer);
        writer.finish()?;
        Ok(bytes)
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u8(FORMAT);
        writer.u16(self.suite.id);
        writer.bytes(self.master_secret.as_bytes());
        writer.vector8(|writer| writer.bytes(&self.id));
        writer.vector16(|writer| writer.bytes(&self.ticket));
    }

    /// From what [`to_bytes`](Self::to_bytes) made; `None` for anything else, or
    /// if there is no memory for it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let session = Self::read(&mut reader)?;
        reader.is_empty().then_some(session)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.u8()? != FORMAT {
            return None;
        }
        let suite = suite::by_id(reader.u16()?)?;
        let master_secret = MasterSecret::from_bytes(reader.array()?);
        let id = copy(reader.vector8().filter(|id| id.len() <= 32)?).ok()?;
        let ticket = reader.vector16().filter(|ticket| ticket.len() <= LONGEST_TICKET)?;
        let ticket = copy(ticket).ok()?;
        Some(Self { suite, master_secret, id, ticket })
    }
}

impl fmt::Debug for SavedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedSession").finish_non_exhaustive()
    }
}
