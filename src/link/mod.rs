//! The link to the endpoint: one state machine for every transport.
//!
//! | state | means |
//! | --- | --- |
//! | open | the transport serves |
//! | suspect | it failed or is gone: a candidate is opened |
//! | backing off | the last candidate failed: the next one is opened after a pause |
//!
//! There is at most one transport and one candidate: a session in its handshake, or another
//! socket, from which nothing has come yet. Both are read, and whichever has something from
//! the peer first stays: a peer that is slow is waited for, and one that has forgotten the
//! session does not hold anybody up. What makes a link suspect is in [`health`].
//! Nothing here waits or locks: [`Connector`] opens, and the caller reads.

mod candidate;
mod connector;
mod descriptor;
mod health;
#[cfg(feature = "dtls-psk")]
mod keeping;
mod reopening;
mod retired;
mod transport;

use alloc::boxed::Box;
use core::ops::Range;

use iot_coap_client::{Duration, Instant};

use crate::log::{Queue, log_later};
use crate::port::{self, IoError, Replies, Udp};
pub(crate) use candidate::Candidate;
pub(crate) use connector::{Connector, DtlsOptions, Opened, SessionStore};
pub(crate) use health::Expected;
use health::{Cause, Health};
pub(crate) use reopening::Work;
pub(crate) use retired::Retired;
pub(crate) use transport::{Reader, Transport, Unwritten};

/// How long a read lasts while there are both a transport and a candidate, which are
/// read in turn, in milliseconds: in a handshake, and while a probe is open, which takes
/// longer and is in no hurry.
const TURN_MS: u64 = 20;
const TURN_OF_PROBE_MS: u64 = 100;

/// Whether the transport serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Suspect,
    BackingOff { until: Instant },
}

/// What the owner of a link is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Datagrams take another way to the same peer.
    Moved,
    /// A session was opened, whose peer has forgotten what it heard.
    Renewed,
}

/// Which socket a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Transport,
    Candidate,
}

/// What to read from next.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) side: Side,
    pub(crate) reader: Reader,
    /// There is another socket to be read next.
    pub(crate) is_shared: bool,
}

/// See the [module](self).
pub(crate) struct Link {
    health: Health,
    transport: Option<Transport>,
    candidate: Option<Candidate>,
    /// For the owner to close.
    retired: Retired,
    /// How long a candidate may take.
    connect_limit_ms: u32,
    /// Of two sockets that are read in turn, the next one is the candidate's.
    is_candidates_turn: bool,
    /// What the owner is yet to be told.
    news: Option<News>,
    /// Counts transports, so that one can be told from the one before.
    serial: u16,
    #[cfg(all(feature = "port-linux", feature = "extension"))]
    poller: Option<iot_coap_port_linux::Poller>,
    /// Its sockets have descriptors.
    #[cfg(all(feature = "port-linux", feature = "extension"))]
    is_watchable: bool,
    store: Option<Box<SessionStore>>,
}

impl Link {
    /// A link over what was opened.
    pub(crate) fn new(
        now: Instant,
        opened: Opened,
        store: Option<Box<SessionStore>>,
        connect_limit: Duration,
        log: &mut Queue,
    ) -> Self {
        let mut link = Self {
            health: Health::new(),
            transport: None,
            candidate: None,
            retired: Retired::default(),
            connect_limit_ms: connect_limit.as_millis_u32(),
            is_candidates_turn: false,
            news: None,
            serial: 0,
            #[cfg(all(feature = "port-linux", feature = "extension"))]
            poller: None,
            #[cfg(all(feature = "port-linux", feature = "extension"))]
            is_watchable: false,
            store,
        };
        link.open(now, Some(opened), Duration::ZERO, log);
        link.news = None;
        link
    }

    /// Whether there is a transport; `None` while the first may yet be opened.
    pub(crate) const fn is_connected(&self) -> Option<bool> {
        match (&self.transport, &self.candidate, self.health.state()) {
            (Some(_), ..) => Some(true),
            (None, None, State::BackingOff { .. }) if self.health.is_hopeless() => Some(false),
            (None, ..) => None,
        }
    }

    /// Whether what was sent last was refused, and nothing else is tried now.
    pub(crate) const fn is_refusing(&self) -> bool {
        let is_trying = self.candidate.is_some() || matches!(self.health.state(), State::Suspect);
        self.transport.is_some() && self.health.is_broken() && !is_trying
    }

    /// How long a candidate may take.
    pub(crate) fn connect_limit(&self) -> Duration {
        Duration::from_millis(self.connect_limit_ms.into())
    }

    /// Whether one thread may write while another reads.
    pub(crate) fn is_full_duplex(&self) -> bool {
        self.transport.as_ref().is_none_or(Transport::is_full_duplex)
    }

