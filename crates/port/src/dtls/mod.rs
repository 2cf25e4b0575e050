//! `HAL_DTLSSession_*`: from C's pointers ([`edge`]) to a session that drives an
//! engine over a port's datagrams. The symbols themselves are weak and live in
//! `c/dtls.c`, so that a program's or a firmware's own win.

#[allow(unsafe_code, reason = "takes pointers from C")]
pub mod edge;
mod engine;
mod export;
#[cfg(feature = "dtls")]
mod keeping;
#[cfg(feature = "dtls")]
mod native;
mod port;
mod resumption;
mod session;

use core::ffi::c_uint;

pub use edge::is_builtin;
pub use engine::{Engine, Keeping, Peer, Progress};
#[cfg(feature = "dtls")]
pub use native::Native;
pub use port::{BadSource, Lock, NotReceived, Port};
pub use resumption::{Key, Sessions, forget, remember, session_for};

/// How a session fails; the numbers are those of the interface, in which every
/// code also carries bit 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The caller's mistake.
    BadParameter = 1,
    /// The handshake failed.
    Handshake = 4,
    /// The peer sent a fatal alert.
    FatalAlert = 5,
    /// The peer closed the session.
    Closed = 6,
    /// The session cannot be made.
    Create = 7,
    /// The socket or the engine failed; the interface has no other code for it,
    /// for writing either.
    Transport = 8,
    /// What is kept of the session reserves no further record; save it again.
    Reservation = 9,
    /// The session cannot be kept.
    NotKept = 10,
    /// There is no memory for it.
    OutOfMemory = 11,
}

impl Failure {
    fn code(self) -> c_uint {
        1 << 24 | c_uint::from(self as u8)
    }
}
