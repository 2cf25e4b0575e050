//! The DTLS engine by OpenSSL: a client that speaks DTLS 1.2 only and verifies
//! the chain, the dates and the name of its peer.

mod context;
mod datagrams;
mod reason;

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::time::Duration;

use iot_coap_port::dtls::{Engine, Failure, Key, Peer, Progress, forget, remember, session_for};
use openssl::error::ErrorStack;
use openssl::ssl::{Error, ErrorCode, SslRef, SslSession, SslStream};
use openssl_sys::SSL_ctrl;
use zeroize::Zeroizing;

use self::datagrams::Datagrams;
use super::linux::Linux;
use crate::log::{Level, log};

/// The longest plaintext of a record, 2^14 (RFC 5246, section 6.2.1).
const LONGEST_PLAINTEXT: usize = 16_384;

/// How long to wait for a datagram when OpenSSL's timer does not run.
const NO_TIMER: Duration = Duration::from_secs(1);

pub(super) struct Client {
    stream: SslStream<Datagrams>,
    /// A record is read whole before it is known to fit the caller's buffer.
    plaintext: Box<[MaybeUninit<u8>]>,
    /// Set once the session has ended; every later call says so again.
    ended: Option<Failure>,
    handshake_done: bool,
    key: Key,
}

impl Client {
    fn greet(&self) {
        let ssl = self.stream.ssl();
        let name = &self.key;
        let cipher = ssl.current_cipher().map_or("no cipher", |cipher| cipher.name());
        let how = if ssl.session_reused() { "resumed" } else { "opened" };
        log(Level::Info, format_args!("DTLS session with {name} {how}, {cipher}"));
        // The names of suites with an ephemeral key exchange say so.
        if !cipher.starts_with("ECDHE-") {
            log(Level::Warning, format_args!("{name} has no forward secrecy to offer: {cipher}"));
        }
        // Encoded, because a session object must not meet a second context.
        match ssl.session().and_then(|session| session.to_der().ok()) {
            Some(session) => remember::<Linux>(&self.key, Zeroizing::new(session)),
            None => forget::<Linux>(&self.key),
        }
    }

    /// What an error of a session that stood means.
    fn end(&mut self, error: &Error) -> Failure {
        let failure = if error.code() == ErrorCode::ZERO_RETURN {
            Failure::Closed
        } else {
            // RFC 5246, section 7.2.2: a session with a fatal alert is not resumed.
            forget::<Linux>(&self.key);
            let failure = if reason::is_alert_of_peer(error) {
                Failure::FatalAlert
            } else {
                Failure::Transport
            };
            log(Level::Warning, format_args!("DTLS session with {}: {error}", self.key));
            failure
        };
        self.ended = Some(failure);
        failure
    }
}

/// OpenSSL does not let a session out, so that none is kept.
impl Engine for Client {
    fn new(peer: &Peer<'_>, _now: u64) -> Result<Self, Failure> {
        let mut ssl = context::client(peer)?;
        let key = Key::of(peer)?;
        offer_session(&mut ssl, &key);
        Ok(Self {
            stream: SslStream::new(ssl, Datagrams::default()).map_err(|error| cannot(&error))?,
            plaintext: Box::new_uninit_slice(LONGEST_PLAINTEXT),
            ended: None,
            handshake_done: false,
            key,
        })
    }

    fn transmit(&mut self, mut send: impl FnMut(&[u8])) {
        let departing = &mut self.stream.get_mut().departing;
        while departing.pop_with(&mut send).is_some() {}
    }

    fn handshake(&mut self, datagram: Option<&mut [u8]>, _now: u64) -> Result<Progress, Failure> {
        if let Some(datagram) = datagram {
            self.stream.get_mut().arrived.push(datagram);
        }
        match self.stream.connect() {
            Ok(()) => {
                self.handshake_done = true;
                self.greet();
                Ok(Progress::Done)
            }
            Err(error) if error.code() == ErrorCode::WANT_READ => {
                Ok(Progress::Waiting(retransmission_timer(self.stream.ssl())))
            }
            Err(error) => {
                let reason = reason::of_handshake(&error, self.stream.ssl());
                log(
                    Level::Error,
                    format_args!("DTLS handshake with {} failed: {reason}", self.key),
                );
                self.abandon();
                Err(Failure::Handshake)
            }
        }
    }

