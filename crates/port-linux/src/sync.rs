//! A lock around a value, on `pthread_mutex_t`, since this crate may have no `std`. A
//! panic while it is held unlocks it and leaves the value as it is.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

pub(crate) struct Lock<T> {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    value: UnsafeCell<T>,
}

// SAFETY: only a `Guard` gives access to the value, so only one thread at a time uses it.
// Sharing the lock is like sending the value from thread to thread.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
            value: UnsafeCell::new(value),
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // SAFETY: the mutex is initialised and, being borrowed, cannot move.
        let code = unsafe { libc::pthread_mutex_lock(self.mutex.get()) };
        debug_assert_eq!(code, 0, "a default mutex that is initialised locks");
        Guard { lock: self, not_send: PhantomData }
    }
}

impl<T> Drop for Lock<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self` proves that nobody holds or waits for the mutex.
        unsafe { libc::pthread_mutex_destroy(self.mutex.get()) };
    }
}

pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// A pthread mutex is unlocked by the thread that locked it.
    not_send: PhantomData<*mut ()>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard holds the mutex, so no other reference exists.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the mutex, so no other reference exists.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this thread locked the mutex when it made the guard, which is
        // not `Send`.
        unsafe { libc::pthread_mutex_unlock(self.lock.mutex.get()) };
    }
}
