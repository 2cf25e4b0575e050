//! The bottom edge: the board port's `HAL_*`, as functions that are safe to call. Two
//! modules do more: `hedge` derives keys from weak random numbers, and `identity`
//! stores texts that the port cannot store.

#[cfg(feature = "dtls-psk")]
pub(crate) mod calendar;
#[cfg(own_dtls)]
mod dtls;
#[cfg(all(feature = "dtls-psk", not(feature = "port-linux")))]
pub(crate) mod hedge;
mod identity;
#[cfg(feature = "_coaps")]
mod linked;
mod mutex;
#[cfg(feature = "_coaps")]
mod peer;
#[cfg(feature = "dtls-psk")]
pub(crate) mod secrets;
pub(crate) mod store;
#[cfg(all(test, miri))]
mod stub;
mod udp;

#[cfg(own_dtls)]
pub(crate) use dtls::Dtls;
pub(crate) use identity::Identity;
#[cfg(feature = "_coaps")]
pub(crate) use linked::Linked;
#[cfg(all(own_dtls, feature = "dtls-psk"))]
pub(crate) use linked::Partly;
pub(crate) use mutex::Mutex;
#[cfg(feature = "_coaps")]
pub(crate) use peer::{Peer, Trusted};
pub(crate) use udp::{Connected, Replies, Udp};

#[cfg(not(feature = "std"))]
use core::ffi::c_void;
use core::ffi::{CStr, c_char};

unsafe extern "C" {
    fn HAL_UptimeMs() -> u64;
    fn HAL_Random(region: u32) -> u32;
    fn iotx_port_print(line: *const c_char);
    /// `HAL_ThreadSelf`, if there is one; in `c/edges.c`.
    #[cfg(not(feature = "std"))]
    safe static iotx_port_thread_self: Option<unsafe extern "C" fn() -> *const c_void>;
    #[cfg(all(feature = "bare", not(any(feature = "std", test))))]
    fn iotx_port_print_internal_error(file: *const c_char, len: core::ffi::c_int, line: u32);
}

// A thread may be cancelled in this function, which unwinds it.
unsafe extern "C-unwind" {
    fn HAL_SleepMs(ms: u32);
}

/// Milliseconds since some start. It may have only 32 bits, and wrap.
pub(crate) fn uptime_ms() -> u64 {
    // SAFETY: HAL_UptimeMs has no precondition.
    unsafe { HAL_UptimeMs() }
}

pub(crate) fn sleep_ms(ms: u32) {
    // SAFETY: HAL_SleepMs has no precondition.
    unsafe { HAL_SleepMs(ms) }
}

/// The port's name for the calling thread; null if the port does not identify threads.
#[cfg(not(feature = "std"))]
pub(crate) fn this_thread() -> *const c_void {
    // SAFETY: HAL_ThreadSelf has no precondition.
    iotx_port_thread_self.map_or(core::ptr::null(), |this| unsafe { this() })
}

/// 64 bits that differ from start to start, as far as the port's generator does. The time
/// is mixed in, since some generators begin with the same numbers at each start.
pub(crate) fn seed() -> u64 {
    let mut seed = uptime_ms();
    for _ in 0..4 {
        // Ports in the field return `random() % region`; some have 15 bits.
        // SAFETY: HAL_Random needs a region of at least 1.
        let bits = unsafe { HAL_Random(0xFFFF) };
        seed = seed.rotate_left(16) ^ u64::from(bits);
    }
    seed
}

/// Prints `line`, which must end with NUL.
pub(crate) fn print(line: &[u8]) {
    let Ok(line) = CStr::from_bytes_until_nul(line) else { return };
    // SAFETY: it ends with NUL.
    unsafe { iotx_port_print(line.as_ptr()) }
}

/// Reports a panic that nothing catches.
#[cfg(all(feature = "bare", not(any(feature = "std", test))))]
pub(crate) fn print_internal_error(file: &str, line: u32) {
    // SAFETY: the pointer and the length belong to one text.
    unsafe { iotx_port_print_internal_error(file.as_ptr().cast(), file.len() as _, line) }
}

/// A failed read or write, with the number that the port returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoError(pub(crate) i64);

impl IoError {
    /// Whether the peer, or a router on the way to it, refused a datagram. The socket can
    /// still be used. (A firmware's port does not distinguish this from other failures.)
    pub(crate) const fn is_unreachable(self) -> bool {
        #[cfg(feature = "port-linux")]
        return self.is_refused() || self.0 == iot_coap_port_linux::UNREACHABLE as i64;
        #[cfg(not(feature = "port-linux"))]
        false
    }

    /// Whether nobody listens at the peer's port.
    #[cfg(feature = "port-linux")]
    pub(crate) const fn is_refused(self) -> bool {
        self.0 == iot_coap_port_linux::REFUSED as i64
    }
}
