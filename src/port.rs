//! The bottom edge: the board port's `HAL_*`, as functions that are safe to
//! call. Adds no behaviour of its own.

use core::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_ushort, c_void};
use core::ptr::NonNull;

use crate::certificates::iotx_default_ca;

#[repr(C)]
struct DtlsOptions {
    ca_cert_pem: *mut c_uchar,
    host: *mut c_char,
    port: c_ushort,
}

/// `coap_dtls_keep_t`.
#[repr(C)]
struct DtlsKeep {
    secret: *const c_uchar,
    secret_len: c_uint,
    reserve: c_uint,
    generation: u64,
    context: *const c_char,
}

unsafe extern "C" {
    fn HAL_UptimeMs() -> u64;
    fn HAL_SleepMs(ms: u32);
    fn HAL_Random(region: u32) -> u32;
    fn HAL_Printf(format: *const c_char, ...);
    fn HAL_MutexCreate() -> *mut c_void;
    fn HAL_MutexDestroy(mutex: *mut c_void);
    fn HAL_MutexLock(mutex: *mut c_void);
    fn HAL_MutexUnlock(mutex: *mut c_void);
    fn HAL_UDP_create(host: *mut c_char, port: c_ushort) -> *mut c_void;
    fn HAL_UDP_close(handle: *mut c_void);
    fn HAL_UDP_write(handle: *mut c_void, data: *const c_uchar, len: c_uint) -> c_int;
    fn HAL_UDP_readTimeout(
        handle: *mut c_void,
        data: *mut c_uchar,
        len: c_uint,
        ms: c_uint,
    ) -> c_int;
    fn iotx_port_dtls_create(options: *mut DtlsOptions) -> *mut c_void;
    fn iotx_port_dtls_write(session: *mut c_void, data: *const c_uchar, len: *mut c_uint)
    -> c_uint;
    fn iotx_port_dtls_read(
        session: *mut c_void,
        data: *mut c_uchar,
        len: *mut c_uint,
        ms: c_uint,
    ) -> c_uint;
    fn iotx_port_dtls_free(session: *mut c_void) -> c_uint;
    fn iotx_port_dtls_save(
        session: *mut c_void,
        keep: *const DtlsKeep,
        blob: *mut c_uchar,
        len: *mut c_uint,
    ) -> c_uint;
    fn iotx_port_dtls_saved(session: *mut c_void) -> c_uint;
    fn iotx_port_dtls_restore(
        options: *mut DtlsOptions,
        keep: *const DtlsKeep,
        blob: *const c_uchar,
        len: c_uint,
    ) -> *mut c_void;
    fn iotx_port_has_dtls() -> c_int;
    fn iotx_port_kv_set(key: *const c_char, value: *const c_void, len: c_int) -> c_int;
    fn iotx_port_kv_get(key: *const c_char, value: *mut c_void, len: *mut c_int) -> c_int;
    fn iotx_port_kv_del(key: *const c_char) -> c_int;
    fn iotx_port_identity(which: c_int, text: *mut c_char) -> c_int;
    fn iotx_coap_get_ca() -> *const c_char;
}

/// Milliseconds since some start; may be 32 bits wide and wrap.
pub(crate) fn uptime_ms() -> u64 {
    // SAFETY: takes nothing.
    unsafe { HAL_UptimeMs() }
}

pub(crate) fn sleep_ms(ms: u32) {
    // SAFETY: takes a number.
    unsafe { HAL_SleepMs(ms) }
}

/// 64 bits that differ from start to start as far as the port's generator
/// does; the time is mixed in for ports whose generator starts alike each time.
pub(crate) fn seed() -> u64 {
    let mut seed = uptime_ms();
    for _ in 0..4 {
        // Ports in the field give `random() % region`, some of 15 bits.
        // SAFETY: takes a number.
        let bits = unsafe { HAL_Random(0xFFFF) };
        seed = seed.rotate_left(16) ^ u64::from(bits);
    }
    seed
}

