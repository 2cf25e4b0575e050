//! A call of an exported function, from its entry to its return.
//!
//! A thread may be cancelled while it waits for a datagram, and may end in a
//! callback (`pthread_cancel`, `pthread_exit`). Elsewhere in the library it cannot be
//! cancelled; it waits and calls the program through [`interruptible`], in the state
//! that the program chose. Meanwhile its stack holds no lock, no value that is to be
//! dropped and nothing that catches panics: glibc unwinds such a thread, musl does not,
//! and neither gives anything back. What the thread holds is in its [`Call`], which is
//! plain data, and `iotx_call_abandoned` gives it back.

use core::cell::Cell;
use core::ffi::{c_int, c_void};

/// What one call holds of its context.
pub(crate) struct Call {
    /// The context.
    pub(crate) context: *const c_void,
    /// Whether the thread could be cancelled before the call.
    cancellation: c_int,
    /// The call makes the context, which is freed if the call is abandoned.
    pub(crate) is_opening: bool,
    /// This call reads, or opens a transport.
    pub(crate) reads: Cell<bool>,
    /// This call is counted among those that wait.
    pub(crate) waits: Cell<bool>,
    /// This call is calling the program.
    pub(crate) calls_back: Cell<bool>,
    /// The number of the receive buffer that this call has.
    pub(crate) buffer: Cell<Option<usize>>,
    /// The call in whose callback this one was made, if both are calling the program.
    outer: Cell<*const Call>,
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
        }
    }

    /// Notes that this call is calling the program, for [`is_calling_back`].
    pub(crate) fn begin_callback(&self) {
        self.calls_back.set(true);
        #[cfg(feature = "std")]
        {
            self.outer.set(INNERMOST.get());
            INNERMOST.set(self);
        }
    }

    pub(crate) fn end_callback(&self) {
        self.calls_back.set(false);
        #[cfg(feature = "std")]
        INNERMOST.set(self.outer.get());
    }
}

#[cfg(feature = "std")]
std::thread_local! {
    static INNERMOST: Cell<*const Call> = const { Cell::new(core::ptr::null()) };
}

/// Whether a callback of this context runs on the calling thread. Without `std`
/// threads cannot be told apart: then any callback counts.
pub(crate) fn is_calling_back(context: *const c_void) -> bool {
    #[cfg(feature = "std")]
    {
        let mut is_any = false;
        each_callback(context, |_| is_any = true);
        is_any
    }
    #[cfg(not(feature = "std"))]
    {
        let _ = context;
        true
    }
}

/// Does `work` with every call of this thread that has called the program for `context`.
#[cfg(feature = "std")]
pub(crate) fn each_callback(context: *const c_void, mut work: impl FnMut(&Call)) {
    let mut call = INNERMOST.get();
    // SAFETY: every entry is in the frame of a call that has not returned, on this thread.
    while let Some(entry) = unsafe { call.as_ref() } {
        if entry.context == context {
            work(entry);
        }
        call = entry.outer.get();
    }
}

/// Work that waits, or that calls the program.
pub(crate) type Blocking = unsafe extern "C-unwind" fn(*mut c_void);

#[cfg(any(feature = "std", feature = "port-linux"))]
unsafe extern "C" {
    // In `c/edges.c`.
    safe fn iotx_cancellation_disable() -> c_int;
    safe fn iotx_cancellation_restore(state: c_int);
}

#[cfg(any(feature = "std", feature = "port-linux"))]
unsafe extern "C-unwind" {
    // In `c/edges.c`.
    fn iotx_interruptible(work: Blocking, argument: *mut c_void, state: c_int, call: *const c_void);
}

/// Disables the cancellation of this thread. Returns the state before.
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

/// Runs `work` in the state of cancellation that the program chose. If the thread
/// ends in it, `iotx_call_abandoned` is called.
///
/// # Safety
///
/// `work` may be called with `argument`. No frame of the library on this stack holds a
/// lock or a value that is to be dropped, or catches panics.
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

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn every_callback_that_a_thread_is_in_is_known() {
        let contexts = [0_u8; 3];
        let [first, second, third] =
            [0, 1, 2].map(|at| core::ptr::from_ref(&contexts[at]).cast::<c_void>());
        let outer = Call::new(first, 0, false);
        let middle = Call::new(second, 0, false);
        let inner = Call::new(first, 0, false);
        let known = || [first, second, third].map(is_calling_back);
        assert_eq!(known(), [false; 3]);
        outer.begin_callback();
        assert_eq!(known(), [true, false, false]);
        middle.begin_callback();
        inner.begin_callback();
        assert_eq!(known(), [true, true, false]);
        std::thread::scope(|scope| {
            let contexts = &contexts;
            scope.spawn(move || {
                let context = core::ptr::from_ref(&contexts[0]).cast();
                assert!(!is_calling_back(context), "another thread is in none");
            });
        });
        inner.end_callback();
        assert_eq!(known(), [true, true, false]);
        middle.end_callback();
        assert_eq!(known(), [true, false, false]);
        // One after the other, as a wait calls back.
        outer.end_callback();
        outer.begin_callback();
        outer.end_callback();
        assert_eq!(known(), [false; 3]);
        assert!(!outer.calls_back.get());
    }
}
