//! Calling the application back: with the answers to its messages, and with
//! notices. Always with no lock held, so that a callback may call the library.

use core::ffi::c_void;

use iot_coap_client::{Code, Event, SignInError};

use crate::context::{Application, Context, State};
use crate::extension::iotx_coap_notice_kind_t::{
    IOTX_COAP_NOTICE_GAVE_UP, IOTX_COAP_NOTICE_SIGN_IN_FAILED, IOTX_COAP_NOTICE_SIGNED_IN,
};
use crate::extension::{Subscriber, iotx_coap_notice_t};
use crate::lock::Guard;
use crate::log::log;
use crate::message::ResponseHandle;

impl Context {
    /// Tells the application of an event.
    pub(crate) fn tell<'s>(
        &'s self,
        state: Guard<'s, State>,
        event: Event<Application>,
    ) -> Guard<'s, State> {
        match event {
            Event::SignedIn => {
                log!(Info, "signed in");
                if let Some(store) = self.store() {
                    store.update(&state.client);
                }
                self.notify(state, &iotx_coap_notice_t::new(IOTX_COAP_NOTICE_SIGNED_IN))
            }
            Event::SignInFailed(error) => {
                log!(Error, "signing in failed: {error}");
                let mut notice = iotx_coap_notice_t::new(IOTX_COAP_NOTICE_SIGN_IN_FAILED);
                if let SignInError::Refused(code) = error {
                    notice.code = code.0.into();
                }
                self.notify(state, &notice)
            }
            Event::GaveUp { application, reason, token } => {
                log!(Error, "message {token:08x} given up: {reason}");
                let mut notice = iotx_coap_notice_t::new(IOTX_COAP_NOTICE_GAVE_UP);
                notice.reason = reason.into();
                notice.token = token;
                notice.user_data = application.user_data;
                self.notify(state, &notice)
            }
            Event::Refused(refusal) => {
                log!(Warning, "message {:08x}: {}", refusal.token, refusal.code);
                let (code, token) = (refusal.code, refusal.token);
                self.call_back(state, refusal.application, code, token, &mut [])
            }
        }
    }

    /// Hands a notice to the program's handler, with no lock held.
    pub(crate) fn notify<'s>(
        &'s self,
        mut state: Guard<'s, State>,
        notice: &iotx_coap_notice_t,
    ) -> Guard<'s, State> {
        let Some(Subscriber { handler, data }) = self.subscriber() else { return state };
        state.callbacks += 1;
        drop(state);
        let context = core::ptr::from_ref(self).cast_mut().cast::<c_void>();
        // SAFETY: the program's promise of `on_notice`: a function that takes
        // what it was given as `notice_data`, the context and a notice.
        running::during(self, || unsafe { handler(data, context, notice) });
        let mut state = self.state.lock();
        state.callbacks -= 1;
        state
    }

    /// Calls the application back, with no lock held.
    pub(crate) fn call_back<'s>(
        &'s self,
        mut state: Guard<'s, State>,
        application: Application,
        code: Code,
        token: u32,
        payload: &mut [u8],
    ) -> Guard<'s, State> {
        let Some(callback) = application.callback else { return state };
        state.callbacks += 1;
        drop(state);
        let mut response = ResponseHandle::new(code, token, payload);
        let message = (&raw mut response).cast::<c_void>();
        // SAFETY: the program's promise of `resp_callback`: a function that
        // takes what it was given as `user_data` and a response.
        running::during(self, || unsafe { callback(application.user_data, message) });
        drop(response);
        let mut state = self.state.lock();
        state.callbacks -= 1;
        state
    }

    /// Whether a callback of this context runs on the calling thread, or may.
    pub(crate) fn is_in_callback(&self, state: &State) -> bool {
        state.callbacks != 0 && running::includes(self)
    }
}

/// Which contexts' callbacks run on the calling thread. Without `std` threads
/// cannot be told apart: any callback of a context then counts.
#[cfg(feature = "std")]
mod running {
    use core::cell::Cell;
    use core::ptr::null;

    /// A callback that runs; in the frame of its caller.
    pub(super) struct Running {
        context: *const super::Context,
        outer: *const Running,
    }

    std::thread_local! {
        static INNERMOST: Cell<*const Running> = const { Cell::new(null()) };
    }

    pub(super) fn during(context: &super::Context, callback: impl FnOnce()) {
        let running = Running { context, outer: INNERMOST.get() };
        INNERMOST.set(&raw const running);
        callback();
        INNERMOST.set(running.outer);
    }

    pub(super) fn includes(context: &super::Context) -> bool {
        let mut running = INNERMOST.get();
        // SAFETY: every entry is in the frame of a `during` that has not
        // returned, on this thread.
        while let Some(entry) = unsafe { running.as_ref() } {
            if core::ptr::eq(entry.context, context) {
                return true;
            }
            running = entry.outer;
        }
        false
    }
}

#[cfg(not(feature = "std"))]
mod running {
    pub(super) fn during(_context: &super::Context, callback: impl FnOnce()) {
        callback();
    }

    pub(super) fn includes(_context: &super::Context) -> bool {
        true
    }
}
