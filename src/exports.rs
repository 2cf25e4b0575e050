//! The top edge: the functions of the original's CoAP client, thin. Each checks
//! its pointers, goes through the guard and calls one method.

use core::ffi::{c_char, c_int, c_uchar, c_uint, c_void};
use core::ptr::null_mut;

use iot_coap_client::{ContentFormat, PATH_MAX_LEN, Request, SendError, SignInError};

use crate::configuration::{Configuration, Options, bounded};
use crate::context::{Application, Context, Ending};
use crate::drive::Unsent;
use crate::guard::guard;
use crate::log::{connect_port, log};
use crate::message::ResponseHandle;
use crate::types::{
    Enumeration, iotx_coap_config_t, iotx_coap_context_t, iotx_coap_resp_code_t, iotx_message_t,
    iotx_ret_code_t,
};

use iotx_ret_code_t::{
    IOTX_ERR_AUTH_FAILED, IOTX_ERR_INVALID_PARAM, IOTX_ERR_MSG_TOO_LOOG, IOTX_ERR_NO_MEM,
    IOTX_ERR_NOT_AUTHED, IOTX_ERR_SEND_MSG_FAILED, IOTX_ERR_URI_TOO_LOOG, IOTX_SUCCESS,
};

/// Makes a client and connects it to the cloud.
///
/// Over `coaps://` this blocks through the DTLS handshake, which verifies the
/// cloud's certificate against `iotx_coap_get_ca()`. The configuration and all
/// it points to are copied.
///
/// Returns NULL, with the reason logged, if the configuration is wrong, the
/// host cannot be reached or its certificate does not hold. Any thread may
/// call; contexts are independent of each other.
///
/// # Safety
///
/// `p_config` is NULL or points to a configuration whose `p_url` is NULL or a
/// string, and whose `p_devinfo` is NULL or points to an `iotx_deviceinfo_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_Init(
    p_config: *mut iotx_coap_config_t,
) -> *mut iotx_coap_context_t {
    guard("IOT_CoAP_Init", null_mut(), || {
        connect_port();
        // SAFETY: the caller's promise.
        match unsafe { Configuration::read(p_config) } {
            Ok(configuration) => Context::open(configuration, Options::default())
                .map_or(null_mut(), |context| context.as_ptr().cast()),
            Err(error) => {
                log!(Error, "IOT_CoAP_Init: {error}");
                null_mut()
            }
        }
    })
}

/// Disconnects a client, frees it and sets `*p_context` to NULL.
///
/// NULL, or a pointer to NULL, is no error. Messages that wait for an answer
/// are forgotten. Waits for other threads to leave `IOT_CoAP_Yield` and
/// `IOT_CoAP_DeviceNameAuth` of this context; no other call of it may start.
/// From a callback of the same context it is refused, with a line in the log.
///
/// # Safety
///
/// `p_context` is NULL or points to NULL or to a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_Deinit(p_context: *mut *mut iotx_coap_context_t) {
    guard("IOT_CoAP_Deinit", (), || {
        // SAFETY: the caller's promise.
        let Some(slot) = (unsafe { p_context.as_mut() }) else { return };
        if slot.is_null() {
            return;
        }
        // SAFETY: the caller's promise.
        if let Some(context) = unsafe { Context::from_handle(*slot, "IOT_CoAP_Deinit") } {
            // SAFETY: the caller's promise that no other call starts.
            if unsafe { context.close("IOT_CoAP_Deinit", Ending::Deinit) } {
                *slot = null_mut();
            }
        }
    });
}

/// Signs the device in; returns as soon as the cloud has answered, after 10
/// seconds (or `wait_time_ms`, if that is more) at the latest.
///
/// Responses that arrive meanwhile are delivered to their callbacks. Any
/// thread may call, also from a callback.
///
/// Returns `IOTX_SUCCESS` with an access token in hand, valid for 48 hours and
/// renewed by itself while `IOT_CoAP_Yield` is called;
/// `IOTX_ERR_AUTH_FAILED` if the cloud refused or did not answer;
/// `IOTX_ERR_NO_MEM` if the heap is exhausted;
/// `IOTX_ERR_SEND_MSG_FAILED` if the network refused to send;
/// `IOTX_ERR_INVALID_PARAM` for a context that is none.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_DeviceNameAuth(p_context: *mut iotx_coap_context_t) -> c_int {
    const NAME: &str = "IOT_CoAP_DeviceNameAuth";
    guard(NAME, IOTX_ERR_AUTH_FAILED as c_int, || {
        // SAFETY: the caller's promise.
        let Some(context) = (unsafe { Context::from_handle(p_context, NAME) }) else {
            return IOTX_ERR_INVALID_PARAM as c_int;
        };
        match context.sign_in() {
            Some(Ok(())) => IOTX_SUCCESS as c_int,
            Some(Err(error)) => {
                log!(Error, "{NAME}: {error}");
                match error {
                    SignInError::OutOfMemory | SignInError::NotSent(SendError::OutOfMemory) => {
                        IOTX_ERR_NO_MEM as c_int
                    }
                    _ => IOTX_ERR_AUTH_FAILED as c_int,
                }
            }
            None => {
                log!(Error, "{NAME}: the network refused to send");
                IOTX_ERR_SEND_MSG_FAILED as c_int
            }
        }
    })
}

