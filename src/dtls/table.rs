//! What all contexts of a process have in common: for one thread at a time, without the
//! port's locks, which would have to be made before the first context.

use core::cell::UnsafeCell;
use core::sync::atomic::AtomicBool;
#[cfg(target_has_atomic = "8")]
use core::sync::atomic::Ordering;

#[cfg(target_has_atomic = "8")]
use crate::port;

/// How often a thread looks whether another one is done with the table, a millisecond
/// apart. The other thread has a few microseconds' work, unless it is interrupted, and takes
/// no lock meanwhile. So a thread may wait for it with its own context locked.
#[cfg(target_has_atomic = "8")]
const TRIES: u32 = 50;

/// See the [module](self).
pub(super) struct Table<T> {
    is_taken: AtomicBool,
    content: UnsafeCell<T>,
}

// SAFETY: the content is reached only by the one thread that set `is_taken`.
unsafe impl<T: Send> Sync for Table<T> {}

impl<T> Table<T> {
    pub(super) const fn new(content: T) -> Self {
        Self { is_taken: AtomicBool::new(false), content: UnsafeCell::new(content) }
    }

    /// Does something with the content; `None` if another thread does not get done.
    #[cfg(target_has_atomic = "8")]
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        take(&self.is_taken).then(|| self.finish(work))
    }

    /// [`with`](Self::with), without waiting for another thread.
    #[cfg(all(feature = "std", feature = "port-linux"))]
    pub(super) fn with_at_once<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        (!self.is_taken.swap(true, Ordering::Acquire)).then(|| self.finish(work))
    }

    /// Called by the thread that set `is_taken`.
    #[cfg(target_has_atomic = "8")]
    fn finish<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let _release = Release(&self.is_taken);
        // SAFETY: `is_taken` was not set, and stays set until the reference is gone.
        work(unsafe { &mut *self.content.get() })
    }

    /// Without an atomic exchange there is nothing in common.
    #[cfg(not(target_has_atomic = "8"))]
    pub(super) fn with<R>(&self, _work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let _ = (&self.is_taken, &self.content);
        None
    }
}

/// Gives the table back, also if the work panics.
#[cfg(target_has_atomic = "8")]
struct Release<'t>(&'t AtomicBool);

#[cfg(target_has_atomic = "8")]
impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Waits until no other thread has a table, and takes it; returns whether that was possible.
// Once for all tables and what is done with them.
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
