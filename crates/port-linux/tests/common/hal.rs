//! `HAL_*` as a C program declares them, and safe wrappers for the tests.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};

// Links the port.
use iot_coap_port_linux as _;

unsafe extern "C" {
    pub(crate) fn HAL_Malloc(size: u32) -> *mut c_void;
    pub(crate) fn HAL_Free(memory: *mut c_void);
    pub(crate) fn HAL_UptimeMs() -> u64;
    pub(crate) fn HAL_SleepMs(ms: u32);
    pub(crate) fn HAL_Random(region: u32) -> u32;
    pub(crate) fn HAL_Srandom(seed: u32);
    pub(crate) fn HAL_Printf(format: *const c_char, ...);
    pub(crate) fn HAL_Snprintf(out: *mut c_char, len: c_int, format: *const c_char, ...) -> c_int;
    pub(crate) fn HAL_MutexCreate() -> *mut c_void;
    pub(crate) fn HAL_MutexDestroy(mutex: *mut c_void);
    pub(crate) fn HAL_MutexLock(mutex: *mut c_void);
    pub(crate) fn HAL_MutexUnlock(mutex: *mut c_void);
    pub(crate) fn HAL_UDP_create(host: *const c_char, port: u16) -> *mut c_void;
    pub(crate) fn HAL_UDP_close(handle: *mut c_void);
    pub(crate) fn HAL_UDP_write(handle: *mut c_void, data: *const u8, len: c_uint) -> c_int;
    pub(crate) fn HAL_UDP_readTimeout(
        handle: *mut c_void,
        data: *mut u8,
        len: c_uint,
        ms: c_uint,
    ) -> c_int;
    pub(crate) fn HAL_Kv_Set(
        key: *const c_char,
        value: *const c_void,
        len: c_int,
        sync: c_int,
    ) -> c_int;
    pub(crate) fn HAL_Kv_Get(key: *const c_char, value: *mut c_void, len: *mut c_int) -> c_int;
    pub(crate) fn HAL_Kv_Del(key: *const c_char) -> c_int;
    pub(crate) fn HAL_Kv_Erase_All() -> c_int;
    pub(crate) fn HAL_SetProductKey(value: *const c_char) -> c_int;
    pub(crate) fn HAL_SetDeviceName(value: *const c_char) -> c_int;
    pub(crate) fn HAL_SetDeviceSecret(value: *const c_char) -> c_int;
    pub(crate) fn HAL_SetProductSecret(value: *const c_char) -> c_int;
    pub(crate) fn HAL_GetProductKey(out: *mut c_char) -> c_int;
    pub(crate) fn HAL_GetDeviceName(out: *mut c_char) -> c_int;
    pub(crate) fn HAL_GetDeviceSecret(out: *mut c_char) -> c_int;
    pub(crate) fn HAL_GetProductSecret(out: *mut c_char) -> c_int;
    pub(crate) fn HAL_GetDeviceID(out: *mut c_char) -> c_int;
    pub(crate) fn HAL_GetPartnerID(out: *mut c_char) -> c_int;
    pub(crate) fn HAL_GetModuleID(out: *mut c_char) -> c_int;
}

pub(crate) fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

pub(crate) const INVALID: *mut c_void = std::ptr::without_provenance_mut(usize::MAX);

/// A UDP handle, closed at the end.
pub(crate) struct Udp(pub(crate) *mut c_void);

impl Udp {
    /// `None` when the port says -1.
    pub(crate) fn create(host: &str, port: u16) -> Option<Self> {
        let host = c(host);
        // SAFETY: a NUL-terminated string.
        let handle = unsafe { HAL_UDP_create(host.as_ptr(), port) };
        (handle != INVALID).then(|| Self(handle))
    }

    pub(crate) fn descriptor(&self) -> c_int {
        c_int::try_from(self.0.addr()).unwrap()
    }

    pub(crate) fn write(&self, data: &[u8]) -> c_int {
        // SAFETY: a live handle and a slice with its length.
        unsafe { HAL_UDP_write(self.0, data.as_ptr(), u32::try_from(data.len()).unwrap()) }
    }

    pub(crate) fn read(&self, buffer: &mut [u8], ms: u32) -> c_int {
        let len = u32::try_from(buffer.len()).unwrap();
        // SAFETY: a live handle and a slice with its length.
        unsafe { HAL_UDP_readTimeout(self.0, buffer.as_mut_ptr(), len, ms) }
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        // SAFETY: a live handle, given up here.
        unsafe { HAL_UDP_close(self.0) };
    }
}