/// Sends a message to `/topic/<productKey>/<deviceName>/...`; returns at once.
///
/// Its callback is called with the response, by whichever thread is then in
/// `IOT_CoAP_Yield` or `IOT_CoAP_DeviceNameAuth`. The path and the message are
/// copied. If the cloud refuses the access token the device is signed in again
/// and the message sent again, once. Any thread may call, also from a callback.
///
/// Returns `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL, an unknown
/// content type, or a message type other than CON and NON;
/// `IOTX_ERR_URI_TOO_LOOG` for a path of more than 135 bytes;
/// `IOTX_ERR_MSG_TOO_LOOG` if the whole message would have more than 1280;
/// `IOTX_ERR_NOT_AUTHED` before the first sign-in; `IOTX_ERR_NO_MEM`;
/// `IOTX_ERR_SEND_MSG_FAILED` if 32 messages wait for their answers already,
/// or the network refused a NON message.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`; `p_path` is NULL or a
/// string; `p_message` is NULL or a message whose `p_payload` points to
/// `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_SendMessage(
    p_context: *mut iotx_coap_context_t,
    p_path: *mut c_char,
    p_message: *mut iotx_message_t,
) -> c_int {
    const NAME: &str = "IOT_CoAP_SendMessage";
    guard(NAME, IOTX_ERR_SEND_MSG_FAILED as c_int, || {
        // SAFETY: the caller's promise.
        let Some(context) = (unsafe { Context::from_handle(p_context, NAME) }) else {
            return IOTX_ERR_INVALID_PARAM as c_int;
        };
        // SAFETY: the caller's promise.
        let status = unsafe { send(context, p_path, p_message) };
        if let Err((code, reason)) = status {
            log!(Error, "{NAME}: {reason}");
            return code as c_int;
        }
        IOTX_SUCCESS as c_int
    })
}

/// # Safety
///
/// As for `IOT_CoAP_SendMessage`.
unsafe fn send(
    context: &Context,
    path: *const c_char,
    message: *const iotx_message_t,
) -> Result<(), (iotx_ret_code_t, &'static str)> {
    if path.is_null() {
        return Err((IOTX_ERR_INVALID_PARAM, "p_path is NULL"));
    }
    // SAFETY: the caller's promise.
    let message =
        unsafe { message.as_ref() }.ok_or((IOTX_ERR_INVALID_PARAM, "p_message is NULL"))?;
    let confirmable = match Enumeration::number(&message.msg_type) {
        0 => true,
        1 => false,
        _ => {
            return Err((
                IOTX_ERR_INVALID_PARAM,
                "msg_type must be IOTX_MESSAGE_CON or IOTX_MESSAGE_NON",
            ));
        }
    };
    let content_format = match Enumeration::number(&message.content_type) {
        0 => ContentFormat::Json,
        1 => ContentFormat::Cbor,
        _ => {
            return Err((
                IOTX_ERR_INVALID_PARAM,
                "content_type must be IOTX_CONTENT_TYPE_JSON or IOTX_CONTENT_TYPE_CBOR",
            ));
        }
    };
    let payload = match usize::from(message.payload_len) {
        0 => &[],
        _ if message.p_payload.is_null() => {
            return Err((IOTX_ERR_INVALID_PARAM, "p_payload is NULL, but payload_len is not 0"));
        }
        // SAFETY: the caller's promise.
        len => unsafe { core::slice::from_raw_parts(message.p_payload, len) },
    };
    // SAFETY: the caller's promise.
    let path = unsafe { bounded(path, PATH_MAX_LEN) }
        .ok_or((IOTX_ERR_URI_TOO_LOOG, "the path is longer than 135 bytes"))?;
    let request = Request { confirmable, path, content_format, payload };
    let application = Application { callback: message.resp_callback, user_data: message.user_data };
    context.send(&request, application).map_err(|unsent| match unsent {
        Unsent::Network => (IOTX_ERR_SEND_MSG_FAILED, "the network refused to send"),
        Unsent::Refused(error) => match error {
            SendError::NotSignedIn => (
                IOTX_ERR_NOT_AUTHED,
                "not signed in: call IOT_CoAP_DeviceNameAuth until it returns 0",
            ),
            SendError::PathTooLong => (IOTX_ERR_URI_TOO_LOOG, "the path is longer than 135 bytes"),
            SendError::MessageTooLong => (
                IOTX_ERR_MSG_TOO_LOOG,
                "path, access token and payload come to more than 1280 bytes: shorten the payload",
            ),
            SendError::TooManyOutstanding => (
                IOTX_ERR_SEND_MSG_FAILED,
                "too many messages wait for their answers: call IOT_CoAP_Yield between them",
            ),
            SendError::MessageIdsExhausted => (
                IOTX_ERR_SEND_MSG_FAILED,
                "61,440 messages within 247 s: message ids are used up; send more slowly",
            ),
            SendError::OutOfMemory => (IOTX_ERR_NO_MEM, "no memory for the message"),
        },
    })
}

