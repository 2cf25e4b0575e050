//! A DTLS session over a port's socket: drives an engine, and lets one thread write
//! while another waits for a datagram.
//!
//! The engine's lock is never held over a wait. A datagram is received into a
//! buffer that belongs to the reading thread for that time, then opened under
//! the lock; so an exchange costs one send and one receive.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::time::Duration;

use super::engine::{Engine, Keeping, Peer, Progress};
use super::{Failure, Lock, NotReceived, Port};
use crate::Level;

/// A handshake that takes longer has failed. With a first retransmission after
/// one second, doubling (RFC 6347, section 4.2.4.1), there is time for four. A
/// port that refuses is given as long: the peer may be starting.
pub(super) const HANDSHAKE_LIMIT_MS: u64 = 30_000;

/// Servers send their handshakes in datagrams that an Ethernet frame carries.
const LONGEST_OF_HANDSHAKE: usize = 2048;

/// What a record is longer than its plaintext at most: header, connection id,
/// nonce, MAC and padding, and a second record of some bytes behind it.
const MOST_OVERHEAD: usize = 256;

/// No datagram is longer; a larger buffer gains nothing.
pub(super) const LONGEST_DATAGRAM: usize = 65_535;

/// Room for a datagram: the capacity, in which nothing stands.
type Buffer = Vec<u8>;

pub(super) struct Session<P: Port, E: Engine> {
    port: P,
    engine: P::Lock<E>,
    /// The receive buffer, away while a thread reads; a second reader makes its
    /// own.
    buffer: P::Lock<Option<Buffer>>,
}

