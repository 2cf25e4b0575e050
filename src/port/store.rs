//! The port's key/value store, if it has one.

use core::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    fn iotx_port_kv_set(key: *const c_char, value: *const c_void, len: c_int) -> c_int;
    fn iotx_port_kv_get(key: *const c_char, value: *mut c_void, len: *mut c_int) -> c_int;
    fn iotx_port_kv_del(key: *const c_char) -> c_int;
}

/// Stores `value` under `key`, so that it survives a loss of power; returns whether that
/// succeeded.
pub(crate) fn set(key: &CStr, value: &[u8]) -> bool {
    let Ok(len) = c_int::try_from(value.len()) else { return false };
    // SAFETY: the pointer and the length belong to one slice; the key ends with NUL.
    unsafe { iotx_port_kv_set(key.as_ptr(), value.as_ptr().cast(), len) == 0 }
}

/// Reads the value of `key` into `buffer`; returns its length.
pub(crate) fn get(key: &CStr, buffer: &mut [u8]) -> Option<usize> {
    let mut len = c_int::try_from(buffer.len()).ok()?;
    // SAFETY: the pointer and the length belong to one slice; the key ends with NUL.
    let status =
        unsafe { iotx_port_kv_get(key.as_ptr(), buffer.as_mut_ptr().cast(), &raw mut len) };
    usize::try_from(len).ok().filter(|&len| status == 0 && len <= buffer.len())
}

/// Deletes `key` and its value.
pub(crate) fn delete(key: &CStr) {
    // SAFETY: the key ends with NUL.
    unsafe { iotx_port_kv_del(key.as_ptr()) };
}
