//! The other functions that samples of the original call: logging, settings,
//! identity. Kept here are only settings that nothing reads.
//!
//! The rest of the SDK has them too, so they must be weak, and stable Rust has no weak
//! symbols: `IOT_*` are in `c/helpers.c` and call `iotx_IOT_*` here.

#![allow(non_snake_case, reason = "the names of the C interface")]

use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::{AtomicI32, Ordering};

use crate::context;
use crate::enter::enter;
use crate::level::IOT_CoAP_SetLogLevel;
use crate::log::{self, log};
use crate::open_contexts;
use crate::port::Identity;

/// What `IOT_SetupConnInfo` and `IOT_Ioctl` return when all went well.
const SUCCESS: c_int = 0;
/// What they return otherwise.
const FAILURE: c_int = -1;

/// Sets the region; `data` points to an int. Kept, and without effect: the
/// endpoint is the configuration's `p_url`.
pub const IOTX_IOCTL_SET_REGION: c_int = 0;
/// Gets the region; `data` points to an int.
pub const IOTX_IOCTL_GET_REGION: c_int = 1;
/// Sets the product key; `data` is the string. (v3.x)
pub const IOTX_IOCTL_SET_PRODUCT_KEY: c_int = 20;
/// Gets the product key; `data` is room for 21 bytes. (v3.x)
pub const IOTX_IOCTL_GET_PRODUCT_KEY: c_int = 21;
/// Sets the product secret; `data` is the string. (v3.x)
pub const IOTX_IOCTL_SET_PRODUCT_SECRET: c_int = 22;
/// Gets the product secret; `data` is room for 65 bytes. (v3.x)
pub const IOTX_IOCTL_GET_PRODUCT_SECRET: c_int = 23;
/// Sets the device name; `data` is the string. (v3.x)
pub const IOTX_IOCTL_SET_DEVICE_NAME: c_int = 24;
/// Gets the device name; `data` is room for 33 bytes. (v3.x)
pub const IOTX_IOCTL_GET_DEVICE_NAME: c_int = 25;
/// Sets the device secret; `data` is the string. (v3.x)
pub const IOTX_IOCTL_SET_DEVICE_SECRET: c_int = 26;
/// Gets the device secret; `data` is room for 65 bytes. (v3.x)
pub const IOTX_IOCTL_GET_DEVICE_SECRET: c_int = 27;

static REGION: AtomicI32 = AtomicI32::new(0);
static DYNAMIC_REGISTER: AtomicI32 = AtomicI32::new(0);

/// Names the program in the log, in the original. Here it does nothing: the
/// level alone decides what is logged.
///
/// # Safety
///
/// `ident` is not looked at.
#[unsafe(export_name = "iotx_IOT_OpenLog")]
pub const unsafe extern "C" fn IOT_OpenLog(ident: *const c_char) {
    let _ = ident;
}

/// Ends logging, until a level is set again.
#[unsafe(export_name = "iotx_IOT_CloseLog")]
pub extern "C" fn IOT_CloseLog() {
    log::set_level(0);
}

/// Sets how much is logged through `HAL_Printf`. Secrets and access tokens are logged at
/// no level.
///
/// @param level 0 nothing (as long as this is not called), 2 errors, 3 warnings,
///     4 information, 5 everything
/// @note Any thread may call. In a program that links the rest of the SDK too, this
///     function may be the SDK's: then `IOT_CoAP_SetLogLevel` sets this library's level.
#[unsafe(export_name = "iotx_IOT_SetLogLevel")]
pub extern "C" fn IOT_SetLogLevel(level: c_int) {
    IOT_CoAP_SetLogLevel(level);
}

