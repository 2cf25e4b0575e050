//! `HAL_UDP_*`: the C edge of the sockets. The handle is the descriptor itself, as in the
//! original's port, since some programs use it as a descriptor.

mod opening;
mod receive;
mod socket;

use core::ffi::{c_char, c_int, c_uint, c_ushort, c_void};
use core::mem::MaybeUninit;
use core::ptr::without_provenance_mut;
use core::slice;

use crate::clock::Wait;
use crate::fd::Fd;
use crate::text::borrow;

pub use opening::{Opened, Opening, needs_lookup, open, opens_sockets};
use receive::{ReceiveError, receive};

/// The longest datagram.
const MAX_DATAGRAM_LEN: usize = 65_535;

/// What `HAL_UDP_create` returns on failure.
const INVALID_HANDLE: isize = -1;

const BAD_PARAMETER: c_int = -1;
const TIMED_OUT: c_int = -2;
const INTERRUPTED: c_int = -3;
const FAILED: c_int = -4;

/// Returned by a read if an ICMP message reports that nobody listens at the peer's port
/// now. The socket can still be used.
pub const REFUSED: c_int = -5;

/// Returned by a read if an ICMP message reports that there is no route to the peer. The
/// socket can still be used.
pub const UNREACHABLE: c_int = -6;

/// The descriptor in a handle. NULL is refused, although it could be descriptor 0, which
/// `socket::connect` never returns.
fn descriptor(handle: *mut c_void) -> Option<c_int> {
    let raw = c_int::try_from(handle.addr().cast_signed()).ok()?;
    (raw > 0).then_some(raw)
}

unsafe extern "C" {
    /// In `c/hal.c`.
    safe fn iotx_linux_udp_is_builtin() -> c_int;
}

/// The descriptor of a handle, for `poll`; `None` if the program has its own
/// `HAL_UDP_create`, whose handles may be anything else.
pub fn udp_descriptor(handle: *mut c_void) -> Option<c_int> {
    if iotx_linux_udp_is_builtin() != 0 { descriptor(handle) } else { None }
}

/// Takes a datagram that has arrived, without waiting. Returns its length, 0 if there is
/// none, or a negative number if the socket cannot be used; `None` if the program has its
/// own `HAL_UDP_create`.
pub fn receive_now(handle: *mut c_void, buffer: &mut [MaybeUninit<u8>]) -> Option<c_int> {
    let fd = udp_descriptor(handle)?;
    Some(match receive(fd, buffer, Wait::For(0), true) {
        Ok(datagram) => c_int::try_from(datagram.len()).unwrap_or(FAILED),
        Err(ReceiveError::TimedOut | ReceiveError::Interrupted) => 0,
        Err(ReceiveError::Refused) => REFUSED,
        Err(ReceiveError::Unreachable) => UNREACHABLE,
        Err(ReceiveError::ShutDown | ReceiveError::Failed) => FAILED,
    })
}

/// Waits up to `ms` milliseconds until one of these sockets can be read: it has a datagram
/// or an error, or reading was ended. Returns whether one can, or false at once if the
/// program has its own `HAL_UDP_create`.
pub fn await_either(handles: [*mut c_void; 2], ms: u32) -> bool {
    let [Some(first), Some(second)] = handles.map(udp_descriptor) else { return false };
    ms != 0 && receive::await_either([first, second], ms)
}

/// Ends a read that waits on the socket, and every later one; datagrams can still be sent.
/// Has no effect if the program has its own `HAL_UDP_create`.
pub fn stop_reading(handle: *mut c_void) {
    if let Some(fd) = udp_descriptor(handle) {
        // SAFETY: shutdown has no precondition: it refuses a descriptor that is not a
        // socket.
        unsafe { libc::shutdown(fd, libc::SHUT_RD) };
    }
}

/// Makes a socket connected to `host`. Returns `(void *)-1` on failure.
///
/// # Safety
/// `host` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_udp_create(host: *const c_char, port: c_ushort) -> *mut c_void {
    // SAFETY: NULL or a string, by the contract; it is not kept beyond this call.
    let connected = unsafe { borrow(host) }.and_then(|host| socket::connect(host, port, 0));
    let handle = connected
        .and_then(|connected| isize::try_from(connected.socket.into_raw()).ok())
        .unwrap_or(INVALID_HANDLE);
    without_provenance_mut(handle.cast_unsigned())
}

/// Closes a socket; NULL and `(void *)-1` are no-ops.
///
/// # Safety
/// `handle` came from `HAL_UDP_create` and is not used again.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_udp_close(handle: *mut c_void) {
    drop(descriptor(handle).and_then(Fd::new));
}

/// Sends one datagram without waiting. Returns its length, or -1 on failure. If the socket
/// is full, the datagram is lost.
///
/// # Safety
/// `data` is NULL or valid for reads of `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_udp_write(
    handle: *mut c_void,
    data: *const u8,
    len: c_uint,
) -> c_int {
    let (Some(fd), Ok(len)) = (descriptor(handle), usize::try_from(len)) else {
        return BAD_PARAMETER;
    };
    if data.is_null() || len > MAX_DATAGRAM_LEN {
        return BAD_PARAMETER;
    }
    // SAFETY: not null, and valid for `len` bytes by the contract.
    let datagram = unsafe { slice::from_raw_parts(data, len) };
    socket::send(fd, datagram).ok().and_then(|sent| c_int::try_from(sent).ok()).unwrap_or(-1)
}

/// Receives one datagram. Waits up to `ms` milliseconds, or for ever if `ms` is 0. Returns
/// the datagram's length, or a code of the interface. [`receive()`] ignores some datagrams.
/// `has_receive_timeout`: the socket was made by `socket::connect`.
///
/// # Safety
/// `data` is NULL or valid for writes of `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn iotx_linux_udp_read_timeout(
    handle: *mut c_void,
    data: *mut u8,
    len: c_uint,
    ms: c_uint,
    has_receive_timeout: c_int,
) -> c_int {
    let (Some(fd), Ok(len)) = (descriptor(handle), usize::try_from(len)) else {
        return BAD_PARAMETER;
    };
    if data.is_null() || len == 0 {
        return BAD_PARAMETER;
    }
    let len = len.min(MAX_DATAGRAM_LEN);
    // SAFETY: not null, and valid for writes of `len` bytes by the contract;
    // the bytes may be uninitialised, which the type allows.
    let buffer = unsafe { slice::from_raw_parts_mut(data.cast::<MaybeUninit<u8>>(), len) };
    let wait = if ms == 0 { Wait::Forever } else { Wait::For(ms) };
    match receive(fd, buffer, wait, has_receive_timeout != 0) {
        Ok(datagram) => c_int::try_from(datagram.len()).unwrap_or(FAILED),
        Err(ReceiveError::TimedOut) => TIMED_OUT,
        Err(ReceiveError::Interrupted) => INTERRUPTED,
        Err(ReceiveError::ShutDown) => 0,
        Err(ReceiveError::Refused) => REFUSED,
        Err(ReceiveError::Unreachable) => UNREACHABLE,
        Err(ReceiveError::Failed) => FAILED,
    }
}