impl<P: Port, E: Engine> Session<P, E> {
    /// Connects to `host`, which is the peer's, and makes a session into `place`,
    /// by the engine that `make` gives at this time.
    // A session is kilobytes that are moved: on a small stack not while it is made,
    // nor while hands are shaken.
    #[inline(never)]
    pub(super) fn connect(
        place: Box<MaybeUninit<Self>>,
        peer: &Peer<'_>,
        host: &CStr,
        make: impl FnOnce(&Peer<'_>, u64) -> Result<E, Failure>,
    ) -> Result<Box<Self>, Failure> {
        let port = P::connect(host, peer.port).ok_or(Failure::Create)?;
        let buffer = new_buffer(LONGEST_OF_HANDSHAKE)?;
        let now = port.uptime_ms();
        Self::assemble(place, port, make(peer, now)?, buffer)
    }

    #[inline(never)]
    fn assemble(
        place: Box<MaybeUninit<Self>>,
        port: P,
        engine: E,
        buffer: Buffer,
    ) -> Result<Box<Self>, Failure> {
        let engine = P::Lock::new(engine).ok_or(Failure::OutOfMemory)?;
        let buffer = P::Lock::new(Some(buffer)).ok_or(Failure::OutOfMemory)?;
        Ok(Box::write(place, Self { port, engine, buffer }))
    }

    /// Shakes hands, which takes at most [`HANDSHAKE_LIMIT_MS`].
    pub(super) fn handshake(&self, peer: &Peer<'_>) -> Result<(), Failure> {
        let Self { port, engine, buffer } = self;
        let (mut engine, mut buffer) = (engine.lock(), buffer.lock());
        let buffer = buffer.as_mut().ok_or(Failure::Transport)?;
        let limit = port.uptime_ms().saturating_add(HANDSHAKE_LIMIT_MS);
        let mut progress = engine.handshake(None, port.uptime_ms());
        loop {
            // Also after a failure: the peer is owed the alert.
            flush(&mut *engine, port);
            let Progress::Waiting(timer) = progress? else {
                return Ok(());
            };
            let left = limit.saturating_sub(port.uptime_ms());
            if left == 0 {
                P::log(
                    Level::Error,
                    format_args!(
                        "DTLS handshake with {} port {} failed: timed out",
                        peer.host, peer.port
                    ),
                );
                engine.abandon();
                return Err(Failure::Handshake);
            }
            let wait = Duration::from_millis(left).min(timer);
            let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
            let received = port.receive(buffer.spare_capacity_mut(), wait);
            let now = port.uptime_ms();
            progress = match received {
                Ok(datagram) => engine.handshake(Some(datagram), now),
                Err(NotReceived::Yet) => engine.handshake(None, now),
                Err(NotReceived::Ever) => return Err(Failure::Transport),
            };
        }
    }

    pub(super) fn port(&self) -> &P {
        &self.port
    }

    pub(super) fn write(&self, plaintext: &[u8]) -> Result<(), Failure> {
        let mut engine = self.engine.lock();
        engine.seal(plaintext)?;
        // Sent under the lock, so that records leave in the order of their
        // numbers.
        match flush(&mut *engine, &self.port) {
            None => Ok(()),
            Some(error) => {
                P::log(Level::Warning, format_args!("cannot send a DTLS record, error {error}"));
                Err(Failure::Transport)
            }
        }
    }

    /// The next record, or `None` when none came within `ms` milliseconds.
    ///
    /// Several threads may read. One that is overtaken by more records than the
    /// replay window holds (64) loses the datagram in its hands.
    pub(super) fn read(
        &self,
        out: &mut [MaybeUninit<u8>],
        ms: u32,
    ) -> Result<Option<usize>, Failure> {
        let start = self.port.uptime_ms();
        // What came in an earlier datagram together with another record.
        if let Some(len) = self.engine.lock().pending(out, start)? {
            return Ok(Some(len));
        }
        // A record that does not fit is of no use to the caller anyway.
        let needed = (out.len() + MOST_OVERHEAD).min(LONGEST_DATAGRAM);
        let kept = self.buffer.lock().take().filter(|buffer| buffer.capacity() >= needed);
        let mut buffer = match kept {
            Some(buffer) => buffer,
            None => new_buffer(needed)?,
        };
        let read = self.read_from_port(&mut buffer, out, start, ms);
        *self.buffer.lock() = Some(buffer);
        read
    }

    fn read_from_port(
        &self,
        buffer: &mut Buffer,
        out: &mut [MaybeUninit<u8>],
        start: u64,
        ms: u32,
    ) -> Result<Option<usize>, Failure> {
        let mut left = ms;
        loop {
            match self.port.receive(buffer.spare_capacity_mut(), left) {
                Ok(datagram) => {
                    let now = self.port.uptime_ms();
                    if let Some(len) = self.open(datagram, out, now)? {
                        return Ok(Some(len));
                    }
                    // A stream of records that carry nothing must not hold the
                    // caller.
                    let passed = u32::try_from(now.saturating_sub(start)).unwrap_or(u32::MAX);
                    left = ms.saturating_sub(passed);
                    if left == 0 {
                        return Ok(None);
                    }
                }
                Err(NotReceived::Yet) => return Ok(None),
                Err(NotReceived::Ever) => return Err(Failure::Transport),
            }
        }
    }

    fn open(
        &self,
        datagram: &mut [u8],
        out: &mut [MaybeUninit<u8>],
        now: u64,
    ) -> Result<Option<usize>, Failure> {
        let mut engine = self.engine.lock();
        let opened = engine.receive(datagram, out, now);
        // The peer may have asked for the last flight of the handshake again.
        flush(&mut *engine, &self.port);
        opened
    }

    pub(super) fn save(&self, keeping: &Keeping<'_>, out: &mut [u8]) -> Result<usize, Failure> {
        self.engine.lock().save(keeping, out)
    }

    pub(super) fn is_saved(&self) {
        self.engine.lock().is_saved();
    }

    pub(super) fn close(&self) {
        let mut engine = self.engine.lock();
        engine.close();
        flush(&mut *engine, &self.port);
    }
}

/// Sends what is due; the last error, which a handshake may ignore, since it
/// retransmits.
fn flush<P: Port, E: Engine>(engine: &mut E, port: &P) -> Option<i32> {
    let mut failed = None;
    engine.transmit(|datagram| {
        if let Err(error) = port.send(datagram) {
            failed = Some(error);
        }
    });
    failed
}

fn new_buffer(len: usize) -> Result<Buffer, Failure> {
    let mut buffer = Buffer::new();
    buffer.try_reserve_exact(len).map_err(|_| Failure::OutOfMemory)?;
    Ok(buffer)
}
