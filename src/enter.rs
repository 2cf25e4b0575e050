//! The one way in: every exported function enters the library here, and leaves it
//! here.
//!
//! A call that enters a context is counted until it leaves. No panic gets out, and
//! after one nothing stays locked or counted. The thread can be cancelled only while it
//! waits or calls the program (see [`crate::call`]). A call from the program's own log
//! handler is refused.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use iot_coap_client::Duration;

use crate::call::{Call, disable_cancellation, restore_cancellation};
use crate::context::{Context, Ending};
use crate::drive::{Until, wait};
use crate::log;
use crate::panic::catch;
use crate::types::iotx_ret_code_t::IOTX_ERR_INVALID_PARAM;

/// What a function returns if it cannot do its work: its context is invalid, it was
/// called from the log handler, or it panicked.
pub(crate) trait Fallback: Copy {
    const FALLBACK: Self;
}

impl Fallback for c_int {
    const FALLBACK: Self = IOTX_ERR_INVALID_PARAM as Self;
}

impl Fallback for u32 {
    const FALLBACK: Self = 0;
}

impl Fallback for *mut c_void {
    const FALLBACK: Self = null_mut();
}

impl Fallback for () {
    const FALLBACK: Self = ();
}

/// Enters the library, for a function that has no context, or that closes one.
pub(crate) fn enter<R: Fallback>(name: &str, work: impl FnOnce() -> R) -> R {
    if log::is_writing() {
        return R::FALLBACK;
    }
    let cancellation = disable_cancellation();
    let result = catch(name, work).unwrap_or(R::FALLBACK);
    restore_cancellation(cancellation);
    result
}

/// Counts a call that does not wait, for as long as it lives.
struct Visit<'c>(&'c Context);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.entered.remove();
    }
}

/// Enters a context, for a function that does not wait.
///
/// # Safety
///
/// `handle` is NULL, or came from Init and was not given to Deinit.
pub(crate) unsafe fn enter_context<R: Fallback>(
    name: &str,
    handle: *mut c_void,
    work: impl FnOnce(&Context) -> R,
) -> R {
    enter(name, || {
        // SAFETY: by the contract, `handle` is NULL or a context.
        let Some(context) = (unsafe { Context::from_handle(handle, name) }) else {
            return R::FALLBACK;
        };
        context.entered.add();
        let visit = Visit(context);
        work(visit.0)
    })
}

/// What a function that may wait does after its beginning.
pub(crate) enum Begun<R> {
    /// It returns at once.
    Done(R),
    /// It waits for this, at most that long.
    Wait(Until, Duration),
}

/// Enters a context, for a function that may wait: `begin` says for what, and `end`
/// what came of it.
///
/// # Safety
///
/// As [`enter_context`]. Neither the closures nor the frames above hold a value that is
/// to be dropped.
pub(crate) unsafe fn enter_and_wait<R: Fallback>(
    name: &str,
    handle: *mut c_void,
    begin: impl FnOnce(&Context) -> Begun<R>,
    end: impl FnOnce(&Context) -> R,
) -> R {
    if log::is_writing() {
        return R::FALLBACK;
    }
    let cancellation = disable_cancellation();
    let begun = catch(name, || {
        // SAFETY: by the contract, `handle` is NULL or a context.
        let context = unsafe { Context::from_handle(handle, name) }?;
        context.entered.add();
        let visit = Visit(context);
        let begun = begin(visit.0);
        // The call stays counted until it ends.
        core::mem::forget(visit);
        Some((context, begun))
    });
    let Some(Some((context, begun))) = begun else {
        restore_cancellation(cancellation);
        return R::FALLBACK;
    };
    let call = Call::new(handle, cancellation, false);
    let result = match begun {
        Begun::Done(result) => Some(result),
        Begun::Wait(until, most) => {
            // SAFETY: this frame holds nothing that is to be dropped; by the contract,
            // neither do those above.
            match unsafe { wait(name, context, &call, until, most) } {
                Some(()) => catch(name, || end(context)),
                None => None,
            }
        }
    };
    context.entered.remove();
    restore_cancellation(cancellation);
    match result {
        Some(result) => result,
        None => R::FALLBACK,
    }
}

/// Enters the library, for a function that makes a context, and waits until the link of
/// the context is open. If `make` returns `None`, it has logged why.
///
/// # Safety
///
/// Neither `make` nor the frames above hold a value that is to be dropped.
pub(crate) unsafe fn enter_and_open(
    name: &str,
    make: impl FnOnce() -> Option<NonNull<Context>>,
) -> *mut c_void {
    /// Longer than a candidate may take. For a clock that stands still.
    const LIMIT: Duration = Duration::from_secs(60);

    if log::is_writing() {
        return null_mut();
    }
    let cancellation = disable_cancellation();
    let Some(Some(made)) = catch(name, make) else {
        restore_cancellation(cancellation);
        return null_mut();
    };
    // SAFETY: just made, and known to this thread alone.
    let context = unsafe { made.as_ref() };
    context.entered.add();
    let call = Call::new(context.handle(), cancellation, true);
    // SAFETY: this frame holds nothing that is to be dropped; by the contract, neither do
    // those above.
    let waited = unsafe { wait(name, context, &call, Until::Connected, LIMIT) };
    context.entered.remove();
    let is_open = waited.is_some() && catch(name, || context.settle()) == Some(true);
    if !is_open {
        context.connector.explain();
        // SAFETY: Init has not returned it, so no other call of it starts.
        let _ = catch(name, || unsafe { context.close(name, Ending::Deinit) });
    }
    restore_cancellation(cancellation);
    if is_open { made.as_ptr().cast() } else { null_mut() }
}

/// Gives back what a call holds whose thread ended while it waited or called the program.
///
/// # Safety
///
/// `call` is that of [`crate::call::interruptible`].
#[cfg(any(feature = "std", feature = "port-linux"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_call_abandoned(call: *mut Call) {
    let _ = catch("a cancelled thread", || {
        // SAFETY: the call is in a frame of this thread that is still there, and its
        // context counts the call.
        let (call, context) = unsafe { (&*call, &*(*call).context.cast::<Context>()) };
        context.abandon(call);
        context.entered.remove();
        if call.is_opening {
            // SAFETY: Init did not return it, so no other call of it starts.
            unsafe { context.close("IOT_CoAP_Init", Ending::Deinit) };
        }
    });
}
