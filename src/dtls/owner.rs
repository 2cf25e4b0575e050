//! Which context may use a kept session: one at a time. Two owners of one session would
//! write with the same record numbers, which with AES-GCM reveals the authentication key.
//!
//! A table records the owners in this process. If the store is the Linux port's own, a lock
//! of that port keeps other processes out; the store of a program's own `HAL_Kv_*` is
//! guarded by the table alone. (A board's store is too, since a board has one process. On a
//! core without an atomic exchange, only the stored generation guards it; see
//! [`super::store`].)
//!
//! A forked child owns nothing: the entries that its parent had locked stay locked by the
//! parent.

use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "port-linux")]
use iot_coap_port_linux::{KvLock, KvLockError, kv_is_builtin};

use super::table::Table;
use crate::entry::Entry;
use crate::process::Process;

/// An entry that has an owner.
struct Owned {
    entry: Entry,
    /// `None` if the store has no locks.
    #[cfg(feature = "port-linux")]
    lock: Option<KvLock>,
}

static OWNED: Table<Vec<Owned>> = Table::new(Vec::new());

/// How often a busy table is tried before an entry is left locked.
const TRIES_TO_RELEASE: usize = 100;

/// Why an entry was not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another context owns it, in this process or its parent.
    OwnedHere,
    /// Another process owns it.
    #[cfg(feature = "port-linux")]
    OwnedElsewhere,
    /// The store cannot be locked.
    #[cfg(feature = "port-linux")]
    NoLock,
    OutOfMemory,
    /// Another thread keeps the table busy.
    #[cfg(target_has_atomic = "8")]
    Busy,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OwnedHere => "another client of this program keeps it",
            #[cfg(feature = "port-linux")]
            Self::OwnedElsewhere => "another program keeps it",
            #[cfg(feature = "port-linux")]
            Self::NoLock => "the store cannot be locked",
            Self::OutOfMemory => "no memory",
            #[cfg(target_has_atomic = "8")]
            Self::Busy => "another thread opens one",
        })
    }
}

/// The right to use an entry, until this is dropped.
pub(super) struct Ownership {
    entry: Entry,
    /// In a forked child, this value is a copy without meaning.
    process: Process,
}

impl Ownership {
    /// Claims an entry, without waiting for another owner.
    ///
    /// # Errors
    ///
    /// Returns why the entry may not be used.
    pub(super) fn claim(entry: Entry) -> Result<Self, Refusal> {
        let process = Process::this().ok_or(Refusal::OutOfMemory)?;
        let claimed = OWNED.with(|owned| {
            if owned.iter().any(|owned| owned.entry == entry) {
                return Err(Refusal::OwnedHere);
            }
            owned.try_reserve(1).map_err(|_| Refusal::OutOfMemory)?;
            owned.push(Owned {
                entry,
                #[cfg(feature = "port-linux")]
                lock: lock(&entry)?,
            });
            Ok(())
        });
        #[cfg(target_has_atomic = "8")]
        claimed.ok_or(Refusal::Busy)??;
        #[cfg(not(target_has_atomic = "8"))]
        let _ = claimed;
        Ok(Self { entry, process })
    }
}

#[cfg(feature = "port-linux")]
fn lock(entry: &Entry) -> Result<Option<KvLock>, Refusal> {
    if !kv_is_builtin() {
        return Ok(None);
    }
    KvLock::new(entry.key()).map(Some).map_err(|error| match error {
        KvLockError::Held => Refusal::OwnedElsewhere,
        KvLockError::Failed => Refusal::NoLock,
    })
}

impl Drop for Ownership {
    fn drop(&mut self) {
        if !self.process.is_this() {
            return;
        }
        let entry = self.entry;
        let release = || OWNED.with(|owned| owned.retain(|owned| owned.entry != entry)).is_some();
        let _ = (0..TRIES_TO_RELEASE).any(|_| release());
    }
}

/// Called in a new process, before `fork` returns. Closes its copies of its parent's locks,
/// so that the locks end with the parent. Allocates and frees nothing. (If another thread
/// of the parent was using the table, the copies stay until this process ends.)
#[cfg(all(feature = "std", feature = "port-linux"))]
pub(crate) fn leave_to_parent() {
    // An entry without a lock stays in the table: nothing else would keep this process out.
    OWNED.with_at_once(|owned| {
        owned.retain_mut(|owned| owned.lock.take().map(KvLock::leave).is_none());
    });
}
