//! The other functions that samples of the original call: logging, settings, identity. The
//! settings that are stored here have no effect.
//!
//! The rest of the SDK defines them too, so they must be weak symbols, which stable Rust
//! does not have. So `c/helpers.c` defines `IOT_*`, which call `iotx_IOT_*` here.

#![allow(non_snake_case, reason = "the names of the C interface")]

use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::{AtomicI32, Ordering};

use crate::context;
use crate::enter::enter;
use crate::level::IOT_CoAP_SetLogLevel;
use crate::log::{self, log};
use crate::open_contexts;
use crate::port::Identity;

/// What `IOT_SetupConnInfo` and `IOT_Ioctl` return on success.
const SUCCESS: c_int = 0;
/// What `IOT_SetupConnInfo` and `IOT_Ioctl` return on failure.
const FAILURE: c_int = -1;

/// Sets the region; `data` points to an int. Has no effect: the configuration's `p_url`
/// decides the endpoint.
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

/// Does nothing. In the original, it names the program in the log; here, the level alone
/// decides what is logged.
///
/// @param ident not used
/// @note Any thread may call. Does not block.
///
/// # Safety
///
/// None: `ident` is not used.
#[unsafe(export_name = "iotx_IOT_OpenLog")]
pub const unsafe extern "C" fn IOT_OpenLog(ident: *const c_char) {
    let _ = ident;
}

/// Ends logging, until a level is set again.
///
/// @note Any thread may call. Does not block.
#[unsafe(export_name = "iotx_IOT_CloseLog")]
pub extern "C" fn IOT_CloseLog() {
    log::set_level(0);
}

/// Sets how much is logged through `HAL_Printf`. Secrets and access tokens are logged at
/// no level.
///
/// @param level 0 for nothing, which is the default, 2 for errors, 3 for warnings too, 4
///     for information too, 5 for everything
/// @note Any thread may call. In a program that links the rest of the SDK too, this
///     function may be the SDK's. `IOT_CoAP_SetLogLevel` then sets this library's level.
#[unsafe(export_name = "iotx_IOT_SetLogLevel")]
pub extern "C" fn IOT_SetLogLevel(level: c_int) {
    IOT_CoAP_SetLogLevel(level);
}

/// Gets or sets an option.
///
/// The board port stores the identity (`HAL_Set*` and `HAL_Get*`). If the port lacks these
/// functions, this library stores it.
///
/// @param option one of `IOTX_IOCTL_*`
/// @param data the option's argument; see `IOTX_IOCTL_*`
/// @return 0; or -1, with a line in the log, for an unknown option, NULL, or a string
///     that is too long
/// @note Any thread may call.
///
/// # Safety
///
/// `data` is NULL or the option's argument.
#[unsafe(export_name = "iotx_IOT_Ioctl")]
pub unsafe extern "C-unwind" fn IOT_Ioctl(option: c_int, data: *mut c_void) -> c_int {
    enter("IOT_Ioctl", || {
        if data.is_null() {
            log!(Error, "IOT_Ioctl: data is NULL (option {option})");
            return FAILURE;
        }
        // SAFETY: not NULL, so it is the option's argument, by the contract.
        let status = unsafe {
            match option {
                IOTX_IOCTL_SET_REGION => store(&REGION, data),
                IOTX_IOCTL_GET_REGION => load(&REGION, data),
                // v3 numbers this pair 4 and 5, v2.3 numbers it 6 and 7. No release uses
                // these numbers for another option of CoAP.
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

/// Stores the device's identity, which `IOT_Ioctl` can get.
///
/// @param product_key at most 20 bytes
/// @param device_name at most 32 bytes
/// @param device_secret at most 64 bytes
/// @param info NULL. A caller with another pointer wants the SDK's connection record for
///     MQTT, which this library cannot fill: `*info` is set to NULL. Such a program must
///     link the SDK before this library, so that the SDK's function is called
/// @return 0; or -1, with a line in the log, for a string that is NULL or too long, or an
///     `info` other than NULL (the identity is stored nevertheless)
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

/// Logs how many contexts are open, and how much memory they take.
///
/// @param level 5 to log the line at debug level; any lower number to log it at information
///     level
/// @note Any thread may call. Does not block.
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
