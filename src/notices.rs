//! Notices tell the program what happens to a client. The program names their handler in
//! its options. (The original has a handler for events that is never called.)

#![allow(non_camel_case_types, reason = "the names of a C interface")]

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use iot_coap_client::GiveUp;

use crate::types::iotx_coap_context_t;

/// The kind of a notice.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_coap_notice_kind_t {
    /// There is a new access token.
    IOTX_COAP_NOTICE_SIGNED_IN = 0,
    /// Signing in failed; `code` is the cloud's, or 0 if it did not answer.
    IOTX_COAP_NOTICE_SIGN_IN_FAILED = 1,
    /// A message was given up, and its callback will not be called; `user_data`, `token`
    /// and `reason` are set.
    IOTX_COAP_NOTICE_GAVE_UP = 2,
    /// A new DTLS session replaced the previous one.
    IOTX_COAP_NOTICE_SESSION_RENEWED = 3,
}

/// Why the message was given up.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_coap_give_up_t {
    /// Neither acknowledged nor answered after the last retransmission.
    IOTX_COAP_GIVE_UP_NOT_ACKNOWLEDGED = 0,
    /// Acknowledged, or Non-confirmable, and not answered within its lifetime.
    IOTX_COAP_GIVE_UP_NOT_ANSWERED = 1,
    /// Rejected by the peer with a Reset.
    IOTX_COAP_GIVE_UP_RESET = 2,
    /// Non-confirmable, and given up for a newer message, since `max_outstanding` messages
    /// wait for their answers. The notice comes a tenth of a second later. If
    /// `max_outstanding` such notices are pending, because the program sends faster than
    /// another thread delivers them or no call waits, the oldest is dropped: its message
    /// counts as given up, and the log shows how many were dropped.
    IOTX_COAP_GIVE_UP_DISPLACED = 3,
    /// Never sent, since signing in failed.
    IOTX_COAP_GIVE_UP_NOT_SIGNED_IN = 4,
    /// Answered, but the answer does not decrypt (`coap-psk://`).
    IOTX_COAP_GIVE_UP_UNDECRYPTABLE = 5,
    /// The message could not be sent again with a new access token.
    IOTX_COAP_GIVE_UP_UNSENDABLE = 6,
    /// Not sent: for 247 s there was no connection, or other messages were in flight
    /// (`max_in_flight`).
    IOTX_COAP_GIVE_UP_NOT_SENT = 7,
}

impl From<GiveUp> for iotx_coap_give_up_t {
    fn from(reason: GiveUp) -> Self {
        match reason {
            GiveUp::NotAcknowledged => Self::IOTX_COAP_GIVE_UP_NOT_ACKNOWLEDGED,
            GiveUp::NotAnswered => Self::IOTX_COAP_GIVE_UP_NOT_ANSWERED,
            GiveUp::Reset => Self::IOTX_COAP_GIVE_UP_RESET,
            GiveUp::Displaced => Self::IOTX_COAP_GIVE_UP_DISPLACED,
            GiveUp::NotSignedIn => Self::IOTX_COAP_GIVE_UP_NOT_SIGNED_IN,
            GiveUp::NotFetched | GiveUp::HeldBack => Self::IOTX_COAP_GIVE_UP_NOT_SENT,
            GiveUp::Undecryptable => Self::IOTX_COAP_GIVE_UP_UNDECRYPTABLE,
            GiveUp::Unsendable(_) => Self::IOTX_COAP_GIVE_UP_UNSENDABLE,
        }
    }
}

/// A notice: what happened, and to which message. It is valid until the handler returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_coap_notice_t {
    /// What happened; decides which other fields are set.
    pub kind: iotx_coap_notice_kind_t,
    /// A response code as its byte, e.g. 0x81 for 4.01.
    pub code: c_int,
    /// Why the message was given up.
    pub reason: iotx_coap_give_up_t,
    /// The message's token, which `IOT_CoAP_GetCurToken` returned.
    pub token: u32,
    /// The message's `user_data`.
    pub user_data: *mut c_void,
}

impl iotx_coap_notice_t {
    pub(crate) const fn new(kind: iotx_coap_notice_kind_t) -> Self {
        Self {
            kind,
            code: 0,
            reason: iotx_coap_give_up_t::IOTX_COAP_GIVE_UP_NOT_ACKNOWLEDGED,
            token: 0,
            user_data: null_mut(),
        }
    }
}

/// The handler of notices.
///
/// @param data `notice_data` of the options
/// @param context the client
/// @param notice what happened; valid until the handler returns
/// @note Called by a thread that is in a waiting call of the same client, with no lock
///     held. The handler may call every function except `IOT_CoAP_Deinit` and
///     `IOT_CoAP_Pause` of the same client. It may leave by `pthread_exit`, but not by
///     `longjmp` or a C++ exception: its caller is C.
pub type iotx_coap_notice_handler_t = Option<
    unsafe extern "C-unwind" fn(
        data: *mut c_void,
        context: *mut iotx_coap_context_t,
        notice: *const iotx_coap_notice_t,
    ),
>;

/// The handler of notices, and its data.
#[derive(Clone, Copy)]
pub(crate) struct Subscriber {
    pub(crate) handler: unsafe extern "C-unwind" fn(
        *mut c_void,
        *mut iotx_coap_context_t,
        *const iotx_coap_notice_t,
    ),
    pub(crate) data: *mut c_void,
}

// SAFETY: the pointer is only handed back to the program that gave it, which knows which of
// its threads call.
unsafe impl Send for Subscriber {}
// SAFETY: as above.
unsafe impl Sync for Subscriber {}
