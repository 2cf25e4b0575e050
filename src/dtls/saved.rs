//! What is kept of a session while there is no power. With a connection id it is the
//! session itself, which goes on from any address; otherwise it is the saved session
//! that abbreviates the next handshake. With either goes the time-out that was learned from
//! the network.

use alloc::vec::Vec;

use iot_coap_client::Duration;
use iot_coap_dtls::{Error, SealingKey};

use super::old_servers;
use super::resumption::{self, Key};
use crate::port::secrets::Source;

pub(super) type Client = iot_coap_dtls::Client<Source>;

/// The first byte of a blob: what the rest is. Those of blobs without a time-out were 1
/// and 2, of those without what is known of an old server 3 and 4.
const LIVE: u8 = 5;
const RESUMABLE: u8 = 6;

/// The length of what is at the end of a blob: a time-out, and for how many handshakes the
/// server is an old one.
const LEARNED_LEN: usize = 5;

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

/// What was in a blob.
pub(super) struct Unsealed {
    /// `None` if the blob held a saved session, which is remembered for the next handshake.
    pub(super) client: Option<Client>,
    /// The time-out that was learned from the network.
    pub(super) learned: Option<Duration>,
}

/// What the seal binds a session to: to what was learned too, which so cannot be changed.
fn bound_to(keep: &Keep<'_>, learned: [u8; LEARNED_LEN]) -> Option<Vec<u8>> {
    let mut context = Vec::new();
    context.try_reserve_exact(LEARNED_LEN + keep.context.len()).ok()?;
    context.extend_from_slice(&learned);
    context.extend_from_slice(keep.context);
    Some(context)
}

/// Seals a session into a blob, with the time-out that was learned from the network; `None`
/// if the peer gave nothing to resume it with.
pub(super) fn seal(
    client: &mut Client,
    key: &Key,
    keep: &Keep<'_>,
    learned: Option<Duration>,
) -> Result<Option<Vec<u8>>, Error> {
    let seal = SealingKey::new(keep.secret)?;
    let [a, b, c, d] = learned.unwrap_or_default().as_millis_u32().to_be_bytes();
    let learned = [a, b, c, d, old_servers::handshakes_left(key)];
    let context = bound_to(keep, learned).ok_or(Error::OutOfMemory)?;
    let (kind, mut blob) = if client.uses_connection_id() {
        let blob = client.checkpoint(&seal, &context, keep.generation, keep.reserve)?;
        (LIVE, blob)
    } else {
        let Some(session) = resumption::bytes_for(key) else { return Ok(None) };
        (RESUMABLE, seal.seal(&context, &session, &mut Source)?)
    };
    blob.try_reserve_exact(1 + LEARNED_LEN).map_err(|_| Error::OutOfMemory)?;
    blob.insert(0, kind);
    blob.extend_from_slice(&learned);
    Ok(Some(blob))
}

/// What is in a blob.
pub(super) fn unseal(key: Key, keep: &Keep<'_>, blob: &[u8]) -> Result<Unsealed, &'static str> {
    const OTHER_VERSION: &str = "it is of another version";
    let seal = SealingKey::new(keep.secret).map_err(|_| "the device secret is too short")?;
    let (kind, rest) = blob.split_first().ok_or(OTHER_VERSION)?;
    if !matches!(*kind, LIVE | RESUMABLE) {
        return Err(OTHER_VERSION);
    }
    let (blob, learned) = rest.split_last_chunk().ok_or(OTHER_VERSION)?;
    let context = bound_to(keep, *learned).ok_or("out of memory")?;
    let client = if *kind == LIVE {
        let client = Client::restore(blob, &seal, &context, keep.generation, Source)
            .map_err(|_| "it is not the latest, or was kept for another device or server")?;
        Some(client)
    } else {
        let session =
            seal.open(&context, blob).ok_or("it was kept for another device or server")?;
        resumption::remember_bytes(key, session);
        None
    };
    let [timeout @ .., old_for] = *learned;
    old_servers::restore(&key, old_for);
    let learned = Duration::from_millis(u32::from_be_bytes(timeout).into());
    Ok(Unsealed { client, learned: Some(learned).filter(|learned| !learned.is_zero()) })
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;

    use iot_coap_client::Instant;
    use iot_coap_dtls::{Config, PreSharedKey};
    use zeroize::Zeroizing;

    use super::super::Terms;
    use super::*;
    use crate::port::Peer;

    const KEEP: Keep<'_> = Keep {
        secret: b"a secret of a device, long enough",
        context: b"host:5684/product/device",
        generation: 1,
        reserve: 0,
    };

    /// A blob with a session that can be resumed, and what names the session. Tests share what
    /// is remembered, so each has a host of its own.
    fn sealed(host: &CStr, learned: Option<Duration>) -> (Key, Vec<u8>) {
        let peer = Peer { host, port: 5684, trusted: c"" };
        let first_timeout = Duration::from_secs(1);
        let terms = Terms { peer, static_rsa: false, first_timeout, mtu: 1232, max_fragment: 0 };
        let key = Key::of(&terms, None);
        resumption::remember_bytes(key, Zeroizing::new(b"a session".to_vec()));
        let config = Config::with_pre_shared_key(PreSharedKey::new(b"id", b"key").expect("a key"));
        let mut client =
            Client::new(config, Source, Instant::from_millis(0)).expect("it starts to connect");
        let blob = seal(&mut client, &key, &KEEP, learned).expect("memory").expect("a session");
        resumption::forget(&key);
        (key, blob)
    }

    #[test]
    fn what_was_learned_comes_back_with_the_session() {
        let longest = Duration::from_millis(u32::MAX.into());
        for learned in [None, Some(Duration::from_millis(9001)), Some(longest)] {
            let (key, blob) = sealed(c"a.example", learned);
            let unsealed = unseal(key, &KEEP, &blob).expect("it is as it was");
            assert_eq!(unsealed.learned, learned);
            assert!(unsealed.client.is_none());
            assert_eq!(resumption::bytes_for(&key).expect("remembered")[..], *b"a session");
            resumption::forget(&key);
        }
    }

    /// A time-out of weeks would be as good as no session.
    #[test]
    fn a_blob_that_was_changed_anywhere_is_refused() {
        let (key, blob) = sealed(c"b.example", Some(Duration::from_secs(9)));
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 0x40;
            assert!(unseal(key, &KEEP, &changed).is_err(), "byte {at}");
            assert!(unseal(key, &KEEP, &blob[..at]).is_err(), "cut to {at}");
        }
        assert!(resumption::bytes_for(&key).is_none());
    }

    #[test]
    fn an_old_server_is_known_again() {
        for handshakes in [0, 1, 16] {
            let key = sealed(c"d.example", None).0;
            old_servers::restore(&key, handshakes);
            let (key, blob) = sealed(c"d.example", None);
            old_servers::forget(&key);
            unseal(key, &KEEP, &blob).expect("it is as it was");
            assert_eq!(old_servers::handshakes_left(&key), handshakes);
            old_servers::forget(&key);
            resumption::forget(&key);
        }
    }

    #[test]
    fn blobs_without_what_was_learned_are_of_another_version() {
        let (key, blob) = sealed(c"c.example", None);
        for kind in 1..=4 {
            let old = [&[kind], &blob[1..]].concat();
            assert_eq!(unseal(key, &KEEP, &old).err(), Some("it is of another version"));
        }
    }
}