/// Tells the payload of the response that a callback was handed.
///
/// `*pp_payload` is set to its first byte, which is followed, after the last,
/// by a NUL, and `*p_len` to its length in bytes; an empty payload is NULL and
/// 0. Both live until the callback returns.
///
/// Returns `IOTX_SUCCESS`, or `IOTX_ERR_INVALID_PARAM` for a NULL or a message
/// that is none.
///
/// # Safety
///
/// `p_message` is NULL or the running callback's; `pp_payload` and `p_len` are
/// NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_GetMessagePayload(
    p_message: *mut c_void,
    pp_payload: *mut *mut c_uchar,
    p_len: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let response = unsafe { ResponseHandle::from_message(p_message) };
    let (Some(response), false, false) = (response, pp_payload.is_null(), p_len.is_null()) else {
        return invalid("IOT_CoAP_GetMessagePayload");
    };
    let (payload, len) = response.payload();
    // SAFETY: not NULL, so writable by the caller's promise.
    unsafe {
        pp_payload.write(payload);
        p_len.write(len);
    }
    IOTX_SUCCESS as c_int
}

/// Tells the code of the response that a callback was handed: one of
/// `iotx_coap_resp_code_t`, or any other as its byte (`0x84` for 4.04).
///
/// Returns `IOTX_SUCCESS`, or `IOTX_ERR_INVALID_PARAM` for a NULL or a message
/// that is none.
///
/// # Safety
///
/// `p_message` is NULL or the running callback's; `p_resp_code` is NULL or may
/// be written, as wide as the target's enumerations are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_GetMessageCode(
    p_message: *mut c_void,
    p_resp_code: *mut iotx_coap_resp_code_t,
) -> c_int {
    // SAFETY: the caller's promise.
    let response = unsafe { ResponseHandle::from_message(p_message) };
    let (Some(response), false) = (response, p_resp_code.is_null()) else {
        return invalid("IOT_CoAP_GetMessageCode");
    };
    let code = response.code().0;
    if size_of::<iotx_coap_resp_code_t>() == 1 {
        // SAFETY: not NULL, so writable by the caller's promise, and one byte.
        unsafe { p_resp_code.cast::<u8>().write(code) };
    } else {
        // SAFETY: not NULL, so writable by the caller's promise, and as wide
        // as an int (`types::layout`).
        unsafe { p_resp_code.cast::<c_int>().write(code.into()) };
    }
    IOTX_SUCCESS as c_int
}

/// Tells the token of the response that a callback was handed: that of its
/// message, as `IOT_CoAP_GetCurToken` told it before the message was sent.
///
/// Returns `IOTX_SUCCESS`, or `IOTX_ERR_INVALID_PARAM` for a NULL or a message
/// that is none.
///
/// # Safety
///
/// `p_message` is NULL or the running callback's; `token` is NULL or may be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_GetMessageToken(
    p_message: *mut c_void,
    token: *mut c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    let response = unsafe { ResponseHandle::from_message(p_message) };
    let (Some(response), false) = (response, token.is_null()) else {
        return invalid("IOT_CoAP_GetMessageToken");
    };
    // SAFETY: not NULL, so writable by the caller's promise.
    unsafe { token.write(response.token()) };
    IOTX_SUCCESS as c_int
}

fn invalid(name: &str) -> c_int {
    log!(Error, "{name}: a pointer is NULL, or the message not the running callback's");
    IOTX_ERR_INVALID_PARAM as c_int
}

/// Tells the token that the next message of this context will carry. Another
/// thread may send one in between. 0 for a context that is none.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_GetCurToken(p_context: *mut iotx_coap_context_t) -> u32 {
    const NAME: &str = "IOT_CoAP_GetCurToken";
    guard(NAME, 0, || {
        // SAFETY: the caller's promise.
        let context = unsafe { Context::from_handle(p_context, NAME) };
        context.map_or(0, Context::next_token)
    })
}

/// Waits for something to arrive, handles it, and does what time asks for:
/// retransmissions, giving up, signing in again.
///
/// Returns as soon as it has handled what arrived, after `wait_time_ms` at the
/// latest; only where a DTLS session ended does it stay for the handshake of
/// another. Call it in a loop, best in a thread of its own. Any thread may
/// call; while one waits here others may send.
///
/// Returns `IOTX_SUCCESS`, also if nothing arrived; `IOTX_ERR_INVALID_PARAM`
/// for a context that is none.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_Yield(p_context: *mut iotx_coap_context_t) -> c_int {
    const NAME: &str = "IOT_CoAP_Yield";
    guard(NAME, IOTX_SUCCESS as c_int, || {
        // SAFETY: the caller's promise.
        let Some(context) = (unsafe { Context::from_handle(p_context, NAME) }) else {
            return IOTX_ERR_INVALID_PARAM as c_int;
        };
        context.yield_once();
        IOTX_SUCCESS as c_int
    })
}
