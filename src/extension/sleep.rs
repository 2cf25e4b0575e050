//! Contexts that go without power between messages: `IOT_CoAP_Pause` before a
//! deep sleep, `IOT_CoAP_Resume` after it, or after a loss of power that nobody
//! announced.

use core::ffi::c_int;
use core::ptr::null_mut;

use super::options::{iotx_coap_options_t, open};
use crate::context::{Context, Ending};
use crate::guard::guard;
use crate::log::log;
use crate::types::{iotx_coap_config_t, iotx_coap_context_t, iotx_ret_code_t};

/// As `IOT_CoAP_InitWithOptions` with `keep_access_token` and `keep_session`: a
/// context that goes on where the last one of this device and endpoint was when
/// the power went, whether or not `IOT_CoAP_Pause` had been called. Call
/// `IOT_CoAP_DeviceNameAuth` as ever; with a token that was kept it returns at
/// once.
///
/// Where the peer knows DTLS sessions by a connection id (RFC 9146), the next
/// datagram is a message; where it resumes sessions, an abbreviated handshake
/// comes before; else all is as after `IOT_CoAP_Init`. Of what is kept nothing
/// is used twice: the port's `HAL_Kv_Set` must have stored it when it returns,
/// each entry as a whole. It is called twice for each 256 records written.
///
/// Returns NULL, with the reason logged, as `IOT_CoAP_InitWithOptions` does.
///
/// # Safety
///
/// As `IOT_CoAP_InitWithOptions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_Resume(
    config: *mut iotx_coap_config_t,
    options: *const iotx_coap_options_t,
) -> *mut iotx_coap_context_t {
    const NAME: &str = "IOT_CoAP_Resume";
    guard(NAME, null_mut(), || {
        // SAFETY: the caller's promise.
        unsafe {
            open(NAME, config, options, |options| {
                options.keep_access_token = true;
                options.keep_session = true;
            })
        }
    })
}

/// Keeps the DTLS session and the access token for `IOT_CoAP_Resume`, frees the
/// context and sets `*context` to NULL. The peer is told nothing, and no record
/// is written any more. Messages that wait for an answer are forgotten: call
/// `IOT_CoAP_Flush` before. Waits for other threads, as `IOT_CoAP_Deinit` does.
///
/// Returns `IOTX_SUCCESS`, also where the port keeps nothing;
/// `IOTX_ERR_INVALID_PARAM`, with the reason logged and the context as it was,
/// if it is none, was made without `keep_session`, or a callback of it runs on
/// this thread.
///
/// # Safety
///
/// `context` is NULL or points to NULL or to a context of `IOT_CoAP_Resume` or
/// `IOT_CoAP_InitWithOptions`, of which no other call starts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_Pause(context: *mut *mut iotx_coap_context_t) -> c_int {
    const NAME: &str = "IOT_CoAP_Pause";
    const REFUSED: c_int = iotx_ret_code_t::IOTX_ERR_INVALID_PARAM as c_int;
    guard(NAME, REFUSED, || {
        // SAFETY: the caller's promise.
        let Some(slot) = (unsafe { context.as_mut() }) else { return REFUSED };
        // SAFETY: the caller's promise.
        let Some(context) = (unsafe { Context::from_handle(*slot, NAME) }) else {
            return REFUSED;
        };
        if !context.address.keeps_sessions() {
            log!(
                Error,
                "{NAME}: the context keeps no session; make it by IOT_CoAP_Resume, or with \
                 keep_session in its options"
            );
            return REFUSED;
        }
        // SAFETY: the caller's promise that no other call starts.
        if !unsafe { context.close(NAME, Ending::Sleep) } {
            return REFUSED;
        }
        *slot = null_mut();
        iotx_ret_code_t::IOTX_SUCCESS as c_int
    })
}
