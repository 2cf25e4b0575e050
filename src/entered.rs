//! Counts the calls that are in a context, so that Deinit can wait for them. Leaving is
//! the last thing that a call does to a context, which may be freed at once.

#[cfg(target_has_atomic = "32")]
use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(target_has_atomic = "32"))]
use crate::lock::Lock;

pub(crate) struct Entered {
    #[cfg(target_has_atomic = "32")]
    count: AtomicU32,
    /// Under the port's mutex, on a core without atomic addition.
    #[cfg(not(target_has_atomic = "32"))]
    count: Lock<u32>,
}

#[cfg(target_has_atomic = "32")]
impl Entered {
    /// No call.
    #[allow(clippy::unnecessary_wraps, reason = "as where there is a mutex")]
    pub(crate) const fn new() -> Option<Self> {
        Some(Self { count: AtomicU32::new(0) })
    }

    pub(crate) fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self) {
        self.count.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }
}

#[cfg(not(target_has_atomic = "32"))]
impl Entered {
    /// No call. `None` if the port returns no mutex.
    pub(crate) fn new() -> Option<Self> {
        Lock::new(0).ok().map(|count| Self { count })
    }

    pub(crate) fn add(&self) {
        *self.count.lock() += 1;
    }

    pub(crate) fn remove(&self) {
        *self.count.lock() -= 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self.count.lock() == 0
    }
}
