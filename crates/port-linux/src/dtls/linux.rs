//! Linux under a DTLS session: its socket, locks, clocks and randomness.

use core::ffi::{CStr, c_int};
use core::fmt::Arguments;
use core::mem::MaybeUninit;
use core::ops::DerefMut;
use core::sync::atomic::Ordering;

use iot_coap_port::Level;
use iot_coap_port::dtls::{self, BadSource, NotReceived, Port, Sessions};

use super::STATIC_RSA;
use crate::clock::{Wait, calendar_seconds, uptime_ms};
use crate::log::log;
use crate::sync::Lock;
use crate::udp::{ReceiveError, Socket};

static SESSIONS: Lock<Sessions> = Lock::new(Sessions::new());

pub(super) struct Linux(Socket);

impl Linux {
    pub(super) fn descriptor(&self) -> c_int {
        self.0.descriptor()
    }
}

impl Port for Linux {
    type Lock<T: Send> = Lock<T>;

    fn connect(host: &CStr, port: u16) -> Option<Self> {
        Socket::connect(host, port).map(Self)
    }

    fn send(&self, datagram: &[u8]) -> Result<(), i32> {
        self.0.send(datagram)
    }

    fn receive<'b>(
        &self,
        buffer: &'b mut [MaybeUninit<u8>],
        ms: u32,
    ) -> Result<&'b mut [u8], NotReceived> {
        self.0.receive(buffer, Wait::For(ms)).map_err(|error| match error {
            ReceiveError::TimedOut | ReceiveError::Interrupted => NotReceived::Yet,
            ReceiveError::ShutDown | ReceiveError::Failed => NotReceived::Ever,
        })
    }

    fn uptime_ms(&self) -> u64 {
        uptime_ms()
    }

    fn calendar_seconds() -> Option<u64> {
        Some(calendar_seconds())
    }

    /// The kernel's, which has no state here and stops the program where it has
    /// nothing to give; see [`crate::random`].
    fn fill_random(bytes: &mut [u8]) -> Result<(), BadSource> {
        crate::random::fill(bytes);
        Ok(())
    }

    fn may_use_static_rsa() -> bool {
        STATIC_RSA.load(Ordering::Relaxed)
    }

    fn with_sessions<R>(work: impl FnOnce(&mut Sessions) -> R) -> Option<R> {
        Some(work(&mut SESSIONS.lock()))
    }

    fn log(level: Level, line: Arguments<'_>) {
        log(level, line);
    }
}

impl<T: Send> dtls::Lock<T> for Lock<T> {
    fn new(value: T) -> Option<Self> {
        Some(Self::new(value))
    }

    fn lock(&self) -> impl DerefMut<Target = T> {
        self.lock()
    }
}
