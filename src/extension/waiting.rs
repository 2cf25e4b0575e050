//! Waiting elsewhere than in `IOT_CoAP_Yield` and `IOT_CoAP_DeviceNameAuth`: one
//! `poll` loop for many contexts, and waiting until nothing is outstanding.

use core::ffi::{c_int, c_uint};

use crate::context::Context;
use crate::drive::Until;
use crate::guard::guard;
use crate::log::log;
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

    /// How long until time asks for something, or there is something to tell, in
    /// milliseconds.
    fn timeout_ms(&self) -> Option<u64> {
        let mut state = self.state.lock();
        if state.session_renewed || state.client.has_event() {
            return Some(0);
        }
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
/// must be called for what time asks for, or to hand over a notice, whether or not
/// something arrives.
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

/// Starts to sign the device in and returns at once, where
/// `IOT_CoAP_DeviceNameAuth` would wait: `IOT_CoAP_Yield` goes on with it, for
/// `most_ms` milliseconds at most, and the notice `IOTX_COAP_NOTICE_SIGNED_IN` or
/// `IOTX_COAP_NOTICE_SIGN_IN_FAILED` tells how it ended. If one is under way it is
/// joined, and the cloud asked again. Any thread may call, also from a callback.
///
/// Returns `IOTX_SUCCESS` if it is under way; 1 if there is nothing to wait for,
/// since an access token was kept over a restart (then there is no notice);
/// `IOTX_ERR_NO_MEM`; `IOTX_ERR_INVALID_PARAM` for a context that is none or a
/// `most_ms` of 0.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_StartSignIn(
    context: *mut iotx_coap_context_t,
    most_ms: c_uint,
) -> c_int {
    const NAME: &str = "IOT_CoAP_StartSignIn";
    guard(NAME, iotx_ret_code_t::IOTX_ERR_AUTH_FAILED as c_int, || {
        // SAFETY: the caller's promise.
        let Some(context) = (unsafe { Context::from_handle(context, NAME) }) else {
            return iotx_ret_code_t::IOTX_ERR_INVALID_PARAM as c_int;
        };
        if most_ms == 0 {
            log!(Error, "{NAME}: most_ms is 0; 10000 is what IOT_CoAP_DeviceNameAuth takes");
            return iotx_ret_code_t::IOTX_ERR_INVALID_PARAM as c_int;
        }
        match context.start_sign_in(most_ms.into()) {
            Ok(true) => iotx_ret_code_t::IOTX_SUCCESS as c_int,
            Ok(false) => 1,
            Err(error) => {
                log!(Error, "{NAME}: {error}");
                iotx_ret_code_t::IOTX_ERR_NO_MEM as c_int
            }
        }
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
