//! The "stream" that OpenSSL reads from and writes to: queues of datagrams in
//! memory. One read or write is one datagram.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use std::io::{self, Read, Write};

/// A datagram is opened as soon as it came; more wait only when several threads
/// read. As on any network, what is too much is lost.
const LONGEST_QUEUE: usize = 64;

/// Emptied buffers that are kept for reuse.
const SPARE_BUFFERS: usize = 4;

#[derive(Default)]
pub(super) struct Queue {
    datagrams: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl Queue {
    pub(super) fn push(&mut self, datagram: &[u8]) {
        if self.datagrams.len() < LONGEST_QUEUE {
            let mut buffer = self.spare.pop().unwrap_or_default();
            buffer.clear();
            buffer.extend_from_slice(datagram);
            self.datagrams.push_back(buffer);
        }
    }

    /// Hands the oldest datagram to `take` and keeps its buffer.
    pub(super) fn pop_with<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let datagram = self.datagrams.pop_front()?;
        let taken = take(&datagram);
        if self.spare.len() < SPARE_BUFFERS {
            self.spare.push(datagram);
        }
        Some(taken)
    }
}

#[derive(Default)]
pub(super) struct Datagrams {
    pub(super) arrived: Queue,
    pub(super) departing: Queue,
}

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arrived
            .pop_with(|datagram| {
                // Cut if it does not fit, as a socket does; no record of DTLS is
                // longer than OpenSSL's buffer.
                let len = datagram.len().min(buffer.len());
                buffer[..len].copy_from_slice(&datagram[..len]);
                len
            })
            .ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.departing.push(datagram);
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
