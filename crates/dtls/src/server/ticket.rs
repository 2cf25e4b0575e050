//! Tickets (RFC 5077): the sealed state that a server needs to resume a session, which the
//! client stores.

use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::key_schedule::{MASTER_SECRET_LEN, MasterSecret};
use crate::memory::copy;
use crate::record::FragmentLength;
use crate::sealing::SealingKey;
use crate::suite::{self, Suite};
use crate::wire::{Reader, Writer};

/// The version of the format of a ticket's content.
const FORMAT: u8 = 1;

/// The context of tickets, so that other data sealed with the same key is not accepted as a
/// ticket.
const CONTEXT: &[u8] = b"iot-coap-dtls ticket";

/// The content of a ticket.
pub(super) struct Ticket {
    pub(super) suite: &'static Suite,
    /// The negotiated length of records, which applies to resumed sessions too (RFC 6066,
    /// section 4).
    pub(super) max_fragment: FragmentLength,
    pub(super) master_secret: MasterSecret,
    /// The client's identity; empty without a pre-shared key.
    pub(super) identity: Vec<u8>,
}

impl Ticket {
    pub(super) fn seal<R: TryCryptoRng>(
        &self,
        key: &SealingKey,
        random: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let mut content = Zeroizing::new(Vec::new());
        // Reserve all at once: growing would leave copies of the secret in freed memory.
        let len = 1 + 2 + 1 + MASTER_SECRET_LEN + 2 + self.identity.len();
        content.try_reserve_exact(len).map_err(|_| Error::OutOfMemory)?;
        let mut writer = Writer::new(&mut content);
        writer.u8(FORMAT);
        writer.u16(self.suite.id);
        writer.u8(self.max_fragment.code());
        writer.bytes(self.master_secret.as_bytes());
        writer.vector16(|writer| writer.bytes(&self.identity));
        writer.finish()?;
        key.seal(CONTEXT, &content, random)
    }

    /// Opens a ticket with one of the keys; `None` if no key opens it, or for lack of
    /// memory.
    pub(super) fn open(keys: &[SealingKey], sealed: &[u8]) -> Option<Self> {
        let content = keys.iter().find_map(|key| key.open(CONTEXT, sealed))?;
        let mut reader = Reader::new(&content);
        if reader.u8() != Some(FORMAT) {
            return None;
        }
        let suite = suite::by_id(reader.u16()?)?;
        let max_fragment = FragmentLength::from_code(reader.u8()?)?;
        let master_secret = MasterSecret::from_bytes(reader.array()?);
        let identity = copy(reader.vector16()?).ok()?;
        reader.is_empty().then_some(Self { suite, max_fragment, master_secret, identity })
    }
}
