//! The top edge: thin wrappers with the names of the original's CoAP client. Each enters
//! the library, checks its pointers and calls one method.

use core::ffi::{c_char, c_int, c_uchar, c_uint, c_void};

use iot_coap_client::{SendError, SignInError};

use crate::configuration::{Configuration, Options};
use crate::context::{Context, Ending};
use crate::drive::{SigningIn, Until};
use crate::enter::{Begun, enter, enter_and_open, enter_and_wait, enter_context};
use crate::log::{connect_port, log};
use crate::message::ResponseHandle;
use crate::sending::send;
use crate::types::{
    iotx_coap_config_t, iotx_coap_context_t, iotx_coap_resp_code_t, iotx_message_t, iotx_ret_code_t,
};

use iotx_ret_code_t::{
    IOTX_ERR_AUTH_FAILED, IOTX_ERR_INVALID_PARAM, IOTX_ERR_NO_MEM, IOTX_ERR_SEND_MSG_FAILED,
    IOTX_SUCCESS,
};

/// Makes a client and connects it to the cloud.
///
/// Over `coaps://`, the cloud's certificate is verified against the roots of
/// `iotx_coap_get_ca()`.
///
/// @param p_config the configuration; it is copied, with everything it points to
/// @return the client, or NULL with the reason logged: the configuration is wrong, the host
///     cannot be reached, or its certificate is not valid
/// @note Blocks while the host's name is looked up and, over `coaps://`, for the DTLS
///     handshake: for at most 60 s after the look-up, or `connect_limit_ms` of
///     `iotx_coap_options_t`. Meanwhile each address of the host is tried. A signal does not
///     end the wait. Any thread may call; clients are independent of each other.
///
/// # Safety
///
/// `p_config` is NULL or points to a configuration whose `p_url` is NULL or a
/// string, and whose `p_devinfo` is NULL or points to an `iotx_deviceinfo_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Init(
    p_config: *mut iotx_coap_config_t,
) -> *mut iotx_coap_context_t {
    let make = || {
        connect_port();
        // SAFETY: the configuration is valid by the contract.
        match unsafe { Configuration::read(p_config) } {
            Ok(configuration) => Context::new(configuration, Options::default()),
            Err(error) => {
                log!(Error, "IOT_CoAP_Init: {error}");
                None
            }
        }
    };
    // SAFETY: pointers need no dropping, and this is the library's first frame.
    unsafe { enter_and_open("IOT_CoAP_Init", make) }
}

/// Disconnects a client, frees it and sets `*p_context` to NULL.
///
/// Messages that wait for an answer are dropped without a notice.
///
/// `*p_context` becomes NULL first. Then every thread that waits in a call of this client
/// is woken, and its call returns `IOTX_ERR_INVALID_PARAM`. A thread must not call again
/// with a copy of the pointer, so let it look at the result, or at a flag that you set
/// before. It is best to join such threads before this call.
///
/// @param p_context points to the client; NULL, or a pointer to NULL, is no error
/// @note Blocks until other threads have left their calls of this client; no other call may
///     start. With this library's port, a waiting thread leaves at once, or within 250 ms
///     while there is no connection. With a program's own `HAL_UDP_*` or
///     `HAL_DTLSSession_*`, whose reads cannot be ended, it leaves within 2 s. A running
///     callback and functions of the program's own port may take longer. A call from a
///     callback of the same client is refused: `*p_context` stays as it is, and the log says
///     why. If the port of a board has no `HAL_ThreadSelf`, so is a call while a callback runs
///     in another thread. Two callbacks that each end the other's client wait for ever.
///
/// # Safety
///
/// `p_context` is NULL or points to NULL or to a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Deinit(p_context: *mut *mut iotx_coap_context_t) {
    const NAME: &str = "IOT_CoAP_Deinit";
    enter(NAME, || {
        // SAFETY: NULL or a pointer to a handle, by the contract.
        let Some(slot) = (unsafe { p_context.as_mut() }) else { return };
        if slot.is_null() {
            return;
        }
        // SAFETY: the handle is NULL or came from IOT_CoAP_Init, by the contract.
        if let Some(context) = unsafe { Context::pointer_from_handle(*slot, NAME) } {
            // SAFETY: no other call of the context starts, by the contract.
            let _ = unsafe { Context::close(context, NAME, Ending::Deinit, Some(slot)) };
        }
    });
}

