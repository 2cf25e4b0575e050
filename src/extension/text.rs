//! Strings for people, and the destination of log lines.

use core::ffi::{CStr, c_char, c_int, c_void};

use crate::log;

/// Returns this library's version.
///
/// @return a string such as "0.1.0", which is valid for ever
/// @note Any thread may call. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CoAP_Version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Describes a return code of this interface.
///
/// @param code the return code
/// @return its meaning in English, or "unknown return code" for any other number; the
///     string is valid for ever
/// @note Any thread may call. Does not block.
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

/// A handler of log lines.
///
/// @param data the pointer that was set with the handler
/// @param level 2 for an error, 3 for a warning, 4 for information, 5 for debugging
/// @param line the line, without a line break at its end; valid until the handler returns
/// @note Several threads may call the handler at once. Calls into the library from the
///     handler are refused, with the result that they have for an invalid client. (If a
///     board's port has threads but no `HAL_ThreadSelf`, the handler must not call the
///     library.) The handler must return: if `longjmp`, an exception or `pthread_exit`
///     leaves it, the process is aborted.
pub type iotx_coap_log_handler_t =
    Option<unsafe extern "C" fn(data: *mut c_void, level: c_int, line: *const c_char)>;

/// Sends log lines to a handler instead of `HAL_Printf`. `IOT_SetLogLevel` still decides
/// which lines are written.
///
/// @param handler the handler; NULL for `HAL_Printf` again
/// @param data passed to the handler
/// @note Call it before other threads use the library. Does not block.
///
/// # Safety
///
/// Any thread may call `handler` with `data` until another handler is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_CoAP_SetLogHandler(
    handler: iotx_coap_log_handler_t,
    data: *mut c_void,
) {
    log::set_handler(handler, data);
}
