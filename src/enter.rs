//! The one way in. Every exported function that uses, makes or closes a context enters and
//! leaves the library here. Functions that only read a response, describe a code or set up
//! the log touch no shared state, and need no guard.
//!
//! A call that enters a context is counted until it leaves. No panic gets out, and after a
//! panic nothing stays locked or counted. The thread can be cancelled only while it waits
//! or calls the program (see [`crate::call`]). A call from the program's own log handler is
//! refused.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use iot_coap_client::Duration;

use crate::call::{Call, disable_cancellation, restore_cancellation};
use crate::context::{Context, Ending};
use crate::drive::{Until, wait};
use crate::log;
use crate::panic::catch;
use crate::types::iotx_ret_code_t::IOTX_ERR_INVALID_PARAM;

/// The result of a function that cannot do its work: the context is invalid, the log
/// handler called it, or it panicked.
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
    if log::is_refused() {
        return R::FALLBACK;
    }
    let cancellation = disable_cancellation();
    let result = catch(name, work).unwrap_or(R::FALLBACK);
    restore_cancellation(cancellation);
    result
}

/// While this value lives, a call that does not wait is counted.
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

/// What a function that may wait does next.
pub(crate) enum Begun<R> {
    /// It returns at once.
    Done(R),
    /// It waits for this, for at most this long.
    Wait(Until, Duration),
}