/// Signs the device in, and returns as soon as the cloud has answered.
///
/// The access token is valid for 48 hours. It is renewed automatically while
/// `IOT_CoAP_Yield` is called. Responses that arrive during the call are delivered to their
/// callbacks.
///
/// @param p_context a client of `IOT_CoAP_Init`
/// @return `IOTX_SUCCESS` if there is an access token; `IOTX_ERR_AUTH_FAILED` if the cloud
///     refused the device or did not answer; `IOTX_ERR_NO_MEM` if the heap is exhausted;
///     `IOTX_ERR_SEND_MSG_FAILED` if the network refused to send; `IOTX_ERR_INVALID_PARAM`
///     for an invalid client, or if another thread ends the client meanwhile
/// @note Blocks for at most 10 s, or `wait_time_ms` if that is more, also while another
///     thread signs in; `sign_in_limit_ms` of `iotx_coap_options_t` sets another limit.
///     Only a firmware's own `HAL_DTLSSession_create` and `HAL_UDP_create`, which open
///     another connection, may take longer. A signal does not end the wait. An answer that
///     arrives later, within 247 s, still signs the device in: in the next call of this
///     function or of `IOT_CoAP_Yield`. Any thread may call, also from a callback.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_DeviceNameAuth(
    p_context: *mut iotx_coap_context_t,
) -> c_int {
    const NAME: &str = "IOT_CoAP_DeviceNameAuth";
    let attempt = core::cell::Cell::new(None);
    let begin = |context: &Context| {
        let limit = context.sign_in_limit();
        match context.start_sign_in(limit) {
            SigningIn::Done => Begun::Done(IOTX_SUCCESS as c_int),
            SigningIn::Refused(started) => {
                attempt.set(Some(started));
                Begun::Wait(Until::SignedInOrRefused(started), limit)
            }
            SigningIn::Started(started) => {
                attempt.set(Some(started));
                Begun::Wait(Until::SignedIn(started), limit)
            }
        }
    };
    let end = |context: &Context| {
        let outcome = attempt.get().and_then(|attempt| context.sign_in_outcome(attempt));
        if outcome.is_none() && context.is_refusing() {
            context.cancel_sign_in();
            log!(Error, "{NAME}: the network refused to send");
            return IOTX_ERR_SEND_MSG_FAILED as c_int;
        }
        let Err(error) = outcome.unwrap_or(Err(SignInError::NotAnswered)) else {
            return IOTX_SUCCESS as c_int;
        };
        log!(Error, "{NAME}: {error}");
        match error {
            SignInError::OutOfMemory | SignInError::NotSent(SendError::OutOfMemory) => {
                IOTX_ERR_NO_MEM as c_int
            }
            _ => IOTX_ERR_AUTH_FAILED as c_int,
        }
    };
    // SAFETY: the context is valid by the contract; nothing here needs dropping, and this
    // is the library's first frame.
    unsafe { enter_and_wait(NAME, p_context, begin, end) }
}

/// Sends a message to `/topic/<productKey>/<deviceName>/...`, and returns at once.
///
/// The message's callback is called with the response, by a thread that is in a waiting
/// call at that time. If the cloud refuses the access token, the device signs in again and
/// the message is sent once more.
///
/// A content type other than CBOR counts as JSON, and a message type other than NON counts
/// as CON, with a line in the log. If 32 messages wait for their answers, the oldest NON
/// message among them is given up for this one.
///
/// @param p_context a client of `IOT_CoAP_Init`
/// @param p_path the topic's path, at most 135 bytes; it is copied
/// @param p_message the message; it is copied, with its payload
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL, an empty path or an invalid
///     client; `IOTX_ERR_URI_TOO_LOOG` for a path of more than 135 bytes;
///     `IOTX_ERR_MSG_TOO_LOOG` if the whole message would have more than 1280 bytes, or
///     over DTLS more than `max_fragment`; `IOTX_ERR_NOT_AUTHED` before the first sign-in;
///     `IOTX_ERR_NO_MEM` if the heap is exhausted; `IOTX_ERR_SEND_MSG_FAILED` if 32 CON
///     messages already wait for their answers, the network refused a NON message, or
///     61,440 messages were sent
///     within 247 s
/// @note Does not wait for an answer, and blocks only as long as functions of the port do.
///     Any thread may call, also from a callback.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`; `p_path` is NULL or a
/// string; `p_message` is NULL or a message whose `p_payload` points to
/// `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_SendMessage(
    p_context: *mut iotx_coap_context_t,
    p_path: *mut c_char,
    p_message: *mut iotx_message_t,
) -> c_int {
    const NAME: &str = "IOT_CoAP_SendMessage";
    let work = |context: &Context| {
        // SAFETY: path and message are valid by the contract.
        match unsafe { send(context, p_path, p_message) } {
            Ok(()) => IOTX_SUCCESS as c_int,
            Err((code, reason)) => {
                log!(Error, "{NAME}: {reason}");
                code as c_int
            }
        }
    };
    // SAFETY: the context is valid by the contract.
    unsafe { enter_context(NAME, p_context, work) }
}