/// Prints `line`, which must end with NUL.
pub(crate) fn print(line: &[u8]) {
    let Ok(line) = CStr::from_bytes_until_nul(line) else { return };
    // SAFETY: the format takes one string, and that ends with NUL.
    unsafe { HAL_Printf(c"%s".as_ptr(), line.as_ptr()) }
}

/// The port's mutex. Not recursive.
pub(crate) struct Mutex(NonNull<c_void>);

// SAFETY: a mutex is there to be used from any thread.
unsafe impl Send for Mutex {}
// SAFETY: as above.
unsafe impl Sync for Mutex {}

impl Mutex {
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: takes nothing; NULL says that it failed.
        NonNull::new(unsafe { HAL_MutexCreate() }).map(Self)
    }

    pub(crate) fn lock(&self) {
        // SAFETY: the mutex lives as long as `self`.
        unsafe { HAL_MutexLock(self.0.as_ptr()) }
    }

    /// Must be called by the thread that locked it.
    pub(crate) fn unlock(&self) {
        // SAFETY: the mutex lives as long as `self`.
        unsafe { HAL_MutexUnlock(self.0.as_ptr()) }
    }
}

impl Drop for Mutex {
    fn drop(&mut self) {
        // SAFETY: made by HAL_MutexCreate, destroyed once, used by no one.
        unsafe { HAL_MutexDestroy(self.0.as_ptr()) }
    }
}

/// Reading or writing did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoError(pub(crate) i64);

impl IoError {
    /// `DTLS_RESERVATION_SPENT`.
    pub(crate) const RESERVATION_SPENT: Self = Self(1 << 24 | 9);
}

/// A connected UDP socket of the port's.
#[derive(Clone, Copy)]
pub(crate) struct Udp(*mut c_void);

impl Udp {
    pub(crate) fn connect(host: &CStr, port: u16) -> Option<Self> {
        // SAFETY: `host` ends with NUL; ports read it and keep no pointer.
        let handle = unsafe { HAL_UDP_create(host.as_ptr().cast_mut(), port) };
        // NULL may be a handle: descriptor 0. -1 is none.
        if handle as isize == -1 { None } else { Some(Self(handle)) }
    }

    pub(crate) fn close(self) {
        // SAFETY: made by HAL_UDP_create; the owner closes it once.
        unsafe { HAL_UDP_close(self.0) }
    }

    pub(crate) fn write(self, datagram: &[u8]) -> Result<(), IoError> {
        // SAFETY: the pointer and the length are of one slice.
        let written = unsafe { HAL_UDP_write(self.0, datagram.as_ptr(), datagram.len() as c_uint) };
        if written < 0 { Err(IoError(written.into())) } else { Ok(()) }
    }

    /// The socket, with our own port: others' handles may be anything.
    pub(crate) fn descriptor(self) -> Option<c_int> {
        #[cfg(feature = "port-linux")]
        return iot_coap_port_linux::udp_descriptor(self.0);
        #[cfg(not(feature = "port-linux"))]
        {
            let _ = self;
            None
        }
    }

    /// Waits up to `ms` (at least 1: ports take 0 for ever) for a datagram;
    /// returns its length, 0 for none.
    pub(crate) fn read(self, buffer: &mut [u8], ms: u32) -> Result<usize, IoError> {
        let len = buffer.len() as c_uint;
        // SAFETY: the pointer and the length are of one slice.
        let read = unsafe { HAL_UDP_readTimeout(self.0, buffer.as_mut_ptr(), len, ms.max(1)) };
        match usize::try_from(read) {
            Ok(len) if len <= buffer.len() => Ok(len),
            // -2 timed out, -3 interrupted.
            Err(_) if matches!(read, -2 | -3) => Ok(0),
            _ => Err(IoError(read.into())),
        }
    }
}

