//! Encodes a session that is kept while there is no power. If the session has a connection
//! id, both are kept: the session itself, which goes on from any address, and a saved
//! session, which abbreviates the next handshake if the server has lost the session.
//! Otherwise, only the saved session is kept. Its age and the time-out that was learned
//! from the network are kept beside it.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use iot_coap_client::Duration;
use iot_coap_dtls::{Error, SealingKey};
use zeroize::Zeroizing;

use super::age::{AGE_LEN, Age, Limits};
use super::offer::Client;
use super::old_servers;
use super::resumption::{self, Key};
use crate::port::calendar::calendar_seconds;
use crate::port::secrets::Source;

/// The first byte of a blob: the kind of its content. Here it is the session itself. Older
/// versions used 1 to 4, whose seals cover less.
const LIVE: u8 = 5;
const RESUMABLE: u8 = 6;
/// The session itself, then the saved session, then the length of the saved session.
const BOTH: u8 = 7;

/// The longest blob, in bytes. A session with a connection id takes about 270, a saved
/// session somewhat more than its ticket.
pub(super) const MAX_BLOB_LEN: usize = 1024;

/// The longest saved session that is kept beside the session itself, in bytes.
const MAX_BESIDE_LEN: usize = 600;

/// How many bytes at the end of [`BOTH`] hold the length of the saved session.
const BESIDE_LEN: usize = 2;

/// The length of the learned facts: a time-out, and the number of handshakes for which the
/// server counts as old.
const LEARNED_LEN: usize = 5;

/// The length of the age and the learned facts, at the end of a blob.
const FACTS_LEN: usize = AGE_LEN + LEARNED_LEN;

/// How a session is kept, and for whom.
pub(super) struct Keep<'a> {
    /// The secret that seals the blob.
    pub(super) secret: &'a [u8],
    /// The device and the endpoint.
    pub(super) context: &'a [u8],
    /// The number of the blob.
    pub(super) generation: u64,
    /// How many records the session may write before it must be saved again.
    pub(super) reserve: u32,
}

/// The content of a blob.
pub(super) struct Unsealed {
    pub(super) session: Kept,
    /// The saved session beside a live session, for [`resumption::remember_bytes`].
    pub(super) beside: Option<Zeroizing<Vec<u8>>>,
    pub(super) age: Age,
    /// The time-out that was learned from the network.
    pub(super) learned: Option<Duration>,
}

/// A kept session.
#[allow(clippy::large_enum_variant, reason = "waking up must not fail for lack of memory")]
pub(super) enum Kept {
    Live(Client),
    /// A saved session, for [`resumption::remember_bytes`].
    Resumable(Zeroizing<Vec<u8>>),
}

/// Whether the session itself can be kept, and not only a saved session.
pub(super) fn is_live(client: &Client) -> bool {
    client.uses_connection_id() && !client.is_flight_due()
}

/// The data that the seal covers besides the session: everything that is stored beside it,
/// and the terms on which its peer was accepted. A session whose terms have changed cannot
/// be unsealed.
fn bound_to(kind: u8, key: &Key, keep: &Keep<'_>, facts: &[u8; FACTS_LEN]) -> Option<Vec<u8>> {
    let generation = keep.generation.to_be_bytes();
    let parts: [&[u8]; 5] = [&[kind], &generation, key.as_bytes(), facts, keep.context];
    let mut context = Vec::new();
    context.try_reserve_exact(parts.iter().map(|part| part.len()).sum()).ok()?;
    // Only the last part has a length that varies, so the concatenation is unambiguous.
    for part in parts {
        context.extend_from_slice(part);
    }
    Some(context)
}

