//! Single messages: the options of a response, and messages that are not wanted any more.

use core::ffi::{c_int, c_uchar, c_uint, c_void};

use iot_coap_client::OptionNumber;

use crate::enter::enter_context;
use crate::log::log;
use crate::message::ResponseHandle;
use crate::types::{iotx_coap_context_t, iotx_ret_code_t};

use iotx_ret_code_t::{IOTX_ERR_INVALID_PARAM, IOTX_SUCCESS};

/// Tells an option of the response that a callback was handed, such as Max-Age (14), ETag
/// (4), Block2 (23), or the message id that the cloud adds (2090).
///
/// A message that was refused, and whose callback is called because signing in again did
/// not help, has no options.
///
/// @param message the callback's `message`
/// @param number the option's number (RFC 7252, section 12.2)
/// @param index which of several options with this number, from 0
/// @param value set to the option's first byte; integers are in network byte order,
///     without leading zeros
/// @param len set to its length in bytes, which may be 0
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` if the response has no such option,
///     or for a NULL or an invalid message
/// @note The value lives until the callback returns. Does not block.
///
/// # Safety
///
/// `message` is NULL or the running callback's; `value` and `len` are NULL or may be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_GetMessageOption(
    message: *mut c_void,
    number: c_uint,
    index: c_uint,
    value: *mut *const c_uchar,
    len: *mut c_uint,
) -> c_int {
    // SAFETY: NULL or the running callback's, by the contract.
    let response = unsafe { ResponseHandle::from_message(message) };
    let (Some(response), false, false) = (response, value.is_null(), len.is_null()) else {
        log!(
            Error,
            "IOT_CoAP_GetMessageOption: a pointer is NULL, or the message not the running \
             callback's"
        );
        return IOTX_ERR_INVALID_PARAM as c_int;
    };
    let number = u16::try_from(number).ok();
    let Some(found) = number.and_then(|number| {
        response.option(OptionNumber(number), index.try_into().unwrap_or(usize::MAX))
    }) else {
        return IOTX_ERR_INVALID_PARAM as c_int;
    };
    // SAFETY: not NULL, so they may be written, by the contract.
    unsafe {
        value.write(found.as_ptr());
        len.write(found.len() as c_uint);
    }
    IOTX_SUCCESS as c_int
}

/// Ends a message: nothing more is sent of it, and neither its callback nor a notice is
/// called for it.
///
/// @param context a client of `IOT_CoAP_Init`
/// @param token the message's token, as `IOT_CoAP_GetCurToken` told it before it was sent
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` if no message with this token waits for
///     its answer, or for an invalid client
/// @note Does not block. Any thread may call, also from a callback. If another thread
///     calls, the message's callback may just be running.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Cancel(
    context: *mut iotx_coap_context_t,
    token: c_uint,
) -> c_int {
    // SAFETY: the context is valid by the contract.
    unsafe {
        enter_context("IOT_CoAP_Cancel", context, |context| {
            match context.state.lock().client.cancel_token(token) {
                Some(_) => IOTX_SUCCESS as c_int,
                None => IOTX_ERR_INVALID_PARAM as c_int,
            }
        })
    }
}
