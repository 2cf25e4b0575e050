//! The last session with each peer, so that a reconnect is an abbreviated
//! handshake. In memory only; wiped when replaced, refused or pushed out.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use openssl::sha::sha256;
use openssl::ssl::{SslSession, SslSessionRef};
use zeroize::Zeroizing;

use super::super::engine::Peer;
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
            authorities: sha256(peer.authorities_pem),
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
    /// Encoded, because a session object must not meet a second context.
    session: Zeroizing<Vec<u8>>,
}

/// The one used last stands last.
static SESSIONS: Lock<Vec<Entry>> = Lock::new(Vec::new());

/// The last session under this key, decoded afresh.
pub(super) fn session_for(key: &Key) -> Option<SslSession> {
    let sessions = SESSIONS.lock();
    let entry = sessions.iter().find(|entry| entry.key == *key)?;
    SslSession::from_der(&entry.session).ok()
}

pub(super) fn remember(key: &Key, session: &SslSessionRef) {
    let encoded = session.to_der().map(Zeroizing::new);
    forget(key);
    let Ok(session) = encoded else {
        return;
    };
    let mut sessions = SESSIONS.lock();
    if sessions.len() >= MOST_SESSIONS {
        sessions.remove(0);
    }
    sessions.push(Entry { key: key.clone(), session });
}

pub(super) fn forget(key: &Key) {
    SESSIONS.lock().retain(|entry| entry.key != *key);
}
