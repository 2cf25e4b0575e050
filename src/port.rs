//! The bottom edge: the board port's `HAL_*`, as functions that are safe to
//! call. Adds no behaviour of its own.

use core::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_ushort, c_void};
use core::ptr::NonNull;

#[cfg(all(feature = "dtls-psk", not(feature = "port-linux")))]
mod board;
#[cfg(feature = "coaps")]
mod dtls;

#[cfg(feature = "coaps")]
pub(crate) use dtls::{Dtls, Keeping};

unsafe extern "C" {
    fn HAL_UptimeMs() -> u64;
    fn HAL_SleepMs(ms: u32);
    fn HAL_Random(region: u32) -> u32;
    fn HAL_Printf(format: *const c_char, ...);
    #[cfg_attr(not(feature = "port-linux"), link_name = "iotx_port_mutex_create")]
    fn HAL_MutexCreate() -> *mut c_void;
    #[cfg_attr(not(feature = "port-linux"), link_name = "iotx_port_mutex_destroy")]
    fn HAL_MutexDestroy(mutex: *mut c_void);
    #[cfg_attr(not(feature = "port-linux"), link_name = "iotx_port_mutex_lock")]
    fn HAL_MutexLock(mutex: *mut c_void);
    #[cfg_attr(not(feature = "port-linux"), link_name = "iotx_port_mutex_unlock")]
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
    fn iotx_port_kv_set(key: *const c_char, value: *const c_void, len: c_int) -> c_int;
    fn iotx_port_kv_get(key: *const c_char, value: *mut c_void, len: *mut c_int) -> c_int;
    fn iotx_port_kv_del(key: *const c_char) -> c_int;
    fn iotx_port_identity(which: c_int, text: *mut c_char) -> c_int;
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

/// Prints where the library found itself to be wrong.
#[cfg(all(feature = "bare", not(any(feature = "std", test))))]
pub(crate) fn print_internal_error(file: &str, line: u32) {
    const FORMAT: &CStr = c"[iot-coap] error: internal error at %.*s:%u; stopped\n";
    // SAFETY: the format takes a length, as many characters, and a number.
    unsafe { HAL_Printf(FORMAT.as_ptr(), file.len() as c_int, file.as_ptr(), line) }
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

#[cfg(feature = "coaps")]
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

    #[cfg(feature = "extension")]
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
        // SAFETY: the pointer and the length are of one slice.
        unsafe { self.read_raw(buffer.as_mut_ptr(), buffer.len(), ms) }
    }

    /// As [`read`](Self::read), into memory that nothing stands in; returns the
    /// datagram.
    #[cfg(all(feature = "dtls-psk", not(feature = "port-linux")))]
    pub(crate) fn read_uninit(
        self,
        buffer: &mut [core::mem::MaybeUninit<u8>],
        ms: u32,
    ) -> Result<&mut [u8], IoError> {
        let start = buffer.as_mut_ptr().cast();
        // SAFETY: the pointer and the length are of one slice, whose first
        // bytes, as many as are returned, the port has written.
        unsafe {
            let len = self.read_raw(start, buffer.len(), ms)?;
            Ok(core::slice::from_raw_parts_mut(start, len))
        }
    }

    /// # Safety
    ///
    /// `buffer` is valid for writes of `len` bytes.
    unsafe fn read_raw(self, buffer: *mut u8, len: usize, ms: u32) -> Result<usize, IoError> {
        // SAFETY: by the contract.
        let read = unsafe { HAL_UDP_readTimeout(self.0, buffer, len as c_uint, ms.max(1)) };
        match usize::try_from(read) {
            Ok(read) if read <= len => Ok(read),
            // -2 timed out, -3 interrupted.
            Err(_) if matches!(read, -2 | -3) => Ok(0),
            _ => Err(IoError(read.into())),
        }
    }
}

// SAFETY: handles are passed between threads by every caller of the original;
// what may run at the same time is decided in `transport`.
unsafe impl Send for Udp {}

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
