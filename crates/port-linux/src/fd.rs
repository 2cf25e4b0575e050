//! A file descriptor that is closed when it is dropped, and `errno`.

use core::ffi::c_int;
use core::mem::ManuallyDrop;

#[derive(Debug)]
pub(crate) struct Fd(c_int);

impl Fd {
    /// Takes ownership of the descriptor that a system call returned; `None` if the call
    /// failed.
    pub(crate) fn new(raw: c_int) -> Option<Self> {
        // Not `then_some`, which would drop, and so close, an invalid descriptor.
        (raw >= 0).then(|| Self(raw))
    }

    pub(crate) fn raw(&self) -> c_int {
        self.0
    }

    /// Gives the descriptor away; it is no longer closed here.
    pub(crate) fn into_raw(self) -> c_int {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: only this value owns the descriptor. On Linux it is released even if
        // close reports an error, so there is no retry.
        unsafe { libc::close(self.0) };
    }
}

/// The calling thread's last error.
pub(crate) fn errno() -> c_int {
    // SAFETY: the function returns a valid pointer to this thread's own variable.
    unsafe { *libc::__errno_location() }
}
