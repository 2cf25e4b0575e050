//! Strings for people, and where log lines go.

use core::ffi::{CStr, c_char, c_int, c_void};

use crate::log;

/// This library's version, e.g. "0.1.0"; the string is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CoAP_Version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// What a return code of this interface means, in English; "unknown return code" for
/// any other number. The string is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CoAP_ErrorString(code: c_int) -> *const c_char {
    let text = match code {
        1 => c"signed in already",
        0 => c"success",
        -1 => c"invalid parameter",
        -2 => c"out of memory",
        -3 => c"buffer too short",
        -4 => c"the cloud refused the device, or did not answer in time",
        -5 => c"not signed in",
        -6 => c"path longer than 135 bytes",
        -7 => c"message longer than 1280 bytes, or than max_fragment",
        -8 => c"message not sent",
        -9 => c"nothing received in time",
        _ => c"unknown return code",
    };
    text.as_ptr()
}

/// Called with the `data` that it was set with, a level (2 error, 3 warning,
/// 4 information, 5 debug) and a line without its end, which lives until the
/// handler returns. Any thread may call it, several at once. It must return: no `longjmp`,
/// exception or `pthread_exit` may leave it, or the process is aborted.
pub type iotx_coap_log_handler_t =
    Option<unsafe extern "C" fn(data: *mut c_void, level: c_int, line: *const c_char)>;

/// Sends log lines to `handler` rather than to `HAL_Printf`; NULL sends them
/// there again. `IOT_SetLogLevel` decides, as before, which lines there are.
/// Call it before other threads use the library.
///
/// # Safety
///
/// `handler` may be called with `data` from any thread until another is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_SetLogHandler(
    handler: iotx_coap_log_handler_t,
    data: *mut c_void,
) {
    log::set_handler(handler, data);
}