    /// Whether datagrams can be written. Otherwise they stay due.
    #[inline]
    pub(crate) fn can_write(&self) -> bool {
        match &self.transport {
            None => self.probe().is_some(),
            #[cfg(feature = "dtls-psk")]
            Some(Transport::Session(session)) => session.can_write(),
            Some(_) => true,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`work`](Self::work) has
    /// something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match (self.health.state(), &self.candidate) {
            (State::Open, None) => self.health.judge_at(),
            (_, Some(candidate)) => Some(candidate.next_timeout()),
            (State::BackingOff { until }, None) => Some(until),
            (State::Suspect, None) => None,
        }
    }

    /// What to read from; `None` if there is no socket.
    pub(crate) fn reading(&mut self) -> Option<Reading> {
        let transport = self.transport.as_ref().map(Transport::reader);
        let Some(candidate) = &self.candidate else {
            return Some(Reading { side: Side::Transport, reader: transport?, is_shared: false });
        };
        let candidate = candidate.reader();
        self.is_candidates_turn = !self.is_candidates_turn;
        let is_shared = transport.is_some();
        let (side, reader) = match (transport, candidate) {
            (Some(reader), None) => (Side::Transport, reader),
            (Some(reader), _) if !self.is_candidates_turn => (Side::Transport, reader),
            (_, candidate) => (Side::Candidate, candidate?),
        };
        Some(Reading { side, reader, is_shared })
    }

    /// How long a read may last of two sockets that are read in turn.
    pub(crate) fn turn(&self) -> Duration {
        let ms = if self.probe().is_some() { TURN_OF_PROBE_MS } else { TURN_MS };
        Duration::from_millis(ms)
    }

    /// Ends the read of another thread, if the port can do that, since the link is about to
    /// be closed.
    pub(crate) fn stop_reading(&self) {
        let transports = self.transport.iter().chain(self.retired.iter()).map(Transport::reader);
        let candidate = self.candidate.as_ref().and_then(Candidate::reader);
        transports.chain(candidate).for_each(Reader::stop);
    }

    /// Takes a datagram, or what is left of one, and returns where in it there is a
    /// CoAP message in clear, and where the rest begins; `None` once all is read.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        side: Side,
        datagram: &mut [u8],
        log: &mut Queue,
    ) -> Option<(Range<usize>, usize)> {
        // A session that was the candidate's a moment ago has the transport's place, and the rest
        // of what came with its Finished is for it.
        if side == Side::Candidate && !(self.candidate.is_none() && self.is_session()) {
            if self.probe().is_some() {
                self.take_candidate();
                self.health.handle_sign_of_life();
                return Some((0..datagram.len(), datagram.len()));
            }
            let found = self.candidate.as_mut()?.handle_datagram(now, datagram, log);
            self.judge_candidate(now);
            return found;
        }
        let found = match self.transport.as_mut()? {
            #[cfg(feature = "dtls-psk")]
            Transport::Session(session) => {
                let Ok(found) = session.handle_datagram(now, datagram, log) else {
                    log_later!(log, Info, "the session has ended");
                    self.end_session(now);
                    return None;
                };
                let Some(found) = found else {
                    self.judge_forgeries(now, log);
                    return None;
                };
                found
            }
            _ => (0..datagram.len(), datagram.len()),
        };
        self.health.handle_sign_of_life();
        if self.candidate.is_some() && !self.needs_renewal() {
            self.retire_candidate();
        }
        Some(found)
    }

    /// Whether the session serves, but another one should take its place.
    fn needs_renewal(&self) -> bool {
        match &self.transport {
            #[cfg(feature = "dtls-psk")]
            Some(Transport::Session(session)) => session.needs_renewal(),
            _ => false,
        }
    }

    /// A record was dropped. Before too many were forged, another session is opened.
    #[cfg(feature = "dtls-psk")]
    fn judge_forgeries(&mut self, now: Instant, log: &mut Queue) {
        if self.candidate.is_none() && self.health.is_open() && self.needs_renewal() {
            log_later!(log, Warning, "many forged records; opening another session");
            self.suspect(now, false);
        }
    }

    /// A read failed.
    pub(crate) fn handle_read_error(
        &mut self,
        now: Instant,
        side: Side,
        error: IoError,
        log: &mut Queue,
    ) {
        match side {
            Side::Transport => {
                if self.health.is_open() {
                    let what = if error.is_unreachable() { "is refused" } else { "failed" };
                    log_later!(log, Info, "the connection {what} ({}); opening another", error.0);
                }
                if error.is_unreachable() || !self.is_session() {
                    self.suspect(now, !error.is_unreachable());
                } else {
                    self.end_session(now);
                }
            }
            Side::Candidate if self.candidate.as_mut().is_some_and(Candidate::outlasts_error) => {
                log_later!(log, Debug, "the handshake goes on after an error ({})", error.0);
            }
            Side::Candidate if self.candidate.is_some() => {
                log_later!(log, Info, "no connection: refused ({})", error.0);
                self.fail_candidate(now, Cause::Refused);
            }
            Side::Candidate => {}
        }
    }

    /// There is no memory to read into what comes for the candidate. It would wait in vain
    /// until it is too late, and hold memory meanwhile.
    #[cfg(feature = "dtls-psk")]
    pub(crate) fn handle_no_memory(&mut self, now: Instant, log: &mut Queue) {
        if self.candidate.is_some() {
            log_later!(log, Error, "no connection: out of memory");
            self.fail_candidate(now, Cause::Handshake);
        }
    }

    /// Writes a datagram. `replies`: what is expected of the peer then.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        datagram: &[u8],
        replies: Replies,
        log: &mut Queue,
    ) -> Result<(), Unwritten> {
        if replies != Replies::None {
            self.health.handle_sent(now);
        }
        if let Some(probe) = self.probe()
            && probe.write(datagram, replies).is_ok()
        {
            return Ok(());
        }
        let Some(transport) = &mut self.transport else { return Ok(()) };
        let written = transport.write(datagram, replies);
        match written {
            Ok(()) => {}
            Err(Unwritten::Io(error)) => {
                if self.health.is_open() {
                    let len = datagram.len();
                    log_later!(log, Warning, "sending failed ({}): {len} bytes", error.0);
                }
                self.suspect(now, true);
            }
            #[cfg(feature = "dtls-psk")]
            Err(Unwritten::Ended) => self.end_session(now),
            #[cfg(feature = "dtls-psk")]
            Err(Unwritten::TooLong) => {
                let len = datagram.len();
                log_later!(log, Error, "a message of {len} bytes is longer than max_fragment");
            }
            #[cfg(feature = "dtls-psk")]
            Err(Unwritten::NoMemory) => {
                let len = datagram.len();
                log_later!(log, Warning, "sending failed (out of memory): {len} bytes");
            }
        }
        written
    }

    /// Does what is due at `now`. `expected`: what the client still expects; `patience`: how
    /// long an answer may take, as far as is known.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        expected: Expected,
        patience: Duration,
        log: &mut Queue,
    ) {
        if let Some(candidate) = &mut self.candidate {
            candidate.handle_timeout(now, log);
            self.judge_candidate(now);
        } else if self.health.judge_silence(now, self.is_session(), expected, patience, random()) {
            log_later!(log, Info, "no sign of the peer; opening another connection");
        }
    }

    /// Whether its session is kept over restarts.
    #[cfg(feature = "std")]
    pub(crate) const fn keeps_session(&self) -> bool {
        self.store.is_some()
    }

    /// Whether a name is being looked up.
    pub(crate) fn is_looking(&self) -> bool {
        self.candidate.as_ref().is_some_and(Candidate::is_looking)
    }

    /// Whether there is something to tell the owner.
    #[inline]
    pub(crate) const fn has_news(&self) -> bool {
        self.news.is_some()
    }

    /// Whether there is nothing to tell the owner, to open or to close.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.health.is_open()
            && !self.has_news()
            && self.candidate.is_none()
            && self.retired.is_empty()
    }

    /// Whether there is something to open or to close now.
    pub(crate) fn is_due(&self) -> bool {
        !self.retired.is_empty()
            || self.health.state() == State::Suspect && self.candidate.is_none()
    }

    /// Whether there is something to open as soon as there is something to send.
    #[cfg(feature = "extension")]
    pub(crate) const fn is_deferred(&self) -> bool {
        self.candidate.is_none() && self.health.is_deferred()
    }

    /// Whether nothing is being opened.
    #[cfg(feature = "extension")]
    pub(crate) const fn is_idle(&self) -> bool {
        self.candidate.is_none()
            && !self.has_news()
            && !matches!(self.health.state(), State::Suspect)
    }

    /// What happened since the last call.
    pub(crate) const fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    fn is_session(&self) -> bool {
        self.transport.as_ref().is_some_and(Transport::is_session)
    }

    /// The socket that is tried beside the transport.
    #[inline]
    fn probe(&self) -> Option<Udp> {
        self.candidate.as_ref().and_then(Candidate::probe)
    }

    /// The transport failed. It is used until another one replaces it.
    fn suspect(&mut self, now: Instant, is_broken: bool) {
        self.health.handle_failure(now, is_broken, random());
    }

    /// The session is over, and another one is to be opened.
    fn end_session(&mut self, now: Instant) {
        self.retire_transport();
        if self.candidate.is_none() {
            self.health.handle_end(now, random());
        }
    }
}

/// For the length of a pause.
fn random() -> u32 {
    port::seed() as u32
}

#[cfg(not(all(feature = "dtls-psk", feature = "extension")))]
impl Link {
    /// Nothing is kept.
    #[allow(clippy::unused_self, reason = "as with sessions")]
    pub(crate) const fn needs_saving(&self) -> bool {
        false
    }
}

#[cfg(not(feature = "dtls-psk"))]
impl Link {
    /// No handshake is measured.
    #[allow(clippy::unused_self, reason = "as with sessions")]
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        None
    }

    /// Nothing is kept.
    #[allow(clippy::unused_self, reason = "as with sessions")]
    pub(crate) const fn kept_timeout(&self) -> Option<Duration> {
        None
    }
}
