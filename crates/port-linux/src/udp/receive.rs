//! Receives one datagram within a time limit, in one system call if the datagram is there
//! or arrives soon.
//!
//! This port's sockets have a receive timeout of [`RECEIVE_TIMEOUT_MS`], so that a blocking
//! `recv` returns by itself. A wait of at least that length starts with `recv`, and needs
//! `poll` only for the rest. So an idle wait wakes early at most once, and a round trip is
//! one send and one receive.
//!
//! Two kinds of datagrams are ignored, and the wait goes on: empty ones, whose length would
//! mean the end, and ones that are longer than the buffer, which the kernel would cut. An
//! ICMP error ends the wait: the peer is not there now, so the caller may try another
//! address.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::slice;

use crate::clock::{Deadline, Wait};
use crate::fd::errno;
use crate::log::{Level, log};

/// The receive timeout. It is long enough that an idle wait of some seconds wakes rarely,
/// and short enough that the waits of a busy client are longer.
pub(crate) const RECEIVE_TIMEOUT_MS: u16 = 256;

/// The most ignored datagrams that are skipped once the wait is over.
const MAX_IGNORED: u32 = 16;

// A thread may be cancelled in these functions, which unwinds it. The declarations of the
// crate libc do not allow that.
unsafe extern "C-unwind" {
    fn poll(polled: *mut libc::pollfd, count: libc::nfds_t, timeout: c_int) -> c_int;
    fn recv(fd: c_int, buffer: *mut c_void, len: usize, flags: c_int) -> isize;
}

/// The events that `poll` reports for a socket that was shut down for reading.
const SHUT_DOWN: core::ffi::c_short = libc::POLLRDHUP | libc::POLLHUP | libc::POLLNVAL;

/// Why there is no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceiveError {
    /// The wait is over.
    TimedOut,
    /// A signal arrived.
    Interrupted,
    /// An ICMP message reports that nobody listens at the peer's port.
    Refused,
    /// An ICMP message reports that there is no route to the peer.
    Unreachable,
    /// The socket was shut down for reading.
    ShutDown,
    /// The socket cannot be used.
    Failed,
}

/// Receives one datagram into `buffer`. If a datagram is ignored, the wait may be up to
/// [`RECEIVE_TIMEOUT_MS`] shorter.
///
/// `has_receive_timeout`: the socket was made by this port. Another socket might block for
/// ever in `recv`, so it is polled first.
pub(crate) fn receive(
    fd: c_int,
    buffer: &mut [MaybeUninit<u8>],
    wait: Wait,
    has_receive_timeout: bool,
) -> Result<&mut [u8], ReceiveError> {
    let mut may_block = has_receive_timeout && is_long(wait);
    let mut left = wait;
    let mut deadline = None;
    let mut ignored = 0;
    loop {
        let flags = if may_block {
            0
        } else {
            if left != Wait::For(0) {
                deadline.get_or_insert_with(|| Deadline::after(left));
            }
            await_readable(fd, left)?;
            libc::MSG_DONTWAIT
        };
        let is_ignored = match receive_now(fd, buffer, flags)? {
            Received::Datagram(len) => {
                // SAFETY: the kernel has just written the first `len` bytes of
                // the buffer, and `len` is at most its length.
                return Ok(unsafe { slice::from_raw_parts_mut(buffer.as_mut_ptr().cast(), len) });
            }
            // The receive timeout is over, or another thread was faster.
            Received::Nothing => false,
            Received::Ignored => true,
        };
        // A long wait that ends with a datagram reads no clock: the receive timeout counts
        // as over, even if an ignored datagram ended it early.
        if may_block {
            left = left.less(RECEIVE_TIMEOUT_MS.into());
        }
        may_block = false;
        let deadline = *deadline.get_or_insert_with(|| Deadline::after(left));
        left = deadline.left();
        // After an ignored datagram there may be another one, even if the wait is over; but
        // a flood must not hold the caller.
        ignored += u32::from(is_ignored);
        if deadline.is_over() && !(is_ignored && ignored <= MAX_IGNORED) {
            return Err(ReceiveError::TimedOut);
        }
    }
}

fn is_long(wait: Wait) -> bool {
    match wait {
        Wait::Forever => true,
        Wait::For(ms) => ms >= u32::from(RECEIVE_TIMEOUT_MS),
    }
}

