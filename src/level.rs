//! The log level.

use core::ffi::c_int;

use crate::log;

/// Sets how much this library logs, like `IOT_SetLogLevel`. It is for programs that link
/// the rest of the SDK too, where `IOT_SetLogLevel` may be the SDK's and set the level of
/// its other parts only.
///
/// @param level 0 for nothing, 2 for errors, 3 for warnings too, 4 for information too, 5
///     for everything
/// @note Any thread may call. Secrets and access tokens are logged at no level.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CoAP_SetLogLevel(level: c_int) {
    log::set_level(level);
    log::connect_port();
}
