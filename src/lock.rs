//! A lock around a value, made of the port's mutex: one code path on Linux and on boards.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

#[cfg(all(feature = "bare", not(feature = "threads")))]
use crate::port;
use crate::port::Mutex;
use crate::process::Holder;

pub(crate) struct Lock<T> {
    mutex: LockMutex,
    holder: Holder,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only used while the mutex is held.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The mutex of a [`Lock`], or none on a port without threads, whose `HAL_MutexCreate`
/// returns NULL. Without `std`, the feature `threads` tells that from a lack of memory, or a
/// port that names its threads.
pub(crate) struct LockMutex(Option<Mutex>);

impl LockMutex {
    /// `None` if the port returned no mutex.
    pub(crate) fn new() -> Option<Self> {
        let mutex = Mutex::new();
        #[cfg(all(feature = "bare", not(feature = "threads")))]
        let may_lack = port::this_thread().is_null();
        #[cfg(not(all(feature = "bare", not(feature = "threads"))))]
        let may_lack = false;
        (mutex.is_some() || may_lack).then_some(Self(mutex))
    }
}

impl<T> Lock<T> {
    pub(crate) fn new(mutex: LockMutex, value: T) -> Self {
        Self { mutex, holder: Holder::none(), value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        if let Some(mutex) = &self.mutex.0 {
            mutex.lock();
        }
        self.holder.begin();
        Guard(self)
    }

    /// Whether a thread of the parent process held the lock during the fork. Nobody will
    /// unlock it, and the value may be half changed.
    pub(crate) fn is_lost(&self) -> bool {
        self.holder.is_of_another_process()
    }
}

pub(crate) struct Guard<'l, T>(&'l Lock<T>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds the mutex.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the mutex, and is borrowed exclusively as long as the
        // reference.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.0.holder.end();
        if let Some(mutex) = &self.0.mutex.0 {
            mutex.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        const EACH: usize = if cfg!(miri) { 20 } else { 1000 };
        let lock = Lock::new(LockMutex::new().expect("a mutex"), vec![0_usize; 2]);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        let mut value = lock.lock();
                        let both = value[0] + 1;
                        value[0] = both;
                        value[1] = both;
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), vec![3 * EACH; 2]);
    }

    #[test]
    fn a_panic_releases_it() {
        let lock = Lock::new(LockMutex::new().expect("a mutex"), 1);
        std::thread::scope(|scope| {
            let panicked = scope.spawn(|| {
                let mut value = lock.lock();
                *value = 2;
                panic!("on purpose");
            });
            assert!(panicked.join().is_err());
        });
        assert_eq!(*lock.lock(), 2);
    }
}
