//! A call of an exported function, from its entry to its return.
//!
//! A thread may be cancelled while it waits for a datagram, and may end in a callback
//! (`pthread_cancel`, `pthread_exit`). Elsewhere in the library it cannot be cancelled. It
//! waits and calls the program through [`interruptible`], in the cancellation state that
//! the program chose. Meanwhile its stack holds no lock, no value that needs dropping and
//! nothing that catches panics: glibc unwinds such a thread, musl does not, and neither
//! releases anything. The thread records what it holds in its [`Call`], which is plain
//! data, and `iotx_call_abandoned` releases it.

use core::cell::Cell;
use core::ffi::{c_int, c_void};

/// The record of what one call holds of its context.
pub(crate) struct Call {
    /// The context.
    pub(crate) context: *const c_void,
    /// Whether the thread could be cancelled before the call.
    cancellation: c_int,
    /// This call makes the context, which is freed if the call is abandoned.
    pub(crate) is_opening: bool,
    /// This call reads from the port, or opens a transport.
    pub(crate) reads: Cell<bool>,
    /// This call is counted among those that wait.
    pub(crate) waits: Cell<bool>,
    /// This call is calling the program.
    pub(crate) calls_back: Cell<bool>,
    /// The number of the receive buffer that this call has.
    pub(crate) buffer: Cell<Option<usize>>,
    /// Another call that is calling the program. With `std`, this call was made in a
    /// callback of the other one; without, the other one belongs to the same context and
    /// began earlier. See [`crate::callbacks`].
    pub(crate) outer: Cell<*const Call>,
    /// The port's name for the thread.
    #[cfg(any(test, not(feature = "std")))]
    pub(crate) thread: Cell<*const c_void>,
}

impl Call {
    pub(crate) const fn new(context: *const c_void, cancellation: c_int, is_opening: bool) -> Self {
        Self {
            context,
            cancellation,
            is_opening,
            reads: Cell::new(false),
            waits: Cell::new(false),
            calls_back: Cell::new(false),
            buffer: Cell::new(None),
            outer: Cell::new(core::ptr::null()),
            #[cfg(any(test, not(feature = "std")))]
            thread: Cell::new(core::ptr::null()),
        }
    }
}

/// Work that waits, or that calls the program.
pub(crate) type Blocking = unsafe extern "C-unwind" fn(*mut c_void);

#[cfg(any(feature = "std", feature = "port-linux"))]
unsafe extern "C" {
    // In `c/cancellation.c`.
    safe fn iotx_cancellation_disable() -> c_int;
    safe fn iotx_cancellation_restore(state: c_int);
}

#[cfg(any(feature = "std", feature = "port-linux"))]
unsafe extern "C-unwind" {
    // In `c/cancellation.c`.
    fn iotx_interruptible(work: Blocking, argument: *mut c_void, state: c_int, call: *const c_void);
}

/// Disables the cancellation of this thread. Returns the previous state.
pub(crate) fn disable_cancellation() -> c_int {
    #[cfg(any(feature = "std", feature = "port-linux"))]
    return iotx_cancellation_disable();
    #[cfg(not(any(feature = "std", feature = "port-linux")))]
    0
}

/// Restores the state that [`disable_cancellation`] returned.
pub(crate) fn restore_cancellation(state: c_int) {
    #[cfg(any(feature = "std", feature = "port-linux"))]
    iotx_cancellation_restore(state);
    #[cfg(not(any(feature = "std", feature = "port-linux")))]
    let _ = state;
}

/// Runs `work` in the cancellation state that the program chose. If the thread ends in it,
/// `iotx_call_abandoned` is called.
///
/// # Safety
///
/// `work` may be called with `argument`. No frame of the library on this stack holds a lock
/// or a value that needs dropping, or catches panics.
pub(crate) unsafe fn interruptible(call: &Call, work: Blocking, argument: *mut c_void) {
    #[cfg(any(feature = "std", feature = "port-linux"))]
    // SAFETY: by the contract, `work` may be called with `argument`; `call` outlives it.
    unsafe {
        iotx_interruptible(work, argument, call.cancellation, core::ptr::from_ref(call).cast());
    }
    #[cfg(not(any(feature = "std", feature = "port-linux")))]
    {
        let _ = call.cancellation;
        // SAFETY: by the contract, `work` may be called with `argument`.
        unsafe { work(argument) }
    }
}
