//! Other ways to wait than `IOT_CoAP_Yield` and `IOT_CoAP_DeviceNameAuth`: one `poll` loop
//! for many contexts, and waiting until no message is outstanding.

use core::ffi::{c_int, c_uint};

use iot_coap_client::{Duration, SendError, SignInError};

use crate::context::Context;
use crate::drive::{SigningIn, Until};
use crate::enter::{Begun, enter_and_wait, enter_context};
use crate::log::log;
use crate::types::{iotx_coap_context_t, iotx_ret_code_t};

use iotx_ret_code_t::{
    IOTX_ERR_AUTH_FAILED, IOTX_ERR_INVALID_PARAM, IOTX_ERR_NO_MEM, IOTX_SUCCESS,
};

/// Returned by `IOT_CoAP_StartSignIn` if there is nothing to wait for.
pub const IOTX_COAP_SIGNED_IN_ALREADY: c_int = 1;

/// Returns a file descriptor for `poll`, which becomes readable when something arrives.
/// Then call `IOT_CoAP_Process`.
///
/// The descriptor stays the same for the client's whole life, whatever connections come and
/// go. After this call, `IOT_CoAP_Yield` returns with each answer: a `poll` loop has its
/// own pace.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return the descriptor; -1 for an invalid client, with a board port other than this
///     library's, and with the program's own `HAL_DTLSSession_*`
/// @note Does not block. Any thread may call. Do not close the descriptor: it belongs to
///     the library.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_GetFd(context: *mut iotx_coap_context_t) -> c_int {
    // SAFETY: the context is valid by the contract.
    unsafe {
        enter_context("IOT_CoAP_GetFd", context, |context| {
            let mut state = context.state.lock();
            state.pace.turn_off();
            state.link.descriptor().unwrap_or(-1)
        })
    }
}

/// Returns how long `poll` may wait. After that time `IOT_CoAP_Process` must be called even
/// if nothing arrived, for a timer or a notice.
///
/// After this call, `IOT_CoAP_Yield` returns with each answer, as after `IOT_CoAP_GetFd`.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return milliseconds; 0 to call at once; -1 if no timer is running, or for an invalid
///     client
/// @note Does not block. Any thread may call.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_GetTimeoutMs(context: *mut iotx_coap_context_t) -> c_int {
    // SAFETY: the context is valid by the contract.
    unsafe {
        enter_context("IOT_CoAP_GetTimeoutMs", context, |context| {
            let left = context.time_left();
            left.map_or(-1, |left| c_int::try_from(left.as_millis()).unwrap_or(c_int::MAX))
        })
    }
}

/// Returns whether the device may sleep: whether the client expects nothing from the
/// network, and has nothing to send or to tell.
///
/// Later work, such as a renewal of the access token or another try to connect, does not
/// count: `IOT_CoAP_GetTimeoutMs` returns when it is due.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return 1 if the device may sleep; 0 if it may not; `IOTX_ERR_INVALID_PARAM` for an
///     invalid client
/// @note Does not block. Any thread may call, also from a callback.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Idle(context: *mut iotx_coap_context_t) -> c_int {
    // SAFETY: the context is valid by the contract.
    unsafe { enter_context("IOT_CoAP_Idle", context, |context| c_int::from(context.is_idle())) }
}

/// Handles everything that has arrived and does everything that is due, like
/// `IOT_CoAP_Yield`, but does not wait.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return `IOTX_SUCCESS`, even if there was nothing to do; `IOTX_ERR_INVALID_PARAM` for an
///     invalid client, or if another thread ends the client meanwhile: do not call again
/// @note Does not block with this library's port. With a firmware's own port, it blocks for
///     a millisecond, or longer if the port opens another connection. Handles at most 256
///     datagrams and their callbacks; if there are more, the descriptor stays readable. Any
///     thread may call, also from a callback. If another thread is waiting, that thread
///     handles what arrives.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Process(context: *mut iotx_coap_context_t) -> c_int {
    let begin = |_: &Context| Begun::Wait(Until::Drained, Duration::ZERO);
    // SAFETY: the context is valid by the contract; nothing here needs dropping, and this
    // is the library's first frame.
    unsafe { enter_and_wait("IOT_CoAP_Process", context, begin, |_| IOTX_SUCCESS as c_int) }
}

