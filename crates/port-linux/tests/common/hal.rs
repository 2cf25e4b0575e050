//! `HAL_*` as a C program declares them, and safe wrappers for the tests.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};

// Links the port.
use iot_coap_port_linux as _;

#[repr(C)]
pub(crate) struct DtlsOptions {
    pub(crate) authorities: *const c_char,
    pub(crate) host: *const c_char,
    pub(crate) port: u16,
}

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
    pub(crate) fn HAL_DTLSSession_create(options: *const DtlsOptions) -> *mut c_void;
    pub(crate) fn HAL_DTLSSession_write(
        session: *mut c_void,
        data: *const u8,
        len: *mut c_uint,
    ) -> c_uint;
    pub(crate) fn HAL_DTLSSession_read(
        session: *mut c_void,
        data: *mut u8,
        len: *mut c_uint,
        ms: c_uint,
    ) -> c_uint;
    pub(crate) fn HAL_DTLSSession_free(session: *mut c_void) -> c_uint;
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

/// A DTLS session, freed at the end.
pub(crate) struct Dtls(pub(crate) *mut c_void);

// SAFETY: the port's own sessions may be used by several threads.
unsafe impl Send for Dtls {}
// SAFETY: as above.
unsafe impl Sync for Dtls {}

impl Dtls {
    pub(crate) fn create(host: &str, port: u16, authorities: &str) -> Option<Self> {
        let (host, authorities) = (c(host), c(authorities));
        let options = DtlsOptions { authorities: authorities.as_ptr(), host: host.as_ptr(), port };
        // SAFETY: valid options with NUL-terminated strings.
        let session = unsafe { HAL_DTLSSession_create(&raw const options) };
        (!session.is_null()).then(|| Self(session))
    }

    /// The code, and what `*len` was set to.
    pub(crate) fn write(&self, data: &[u8]) -> (c_uint, c_uint) {
        let mut len = u32::try_from(data.len()).unwrap();
        // SAFETY: a live session and a slice with its length.
        let code = unsafe { HAL_DTLSSession_write(self.0, data.as_ptr(), &raw mut len) };
        (code, len)
    }

    pub(crate) fn read_into(&self, buffer: &mut [u8], ms: u32) -> (c_uint, c_uint) {
        let mut len = u32::try_from(buffer.len()).unwrap();
        // SAFETY: a live session and a slice with its length.
        let code = unsafe { HAL_DTLSSession_read(self.0, buffer.as_mut_ptr(), &raw mut len, ms) };
        (code, len)
    }

    /// What came, empty after the time; the code on failure.
    pub(crate) fn read(&self, ms: u32) -> Result<Vec<u8>, c_uint> {
        let mut buffer = vec![0; 2048];
        match self.read_into(&mut buffer, ms) {
            (0, len) => {
                buffer.truncate(usize::try_from(len).unwrap());
                Ok(buffer)
            }
            (code, len) => {
                assert_eq!(len, 0, "a failure leaves *len 0");
                Err(code)
            }
        }
    }

    /// Sends and waits for the echo.
    pub(crate) fn assert_echo(&self, data: &[u8]) {
        assert_eq!(self.write(data), (0, u32::try_from(data.len()).unwrap()));
        assert_eq!(self.read(5000).as_deref(), Ok(data));
    }
}

impl Drop for Dtls {
    fn drop(&mut self) {
        // SAFETY: a live session, given up here.
        assert_eq!(unsafe { HAL_DTLSSession_free(self.0) }, 0);
    }
}