/// How a DTLS session is kept without power, and for whom.
pub(crate) struct Keeping<'a> {
    pub(crate) secret: &'a [u8],
    pub(crate) context: &'a CStr,
    pub(crate) generation: u64,
    pub(crate) reserve: u32,
}

impl Keeping<'_> {
    fn as_c(&self) -> DtlsKeep {
        DtlsKeep {
            secret: self.secret.as_ptr(),
            secret_len: self.secret.len() as c_uint,
            reserve: self.reserve,
            generation: self.generation,
            context: self.context.as_ptr(),
        }
    }
}

/// A DTLS session of the port's.
#[derive(Clone, Copy)]
pub(crate) struct Dtls(NonNull<c_void>);

impl Dtls {
    /// Whether the port has DTLS at all.
    pub(crate) fn is_available() -> bool {
        // SAFETY: takes nothing.
        unsafe { iotx_port_has_dtls() != 0 }
    }

    /// The session's socket, with our own port.
    pub(crate) fn descriptor(self) -> Option<c_int> {
        #[cfg(feature = "port-linux")]
        // SAFETY: the session lives as long as its owner; the port tells
        // whether it is one of its own.
        return unsafe { iot_coap_port_linux::dtls_descriptor(self.0.as_ptr()) };
        #[cfg(not(feature = "port-linux"))]
        {
            let _ = self;
            None
        }
    }

    /// Whether a write may run beside a read of another thread; the original
    /// asks it of no port.
    pub(crate) fn is_thread_safe() -> bool {
        #[cfg(feature = "port-linux")]
        return iot_coap_port_linux::dtls_is_builtin();
        #[cfg(not(feature = "port-linux"))]
        false
    }

    /// Connects, which blocks through the handshake. Without a trust root,
    /// `iotx_coap_get_ca`'s holds.
    pub(crate) fn connect(host: &CStr, port: u16, root: Option<&CStr>) -> Option<Self> {
        let mut options = Self::options(host, port, root);
        // SAFETY: called only where `is_available`; the options outlive the
        // call, and ports keep no pointer to them.
        NonNull::new(unsafe { iotx_port_dtls_create(&raw mut options) }).map(Self)
    }

    /// As [`connect`](Self::connect), going on with the session in `blob`; it is
    /// to be saved again before it is written to.
    pub(crate) fn restore(
        host: &CStr,
        port: u16,
        root: Option<&CStr>,
        keeping: &Keeping<'_>,
        blob: &[u8],
    ) -> Option<Self> {
        let mut options = Self::options(host, port, root);
        let keep = keeping.as_c();
        let len = blob.len() as c_uint;
        // SAFETY: as in `connect`; the blob's pointer and length are of one
        // slice.
        let session = unsafe {
            iotx_port_dtls_restore(&raw mut options, &raw const keep, blob.as_ptr(), len)
        };
        NonNull::new(session).map(Self)
    }

    fn options(host: &CStr, port: u16, root: Option<&CStr>) -> DtlsOptions {
        // SAFETY: ours returns a static; a program that replaces it owes the
        // same: text that ends with NUL, or NULL.
        let root = root.map_or_else(|| unsafe { iotx_coap_get_ca() }, CStr::as_ptr);
        let root = if root.is_null() { iotx_default_ca.as_ptr() } else { root };
        let host = host.as_ptr().cast_mut();
        DtlsOptions { ca_cert_pem: root.cast_mut().cast(), host, port }
    }

    /// Writes into `blob` what the session can be restored from; its length.
    pub(crate) fn save(self, keeping: &Keeping<'_>, blob: &mut [u8]) -> Option<usize> {
        let keep = keeping.as_c();
        let mut len = blob.len() as c_uint;
        // SAFETY: the pointer and the length are of one slice; the session
        // lives as long as its owner.
        let status = unsafe {
            iotx_port_dtls_save(self.0.as_ptr(), &raw const keep, blob.as_mut_ptr(), &raw mut len)
        };
        Some(len as usize).filter(|&len| status == 0 && len <= blob.len())
    }

