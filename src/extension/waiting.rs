//! Waiting by other means than `IOT_CoAP_Yield` and `IOT_CoAP_DeviceNameAuth`: one
//! `poll` loop for many contexts, and waiting until nothing is outstanding.

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

/// What `IOT_CoAP_StartSignIn` returns if there is nothing to wait for.
pub const IOTX_COAP_SIGNED_IN_ALREADY: c_int = 1;

/// Tells the file descriptor that becomes readable when something arrives, for `poll`;
/// call `IOT_CoAP_Process` then.
///
/// It is the same for the client's whole life, whatever connections come and go. From
/// now on `IOT_CoAP_Yield` returns with each answer: a `poll` loop has its own pace.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return the descriptor; -1 for an invalid client, with a board port other than this
///     library's, and with the program's own `HAL_DTLSSession_*`
/// @note Does not block. Any thread may call. The descriptor is the library's to
///     close.
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

/// Tells how long `poll` may wait before `IOT_CoAP_Process` must be called, even if
/// nothing arrives: for a timer, or to deliver a notice.
///
/// From now on `IOT_CoAP_Yield` returns with each answer, as for `IOT_CoAP_GetFd`.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return milliseconds; 0 if that is now; -1 if nothing is waited for, or for an
///     invalid client
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

/// Tells whether a device may sleep: whether nothing is expected from the network, to be
/// sent, or to be told.
///
/// What is planned for later, such as a renewal of the access token or another try to
/// connect, does not count: `IOT_CoAP_GetTimeoutMs` tells when it is.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return 1 if the device may sleep; 0 if it may not yet; `IOTX_ERR_INVALID_PARAM` for an
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

/// Handles everything that has arrived and does all that is due, as `IOT_CoAP_Yield`, but
/// does not wait.
///
/// @param context a client of `IOT_CoAP_Init`
/// @return `IOTX_SUCCESS`, also if there was nothing to do; `IOTX_ERR_INVALID_PARAM` for
///     an invalid client
/// @note Does not block with this library's port, and for a millisecond with a firmware's
///     own, which may take longer to open a connection anew. Runs callbacks, for 256
///     datagrams at most: then the descriptor stays readable. Any thread may call, also
///     from a callback; while another one waits, that one handles what arrives.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Process(context: *mut iotx_coap_context_t) -> c_int {
    let begin = |_: &Context| Begun::Wait(Until::Drained, Duration::ZERO);
    // SAFETY: the context is valid by the contract; nothing here is to be dropped, and this
    // frame is the first.
    unsafe { enter_and_wait("IOT_CoAP_Process", context, begin, |_| IOTX_SUCCESS as c_int) }
}

/// Starts to sign the device in, and returns at once, where `IOT_CoAP_DeviceNameAuth`
/// would wait.
///
/// `IOT_CoAP_Yield` or `IOT_CoAP_Process` goes on with it, and the notice
/// `IOTX_COAP_NOTICE_SIGNED_IN` or `IOTX_COAP_NOTICE_SIGN_IN_FAILED` tells how it ended. A sign-in that is in progress
/// is joined, and the cloud asked again unless it was asked only once yet; it ends with
/// the last of those who wait for it.
///
/// @param context a client of `IOT_CoAP_Init`
/// @param most_ms how long it may take, in milliseconds, at least 1
/// @return `IOTX_SUCCESS` if it is in progress; `IOTX_COAP_SIGNED_IN_ALREADY` (1) if an
///     access token was kept over a restart: then there is no notice;
///     `IOTX_ERR_NO_MEM` if the heap is exhausted; `IOTX_ERR_AUTH_FAILED` if the
///     request could not be made; `IOTX_ERR_INVALID_PARAM` for an invalid client or a
///     `most_ms` of 0
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
            log!(Error, "{NAME}: most_ms is 0; 10000 is what IOT_CoAP_DeviceNameAuth takes");
            return IOTX_ERR_INVALID_PARAM as c_int;
        }
        let attempt = match context.start_sign_in(Duration::from_millis(most_ms.into())) {
            SigningIn::Done => return IOTX_COAP_SIGNED_IN_ALREADY,
            // There are further tries.
            SigningIn::Refused(_) => return IOTX_SUCCESS as c_int,
            SigningIn::Started(attempt) => attempt,
        };
        let Some(Err(error)) = context.sign_in_outcome(attempt) else {
            return IOTX_SUCCESS as c_int;
        };
        if error == SignInError::NotAnswered {
            // A time limit of a millisecond is over before this call is; a notice tells.
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

/// Waits until every message has ended, in its callback or a notice.
///
/// @param context a client of `IOT_CoAP_Init`
/// @param most_ms how long to wait at most, in milliseconds
/// @return how many messages still wait for their answers, 0 if none;
///     `IOTX_ERR_INVALID_PARAM` for an invalid client
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
    // SAFETY: the context is valid by the contract; nothing here is to be dropped, and this
    // frame is the first.
    unsafe { enter_and_wait("IOT_CoAP_Flush", context, begin, end) }
}