/// Seals a session of this age into a blob, with the time-out that was learned from the
/// network. Returns `None` if the peer gave nothing to resume the session with.
pub(super) fn seal(
    client: &mut Client,
    key: &Key,
    keep: &Keep<'_>,
    age: Age,
    learned: Option<Duration>,
) -> Result<Option<Vec<u8>>, Error> {
    let seal = SealingKey::new(keep.secret)?;
    let [a, b, c, d] = learned.unwrap_or_default().as_millis_u32().to_be_bytes();
    let learned = [a, b, c, d, old_servers::handshakes_left(key)];
    let context = |kind, facts: &_| bound_to(kind, key, keep, facts).ok_or(Error::OutOfMemory);
    let resumable = resumption::bytes_for(key);
    let (kind, facts, mut blob, beside) = if is_live(client) {
        // Another client may have made another session with this peer since.
        let own = resumable.filter(|(_, other)| other.is_of_handshake_of(age));
        let facts = facts(own.as_ref().map_or(age, |(_, age)| *age), learned);
        let beside = match own {
            Some((session, _)) => seal.seal(&context(RESUMABLE, &facts)?, &session, &mut Source)?,
            None => Vec::new(),
        };
        let has_room = (1..=MAX_BESIDE_LEN).contains(&beside.len());
        let (kind, beside) = if has_room { (BOTH, beside) } else { (LIVE, Vec::new()) };
        let context = context(kind, &facts)?;
        let checkpoint = client.checkpoint(&seal, &context, keep.generation, keep.reserve)?;
        (kind, facts, checkpoint, beside)
    } else {
        let Some((session, age)) = resumable else { return Ok(None) };
        let facts = facts(age, learned);
        let blob = seal.seal(&context(RESUMABLE, &facts)?, &session, &mut Source)?;
        (RESUMABLE, facts, blob, Vec::new())
    };
    let more = 1 + beside.len() + BESIDE_LEN + FACTS_LEN;
    blob.try_reserve_exact(more).map_err(|_| Error::OutOfMemory)?;
    blob.insert(0, kind);
    if kind == BOTH {
        blob.extend_from_slice(&beside);
        blob.extend_from_slice(&(beside.len() as u16).to_be_bytes());
    }
    blob.extend_from_slice(&facts);
    Ok(Some(blob))
}

fn facts(age: Age, learned: [u8; LEARNED_LEN]) -> [u8; FACTS_LEN] {
    let mut facts = [0; FACTS_LEN];
    let bytes = age.to_bytes().into_iter().chain(learned);
    for (place, byte) in facts.iter_mut().zip(bytes) {
        *place = byte;
    }
    facts
}

/// Opens a blob. The error says why the blob is of no use, for example that its session is
/// too old to go on.
pub(super) fn unseal(
    key: &Key,
    keep: &Keep<'_>,
    limits: Limits,
    blob: &[u8],
) -> Result<Unsealed, &'static str> {
    const OTHER_VERSION: &str = "it is of another version";
    const NOT_OURS: &str = "it is not the latest, or was kept for another device or server, or on \
                            other terms";
    let seal = SealingKey::new(keep.secret).map_err(|_| "the device secret is too short")?;
    let (kind, rest) = blob.split_first().ok_or(OTHER_VERSION)?;
    if !matches!(*kind, LIVE | RESUMABLE | BOTH) {
        return Err(OTHER_VERSION);
    }
    let (blob, facts) = rest.split_last_chunk::<FACTS_LEN>().ok_or(OTHER_VERSION)?;
    let (blob, beside) =
        if *kind == BOTH { split_beside(blob) } else { Some((blob, None)) }.ok_or(OTHER_VERSION)?;
    let context = |kind| bound_to(kind, key, keep, facts).ok_or("out of memory");
    let sealed_for = context(*kind)?;
    let (age, learned) = facts.split_first_chunk().ok_or(OTHER_VERSION)?;
    let age = Age::from_bytes(age);
    let session = if matches!(*kind, LIVE | BOTH) {
        let client = Client::restore(blob, &seal, &sealed_for, keep.generation, Source);
        let client = client.map_err(|_| NOT_OURS)?;
        if !age.allows_restoring(limits) {
            return Err("it is too old");
        }
        if !client.is_valid_at(calendar_seconds()) {
            return Err("the dates of the server's certificate must be checked again");
        }
        Kept::Live(client)
    } else {
        Kept::Resumable(seal.open(&sealed_for, blob).ok_or(NOT_OURS)?)
    };
    let beside = match beside {
        Some(beside) => Some(seal.open(&context(RESUMABLE)?, beside).ok_or(NOT_OURS)?),
        None => None,
    };
    let [a, b, c, d, old_for] = learned.first_chunk().copied().unwrap_or_default();
    old_servers::restore(key, old_for);
    let learned = Duration::from_millis(u32::from_be_bytes([a, b, c, d]).into());
    let learned = Some(learned).filter(|learned| !learned.is_zero());
    Ok(Unsealed { session, beside, age, learned })
}

/// Splits a blob into the session and the saved session behind it.
fn split_beside(blob: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (blob, len) = blob.split_last_chunk::<BESIDE_LEN>()?;
    let len = usize::from(u16::from_be_bytes(*len));
    let (blob, beside) = blob.split_at_checked(blob.len().checked_sub(len)?)?;
    Some((blob, Some(beside)))
}
