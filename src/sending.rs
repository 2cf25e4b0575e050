//! What `IOT_CoAP_SendMessage` was handed: checked, and sent. Says why a message is
//! refused, as a return code and as words for the log.

use core::ffi::c_char;

use iot_coap_client::{ContentFormat, MAX_PATH_LEN, Request, SendError};

use crate::configuration::bounded;
use crate::context::{Application, Context};
use crate::drive::Unsent;
use crate::types::{Enumeration, iotx_message_t, iotx_ret_code_t};

use iotx_ret_code_t::{
    IOTX_ERR_INVALID_PARAM, IOTX_ERR_MSG_TOO_LOOG, IOTX_ERR_NO_MEM, IOTX_ERR_NOT_AUTHED,
    IOTX_ERR_SEND_MSG_FAILED, IOTX_ERR_URI_TOO_LOOG,
};

/// Sends a message, once path and message hold what they may.
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
        // SAFETY: not NULL, so it points to `payload_len` bytes, by the contract.
        len => unsafe { core::slice::from_raw_parts(message.p_payload, len) },
    };
    // SAFETY: not NULL, so a string, by the contract.
    let path = unsafe { bounded(path, MAX_PATH_LEN) }
        .ok_or((IOTX_ERR_URI_TOO_LOOG, "the path is longer than 135 bytes"))?;
    let request = Request { confirmable, path, content_format, payload };
    let application = Application { callback: message.resp_callback, user_data: message.user_data };
    context.send(&request, application).map_err(|unsent| match unsent {
        Unsent::Network => (IOTX_ERR_SEND_MSG_FAILED, "the network refused to send"),
        Unsent::Refused(error) => refused(error),
    })
}

/// The return code for a refused message, and the reason for the log.
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
            "too many messages wait for their answers: call IOT_CoAP_Yield between them",
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
