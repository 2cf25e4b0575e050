//! What is kept of a session while there is no power. With a connection id it is the
//! session itself, which goes on from any address; otherwise it is the saved session
//! that abbreviates the next handshake.

use alloc::vec::Vec;

use iot_coap_dtls::{Error, SealingKey};

use super::resumption::{self, Key};
use crate::port::secrets::Source;

pub(super) type Client = iot_coap_dtls::Client<Source>;

/// The first byte of a blob: what the rest is.
const LIVE: u8 = 1;
const RESUMABLE: u8 = 2;

/// How a session is kept, and for whom.
pub(super) struct Keep<'a> {
    /// Seals it.
    pub(super) secret: &'a [u8],
    /// The device and the endpoint, to which the seal binds the session.
    pub(super) context: &'a [u8],
    /// The number of the blob; to restore one, the lowest number that is accepted.
    pub(super) generation: u64,
    /// How many records the session may write before it is saved again.
    pub(super) reserve: u32,
}

/// Seals a session into a blob; `None` if the peer gave nothing to resume it with.
pub(super) fn seal(
    client: &mut Client,
    key: &Key,
    keep: &Keep<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let seal = SealingKey::new(keep.secret)?;
    let (kind, mut blob) = if client.uses_connection_id() {
        let blob = client.checkpoint(&seal, keep.context, keep.generation, keep.reserve)?;
        (LIVE, blob)
    } else {
        let Some(session) = resumption::bytes_for(key) else { return Ok(None) };
        (RESUMABLE, seal.seal(keep.context, &session, &mut Source)?)
    };
    blob.try_reserve_exact(1).map_err(|_| Error::OutOfMemory)?;
    blob.insert(0, kind);
    Ok(Some(blob))
}

/// The session in a blob. `None` if the blob holds a saved session, which is remembered
/// for the next handshake.
pub(super) fn unseal(
    key: Key,
    keep: &Keep<'_>,
    blob: &[u8],
) -> Result<Option<Client>, &'static str> {
    let seal = SealingKey::new(keep.secret).map_err(|_| "the device secret is too short")?;
    match blob.split_first() {
        Some((&LIVE, blob)) => Client::restore(blob, &seal, keep.context, keep.generation, Source)
            .map(Some)
            .map_err(|_| "it is not the latest, or was kept for another device or server"),
        Some((&RESUMABLE, blob)) => {
            let session =
                seal.open(keep.context, blob).ok_or("it was kept for another device or server")?;
            resumption::remember_bytes(key, session);
            Ok(None)
        }
        _ => Err("it is of another version"),
    }
}
