//! A firmware's own board port under the DTLS sessions of `iot-coap-port`: its
//! `HAL_UDP_*`, `HAL_UptimeMs`, `HAL_Random`, and `HAL_UTC_Get` where it has that.

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::fmt::Arguments;
use core::mem::MaybeUninit;
use core::ops::DerefMut;
use core::sync::atomic::AtomicBool;
#[cfg(target_has_atomic = "8")]
use core::sync::atomic::Ordering;

use iot_coap_port::dtls::{self, BadSource, Native, NotReceived, Port, Sessions};
use iot_coap_port::{Level, export_dtls_sessions};

use super::{HAL_Random, Udp, uptime_ms};
use crate::clock::Clock;
use crate::lock::Lock;

export_dtls_sessions!(Board, Native<Board>);

unsafe extern "C" {
    /// In `c/edges.c`.
    safe fn iotx_port_calendar_ms() -> i64;
}

/// Random bytes that may be alike in a row. Eight of a good source are once in
/// 2^56 draws.
const MOST_REPEATS: u32 = 7;

struct Board {
    socket: Udp,
    clock: Lock<Clock>,
}

// SAFETY: a port's socket may be written to while another thread reads from it,
// and no two threads of a session's write, nor read into one buffer.
unsafe impl Sync for Board {}

impl Drop for Board {
    fn drop(&mut self) {
        self.socket.close();
    }
}

impl Port for Board {
    type Lock<T: Send> = Lock<T>;

    fn connect(host: &CStr, port: u16) -> Option<Self> {
        let clock = Lock::new(Clock::new(uptime_ms())).ok()?;
        Udp::connect(host, port).map(|socket| Self { socket, clock })
    }

    fn send(&self, datagram: &[u8]) -> Result<(), i32> {
        self.socket.write(datagram).map_err(|error| error.0 as i32)
    }

    fn receive<'b>(
        &self,
        buffer: &'b mut [MaybeUninit<u8>],
        ms: u32,
    ) -> Result<&'b mut [u8], NotReceived> {
        match self.socket.read_uninit(buffer, ms) {
            Ok([]) => Err(NotReceived::Yet),
            Ok(datagram) => Ok(datagram),
            Err(_) => Err(NotReceived::Ever),
        }
    }

    fn uptime_ms(&self) -> u64 {
        self.clock.lock().at(uptime_ms())
    }

    fn calendar_seconds() -> Option<u64> {
        u64::try_from(iotx_port_calendar_ms() / 1000).ok()
    }

    /// A byte at a time: some ports' numbers have 15 bits. A port that always
    /// says the same, as a stub does, is found out.
    fn fill_random(bytes: &mut [u8]) -> Result<(), BadSource> {
        let mut repeats = 0;
        let mut last = None;
        for byte in bytes {
            // SAFETY: takes a number.
            *byte = unsafe { HAL_Random(256) } as u8;
            repeats = if last == Some(*byte) { repeats + 1 } else { 0 };
            if repeats >= MOST_REPEATS {
                return Err(BadSource);
            }
            last = Some(*byte);
        }
        Ok(())
    }

    fn may_use_static_rsa() -> bool {
        true
    }

    fn with_sessions<R>(work: impl FnOnce(&mut Sessions) -> R) -> Option<R> {
        SESSIONS.with(work)
    }

    fn log(level: Level, line: Arguments<'_>) {
        crate::log::write_of_port(level, line);
    }
}

impl<T: Send> dtls::Lock<T> for Lock<T> {
    fn new(value: T) -> Option<Self> {
        Self::new(value).ok()
    }

    fn lock(&self) -> impl DerefMut<Target = T> {
        self.lock()
    }
}

/// For one thread at a time; whoever comes meanwhile goes without, since a port
/// may have no lock to wait for.
struct Shared {
    taken: AtomicBool,
    sessions: UnsafeCell<Sessions>,
}

// SAFETY: the sessions are reached only by the one thread that set `taken`.
unsafe impl Sync for Shared {}

static SESSIONS: Shared =
    Shared { taken: AtomicBool::new(false), sessions: UnsafeCell::new(Sessions::new()) };

impl Shared {
    #[cfg(target_has_atomic = "8")]
    fn with<R>(&self, work: impl FnOnce(&mut Sessions) -> R) -> Option<R> {
        if self.taken.swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: `taken` was not set, and is until the reference is gone.
        let done = work(unsafe { &mut *self.sessions.get() });
        self.taken.store(false, Ordering::Release);
        Some(done)
    }

    /// A core that cannot exchange atomically keeps nothing.
    #[cfg(not(target_has_atomic = "8"))]
    fn with<R>(&self, _work: impl FnOnce(&mut Sessions) -> R) -> Option<R> {
        None
    }
}
