//! Locks on keys of the store: what stands under a key has one owner at a time. Such a lock
//! is a file beside the values, locked by `flock`, so that the kernel frees it when the
//! process ends, however it ends. The file itself stays: whoever removed it could remove
//! one that another process has just locked.
//!
//! There is a second one in `/dev/shm`, where there is such a directory. It holds where the
//! store is replaced by a copy while a process runs, together with the file of the first.

use core::ffi::{CStr, c_int};

use super::directory::Directory;
use super::name::FileName;
use crate::fd::{Fd, errno};

unsafe extern "C" {
    /// In `c/hal.c`.
    safe fn iotx_linux_kv_is_builtin() -> c_int;
}

/// Whether values are kept by this crate: the program has no `HAL_Kv_Set` or `HAL_Kv_Get`
/// of its own, about whose store nothing is known.
pub fn kv_is_builtin() -> bool {
    iotx_linux_kv_is_builtin() != 0
}

/// Why a key was not locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvLockError {
    /// Another process, or another copy of this library, has locked it.
    Held,
    /// The directory cannot be made, or takes no locks.
    Failed,
}

/// A key that this process has locked. It is unlocked when this is dropped.
///
/// A forked child has the same lock as its parent: see [`leave`](Self::leave).
#[derive(Debug)]
pub struct KvLock {
    beside: Fd,
    apart: Option<Fd>,
}

impl KvLock {
    /// Locks a key, without waiting.
    ///
    /// # Errors
    ///
    /// Why it is not locked.
    pub fn new(key: &CStr) -> Result<Self, KvLockError> {
        let name = FileName::lock_of_key(key.to_bytes()).ok_or(KvLockError::Failed)?;
        let directory = Directory::open_or_create().ok_or(KvLockError::Failed)?;
        let beside = directory.open_lock(&name).ok_or(KvLockError::Failed)?;
        lock(&beside)?;
        let apart = directory.open_lock_apart(key.to_bytes());
        if let Some(apart) = &apart {
            lock(apart)?;
        }
        Ok(Self { beside, apart })
    }

    /// In a forked child: leaves the lock to the parent, which has it in common with the
    /// child. Allocates and frees nothing.
    pub fn leave(self) {
        // Closed, and not unlocked. There is nothing else in it.
        let lock = core::mem::ManuallyDrop::new(self);
        for file in [Some(&lock.beside), lock.apart.as_ref()].into_iter().flatten() {
            // SAFETY: the descriptor is this value's alone, which is not dropped.
            unsafe { libc::close(file.raw()) };
        }
    }
}

impl Drop for KvLock {
    fn drop(&mut self) {
        for file in [Some(&self.beside), self.apart.as_ref()].into_iter().flatten() {
            // A forked child may still have the descriptor, whose closing would then free
            // nothing.
            // SAFETY: a live descriptor.
            unsafe { libc::flock(file.raw(), libc::LOCK_UN) };
        }
    }
}

/// Locks a file, without waiting.
fn lock(file: &Fd) -> Result<(), KvLockError> {
    // SAFETY: a live descriptor.
    match unsafe { libc::flock(file.raw(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ if errno() == libc::EWOULDBLOCK => Err(KvLockError::Held),
        _ => Err(KvLockError::Failed),
    }
}
