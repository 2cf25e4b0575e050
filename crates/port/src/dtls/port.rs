//! What a session takes from the system that it runs on.

use core::ffi::CStr;
use core::fmt::Arguments;
use core::mem::MaybeUninit;
use core::ops::DerefMut;

use super::resumption::Sessions;
use crate::Level;

/// A connected socket, and the system around it. Used by several threads at once
/// where there are any.
pub trait Port: Sized + Sync {
    /// The system's lock.
    type Lock<T: Send>: Lock<T>;

    /// Connects to `host`, a name or an address without brackets. Says in the
    /// log why where it cannot.
    fn connect(host: &CStr, port: u16) -> Option<Self>;

    /// Sends one datagram; or says what the system calls the error.
    ///
    /// # Errors
    ///
    /// That number.
    fn send(&self, datagram: &[u8]) -> Result<(), i32>;

    /// Waits up to `ms` milliseconds for a datagram and writes it into `buffer`;
    /// with 0 takes only what is there, where the system can do that.
    ///
    /// # Errors
    ///
    /// [`NotReceived`] says whether a later call may succeed.
    fn receive<'b>(
        &self,
        buffer: &'b mut [MaybeUninit<u8>],
        ms: u32,
    ) -> Result<&'b mut [u8], NotReceived>;

    /// Milliseconds of a clock that never goes back.
    fn uptime_ms(&self) -> u64;

    /// Seconds since 1970, where there is a clock and it was set.
    fn calendar_seconds() -> Option<u64>;

    /// Fills `bytes` with what nobody can guess.
    ///
    /// # Errors
    ///
    /// Where the source cannot be trusted: then there is no session.
    fn fill_random(bytes: &mut [u8]) -> Result<(), BadSource>;

    /// Whether sessions may fall back to key exchange by static RSA, which old
    /// servers need and which has no forward secrecy.
    fn may_use_static_rsa() -> bool;

    /// Hands over the sessions that can be resumed; `None` where another thread
    /// has them just now, and nothing is to be kept or had.
    fn with_sessions<R>(work: impl FnOnce(&mut Sessions) -> R) -> Option<R>;

    /// Takes a line for the log. It must not panic, and never carries a secret.
    fn log(level: Level, line: Arguments<'_>);
}

/// Why there is no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReceived {
    /// None came in time, or a signal did.
    Yet,
    /// The socket is of no use.
    Ever,
}

/// A source of randomness that fails, or says the same again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSource;

impl core::fmt::Display for BadSource {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the source of randomness fails, or repeats itself")
    }
}

impl core::error::Error for BadSource {}

/// A lock around a value.
pub trait Lock<T>: Sync + Sized {
    /// `None` where the system has no lock to give.
    fn new(value: T) -> Option<Self>;

    /// Waits for the lock, and holds it as long as what it returns lives.
    fn lock(&self) -> impl DerefMut<Target = T>;
}