/// Starts to sign the device in, and returns at once. `IOT_CoAP_DeviceNameAuth` would wait.
///
/// `IOT_CoAP_Yield` or `IOT_CoAP_Process` continues the sign-in, and the notice
/// `IOTX_COAP_NOTICE_SIGNED_IN` or `IOTX_COAP_NOTICE_SIGN_IN_FAILED` reports how it ended.
/// If a sign-in is in progress, this call joins it, and asks the cloud again unless the
/// first request has not been repeated yet. If the sign-in does not succeed, it ends when
/// the longest time limit of its callers is over.
///
/// @param context a client of `IOT_CoAP_Init`
/// @param most_ms how long the sign-in may take, in milliseconds, at least 1
/// @return `IOTX_SUCCESS` if the sign-in is in progress; `IOTX_COAP_SIGNED_IN_ALREADY` (1)
///     if an access token was kept over a restart, in which case there is no notice;
///     `IOTX_ERR_NO_MEM` if the heap is exhausted; `IOTX_ERR_AUTH_FAILED` if the request
///     could not be made; `IOTX_ERR_INVALID_PARAM` for an invalid client or a `most_ms` of
///     0
/// @note Does not block. Any thread may call, also from a callback.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_StartSignIn(
    context: *mut iotx_coap_context_t,
    most_ms: c_uint,
) -> c_int {
    const NAME: &str = "IOT_CoAP_StartSignIn";
    let work = |context: &Context| {
        if most_ms == 0 {
            log!(Error, "{NAME}: most_ms is 0; IOT_CoAP_DeviceNameAuth uses 10000");
            return IOTX_ERR_INVALID_PARAM as c_int;
        }
        let attempt = match context.start_sign_in(Duration::from_millis(most_ms.into())) {
            SigningIn::Done => return IOTX_COAP_SIGNED_IN_ALREADY,
            // The request is sent again later.
            SigningIn::Refused(_) => return IOTX_SUCCESS as c_int,
            SigningIn::Started(attempt) => attempt,
        };
        let Some(Err(error)) = context.sign_in_outcome(attempt) else {
            return IOTX_SUCCESS as c_int;
        };
        if error == SignInError::NotAnswered {
            // A limit of a millisecond may be over before this call is. A notice reports
            // it.
            return IOTX_SUCCESS as c_int;
        }
        log!(Error, "{NAME}: {error}");
        match error {
            SignInError::OutOfMemory | SignInError::NotSent(SendError::OutOfMemory) => {
                IOTX_ERR_NO_MEM as c_int
            }
            _ => IOTX_ERR_AUTH_FAILED as c_int,
        }
    };
    // SAFETY: the context is valid by the contract.
    unsafe { enter_context(NAME, context, work) }
}

/// Waits until every message has ended, with its callback or a notice.
///
/// @param context a client of `IOT_CoAP_Init`
/// @param most_ms how long to wait at most, in milliseconds
/// @return how many messages still wait for their answers; `IOTX_ERR_INVALID_PARAM` for an
///     invalid client, or if another thread ends the client meanwhile
/// @note Blocks for `most_ms` at most. Any thread may call, also from a callback.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Flush(
    context: *mut iotx_coap_context_t,
    most_ms: c_uint,
) -> c_int {
    let most = Duration::from_millis(most_ms.into());
    let begin = |_: &Context| Begun::Wait(Until::NothingOutstanding, most);
    let end = |context: &Context| {
        let outstanding = context.state.lock().client.outstanding();
        c_int::try_from(outstanding).unwrap_or(c_int::MAX)
    };
    // SAFETY: the context is valid by the contract; nothing here needs dropping, and this
    // is the library's first frame.
    unsafe { enter_and_wait("IOT_CoAP_Flush", context, begin, end) }
}
