//! The state of a session that is sealed and restored: the inputs of its keys, and its
//! record numbers.

use crate::key_schedule::{MASTER_SECRET_LEN, MasterSecret, RANDOM_LEN, Randoms};
use crate::keys::{Keys, Secrets};
use crate::record::{ConnectionId, FragmentLength, MAX_CONNECTION_ID_LEN, MAX_SEQUENCE};
use crate::suite;
use crate::validity::{VALIDITY_LEN, Validity};
use crate::wire::{Reader, Writer};

const ENCRYPT_THEN_MAC: u8 = 1;
/// The position of the code for the length of records.
const MAX_FRAGMENT_SHIFT: u32 = 4;

/// The most bytes that [`Kept::write`] writes: two sequence numbers, suite and flags,
/// validity, secrets, and two connection ids.
pub(crate) const MAX_KEPT_LEN: usize = 2 * 8
    + 2
    + 1
    + VALIDITY_LEN
    + MASTER_SECRET_LEN
    + 2 * RANDOM_LEN
    + 2 * (1 + MAX_CONNECTION_ID_LEN);

/// The state of a session that is kept, besides its keys.
pub(crate) struct Kept {
    /// The first number that a restored session may use.
    pub(crate) sequence: u64,
    /// The first number that has not been read.
    pub(crate) first_unseen: u64,
    pub(crate) validity: Validity,
}

impl Kept {
    #[inline]
    pub(crate) fn write(&self, keys: &Keys, writer: &mut Writer<'_>) {
        writer.u64(self.sequence);
        writer.u64(self.first_unseen);
        writer.u16(keys.secrets.suite.id);
        let flags = if keys.secrets.encrypt_then_mac { ENCRYPT_THEN_MAC } else { 0 };
        writer.u8(flags | keys.secrets.max_fragment.code() << MAX_FRAGMENT_SHIFT);
        self.validity.write(writer);
        writer.bytes(keys.secrets.master_secret.as_bytes());
        writer.bytes(&keys.secrets.randoms.client);
        writer.bytes(&keys.secrets.randoms.server);
        writer.vector8(|writer| writer.bytes(keys.peer_id.as_bytes()));
        writer.vector8(|writer| writer.bytes(keys.own_id.as_bytes()));
    }

    /// Reads the state that [`Kept::write`] wrote, and derives the keys of a client in
    /// place. `None` if it does not parse.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'_>, keys: &mut Option<Keys>) -> Option<Self> {
        let sequence = reader.u64().filter(|sequence| *sequence <= MAX_SEQUENCE)?;
        let first_unseen = reader.u64()?;
        let suite = suite::by_id(reader.u16()?)?;
        let flags = reader.u8()?;
        let encrypt_then_mac = flags & ENCRYPT_THEN_MAC != 0;
        let max_fragment = FragmentLength::from_code(flags >> MAX_FRAGMENT_SHIFT)?;
        let validity = Validity::read(reader)?;
        let master_secret = MasterSecret::from_bytes(reader.array()?);
        let randoms = Randoms { client: reader.array()?, server: reader.array()? };
        let peer_id = ConnectionId::new(reader.vector8()?)?;
        let own_id = ConnectionId::new(reader.vector8()?)?;
        let secrets = Secrets { suite, master_secret, randoms, encrypt_then_mac, max_fragment };
        secrets.derive_keys(peer_id, own_id, keys)?;
        Some(Self { sequence, first_unseen, validity })
    }
}
