//! Functions for devices that have no power between messages: `IOT_CoAP_Pause` before a
//! deep sleep, and `IOT_CoAP_Resume` after it, or after an unexpected loss of power.

use core::ffi::c_int;

use super::init::make;
use super::options::iotx_coap_options_t;
use crate::context::{Context, Ending};
use crate::enter::{enter, enter_and_open};
use crate::log::log;
use crate::types::{iotx_coap_config_t, iotx_coap_context_t, iotx_ret_code_t};

/// Makes a client that goes on where the last client of this device and endpoint was when
/// the power was lost, whether or not `IOT_CoAP_Pause` was called before.
///
/// It works like `IOT_CoAP_InitWithOptions` with `keep_access_token` and `keep_session`.
/// Call `IOT_CoAP_DeviceNameAuth` as usual; with a kept token it returns at once.
///
/// If the peer supports connection ids (RFC 9146), the next datagram is a message. If the
/// peer resumes sessions, an abbreviated handshake comes first. Otherwise there is a full
/// handshake, as after `IOT_CoAP_Init`. A kept session must be used only once. When the
/// port's `HAL_Kv_Set` returns, it must therefore have stored the whole entry. It is called
/// twice for each 256 records that are sent. `IOT_CoAP_Deinit` ends the session with a
/// close_notify, so that nothing is kept.
///
/// @param config the configuration, as for `IOT_CoAP_Init`
/// @param options the options; NULL for the defaults
/// @return the client, or NULL with the reason logged, as for `IOT_CoAP_InitWithOptions`
/// @note Blocks as long as `IOT_CoAP_Init`. Any thread may call.
///
/// # Safety
///
/// As for `IOT_CoAP_InitWithOptions`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Resume(
    config: *mut iotx_coap_config_t,
    options: *const iotx_coap_options_t,
) -> *mut iotx_coap_context_t {
    const NAME: &str = "IOT_CoAP_Resume";
    // SAFETY: both are valid by the contract; pointers need no drop, and
    // this frame is the first.
    unsafe {
        enter_and_open(NAME, || {
            make(NAME, config, options, |options| {
                options.keep_access_token = true;
                options.keep_session = true;
            })
        })
    }
}

/// Keeps the DTLS session and the access token for `IOT_CoAP_Resume`, frees the client
/// and sets `*context` to NULL.
///
/// Nothing is sent to the peer. Messages that wait for an answer are dropped, so call
/// `IOT_CoAP_Flush` first.
///
/// @param context points to the client, which `IOT_CoAP_Resume` or
///     `IOT_CoAP_InitWithOptions` made
/// @return `IOTX_SUCCESS`, even if the port cannot keep anything; `IOTX_ERR_INVALID_PARAM`,
///     with the reason logged and the client unchanged, if the client is invalid, was made
///     without `keep_session`, or has a callback running on this thread
/// @note Blocks until other threads have left their calls of this client, like
///     `IOT_CoAP_Deinit`; no other call may start.
///
/// # Safety
///
/// `context` is NULL or points to NULL or to a context of `IOT_CoAP_Resume` or
/// `IOT_CoAP_InitWithOptions`. No other call of the context starts.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_Pause(context: *mut *mut iotx_coap_context_t) -> c_int {
    const NAME: &str = "IOT_CoAP_Pause";
    const REFUSED: c_int = iotx_ret_code_t::IOTX_ERR_INVALID_PARAM as c_int;
    enter(NAME, || {
        // SAFETY: NULL or a pointer to a handle, by the contract.
        let Some(slot) = (unsafe { context.as_mut() }) else { return REFUSED };
        // SAFETY: NULL or a context, by the contract.
        let Some(context) = (unsafe { Context::pointer_from_handle(*slot, NAME) }) else {
            return REFUSED;
        };
        // SAFETY: a context, which is freed below at the earliest.
        if !unsafe { context.as_ref() }.keeps_session {
            log!(
                Error,
                "{NAME}: the context keeps no session; make it by IOT_CoAP_Resume, or with \
                 keep_session in its options"
            );
            return REFUSED;
        }
        // SAFETY: no other call starts, by the contract.
        if !unsafe { Context::close(context, NAME, Ending::Pause, Some(slot)) } {
            return REFUSED;
        }
        iotx_ret_code_t::IOTX_SUCCESS as c_int
    })
}