/// Gets the payload of the response that was passed to a callback.
///
/// @param p_message the callback's `message`
/// @param pp_payload set to the payload's first byte, or to NULL if it is empty; a NUL
///     follows the last byte
/// @param p_len set to the payload's length in bytes
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid message
/// @note The payload and the message are valid until the callback returns. Does not block.
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
    // SAFETY: NULL or the running callback's, by the contract.
    let response = unsafe { ResponseHandle::from_message(p_message) };
    let (Some(response), false, false) = (response, pp_payload.is_null(), p_len.is_null()) else {
        return invalid("IOT_CoAP_GetMessagePayload");
    };
    let (payload, len) = response.payload();
    // SAFETY: not NULL, so they may be written, by the contract.
    unsafe {
        pp_payload.write(payload);
        p_len.write(len);
    }
    IOTX_SUCCESS as c_int
}

/// Gets the code of the response that was passed to a callback.
///
/// @param p_message the callback's `message`
/// @param p_resp_code set to one of `iotx_coap_resp_code_t`, or to any other code as
///     its byte (`0x84` for 4.04)
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid message
/// @note Does not block.
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
    // SAFETY: NULL or the running callback's, by the contract.
    let response = unsafe { ResponseHandle::from_message(p_message) };
    let (Some(response), false) = (response, p_resp_code.is_null()) else {
        return invalid("IOT_CoAP_GetMessageCode");
    };
    let code = response.code().0;
    if size_of::<iotx_coap_resp_code_t>() == 1 {
        // SAFETY: not NULL, so it may be written, by the contract. The enumeration is one
        // byte wide.
        unsafe { p_resp_code.cast::<u8>().write(code) };
    } else {
        // SAFETY: not NULL, so it may be written, by the contract. The enumeration is as
        // wide as an int (`types::layout`).
        unsafe { p_resp_code.cast::<c_int>().write(code.into()) };
    }
    IOTX_SUCCESS as c_int
}

/// Gets the token of the response that was passed to a callback.
///
/// @param p_message the callback's `message`
/// @param token set to the token of the message, which `IOT_CoAP_GetCurToken` returned
///     before the message was sent
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid message
/// @note Does not block.
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
    // SAFETY: NULL or the running callback's, by the contract.
    let response = unsafe { ResponseHandle::from_message(p_message) };
    let (Some(response), false) = (response, token.is_null()) else {
        return invalid("IOT_CoAP_GetMessageToken");
    };
    // SAFETY: not NULL, so it may be written, by the contract.
    unsafe { token.write(response.token()) };
    IOTX_SUCCESS as c_int
}

fn invalid(name: &str) -> c_int {
    log!(Error, "{name}: a pointer is NULL, or the message is not the running callback's");
    IOTX_ERR_INVALID_PARAM as c_int
}

/// Returns the token that the next message of this client will carry.
///
/// The log, the local cloud and Wireshark name a message by the token's four bytes as they are
/// sent, the lowest first: they write 78563412 for 0x12345678.
///
/// @param p_context a client of `IOT_CoAP_Init`
/// @return the token; 0 for an invalid client
/// @note Does not block. Any thread may call, but another thread may send a message in
///     between.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_GetCurToken(p_context: *mut iotx_coap_context_t) -> u32 {
    // SAFETY: the context is valid by the contract.
    unsafe { enter_context("IOT_CoAP_GetCurToken", p_context, Context::next_token) }
}

/// Handles everything that has arrived, or waits for something to arrive. Also does what is
/// due: retransmits messages, gives messages up, signs in again, opens another connection.
///
/// Call it in a loop, best in a thread of its own. It returns before `wait_time_ms` is over
/// if it has delivered a response or a notice and nothing else has arrived. However, it
/// keeps a loop of `IOT_CoAP_SendMessage` and `IOT_CoAP_Yield` at the pace of the original:
/// if a message was sent since the last early return, while no thread waited, the next
/// early return is at least `wait_time_ms` after the last. Callbacks are still called at
/// once. The option `yield_pace` of `IOT_CoAP_InitWithOptions` turns the pace off.
///
/// @param p_context a client of `IOT_CoAP_Init`
/// @return `IOTX_SUCCESS`, even if nothing arrived; `IOTX_ERR_INVALID_PARAM` for an invalid
///     client, or if another thread ends the client meanwhile: do not call again
/// @note Blocks for `wait_time_ms` at most. Only a firmware's own `HAL_DTLSSession_create`
///     and `HAL_UDP_create`, which open another connection, may take longer. A signal does
///     not end the wait. Any thread may call; while one waits here, others may send. A
///     waiting thread may be cancelled, but not with `PTHREAD_CANCEL_ASYNCHRONOUS`, and a
///     callback may leave by `pthread_exit`.
///
/// # Safety
///
/// `p_context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Yield(p_context: *mut iotx_coap_context_t) -> c_int {
    let begin = |context: &Context| Begun::Wait(Until::Called, context.wait_time());
    // SAFETY: the context is valid by the contract; nothing here needs dropping, and this
    // is the library's first frame.
    unsafe { enter_and_wait("IOT_CoAP_Yield", p_context, begin, |_| IOTX_SUCCESS as c_int) }
}
