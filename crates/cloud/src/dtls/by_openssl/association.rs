//! One handshake and the session that comes of it. Which datagrams it is given
//! is decided elsewhere.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

use openssl::error::ErrorStack;
use openssl::ssl::{Error, ErrorCode, SslStream};

use super::context::{Context, Shown};
use crate::devices::DeviceNumber;
use crate::dtls::claimed::Claimed;
use crate::transport::Route;

/// The largest plaintext of a record.
const LARGEST_RECORD: usize = 16_384;

/// What OpenSSL reads from and writes to: whole datagrams, in memory.
#[derive(Default)]
struct Pipe {
    inward: VecDeque<Vec<u8>>,
    outward: Vec<Vec<u8>>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram =
            self.inward.pop_front().ok_or_else(|| io::Error::from(io::ErrorKind::WouldBlock))?;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outward.push(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How far an association has come.
pub(super) enum Progress {
    Handshaking,
    /// The handshake was completed just now.
    Opened,
    Open,
    /// The client said `close_notify`.
    Closed,
    Failed(String),
}

/// A handshake, or the session that came of it.
pub(super) struct Association {
    stream: SslStream<Pipe>,
    shown: Shown,
    open: bool,
    pub(super) client_random: [u8; 32],
    pub(super) session: u64,
    pub(super) heard: Instant,
    /// Its device has shown who it is.
    pub(super) proved: bool,
    /// The first one that has.
    pub(super) device: Option<DeviceNumber>,
}

impl Association {
    pub(super) fn new(
        context: &Context,
        route: Route,
        client_random: [u8; 32],
        session: u64,
        now: Instant,
    ) -> Result<Self, ErrorStack> {
        let (ssl, shown) = context.session(route.address)?;
        Ok(Self {
            stream: SslStream::new(ssl, Pipe::default())?,
            shown,
            open: false,
            client_random,
            session,
            heard: now,
            proved: false,
            device: None,
        })
    }

    /// The client has shown that it is where it says it is.
    pub(super) fn is_verified(&self) -> bool {
        self.shown.verified.load(Ordering::Relaxed)
    }

    /// Who its client claims to be, if it has a pre-shared key.
    pub(super) fn claimed(&self) -> Option<&Claimed> {
        self.shown.claimed.get()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.stream.ssl().session_reused()
    }

    pub(super) fn cipher(&self) -> String {
        let cipher = self.stream.ssl().current_cipher();
        cipher.map_or_else(String::new, |cipher| cipher.name().to_owned())
    }

    /// Takes a datagram; [`Association::advance`] processes it.
    pub(super) fn feed(&mut self, datagram: Vec<u8>) {
        self.stream.get_mut().inward.push_back(datagram);
    }

    /// Goes as far as it can, and appends what was received to `plaintexts`.
    /// Calling it in a handshake also retransmits the last flight when OpenSSL's
    /// timer says so: the crate offers no other way.
    pub(super) fn advance(&mut self, plaintexts: &mut Vec<Vec<u8>>) -> Progress {
        let mut progress = Progress::Open;
        if !self.open {
            match self.stream.accept() {
                Ok(()) => {
                    self.open = true;
                    progress = Progress::Opened;
                }
                Err(error) if waits(&error) => return Progress::Handshaking,
                Err(error) => return Progress::Failed(reason(&error)),
            }
        }
        let mut buffer = vec![0; LARGEST_RECORD];
        loop {
            match self.stream.ssl_read(&mut buffer) {
                Ok(length) => plaintexts.push(buffer[..length].to_vec()),
                Err(error) if waits(&error) => return progress,
                Err(error) if error.code() == ErrorCode::ZERO_RETURN => return Progress::Closed,
                Err(error) => return Progress::Failed(reason(&error)),
            }
        }
    }

    /// Encrypts a message.
    pub(super) fn send(&mut self, plaintext: &[u8]) -> Result<(), String> {
        match self.stream.ssl_write(plaintext) {
            Ok(_) => Ok(()),
            Err(error) => Err(reason(&error)),
        }
    }

    /// Says `close_notify`.
    pub(super) fn close(&mut self) {
        // Whether the client answers is up to it.
        let _ = self.stream.shutdown();
    }

    /// The datagrams to send.
    pub(super) fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.stream.get_mut().outward)
    }
}

fn waits(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

/// The first reason that OpenSSL gives, e.g. `tlsv1 alert unknown ca`.
fn reason(error: &Error) -> String {
    error
        .ssl_error()
        .and_then(|stack| stack.errors().first()?.reason())
        .map_or_else(|| error.to_string(), str::to_owned)
}
