//! Checks the arguments of `IOT_CoAP_SendMessage`, and sends the message. If it refuses, it
//! returns a code and a reason for the log.

use core::ffi::{c_char, c_int};

use iot_coap_client::{ContentFormat, MAX_PATH_LEN, Request, SendError};

use crate::context::{Context, Recipient};
use crate::drive::Unsent;
use crate::log::{Level, log};
use crate::strings::bounded;
use crate::types::{
    Enumeration, iotx_content_type_t, iotx_message_t, iotx_msg_type_t, iotx_ret_code_t,
};

use iotx_ret_code_t::{
    IOTX_ERR_INVALID_PARAM, IOTX_ERR_MSG_TOO_LOOG, IOTX_ERR_NO_MEM, IOTX_ERR_NOT_AUTHED,
    IOTX_ERR_SEND_MSG_FAILED, IOTX_ERR_URI_TOO_LOOG,
};

/// Checks a path and a message, and sends the message.
///
/// # Safety
///
/// As for `IOT_CoAP_SendMessage`.
pub(crate) unsafe fn send(
    context: &Context,
    path: *const c_char,
    message: *const iotx_message_t,
) -> Result<(), (iotx_ret_code_t, &'static str)> {
    if path.is_null() {
        return Err((IOTX_ERR_INVALID_PARAM, "p_path is NULL"));
    }
    // SAFETY: NULL or a message, by the contract.
    let message =
        unsafe { message.as_ref() }.ok_or((IOTX_ERR_INVALID_PARAM, "p_message is NULL"))?;
    let confirmable = is_confirmable(context, Enumeration::number(&message.msg_type));
    let content_format = content_format(context, Enumeration::number(&message.content_type));
    let payload = match usize::from(message.payload_len) {
        0 => &[],
        _ if message.p_payload.is_null() => {
            return Err((IOTX_ERR_INVALID_PARAM, "p_payload is NULL, but payload_len is not 0"));
        }
        // SAFETY: not NULL, so it points to `payload_len` bytes, by the contract.
        len => unsafe { core::slice::from_raw_parts(message.p_payload, len) },
    };
    // SAFETY: not NULL, so a string, by the contract.
    let path = unsafe { bounded(path, MAX_PATH_LEN) }
        .ok_or((IOTX_ERR_URI_TOO_LOOG, "the path is longer than 135 bytes"))?;
    if path.is_empty() {
        return Err((IOTX_ERR_INVALID_PARAM, "the path is empty: it must begin with /topic/"));
    }
    let request = Request { confirmable, path, content_format, payload };
    let recipient = Recipient { callback: message.resp_callback, user_data: message.user_data };
    context.send(&request, recipient).map_err(|unsent| match unsent {
        Unsent::Ending => (IOTX_ERR_INVALID_PARAM, "another thread is ending the client"),
        Unsent::Network => (IOTX_ERR_SEND_MSG_FAILED, "the network refused to send"),
        #[cfg(feature = "dtls-psk")]
        Unsent::TooLong => (
            IOTX_ERR_MSG_TOO_LOOG,
            "path, access token and payload come to more than max_fragment: shorten the payload",
        ),
        Unsent::Refused(error) => refused(error),
    })
}

/// Reads the type of a message. Firmware that does not set it passes whatever was on the
/// stack, and the original sends such a message as Confirmable.
fn is_confirmable(context: &Context, msg_type: c_int) -> bool {
    const CON: c_int = iotx_msg_type_t::IOTX_MESSAGE_CON as c_int;
    const NON: c_int = iotx_msg_type_t::IOTX_MESSAGE_NON as c_int;
    if !matches!(msg_type, CON | NON) && context.msg_type_logged.is_due(Level::Warning) {
        log!(
            Warning,
            "IOT_CoAP_SendMessage: msg_type {msg_type} is taken for IOTX_MESSAGE_CON; set it, \
             or a message may go out as NON one day"
        );
    }
    msg_type != NON
}

/// Reads the content type of a message. If it is not set, the message counts as JSON, as
/// with the original.
fn content_format(context: &Context, content_type: c_int) -> ContentFormat {
    const JSON: c_int = iotx_content_type_t::IOTX_CONTENT_TYPE_JSON as c_int;
    const CBOR: c_int = iotx_content_type_t::IOTX_CONTENT_TYPE_CBOR as c_int;
    if !matches!(content_type, JSON | CBOR) && context.content_type_logged.is_due(Level::Warning) {
        log!(
            Warning,
            "IOT_CoAP_SendMessage: content_type {content_type} is taken for \
             IOTX_CONTENT_TYPE_JSON; set it, or a message may go out as CBOR one day"
        );
    }
    if content_type == CBOR { ContentFormat::Cbor } else { ContentFormat::Json }
}

/// The return code and the reason for a refused message.
const fn refused(error: SendError) -> (iotx_ret_code_t, &'static str) {
    match error {
        SendError::NotSignedIn => {
            (IOTX_ERR_NOT_AUTHED, "not signed in: call IOT_CoAP_DeviceNameAuth until it returns 0")
        }
        SendError::PathTooLong => (IOTX_ERR_URI_TOO_LOOG, "the path is longer than 135 bytes"),
        SendError::MessageTooLong => (
            IOTX_ERR_MSG_TOO_LOOG,
            "path, access token and payload come to more than 1280 bytes: shorten the payload",
        ),
        SendError::TooManyOutstanding => (
            IOTX_ERR_SEND_MSG_FAILED,
            "too many messages wait for their answers: let IOT_CoAP_Yield take some first",
        ),
        SendError::MessageIdsExhausted => (
            IOTX_ERR_SEND_MSG_FAILED,
            "61,440 messages within 247 s: message ids are used up; send more slowly",
        ),
        SendError::AccessTokenOption => {
            (IOTX_ERR_INVALID_PARAM, "access_token_option must be greater than 17")
        }
        SendError::OutOfMemory => (IOTX_ERR_NO_MEM, "no memory for the message"),
    }
}
