//! A board port without a system, for Miri, which cannot call foreign functions. Nothing
//! ever arrives at its sockets, and time passes only while a call waits.

use core::ffi::{c_char, c_int, c_uchar, c_uint, c_ushort, c_void};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::call::Blocking;

static UPTIME_MS: AtomicU64 = AtomicU64::new(1000);

#[unsafe(no_mangle)]
extern "C" fn HAL_UptimeMs() -> u64 {
    UPTIME_MS.load(Ordering::Relaxed)
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Random(region: u32) -> u32 {
    0x1234_5678 % region
}

#[unsafe(no_mangle)]
extern "C-unwind" fn HAL_SleepMs(ms: u32) {
    UPTIME_MS.fetch_add(ms.into(), Ordering::Relaxed);
    std::thread::yield_now();
}

#[unsafe(no_mangle)]
extern "C" fn HAL_MutexCreate() -> *mut c_void {
    Box::into_raw(Box::new(AtomicBool::new(false))).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_MutexDestroy(mutex: *mut c_void) {
    // SAFETY: HAL_MutexCreate above made it, and it is destroyed once.
    let mutex = unsafe { Box::from_raw(mutex.cast::<AtomicBool>()) };
    assert!(!mutex.load(Ordering::Relaxed), "a mutex is destroyed while it is held");
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_MutexLock(mutex: *mut c_void) {
    // SAFETY: made above, and not destroyed.
    let mutex = unsafe { &*mutex.cast::<AtomicBool>() };
    while mutex.swap(true, Ordering::Acquire) {
        std::thread::yield_now();
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_MutexUnlock(mutex: *mut c_void) {
    // SAFETY: made above, and not destroyed.
    let mutex = unsafe { &*mutex.cast::<AtomicBool>() };
    mutex.store(false, Ordering::Release);
}

#[unsafe(no_mangle)]
extern "C" fn HAL_UDP_create(_host: *mut c_char, _port: c_ushort) -> *mut c_void {
    Box::into_raw(Box::new(0_u8)).cast()
}

#[unsafe(no_mangle)]
extern "C" fn iotx_port_udp_closes() -> c_int {
    1
}

#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_port_udp_close(handle: *mut c_void) {
    // SAFETY: HAL_UDP_create above made it, and it is closed once.
    drop(unsafe { Box::from_raw(handle.cast::<u8>()) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_UDP_write(
    handle: *mut c_void,
    data: *const c_uchar,
    len: c_uint,
) -> c_int {
    // SAFETY: the socket was made above and is not closed; the datagram has the given
    // length.
    let (socket, datagram) =
        unsafe { (&*handle.cast::<u8>(), core::slice::from_raw_parts(data, len as usize)) };
    // Reads every byte of it.
    let sum = datagram.iter().fold(*socket, |sum, &byte| sum.wrapping_add(byte));
    core::hint::black_box(sum);
    len.cast_signed()
}

/// Writes to the whole buffer, as a port may, and reports that nothing came.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn HAL_UDP_readTimeout(
    handle: *mut c_void,
    data: *mut c_uchar,
    len: c_uint,
    ms: c_uint,
) -> c_int {
    // SAFETY: the socket was made above and is not closed; the buffer has the given length.
    unsafe {
        assert_eq!(*handle.cast::<u8>(), 0);
        data.write_bytes(0xA5, len as usize);
    }
    HAL_SleepMs(ms);
    -2
}

#[unsafe(no_mangle)]
extern "C" fn iotx_cancellation_disable() -> c_int {
    0
}

#[unsafe(no_mangle)]
extern "C" fn iotx_cancellation_restore(_state: c_int) {}

#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn iotx_interruptible(
    work: Blocking,
    argument: *mut c_void,
    _state: c_int,
    _call: *const c_void,
) {
    // SAFETY: by the contract of `call::interruptible`.
    unsafe { work(argument) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strnlen(start: *const c_char, most: usize) -> usize {
    // SAFETY: a string, or at least `most` bytes.
    (0..most).find(|&at| unsafe { start.add(at).read() } == 0).unwrap_or(most)
}
