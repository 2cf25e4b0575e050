//! The last session with each peer, so that a reconnect is an abbreviated
//! handshake. In memory only; wiped when replaced, refused or pushed out.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::engine::Peer;
use super::{Failure, Port};

/// A device talks to one or two endpoints.
const MOST_SESSIONS: usize = 8;

/// A session may be resumed only with the same peer, and under the same terms:
/// resumption does not verify anything again.
#[derive(PartialEq, Eq)]
pub struct Key {
    host: String,
    port: u16,
    /// A hash over what proves the peer.
    proof: [u8; 32],
    may_use_static_rsa: bool,
}

impl Key {
    /// The key of a peer.
    ///
    /// # Errors
    ///
    /// [`Failure::OutOfMemory`] where there is no memory for it.
    pub fn of(peer: &Peer<'_>) -> Result<Self, Failure> {
        let proof = match peer.pre_shared_key {
            None => Sha256::digest(peer.authorities_pem),
            // Text without NUL, and what is behind one, cannot be taken for one another.
            Some((identity, key)) => Sha256::new()
                .chain_update([0])
                .chain_update(identity)
                .chain_update([0])
                .chain_update(key)
                .finalize(),
        };
        Ok(Self {
            host: copy(peer.host).ok_or(Failure::OutOfMemory)?,
            port: peer.port,
            proof: proof.into(),
            may_use_static_rsa: peer.may_use_static_rsa,
        })
    }

    fn copy(&self) -> Option<Self> {
        Some(Self { host: copy(&self.host)?, ..*self })
    }
}

fn copy(text: &str) -> Option<String> {
    let mut copied = String::new();
    copied.try_reserve_exact(text.len()).ok()?;
    copied.push_str(text);
    Some(copied)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {}", self.host, self.port)
    }
}

struct Entry {
    key: Key,
    /// As the engine encodes it.
    session: Zeroizing<Vec<u8>>,
}

/// The sessions that can be resumed; the one used last stands last.
#[derive(Default)]
pub struct Sessions(Vec<Entry>);

impl Sessions {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn session_for(&self, key: &Key) -> Option<Zeroizing<Vec<u8>>> {
        let entry = self.0.iter().find(|entry| entry.key == *key)?;
        let mut session = Zeroizing::new(Vec::new());
        session.try_reserve_exact(entry.session.len()).ok()?;
        session.extend_from_slice(&entry.session);
        Some(session)
    }

    /// One that there is no memory for is not kept.
    fn remember(&mut self, key: &Key, session: Zeroizing<Vec<u8>>) {
        self.forget(key);
        if self.0.len() >= MOST_SESSIONS {
            self.0.remove(0);
        }
        let Some(key) = key.copy() else { return };
        if self.0.try_reserve_exact(1).is_ok() {
            self.0.push(Entry { key, session });
        }
    }

    fn forget(&mut self, key: &Key) {
        self.0.retain(|entry| entry.key != *key);
    }
}

/// The last session under this key.
pub fn session_for<P: Port>(key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    P::with_sessions(|sessions| sessions.session_for(key)).flatten()
}

/// Keeps a session in the place of the one before.
pub fn remember<P: Port>(key: &Key, session: Zeroizing<Vec<u8>>) {
    P::with_sessions(|sessions| sessions.remember(key, session));
}

/// What was kept must not be used again.
pub fn forget<P: Port>(key: &Key) {
    P::with_sessions(|sessions| sessions.forget(key));
}
