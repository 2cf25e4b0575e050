//! Waiting elsewhere than in `IOT_CoAP_Yield`: one `poll` loop for many
//! contexts, and waiting until nothing is outstanding.

use core::ffi::{c_int, c_uint};

use crate::context::Context;
use crate::drive::Until;
use crate::guard::guard;
use crate::transport::Link;
use crate::types::{iotx_coap_context_t, iotx_ret_code_t};

impl Context {
    /// Handles what arrives until nothing is outstanding, or the time is over;
    /// returns how many messages still are.
    fn flush(&self, most_ms: u64) -> usize {
        self.wait(most_ms, &Until::True(&|client| client.outstanding() == 0));
        self.state.lock().client.outstanding()
    }

    /// What `poll` waits on.
    fn descriptor(&self) -> Option<i32> {
        self.state.lock().link.and_then(Link::descriptor)
    }

    /// How long until time asks for something, in milliseconds.
    fn timeout_ms(&self) -> Option<u64> {
        let mut state = self.state.lock();
        let now = state.now();
        let deadline = match (state.client.deadline(), state.reopening()) {
            (deadline, None) => deadline,
            (deadline, Some(at)) => Some(deadline.map_or(at, |deadline| deadline.min(at))),
        };
        deadline.map(|deadline| deadline.saturating_sub(now))
    }
}

/// Tells the file descriptor that becomes readable when something arrives, for
/// `poll`; call `IOT_CoAP_Yield` then. It changes when a DTLS session is opened
/// anew: ask before each `poll`. Any thread may call.
///
/// Returns it; or -1 for a context that is none, while a session is being
/// opened, and with a board port other than this library's.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_GetFd(context: *mut iotx_coap_context_t) -> c_int {
    const NAME: &str = "IOT_CoAP_GetFd";
    guard(NAME, -1, || {
        // SAFETY: the caller's promise.
        let context = unsafe { Context::from_handle(context, NAME) };
        context.and_then(Context::descriptor).unwrap_or(-1)
    })
}

/// Tells how long `poll` may wait, in milliseconds, before `IOT_CoAP_Yield`
/// must be called for what time asks for, whether or not something arrives.
/// Give the context a `wait_time_ms` of 1, so that this call does not wait.
///
/// Returns 0 if that is now; -1 if nothing is waited for, or for a context that
/// is none.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_GetTimeoutMs(context: *mut iotx_coap_context_t) -> c_int {
    const NAME: &str = "IOT_CoAP_GetTimeoutMs";
    guard(NAME, -1, || {
        // SAFETY: the caller's promise.
        let context = unsafe { Context::from_handle(context, NAME) };
        let timeout = context.and_then(Context::timeout_ms);
        timeout.map_or(-1, |ms| c_int::try_from(ms).unwrap_or(c_int::MAX))
    })
}

/// Yields until every message has ended, in its callback or a notice, or
/// `most_ms` milliseconds are over. Any thread may call, also from a callback.
///
/// Returns how many messages still wait for their answers, 0 if none;
/// `IOTX_ERR_INVALID_PARAM` for a context that is none.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_Flush(
    context: *mut iotx_coap_context_t,
    most_ms: c_uint,
) -> c_int {
    const NAME: &str = "IOT_CoAP_Flush";
    guard(NAME, iotx_ret_code_t::IOTX_ERR_INVALID_PARAM as c_int, || {
        // SAFETY: the caller's promise.
        let Some(context) = (unsafe { Context::from_handle(context, NAME) }) else {
            return iotx_ret_code_t::IOTX_ERR_INVALID_PARAM as c_int;
        };
        c_int::try_from(context.flush(most_ms.into())).unwrap_or(c_int::MAX)
    })
}
