//! The last session with each peer, so that a reconnect is an abbreviated
//! handshake. In memory only; wiped when replaced, refused or pushed out.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::engine::Peer;
use crate::sync::Lock;

/// A device talks to one or two endpoints.
const MOST_SESSIONS: usize = 8;

/// A session may be resumed only with the same peer, and under the same terms:
/// resumption does not verify the chain again.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    host: String,
    port: u16,
    authorities: [u8; 32],
    may_use_static_rsa: bool,
}

impl Key {
    pub(super) fn of(peer: &Peer<'_>) -> Self {
        Self {
            host: peer.host.into(),
            port: peer.port,
            authorities: Sha256::digest(peer.authorities_pem).into(),
            may_use_static_rsa: peer.may_use_static_rsa,
        }
    }
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

/// The one used last stands last.
static SESSIONS: Lock<Vec<Entry>> = Lock::new(Vec::new());

/// The last session under this key.
pub(super) fn session_for(key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    let sessions = SESSIONS.lock();
    sessions.iter().find(|entry| entry.key == *key).map(|entry| entry.session.clone())
}

pub(super) fn remember(key: &Key, session: Zeroizing<Vec<u8>>) {
    forget(key);
    let mut sessions = SESSIONS.lock();
    if sessions.len() >= MOST_SESSIONS {
        sessions.remove(0);
    }
    sessions.push(Entry { key: key.clone(), session });
}

pub(super) fn forget(key: &Key) {
    SESSIONS.lock().retain(|entry| entry.key != *key);
}
