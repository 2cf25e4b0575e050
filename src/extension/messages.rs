//! Functions for single messages: read the options of a response, and cancel a message.

use core::ffi::{c_int, c_uchar, c_uint, c_void};

use iot_coap_client::OptionNumber;

use crate::enter::enter_context;
use crate::log::log;
use crate::message::ResponseHandle;
use crate::types::{iotx_coap_context_t, iotx_ret_code_t};

use iotx_ret_code_t::{IOTX_ERR_INVALID_PARAM, IOTX_SUCCESS};

/// Gets an option of the response that was passed to a callback, such as Max-Age (14), ETag
/// (4), Block2 (23), or the message id that the cloud adds (2090).
///
/// If a message was refused and signing in again did not help, its callback gets a response
/// without options.
///
/// @param message the callback's `message`
/// @param number the option's number (RFC 7252, section 12.2)
/// @param index which of several options with this number to get, from 0
/// @param value set to the option's first byte; an integer is in network byte order,
///     without leading zeros
/// @param len set to the option's length in bytes, which may be 0
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` if the response has no such option, for
///     a NULL, or for an invalid message
/// @note The value is valid until the callback returns. Does not block.
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
            "IOT_CoAP_GetMessageOption: a pointer is NULL, or the message is not the running \
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

/// Cancels a message: it is not sent any more, and neither its callback nor a notice is
/// called for it.
///
/// @param context a client of `IOT_CoAP_Init`
/// @param token the message's token, which `IOT_CoAP_GetCurToken` returned before the
///     message was sent
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` if no message with this token waits for
///     its answer, or for an invalid client
/// @note Does not block. Any thread may call, also from a callback. The message's callback
///     may be running in another thread during the call.
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
