//! Locks on keys of the store, so that an entry has one owner at a time. A lock is a file
//! beside the values, locked by `flock`, so that the kernel frees it however the process
//! ends. The file itself stays: a process that removed it could remove a file that another
//! process has just locked.
//!
//! There is a second lock file in `/dev/shm`, if that directory exists. It still works if
//! the store, including the first lock file, is replaced by a copy while a process runs.

use core::ffi::{CStr, c_int};

use super::directory::Directory;
use super::name::FileName;
use crate::fd::{Fd, errno};

unsafe extern "C" {
    /// In `c/hal.c`.
    safe fn iotx_linux_kv_is_builtin() -> c_int;
}

/// Whether this crate stores the values. Otherwise, the program has a `HAL_Kv_Set` or
/// `HAL_Kv_Get` of its own, whose store is unknown.
pub fn kv_is_builtin() -> bool {
    iotx_linux_kv_is_builtin() != 0
}

/// Why a key was not locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvLockError {
    /// Another process, or another copy of this library, has locked it.
    Held,
    /// The directory cannot be made, or its file system has no locks.
    Failed,
}

/// A key that this process has locked. Dropping the value unlocks it.
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
    /// Returns why the key is not locked.
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

    /// Called in a forked child: leaves the lock, which parent and child share, to the
    /// parent. Allocates and frees nothing.
    pub fn leave(self) {
        // The files are closed, but not unlocked. The value contains nothing else.
        let lock = core::mem::ManuallyDrop::new(self);
        for file in [Some(&lock.beside), lock.apart.as_ref()].into_iter().flatten() {
            // SAFETY: only this value has the descriptor, and it is not dropped.
            unsafe { libc::close(file.raw()) };
        }
    }
}

impl Drop for KvLock {
    fn drop(&mut self) {
        for file in [Some(&self.beside), self.apart.as_ref()].into_iter().flatten() {
            // A forked child may still have the descriptor, so that closing it would not
            // unlock the file. SAFETY: a live descriptor.
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