/// Enters a context, for a function that may wait. `begin` decides what to wait for, and
/// `end` returns the result.
///
/// # Safety
///
/// As [`enter_context`]. Neither the closures nor the frames above hold a value that needs
/// dropping.
pub(crate) unsafe fn enter_and_wait<R: Fallback>(
    name: &str,
    handle: *mut c_void,
    begin: impl FnOnce(&Context) -> Begun<R>,
    end: impl FnOnce(&Context) -> R,
) -> R {
    if log::is_refused() {
        return R::FALLBACK;
    }
    let cancellation = disable_cancellation();
    let begun = catch(name, || {
        // SAFETY: by the contract, `handle` is NULL or a context.
        let context = unsafe { Context::from_handle(handle, name) }?;
        context.entered.add();
        let visit = Visit(context);
        let begun = begin(visit.0);
        // The call stays counted until the wait ends.
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
            // SAFETY: this frame holds nothing that needs dropping; by the contract,
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
/// Neither `make` nor the frames above hold a value that needs dropping.
pub(crate) unsafe fn enter_and_open(
    name: &str,
    make: impl FnOnce() -> Option<NonNull<Context>>,
) -> *mut c_void {
    if log::is_refused() {
        return null_mut();
    }
    let cancellation = disable_cancellation();
    let Some(Some(made)) = catch(name, make) else {
        restore_cancellation(cancellation);
        return null_mut();
    };
    // SAFETY: the context was just made, and only this thread knows it.
    let context = unsafe { made.as_ref() };
    context.entered.add();
    let limit = catch(name, || context.connect_limit()).unwrap_or_default();
    let call = Call::new(made.as_ptr().cast(), cancellation, true);
    // SAFETY: this frame holds nothing that needs dropping; by the contract, neither do
    // those above.
    let waited = unsafe { wait(name, context, &call, Until::Connected, limit) };
    context.entered.remove();
    let is_open = waited.is_some() && catch(name, || context.settle()) == Some(true);
    if !is_open {
        let _ = catch(name, || context.connector.explain());
        // SAFETY: Init has not returned the context, so no other call of it starts.
        let _ = catch(name, || unsafe { Context::close(made, name, Ending::Deinit, None) });
    }
    restore_cancellation(cancellation);
    if is_open { made.as_ptr().cast() } else { null_mut() }
}

/// Releases what a call holds after its thread ended in a wait or in a call of the program.
///
/// # Safety
///
/// `call` is the argument of [`crate::call::interruptible`].
#[cfg(any(feature = "std", feature = "port-linux"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_call_abandoned(call: *mut Call) {
    let _ = catch("a cancelled thread", || {
        // SAFETY: the call is in a frame of this thread that still exists, and its context
        // counts the call.
        let (call, context) = unsafe { (&*call, &*(*call).context.cast::<Context>()) };
        context.abandon(call);
        context.entered.remove();
        if call.is_opening
            && let Some(made) = NonNull::new(call.context.cast_mut().cast())
        {
            // SAFETY: Init did not return the context, so no other call of it starts.
            unsafe { Context::close(made, "IOT_CoAP_Init", Ending::Deinit, None) };
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::callbacks::is_calling_back;
    use crate::configuration::Options;
    use crate::configuration::tests::Handed;
    use crate::drive::trip;

    const NAME: &str = "a test";
    const INVALID: c_int = IOTX_ERR_INVALID_PARAM as c_int;

    /// A context whose server does not answer.
    struct Silent(NonNull<Context>);

    /// A context that another thread looks at.
    struct Shared(NonNull<Context>);

    // SAFETY: any thread may call into a context.
    unsafe impl Send for Shared {}

    impl Silent {
        fn new(url: &str) -> Self {
            let configuration = Handed::new(url).read().expect("sound");
            Self(Context::new(configuration, Options::default()).expect("a context"))
        }

        fn handle(&self) -> *mut c_void {
            self.0.as_ptr().cast()
        }

        /// Waits for a datagram that does not come.
        fn wait(&self, end: impl FnOnce(&Context) -> c_int) -> c_int {
            let begin = |_: &Context| Begun::Wait(Until::Called, Duration::from_millis(15));
            // SAFETY: the context lives, and the closures hold nothing that needs dropping.
            unsafe { enter_and_wait(NAME, self.handle(), begin, end) }
        }

        /// Checks that no count or flag is raised, and the lock is free.
        fn check_free(&self) {
            let (tell, told) = mpsc::channel();
            let other = Shared(self.0);
            // In another thread, so that a lock that is held fails the test.
            let looking = std::thread::spawn(move || {
                let other = other;
                // SAFETY: the context lives until the test ends it.
                let context = unsafe { other.0.as_ref() };
                let state = context.state.lock();
                let raised = (
                    context.entered.is_empty(),
                    state.is_io_claimed,
                    state.buffers.taken(),
                    state.callbacks.is_empty(),
                    state.is_storing,
                );
                drop(state);
                let _ = tell.send(raised);
            });
            let raised = told.recv_timeout(std::time::Duration::from_secs(20));
            assert_eq!(raised.expect("the lock is free"), (true, false, 0, true, false));
            looking.join().expect("no panic");
            assert!(!is_calling_back(self.handle()));
            assert!(!log::is_writing());
        }
    }

    impl Drop for Silent {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                // SAFETY: no other call is in the context, and none starts.
                assert!(unsafe { Context::close(self.0, NAME, Ending::Deinit, None) });
            }
        }
    }

    fn urls() -> impl Iterator<Item = &'static str> {
        let coaps = cfg!(all(feature = "dtls", not(miri))).then_some("coaps://127.0.0.1:9");
        ["coap://127.0.0.1:9", "coap-psk://127.0.0.1:9"].into_iter().chain(coaps)
    }

    #[test]
    fn nothing_stays_raised_where_a_call_panics() {
        for url in urls() {
            let context = Silent::new(url);
            let handle = context.handle();
            // SAFETY: the context lives.
            let code: c_int = unsafe {
                enter_context(NAME, handle, |context| {
                    let _state = context.state.lock();
                    panic!("on purpose");
                })
            };
            assert_eq!(code, INVALID);
            context.check_free();
            // SAFETY: as above.
            let number: u32 = unsafe { enter_context(NAME, handle, |_| panic!("on purpose")) };
            assert_eq!(number, 0);
            context.check_free();
            let none: *mut c_void = enter(NAME, || panic!("on purpose"));
            assert!(none.is_null());
        }
    }

    #[test]
    fn nothing_stays_raised_where_a_call_that_waits_panics_before_or_after() {
        for url in urls() {
            let context = Silent::new(url);
            // SAFETY: the context lives.
            let code: c_int = unsafe {
                enter_and_wait(
                    NAME,
                    context.handle(),
                    |context| {
                        let _state = context.state.lock();
                        panic!("on purpose");
                    },
                    |_| 0,
                )
            };
            assert_eq!(code, INVALID);
            context.check_free();
            let code = context.wait(|context| {
                let _state = context.state.lock();
                panic!("on purpose");
            });
            assert_eq!(code, INVALID);
            context.check_free();
            assert_eq!(context.wait(|_| 0), 0);
            context.check_free();
        }
    }

    #[test]
    fn nothing_stays_raised_wherever_a_step_of_a_wait_panics() {
        for url in urls() {
            let context = Silent::new(url);
            let mut points = 0;
            loop {
                trip::after(points);
                let code = context.wait(|_| 0);
                let is_whole = trip::disarm();
                assert_eq!(code, if is_whole { 0 } else { INVALID }, "{url}, point {points}");
                context.check_free();
                if is_whole {
                    break;
                }
                points += 1;
            }
            assert!(points >= 6, "{url}: a wait has two steps at least, not {points} points");
        }
    }

    #[test]
    fn an_invalid_context_is_refused_by_every_way_in() {
        let mut other = [0_u64; 64];
        for handle in [null_mut(), (&raw mut other).cast()] {
            // SAFETY: NULL, or memory whose first word differs from the magic word.
            unsafe {
                assert_eq!(enter_context::<c_int>(NAME, handle, |_| 0), INVALID);
                assert_eq!(enter_and_wait(NAME, handle, |_| Begun::Done(0), |_| 0), INVALID);
            }
        }
        // SAFETY: the closure makes no context.
        assert!(unsafe { enter_and_open(NAME, || None) }.is_null());
    }

    /// A thread ended in `IOT_CoAP_Init`, so nobody else knows the context. (Miri and the
    /// leak checkers see whether it is freed.)
    #[test]
    fn a_context_whose_making_is_abandoned_is_freed() {
        let made = core::mem::ManuallyDrop::new(Silent::new("coap://127.0.0.1:9"));
        // SAFETY: the context lives.
        unsafe { made.0.as_ref() }.entered.add();
        let mut call = Call::new(made.handle(), 0, true);
        // SAFETY: the call is in this frame, and its context counts it.
        unsafe { iotx_call_abandoned(&raw mut call) };
    }
}