    fn abandon(&mut self) {
        forget::<Linux>(&self.key);
        self.ended = Some(Failure::Handshake);
    }

    fn seal(&mut self, plaintext: &[u8]) -> Result<(), Failure> {
        if let Some(failure) = self.ended {
            return Err(failure);
        }
        if plaintext.len() > LONGEST_PLAINTEXT {
            return Err(Failure::BadParameter);
        }
        match self.stream.ssl_write(plaintext) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.end(&error)),
        }
    }

    fn receive(
        &mut self,
        datagram: &mut [u8],
        out: &mut [MaybeUninit<u8>],
        now: u64,
    ) -> Result<Option<usize>, Failure> {
        self.stream.get_mut().arrived.push(datagram);
        self.pending(out, now)
    }

    fn pending(
        &mut self,
        out: &mut [MaybeUninit<u8>],
        _now: u64,
    ) -> Result<Option<usize>, Failure> {
        if let Some(failure) = self.ended {
            return Err(failure);
        }
        loop {
            let len = match self.stream.ssl_read_uninit(&mut self.plaintext) {
                Ok(0) => return Ok(None),
                Ok(len) => len,
                Err(error) if error.code() == ErrorCode::WANT_READ => return Ok(None),
                Err(error) => return Err(self.end(&error)),
            };
            let record = self.plaintext.get(..len).unwrap_or_default();
            if let Some(place) = out.get_mut(..len) {
                place.copy_from_slice(record);
                return Ok(Some(len));
            }
            log(
                Level::Debug,
                format_args!("dropped a record of {len} bytes: the buffer has {}", out.len()),
            );
        }
    }

    fn close(&mut self) {
        // After the peer's own close_notify ours is due too (RFC 5246, 7.2.1);
        // after anything else that ended the session it is not.
        if self.handshake_done && matches!(self.ended, None | Some(Failure::Closed)) {
            let _ = self.stream.shutdown();
        }
    }
}

/// Offers the last session with this peer for resumption.
fn offer_session(ssl: &mut SslRef, key: &Key) {
    let Some(session) = session_for::<Linux>(key) else { return };
    let session = SslSession::from_der(&session);
    // SAFETY: the session was decoded for this client alone and belongs to no
    // other context.
    if !session.is_ok_and(|session| unsafe { ssl.set_session(&session) }.is_ok()) {
        forget::<Linux>(key);
    }
}

/// When OpenSSL wants to be called again.
fn retransmission_timer(ssl: &SslRef) -> Duration {
    use foreign_types_shared::ForeignTypeRef;

    /// `DTLS_CTRL_GET_TIMEOUT`, behind the macro `DTLSv1_get_timeout`.
    const GET_TIMEOUT: core::ffi::c_int = 73;

    let mut left = libc::timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: the session is live, and for this command OpenSSL writes a
    // timeval through the pointer.
    let runs = unsafe { SSL_ctrl(ssl.as_ptr(), GET_TIMEOUT, 0, (&raw mut left).cast()) };
    if runs != 1 {
        return NO_TIMER;
    }
    let seconds = u64::try_from(left.tv_sec).unwrap_or(0);
    let microseconds = u64::try_from(left.tv_usec).unwrap_or(0);
    // Rounded up: the wait that follows counts whole milliseconds.
    Duration::from_millis(seconds * 1000 + microseconds.div_ceil(1000))
}

fn cannot(error: &ErrorStack) -> Failure {
    log(Level::Error, format_args!("OpenSSL cannot make a DTLS session: {error}"));
    Failure::Create
}
