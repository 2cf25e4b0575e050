//! State that all contexts of a process share. One thread at a time may use it. The port's
//! locks do not guard it, since they would have to be made before the first context.

use core::cell::UnsafeCell;
use core::sync::atomic::AtomicBool;
#[cfg(target_has_atomic = "8")]
use core::sync::atomic::Ordering;

#[cfg(target_has_atomic = "8")]
use crate::port;

/// How often a thread tries to take a busy table, a millisecond apart. The other thread
/// needs a few microseconds, unless it is interrupted, and takes no lock meanwhile. So a
/// thread may wait for it with its own context locked.
#[cfg(target_has_atomic = "8")]
const TRIES: u32 = 50;

/// See the [module](self).
pub(super) struct Table<T> {
    is_taken: AtomicBool,
    content: UnsafeCell<T>,
}

// SAFETY: only the thread that set `is_taken` uses the content.
unsafe impl<T: Send> Sync for Table<T> {}

impl<T> Table<T> {
    pub(super) const fn new(content: T) -> Self {
        Self { is_taken: AtomicBool::new(false), content: UnsafeCell::new(content) }
    }

    /// Runs `work` on the content. Returns `None` if another thread keeps the table busy.
    #[cfg(target_has_atomic = "8")]
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        take(&self.is_taken).then(|| self.finish(work))
    }

    /// [`with`](Self::with), without waiting for another thread.
    #[cfg(all(feature = "std", feature = "port-linux"))]
    pub(super) fn with_at_once<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        (!self.is_taken.swap(true, Ordering::Acquire)).then(|| self.finish(work))
    }

    /// Runs `work`, and releases the table, which the calling thread has taken.
    #[cfg(target_has_atomic = "8")]
    fn finish<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let _release = Release(&self.is_taken);
        // SAFETY: this thread set `is_taken`, which stays set until the reference is gone.
        work(unsafe { &mut *self.content.get() })
    }

    /// On a core without an atomic exchange, contexts share nothing.
    #[cfg(not(target_has_atomic = "8"))]
    pub(super) fn with<R>(&self, _work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let _ = (&self.is_taken, &self.content);
        None
    }
}

/// Releases the table, even if the work panics.
#[cfg(target_has_atomic = "8")]
struct Release<'t>(&'t AtomicBool);

#[cfg(target_has_atomic = "8")]
impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Waits until no other thread has the table, and takes it. Returns whether that was
/// possible.
// Not generic, so that it is compiled once for all tables.
#[cfg(target_has_atomic = "8")]
#[inline(never)]
fn take(is_taken: &AtomicBool) -> bool {
    for _ in 0..TRIES {
        if !is_taken.swap(true, Ordering::Acquire) {
            return true;
        }
        port::sleep_ms(1);
    }
    false
}

#[cfg(all(test, target_has_atomic = "8"))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_gives_the_table_back() {
        static TABLE: Table<u32> = Table::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| TABLE.with(|_| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(TABLE.with(|content| *content), Some(1));
    }
}
