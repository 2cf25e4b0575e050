//! What is kept of a session while there is no power. Where the peer knows a
//! connection id it is the session itself, which goes on from any address;
//! elsewhere what makes the next handshake an abbreviated one.

use alloc::vec::Vec;

use iot_coap_dtls::{Error, RestoreError, SealingKey};

use super::engine::Keeping;
use super::native::{Client, Source};
use super::resumption::{self, Key};
use super::{Failure, Port};
use crate::Level;

/// The first byte of what is kept: what the rest is.
const LIVE: u8 = 1;
const RESUMABLE: u8 = 2;

/// Seals the session into `out`; its length.
pub(super) fn save<P: Port>(
    client: &mut Client<P>,
    key: &Key,
    keeping: &Keeping<'_>,
    out: &mut [u8],
) -> Result<usize, Failure> {
    let sealed = seal(client, key, keeping).map_err(|error| {
        P::log(Level::Warning, format_args!("DTLS session with {key} cannot be kept: {error}"));
        Failure::NotKept
    })?;
    let Some((kind, sealed)) = sealed else {
        P::log(Level::Info, format_args!("{key} has given nothing to resume a session by"));
        return Err(Failure::NotKept);
    };
    let (first, rest) = out.split_first_mut().ok_or(Failure::BadParameter)?;
    rest.get_mut(..sealed.len()).ok_or(Failure::BadParameter)?.copy_from_slice(&sealed);
    *first = kind;
    Ok(1 + sealed.len())
}

fn seal<P: Port>(
    client: &mut Client<P>,
    key: &Key,
    keeping: &Keeping<'_>,
) -> Result<Option<(u8, Vec<u8>)>, Error> {
    let seal = SealingKey::new(keeping.secret)?;
    let Keeping { context, generation, reserve, .. } = *keeping;
    if client.uses_connection_id() {
        let blob = client.checkpoint(&seal, context, generation, reserve)?;
        return Ok(Some((LIVE, blob)));
    }
    let Some(session) = resumption::session_for::<P>(key) else {
        return Ok(None);
    };
    let sealed = seal.seal(context, &session, &mut Source::<P>::default())?;
    Ok(Some((RESUMABLE, sealed)))
}

/// The session that was kept; or `None`, and what it is to be resumed by is
/// remembered.
pub(super) fn unseal<P: Port>(
    key: &Key,
    keeping: &Keeping<'_>,
    blob: &[u8],
) -> Result<Option<Client<P>>, &'static str> {
    let seal = SealingKey::new(keeping.secret).map_err(|_| "the secret is too short")?;
    match blob.split_first() {
        Some((&LIVE, blob)) => {
            let Keeping { context, generation, .. } = *keeping;
            Client::restore(blob, &seal, context, generation, Source::default())
                .map(Some)
                .map_err(RestoreError::reason)
        }
        Some((&RESUMABLE, blob)) => {
            let session = seal.open(keeping.context, blob).ok_or("it is not this device's")?;
            resumption::remember::<P>(key, session);
            Ok(None)
        }
        _ => Err("it is of another version"),
    }
}