/// Gets or sets an option.
///
/// The identity is kept by the board port (`HAL_Set*` and `HAL_Get*`), or by this library
/// where the port has no such functions.
///
/// @param option one of `IOTX_IOCTL_*`
/// @param data what the option takes
/// @return 0; or -1, with a line in the log, for an unknown option, NULL, or a string
///     that is too long
/// @note Any thread may call.
///
/// # Safety
///
/// `data` is NULL or what the option takes.
#[unsafe(export_name = "iotx_IOT_Ioctl")]
pub unsafe extern "C-unwind" fn IOT_Ioctl(option: c_int, data: *mut c_void) -> c_int {
    enter("IOT_Ioctl", || {
        if data.is_null() {
            log!(Error, "IOT_Ioctl: data is NULL (option {option})");
            return FAILURE;
        }
        // SAFETY: not NULL, so it is what the option takes, by the contract.
        let status = unsafe {
            match option {
                IOTX_IOCTL_SET_REGION => store(&REGION, data),
                IOTX_IOCTL_GET_REGION => load(&REGION, data),
                // v3 numbers this pair 4 and 5, v2.3 numbers it 6 and 7; no
                // release gives these numbers to anything of CoAP's.
                4 | 6 => store(&DYNAMIC_REGISTER, data),
                5 | 7 => load(&DYNAMIC_REGISTER, data),
                IOTX_IOCTL_SET_PRODUCT_KEY => Identity::ProductKey.set(data.cast()),
                IOTX_IOCTL_GET_PRODUCT_KEY => Identity::ProductKey.get(data.cast()),
                IOTX_IOCTL_SET_PRODUCT_SECRET => Identity::ProductSecret.set(data.cast()),
                IOTX_IOCTL_GET_PRODUCT_SECRET => Identity::ProductSecret.get(data.cast()),
                IOTX_IOCTL_SET_DEVICE_NAME => Identity::DeviceName.set(data.cast()),
                IOTX_IOCTL_GET_DEVICE_NAME => Identity::DeviceName.get(data.cast()),
                IOTX_IOCTL_SET_DEVICE_SECRET => Identity::DeviceSecret.set(data.cast()),
                IOTX_IOCTL_GET_DEVICE_SECRET => Identity::DeviceSecret.get(data.cast()),
                _ => {
                    log!(Error, "IOT_Ioctl: unknown option {option}");
                    return FAILURE;
                }
            }
        };
        if status < 0 {
            log!(Error, "IOT_Ioctl: the board port refused option {option}: too long a string?");
            return FAILURE;
        }
        SUCCESS
    })
}

/// # Safety
///
/// `data` points to an int.
unsafe fn store(setting: &AtomicI32, data: *const c_void) -> c_int {
    // SAFETY: it points to an int, by the contract.
    setting.store(unsafe { data.cast::<c_int>().read_unaligned() }, Ordering::Relaxed);
    SUCCESS
}

/// # Safety
///
/// `data` points to an int.
unsafe fn load(setting: &AtomicI32, data: *mut c_void) -> c_int {
    // SAFETY: it points to an int, by the contract.
    unsafe { data.cast::<c_int>().write_unaligned(setting.load(Ordering::Relaxed)) };
    SUCCESS
}

/// Stores the device's identity, where `IOT_Ioctl` finds it.
///
/// @param product_key at most 20 bytes
/// @param device_name at most 32 bytes
/// @param device_secret at most 64 bytes
/// @param info NULL. A caller that gives another pointer wants the record that the SDK's
///     MQTT client connects with, which this library cannot fill: `*info` is set to NULL.
///     Link the SDK before this library, so that its own function is called
/// @return 0; or -1, with a line in the log, for NULL, a string that is too long, or an
///     `info` other than NULL (with which the identity is stored all the same)
/// @note Any thread may call.
///
/// # Safety
///
/// The strings are NULL or end with NUL; `info` is NULL or may be written.
#[unsafe(export_name = "iotx_IOT_SetupConnInfo")]
pub unsafe extern "C-unwind" fn IOT_SetupConnInfo(
    product_key: *const c_char,
    device_name: *const c_char,
    device_secret: *const c_char,
    info: *mut *mut c_void,
) -> c_int {
    enter("IOT_SetupConnInfo", || {
        if !info.is_null() {
            // SAFETY: not NULL, so it may be written, by the contract.
            unsafe { info.write(core::ptr::null_mut()) };
        }
        if product_key.is_null() || device_name.is_null() || device_secret.is_null() {
            log!(Error, "IOT_SetupConnInfo: product_key, device_name or device_secret is NULL");
            return FAILURE;
        }
        // SAFETY: not NULL, so they are strings, by the contract; they are copied.
        let stored = unsafe {
            Identity::ProductKey.set(product_key) >= 0
                && Identity::DeviceName.set(device_name) >= 0
                && Identity::DeviceSecret.set(device_secret) >= 0
        };
        if !stored {
            log!(
                Error,
                "IOT_SetupConnInfo: too long: 20, 32 and 64 bytes are the most for product_key, \
                 device_name and device_secret"
            );
            return FAILURE;
        }
        if !info.is_null() {
            log!(
                Error,
                "IOT_SetupConnInfo: info is for MQTT, and only the SDK's function can fill it: \
                 link the SDK before this library; for CoAP give NULL"
            );
            return FAILURE;
        }
        SUCCESS
    })
}

/// Logs, at debug level or, for a lower `level`, at information level, what
/// the library holds of the heap: how many contexts are open.
#[unsafe(export_name = "iotx_IOT_DumpMemoryStats")]
pub extern "C" fn IOT_DumpMemoryStats(level: c_int) {
    let open = open_contexts::count();
    let size = size_of::<context::Context>();
    if level >= log::Level::Debug as c_int {
        log!(Debug, "contexts open: {open}, of {size} bytes and their messages each");
    } else {
        log!(Info, "contexts open: {open}, of {size} bytes and their messages each");
    }
}
