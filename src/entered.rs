//! Counts the calls that are in a context, so that Deinit can wait for them. Leaving is the
//! last thing that a call does with a context: the context may be freed at once.

#[cfg(target_has_atomic = "32")]
use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(target_has_atomic = "32"))]
use crate::lock::{Lock, LockMutex};

pub(crate) struct Entered {
    #[cfg(target_has_atomic = "32")]
    count: AtomicU32,
    /// Guarded by the port's mutex on a core without atomic addition.
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

    /// Sets the count, in a process that has no other thread yet.
    #[cfg(feature = "std")]
    pub(crate) fn set(&self, calls: u32) {
        self.count.store(calls, Ordering::Relaxed);
    }
}

#[cfg(not(target_has_atomic = "32"))]
impl Entered {
    /// No call. `None` if the port returns no mutex.
    pub(crate) fn new() -> Option<Self> {
        LockMutex::new().map(|mutex| Self { count: Lock::new(mutex, 0) })
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

#[cfg(test)]
mod tests {
    use core::cell::UnsafeCell;

    use super::*;

    /// Written to by one thread, before it leaves.
    struct Mark(UnsafeCell<u32>);

    // SAFETY: a reader has seen that the writing thread has left.
    unsafe impl Sync for Mark {}

    #[test]
    fn who_sees_that_all_have_left_sees_what_they_did() {
        let entered = Entered::new().expect("a count");
        let marks = [const { Mark(UnsafeCell::new(0)) }; 4];
        assert!(entered.is_empty());
        for _ in &marks {
            entered.add();
        }
        std::thread::scope(|scope| {
            for mark in &marks {
                let entered = &entered;
                scope.spawn(move || {
                    entered.add();
                    entered.remove();
                    // SAFETY: the mark belongs to this thread until it leaves.
                    unsafe { mark.0.get().write(1) };
                    entered.remove();
                });
            }
            while !entered.is_empty() {
                std::thread::yield_now();
            }
            for mark in &marks {
                // SAFETY: the thread that wrote the mark has left.
                assert_eq!(unsafe { mark.0.get().read() }, 1);
            }
        });
    }
}
