//! The port's mutex.

use core::ffi::c_void;
use core::ptr::NonNull;

unsafe extern "C" {
    #[cfg_attr(
        not(any(feature = "port-linux", feature = "std", feature = "threads")),
        link_name = "iotx_port_mutex_create"
    )]
    fn HAL_MutexCreate() -> *mut c_void;
    #[cfg_attr(
        not(any(feature = "port-linux", feature = "std", feature = "threads")),
        link_name = "iotx_port_mutex_destroy"
    )]
    fn HAL_MutexDestroy(mutex: *mut c_void);
    #[cfg_attr(
        not(any(feature = "port-linux", feature = "std", feature = "threads")),
        link_name = "iotx_port_mutex_lock"
    )]
    fn HAL_MutexLock(mutex: *mut c_void);
    #[cfg_attr(
        not(any(feature = "port-linux", feature = "std", feature = "threads")),
        link_name = "iotx_port_mutex_unlock"
    )]
    fn HAL_MutexUnlock(mutex: *mut c_void);
}

/// A mutex. It is not recursive.
pub(crate) struct Mutex(NonNull<c_void>);

// SAFETY: any thread may use a mutex of the port.
unsafe impl Send for Mutex {}
// SAFETY: as above.
unsafe impl Sync for Mutex {}

impl Mutex {
    /// `None` if the port returns no mutex.
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: HAL_MutexCreate has no precondition; it returns NULL on failure.
        NonNull::new(unsafe { HAL_MutexCreate() }).map(Self)
    }

    pub(crate) fn lock(&self) {
        // SAFETY: the mutex lives as long as `self`.
        unsafe { HAL_MutexLock(self.0.as_ptr()) }
    }

    /// Must be called by the thread that locked the mutex.
    pub(crate) fn unlock(&self) {
        // SAFETY: the mutex lives as long as `self`.
        unsafe { HAL_MutexUnlock(self.0.as_ptr()) }
    }
}

impl Drop for Mutex {
    fn drop(&mut self) {
        // SAFETY: HAL_MutexCreate made the mutex. It is destroyed once, and nobody can use
        // it any more.
        unsafe { HAL_MutexDestroy(self.0.as_ptr()) }
    }
}
