//! A DTLS session over a socket: drives an engine, and lets one thread write
//! while another waits for a datagram.
//!
//! The engine's lock is never held over a wait. A datagram is received into a
//! buffer that belongs to the reading thread for that time, then opened under
//! the lock; so an exchange costs one send and one receive.

use alloc::boxed::Box;
use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;

use super::Failure;
use super::engine::{Engine, Keeping, Peer, Progress};
use crate::clock::{Deadline, Wait};
use crate::log::{Level, log};
use crate::sync::Lock;
use crate::text::Text;
use crate::udp::{LONGEST_DATAGRAM, ReceiveError, Socket};

/// A handshake that takes longer has failed. With a first retransmission after
/// one second, doubling (RFC 6347, section 4.2.4.1), there is time for four. A
/// port that refuses is given as long: the peer may be starting.
pub(super) const HANDSHAKE_LIMIT_MS: u32 = 30_000;

/// Servers send their handshakes in datagrams that an Ethernet frame carries.
const LONGEST_OF_HANDSHAKE: usize = 2048;

/// What a record is longer than its plaintext at most: header, connection id,
/// nonce, MAC and padding, and a second record of some bytes behind it.
const MOST_OVERHEAD: usize = 256;

type Buffer = Box<[MaybeUninit<u8>]>;

pub(super) struct Session<E> {
    socket: Socket,
    engine: Lock<E>,
    /// The receive buffer, away while a thread reads; a second reader makes its
    /// own.
    buffer: Lock<Option<Buffer>>,
}

impl<E: Engine> Session<E> {
    pub(super) fn connect(peer: &Peer<'_>, mut engine: E) -> Result<Self, Failure> {
        let mut host = Text::<288>::new();
        host.push(peer.host.as_bytes()).ok_or(Failure::BadParameter)?;
        let socket = Socket::connect(host.as_c_str(), peer.port).ok_or(Failure::Create)?;
        let mut buffer = new_buffer(LONGEST_OF_HANDSHAKE);
        let deadline = Deadline::after(Wait::For(HANDSHAKE_LIMIT_MS));
        let mut progress = engine.handshake(None);
        loop {
            // Also after a failure: the peer is owed the alert.
            flush(&mut engine, &socket);
            let Progress::Waiting(timer) = progress? else {
                break;
            };
            if deadline.is_over() {
                log_timeout(host.as_c_str(), peer.port);
                engine.abandon();
                return Err(Failure::Handshake);
            }
            progress = match socket.receive(&mut buffer, deadline.left_within(timer)) {
                Ok(datagram) => engine.handshake(Some(datagram)),
                Err(ReceiveError::TimedOut | ReceiveError::Interrupted) => engine.handshake(None),
                Err(ReceiveError::ShutDown | ReceiveError::Failed) => {
                    return Err(Failure::Transport);
                }
            };
        }
        Ok(Self { socket, engine: Lock::new(engine), buffer: Lock::new(Some(buffer)) })
    }

    pub(super) fn descriptor(&self) -> core::ffi::c_int {
        self.socket.descriptor()
    }

    pub(super) fn write(&self, plaintext: &[u8]) -> Result<(), Failure> {
        let mut engine = self.engine.lock();
        engine.seal(plaintext)?;
        // Sent under the lock, so that records leave in the order of their
        // numbers.
        match flush(&mut *engine, &self.socket) {
            None => Ok(()),
            Some(error) => {
                log(Level::Warning, format_args!("cannot send a DTLS record, errno {error}"));
                Err(Failure::Transport)
            }
        }
    }

    /// The next record, or `None` when the wait is over.
    ///
    /// Several threads may read. One that is overtaken by more records than the
    /// replay window holds (64) loses the datagram in its hands.
    pub(super) fn read(
        &self,
        out: &mut [MaybeUninit<u8>],
        wait: Wait,
    ) -> Result<Option<usize>, Failure> {
        let deadline = Deadline::after(wait);
        // What came in an earlier datagram together with another record.
        if let Some(len) = self.engine.lock().pending(out)? {
            return Ok(Some(len));
        }
        // A record that does not fit is of no use to the caller anyway.
        let needed = out.len() + MOST_OVERHEAD;
        let kept = self.buffer.lock().take().filter(|buffer| buffer.len() >= needed);
        let mut buffer = kept.unwrap_or_else(|| new_buffer(needed));
        let read = self.read_from_socket(&mut buffer, out, deadline);
        *self.buffer.lock() = Some(buffer);
        read
    }

    fn read_from_socket(
        &self,
        buffer: &mut Buffer,
        out: &mut [MaybeUninit<u8>],
        deadline: Deadline,
    ) -> Result<Option<usize>, Failure> {
        loop {
            match self.socket.receive(buffer, deadline.left()) {
                Ok(datagram) => {
                    if let Some(len) = self.open(datagram, out)? {
                        return Ok(Some(len));
                    }
                }
                Err(ReceiveError::TimedOut | ReceiveError::Interrupted) => return Ok(None),
                Err(ReceiveError::ShutDown | ReceiveError::Failed) => {
                    return Err(Failure::Transport);
                }
            }
            // A stream of records that carry nothing must not hold the caller.
            if deadline.is_over() {
                return Ok(None);
            }
        }
    }

    fn open(
        &self,
        datagram: &mut [u8],
        out: &mut [MaybeUninit<u8>],
    ) -> Result<Option<usize>, Failure> {
        let mut engine = self.engine.lock();
        let opened = engine.receive(datagram, out);
        // The peer may have asked for the last flight of the handshake again.
        flush(&mut *engine, &self.socket);
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
        flush(&mut *engine, &self.socket);
    }
}

/// Sends what is due; the last error, which a handshake may ignore, since it
/// retransmits.
fn flush<E: Engine>(engine: &mut E, socket: &Socket) -> Option<c_int> {
    let mut failed = None;
    engine.transmit(|datagram| {
        if let Err(error) = socket.send(datagram) {
            failed = Some(error);
        }
    });
    failed
}

fn new_buffer(len: usize) -> Buffer {
    Box::new_uninit_slice(len.min(LONGEST_DATAGRAM))
}

fn log_timeout(host: &CStr, port: u16) {
    log(Level::Error, format_args!("DTLS handshake with {host:?} port {port} failed: timed out"));
}
