//! How much is logged.

use core::ffi::c_int;

use crate::log;

/// Sets how much this library logs, as `IOT_SetLogLevel` does: 0 nothing, 2 errors,
/// 3 warnings, 4 information, 5 everything. For programs that link the rest of the SDK
/// too, where `IOT_SetLogLevel` may be the SDK's and sets the level of its other parts.
///
/// @param level 0 to 5
/// @note Any thread may call. Secrets and access tokens are logged at no level.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_CoAP_SetLogLevel(level: c_int) {
    log::set_level(level);
    log::connect_port();
}
