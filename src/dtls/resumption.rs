//! The last session with each peer, so that a reconnection takes an abbreviated
//! handshake, also in another context. In memory only; wiped when it is replaced, refused
//! or displaced.

use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::sync::atomic::AtomicBool;
#[cfg(target_has_atomic = "8")]
use core::sync::atomic::Ordering;

use iot_coap_dtls::SavedSession;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::terms::{PreShared, Terms};
#[cfg(target_has_atomic = "8")]
use crate::port;

/// How many sessions are remembered: a device talks to one or two endpoints.
const MAX_SESSIONS: usize = 8;

/// Names a peer and the terms on which it was accepted: a hash over everything that a
/// resumed session does not verify again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(pub(super) [u8; 32]);

impl Key {
    pub(super) fn of(terms: &Terms<'_>, pre_shared_key: Option<PreShared<'_>>) -> Self {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(terms.peer.host.to_bytes());
        add(&terms.peer.port.to_be_bytes());
        add(&[u8::from(terms.static_rsa)]);
        match pre_shared_key {
            None => add(terms.peer.trusted.to_bytes()),
            Some((identity, key)) => {
                add(identity);
                add(key);
            }
        }
        Self(hash.finalize().into())
    }
}

struct Entry {
    key: Key,
    /// As [`SavedSession::to_bytes`] writes it.
    session: Zeroizing<Vec<u8>>,
}

/// How often a thread looks whether another one is done with the table, a millisecond
/// apart. That one has a few microseconds' work, unless it is interrupted.
const TRIES: u32 = 50;

/// The sessions that can be resumed, the newest at the end. For one thread at a time,
/// without the port's locks, which would have to be made before the first context.
struct Table {
    is_taken: AtomicBool,
    entries: UnsafeCell<Vec<Entry>>,
}

// SAFETY: the entries are reached only by the one thread that set `is_taken`.
unsafe impl Sync for Table {}

static TABLE: Table =
    Table { is_taken: AtomicBool::new(false), entries: UnsafeCell::new(Vec::new()) };

impl Table {
    #[cfg(target_has_atomic = "8")]
    fn with<R>(&self, work: impl FnOnce(&mut Vec<Entry>) -> R) -> Option<R> {
        let mut tries = 0;
        while self.is_taken.swap(true, Ordering::Acquire) {
            tries += 1;
            if tries == TRIES {
                return None;
            }
            port::sleep_ms(1);
        }
        // SAFETY: `is_taken` was not set, and stays set until the reference is gone.
        let done = work(unsafe { &mut *self.entries.get() });
        self.is_taken.store(false, Ordering::Release);
        Some(done)
    }

    /// Without an atomic exchange nothing is remembered.
    #[cfg(not(target_has_atomic = "8"))]
    fn with<R>(&self, _work: impl FnOnce(&mut Vec<Entry>) -> R) -> Option<R> {
        let _ = (&self.is_taken, &self.entries);
        None
    }
}

/// The last session with this peer, as bytes.
pub(super) fn bytes_for(key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    let copied = TABLE.with(|entries| {
        let entry = entries.iter().find(|entry| entry.key == *key)?;
        let mut session = Zeroizing::new(Vec::new());
        session.try_reserve_exact(entry.session.len()).ok()?;
        session.extend_from_slice(&entry.session);
        Some(session)
    });
    copied.flatten()
}

/// Remembers a session in place of the last one with its peer, or none if there is no
/// memory.
pub(super) fn remember(key: Key, session: &SavedSession) {
    match session.to_bytes() {
        Ok(session) => remember_bytes(key, session),
        Err(_) => forget(&key),
    }
}

/// [`remember`], for a session as bytes.
pub(super) fn remember_bytes(key: Key, session: Zeroizing<Vec<u8>>) {
    TABLE.with(|entries| {
        entries.retain(|entry| entry.key != key);
        if entries.len() >= MAX_SESSIONS {
            entries.remove(0);
        }
        if entries.try_reserve_exact(1).is_ok() {
            entries.push(Entry { key, session });
        }
    });
}

/// Forgets a session that must not be resumed.
pub(super) fn forget(key: &Key) {
    TABLE.with(|entries| entries.retain(|entry| entry.key != *key));
}
