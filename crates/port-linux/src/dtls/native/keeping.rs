//! What is kept of a session while there is no power. Where the peer knows a
//! connection id it is the session itself, which goes on from any address;
//! elsewhere what makes the next handshake an abbreviated one.

use alloc::vec::Vec;

use iot_coap_dtls::{Client, Error, RestoreError, SealingKey};

use super::super::Failure;
use super::super::engine::{Keeping, Peer};
use super::super::resumption::{self, Key};
use super::Session;
use super::random::SystemRandom;
use crate::log::{Level, log};

/// The first byte of what is kept: what the rest is.
const LIVE: u8 = 1;
const RESUMABLE: u8 = 2;

/// Seals the session into `out`; its length.
pub(super) fn save(
    client: &mut Session,
    key: &Key,
    keeping: &Keeping<'_>,
    out: &mut [u8],
) -> Result<usize, Failure> {
    let sealed = seal(client, key, keeping).map_err(|error| {
        log(Level::Warning, format_args!("DTLS session with {key} cannot be kept: {error}"));
        Failure::NotKept
    })?;
    let Some((kind, sealed)) = sealed else {
        log(Level::Info, format_args!("{key} has given nothing to resume a session by"));
        return Err(Failure::NotKept);
    };
    let (first, rest) = out.split_first_mut().ok_or(Failure::BadParameter)?;
    rest.get_mut(..sealed.len()).ok_or(Failure::BadParameter)?.copy_from_slice(&sealed);
    *first = kind;
    Ok(1 + sealed.len())
}

fn seal(
    client: &mut Session,
    key: &Key,
    keeping: &Keeping<'_>,
) -> Result<Option<(u8, Vec<u8>)>, Error> {
    let seal = SealingKey::new(keeping.secret)?;
    let Keeping { context, generation, reserve, .. } = *keeping;
    if client.uses_connection_id() {
        let blob = client.checkpoint(&seal, context, generation, reserve)?;
        return Ok(Some((LIVE, blob)));
    }
    let Some(session) = resumption::session_for(key) else {
        return Ok(None);
    };
    let sealed = seal.seal(context, &session, &mut SystemRandom)?;
    Ok(Some((RESUMABLE, sealed)))
}

impl super::Client {
    /// Goes on with what was kept, or begins anew where that cannot be.
    pub(in super::super) fn restore(
        peer: &Peer<'_>,
        keeping: &Keeping<'_>,
        blob: &[u8],
    ) -> Result<Self, Failure> {
        let key = Key::of(peer);
        match unseal(&key, keeping, blob) {
            Ok(Some(session)) => return Self::with(session, key),
            Ok(None) => {}
            Err(reason) => {
                log(
                    Level::Warning,
                    format_args!("DTLS session with {key} is not restored: {reason}"),
                );
            }
        }
        Self::new(peer)
    }
}

/// The session that was kept; or `None`, and what it is to be resumed by is
/// remembered.
fn unseal(key: &Key, keeping: &Keeping<'_>, blob: &[u8]) -> Result<Option<Session>, &'static str> {
    let seal = SealingKey::new(keeping.secret).map_err(|_| "the secret is too short")?;
    match blob.split_first() {
        Some((&LIVE, blob)) => {
            let Keeping { context, generation, .. } = *keeping;
            Client::restore(blob, &seal, context, generation, SystemRandom)
                .map(Some)
                .map_err(RestoreError::reason)
        }
        Some((&RESUMABLE, blob)) => {
            let session = seal.open(keeping.context, blob).ok_or("it is not this device's")?;
            resumption::remember(key, session);
            Ok(None)
        }
        _ => Err("it is of another version"),
    }
}