    /// What was saved last is stored.
    pub(crate) fn is_saved(self) {
        // SAFETY: the session lives as long as its owner.
        unsafe { iotx_port_dtls_saved(self.0.as_ptr()) };
    }

    pub(crate) fn close(self) {
        // SAFETY: made by HAL_DTLSSession_create; the owner closes it once.
        unsafe { iotx_port_dtls_free(self.0.as_ptr()) };
    }

    pub(crate) fn write(self, datagram: &[u8]) -> Result<(), IoError> {
        let mut len = datagram.len() as c_uint;
        // SAFETY: the pointer and the length are of one slice; the session
        // lives as long as its owner.
        let status =
            unsafe { iotx_port_dtls_write(self.0.as_ptr(), datagram.as_ptr(), &raw mut len) };
        if status == 0 { Ok(()) } else { Err(IoError(status.into())) }
    }

    /// Waits up to `ms` for a datagram; returns its length, 0 for none.
    pub(crate) fn read(self, buffer: &mut [u8], ms: u32) -> Result<usize, IoError> {
        let mut len = buffer.len() as c_uint;
        // SAFETY: as in `write`.
        let status = unsafe {
            iotx_port_dtls_read(self.0.as_ptr(), buffer.as_mut_ptr(), &raw mut len, ms.max(1))
        };
        match (status, len as usize) {
            (0, len) if len <= buffer.len() => Ok(len),
            _ => Err(IoError(status.into())),
        }
    }
}

// SAFETY: handles are passed between threads by every caller of the original;
// what may run at the same time is decided in `transport`.
unsafe impl Send for Udp {}
// SAFETY: as above.
unsafe impl Send for Dtls {}

/// The functions of the port that hold the device's identity, numbered as in
/// `c/edges.c`.
#[derive(Clone, Copy)]
pub(crate) enum Identity {
    SetProductKey = 0,
    SetProductSecret = 1,
    SetDeviceName = 2,
    SetDeviceSecret = 3,
    GetProductKey = 4,
    GetProductSecret = 5,
    GetDeviceName = 6,
    GetDeviceSecret = 7,
}

impl Identity {
    /// Calls it; negative where the port lacks it or refuses the text.
    ///
    /// # Safety
    ///
    /// `text` is a string to set, or has room for what is got.
    pub(crate) unsafe fn call(self, text: *mut c_char) -> c_int {
        // SAFETY: the caller's promise; the number is of the enumeration.
        unsafe { iotx_port_identity(self as c_int, text) }
    }
}

/// The port's key/value store, where it has one.
pub(crate) mod store {
    use super::{CStr, c_int, iotx_port_kv_del, iotx_port_kv_get, iotx_port_kv_set};

    /// Keeps `value` under `key`, for good; says whether it did.
    pub(crate) fn set(key: &CStr, value: &[u8]) -> bool {
        let Ok(len) = c_int::try_from(value.len()) else { return false };
        // SAFETY: the pointer and the length are of one slice; the key ends
        // with NUL.
        unsafe { iotx_port_kv_set(key.as_ptr(), value.as_ptr().cast(), len) == 0 }
    }

    /// Reads what is kept under `key` into `buffer`; returns its length.
    pub(crate) fn get(key: &CStr, buffer: &mut [u8]) -> Option<usize> {
        let mut len = c_int::try_from(buffer.len()).ok()?;
        // SAFETY: as in `set`.
        let status =
            unsafe { iotx_port_kv_get(key.as_ptr(), buffer.as_mut_ptr().cast(), &raw mut len) };
        usize::try_from(len).ok().filter(|&len| status == 0 && len <= buffer.len())
    }

    /// Forgets what is kept under `key`.
    pub(crate) fn delete(key: &CStr) {
        // SAFETY: the key ends with NUL.
        unsafe { iotx_port_kv_del(key.as_ptr()) };
    }
}
