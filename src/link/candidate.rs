//! A candidate may become the transport. It is a host name that is being looked up, a
//! socket on which nothing was received yet, or a session in its handshake.

#[cfg(feature = "dtls-psk")]
use alloc::boxed::Box;
use core::ops::Range;
use core::task::Poll;

use iot_coap_client::{Duration, Instant};

use super::cause::{Cause, PORT_QUESTION};
use super::health::SILENCE;
use super::transport::{Reader, Transport};
#[cfg(feature = "dtls-psk")]
use crate::dtls::{Session, Verdict};
use crate::log::{Queue, log_later};
use crate::port::{Connected, Udp};

/// The longest time for looking up a name.
#[cfg(feature = "port-linux")]
const MAX_LOOKUP_TIME: Duration = Duration::from_secs(30);

/// A connection that is being opened, and its deadline.
pub(crate) struct Candidate {
    stage: Stage,
    give_up_at: Instant,
    /// A read has failed.
    has_error: bool,
}

/// The progress of a candidate.
enum Stage {
    /// A thread of the port looks the name up and connects.
    #[cfg(feature = "port-linux")]
    Looking(iot_coap_port_linux::Opening),
    /// A socket beside the transport.
    Probing(Udp),
    #[cfg(feature = "dtls-psk")]
    Handshaking(Box<Session>),
}

/// The result of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Ready,
    Failed(Cause),
}

impl Candidate {
    #[cfg(feature = "port-linux")]
    pub(super) fn looking(opening: iot_coap_port_linux::Opening, now: Instant) -> Self {
        Self { stage: Stage::Looking(opening), give_up_at: now + MAX_LOOKUP_TIME, has_error: false }
    }

    /// A probe, for as long as an answer may take.
    pub(super) fn probing(socket: Udp, now: Instant, patience: Duration) -> Self {
        let give_up_at = now + SILENCE.max(patience);
        Self { stage: Stage::Probing(socket), give_up_at, has_error: false }
    }

    /// A session, whose time begins with [`start`](Self::start).
    #[cfg(feature = "dtls-psk")]
    pub(super) const fn handshaking(session: Box<Session>, now: Instant) -> Self {
        Self { stage: Stage::Handshaking(session), give_up_at: now, has_error: false }
    }

    /// Whether the candidate goes on after a failed read. In a handshake, a single error
    /// counts as a loss: anybody can forge a refusal (RFC 6347, section 4.1.2.7), and the
    /// flight is repeated.
    pub(super) fn outlasts_error(&mut self) -> bool {
        match self.stage {
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(_) => !core::mem::replace(&mut self.has_error, true),
            _ => false,
        }
    }

    /// The socket of a probe.
    pub(super) const fn probe(&self) -> Option<Udp> {
        if let Stage::Probing(socket) = self.stage { Some(socket) } else { None }
    }

    #[cfg(feature = "dtls-psk")]
    fn session(&mut self) -> Option<&mut Session> {
        if let Stage::Handshaking(session) = &mut self.stage { Some(session) } else { None }
    }

    /// Whether a name is being looked up.
    pub(super) const fn is_looking(&self) -> bool {
        match self.stage {
            #[cfg(feature = "port-linux")]
            Stage::Looking(_) => true,
            _ => false,
        }
    }

    /// The socket, once the name was looked up; `None` if it could not be opened.
    pub(super) fn poll_socket(&mut self) -> Poll<Option<Connected>> {
        match &mut self.stage {
            #[cfg(feature = "port-linux")]
            Stage::Looking(opening) => opening.poll().map(|opened| opened.map(Connected::from)),
            _ => Poll::Pending,
        }
    }

    /// The socket to read from.
    pub(super) fn reader(&self) -> Option<Reader> {
        match &self.stage {
            Stage::Probing(socket) => Some(Reader::Udp(*socket)),
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) => Some(Reader::Udp(session.socket())),
            #[cfg(feature = "port-linux")]
            Stage::Looking(_) => None,
        }
    }

    /// The descriptor that becomes readable when the candidate can go on.
    #[cfg(all(feature = "port-linux", feature = "extension"))]
    pub(super) fn descriptor(&self) -> Option<i32> {
        match &self.stage {
            Stage::Looking(opening) => Some(opening.descriptor()),
            Stage::Probing(socket) => socket.descriptor(),
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) => session.socket().descriptor(),
        }
    }

    /// When the candidate next has something to do.
    pub(super) fn next_timeout(&self) -> Instant {
        let next = match &self.stage {
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) => session.next_timeout(),
            _ => None,
        };
        next.map_or(self.give_up_at, |at: Instant| at.min(self.give_up_at))
    }

    /// Sends the first flight. The time limit of a session counts from `now`, so that
    /// earlier waiting, such as for a name server, is not included.
    pub(super) fn start(&mut self, now: Instant, most: Duration, log: &mut Queue) {
        if !self.is_looking() {
            self.give_up_at = now + most;
        }
        #[cfg(feature = "dtls-psk")]
        if let Some(session) = self.session() {
            session.start(now, most, log);
        }
        let _ = log;
    }

    /// Handles a datagram, like [`Link::handle_datagram`](super::Link::handle_datagram).
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        log: &mut Queue,
    ) -> Option<(Range<usize>, usize)> {
        #[cfg(feature = "dtls-psk")]
        if let Some(session) = self.session() {
            // An error that ends the handshake is kept in the session's state.
            return session.handle_datagram(now, datagram, log).ok().flatten();
        }
        let _ = (now, datagram, log);
        None
    }

    /// Does what is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Instant, log: &mut Queue) {
        let is_late = now >= self.give_up_at;
        #[cfg(feature = "dtls-psk")]
        if let Some(session) = self.session() {
            if is_late {
                session.abandon();
            } else if session.next_timeout().is_some_and(|at| now >= at) {
                session.handle_timeout(now, log);
            }
        }
        if is_late && self.probe().is_none() {
            log_later!(log, Error, "no connection: timed out; {PORT_QUESTION}");
        }
    }

    /// The result, as far as it is known.
    pub(super) fn progress(&self, now: Instant) -> Progress {
        match &self.stage {
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) if session.is_open() => Progress::Ready,
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) if session.verdict() == Some(Verdict::Declined) => {
                Progress::Failed(Cause::Declined)
            }
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) if session.verdict() == Some(Verdict::Silent) => {
                Progress::Failed(Cause::Silent)
            }
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session)
                if session.verdict().is_some() || session.ended().is_some() =>
            {
                Progress::Failed(Cause::Handshake)
            }
            // The older transport has had enough time to answer.
            Stage::Probing(_) if now >= self.give_up_at => Progress::Ready,
            _ if now >= self.give_up_at => Progress::Failed(Cause::Late),
            _ => Progress::Waiting,
        }
    }

    /// The transport that this candidate is for, whether it succeeded or not. `None` if a
    /// name is being looked up; the look-up ends.
    pub(super) fn into_transport(self) -> Option<Transport> {
        match self.stage {
            Stage::Probing(socket) => Some(Transport::Udp(socket)),
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) => Some(Transport::Session(session)),
            #[cfg(feature = "port-linux")]
            Stage::Looking(_) => None,
        }
    }
}