/// Waits up to `ms` milliseconds until one of two sockets can be read; returns whether one
/// can.
pub(super) fn await_either(fds: [c_int; 2], ms: u32) -> bool {
    let mut polled = fds.map(pollable);
    let timeout = c_int::try_from(ms).unwrap_or(c_int::MAX);
    // SAFETY: the pointer and the count describe two valid pollfds. A signal ends the wait,
    // as with one socket.
    unsafe { poll(polled.as_mut_ptr(), 2, timeout) > 0 }
}

const fn pollable(fd: c_int) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN | libc::POLLRDHUP, revents: 0 }
}

/// Polls, or returns at once if the wait is over.
fn await_readable(fd: c_int, wait: Wait) -> Result<(), ReceiveError> {
    let timeout = match wait {
        Wait::Forever => -1,
        Wait::For(0) => return Ok(()),
        Wait::For(ms) => c_int::try_from(ms).unwrap_or(c_int::MAX),
    };
    let mut polled = pollable(fd);
    // SAFETY: the pointer and the count describe one valid pollfd.
    match unsafe { poll(&raw mut polled, 1, timeout) } {
        0 => Err(ReceiveError::TimedOut),
        1.. if polled.revents & SHUT_DOWN != 0 => Err(ReceiveError::ShutDown),
        1.. => Ok(()),
        _ if errno() == libc::EINTR => Err(ReceiveError::Interrupted),
        _ => Err(ReceiveError::Failed),
    }
}

enum Received {
    /// The first bytes of the buffer, this many, are a whole datagram.
    Datagram(usize),
    /// Nothing was there.
    Nothing,
    /// A datagram was there that is ignored.
    Ignored,
}

fn receive_now(
    fd: c_int,
    buffer: &mut [MaybeUninit<u8>],
    flags: c_int,
) -> Result<Received, ReceiveError> {
    // MSG_TRUNC: the result is the datagram's length, even if that exceeds the buffer.
    // SAFETY: the buffer is valid for writes of the given length.
    let got =
        unsafe { recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags | libc::MSG_TRUNC) };
    match usize::try_from(got) {
        Ok(0) if is_shut_down(fd) => Err(ReceiveError::ShutDown),
        Ok(0) => Ok(Received::Ignored),
        Ok(len) if len > buffer.len() => {
            log(
                Level::Warning,
                format_args!(
                    "dropped a datagram of {len} bytes: the limit is {}; let the server send \
                     shorter ones, e.g. by its MTU",
                    buffer.len()
                ),
            );
            Ok(Received::Ignored)
        }
        Ok(len) => Ok(Received::Datagram(len)),
        Err(_) => match errno() {
            error if error == libc::EAGAIN || error == libc::EWOULDBLOCK => Ok(Received::Nothing),
            libc::EINTR => Err(ReceiveError::Interrupted),
            // An earlier datagram was too long for the path. The kernel has noted the
            // path's MTU.
            libc::EMSGSIZE => Ok(Received::Ignored),
            libc::ECONNREFUSED => Err(ReceiveError::Refused),
            error if is_from_icmp(error) => Err(ReceiveError::Unreachable),
            error => {
                log(Level::Error, format_args!("recv failed, errno {error}"));
                Err(ReceiveError::Failed)
            }
        },
    }
}

/// The errors that Linux reports on a connected UDP socket for an ICMP message
/// (`icmp_err_convert` and its IPv6 counterpart). Reading the error clears it.
pub(super) fn is_from_icmp(error: c_int) -> bool {
    matches!(
        error,
        libc::ECONNREFUSED
            | libc::EHOSTUNREACH
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::ENOPROTOOPT
            | libc::EOPNOTSUPP
            | libc::EPROTO
            | libc::EACCES
            | libc::EMSGSIZE
    )
}

/// Distinguishes a socket that was shut down, on which the loop would spin, from an empty
/// datagram.
fn is_shut_down(fd: c_int) -> bool {
    let mut polled = libc::pollfd { fd, events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: the pointer and the count describe one valid pollfd.
    let count = unsafe { libc::poll(&raw mut polled, 1, 0) };
    count > 0 && polled.revents & SHUT_DOWN != 0
}
