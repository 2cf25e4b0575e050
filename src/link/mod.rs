//! The link to the endpoint: one state machine for every transport.
//!
//! | state | means |
//! | --- | --- |
//! | open | the transport serves |
//! | suspect | it failed or is gone: a candidate is opened |
//! | backing off | the last candidate failed: the next one is opened after a pause |
//!
//! There is at most one transport and one candidate: a session in its handshake, or another
//! socket on which nothing was received yet. Both are read, and the first to receive
//! something from the peer stays. So a slow peer has time to answer, and a peer that has
//! forgotten the session delays nothing. [`health`] decides when a link is suspect. Nothing
//! here waits or locks: [`Connector`] opens, and the caller reads.

mod candidate;
mod cause;
mod connector;
mod descriptor;
mod health;
mod incoming;
#[cfg(feature = "dtls-psk")]
mod keeping;
mod reading;
mod reopening;
mod retired;
mod transport;

use alloc::boxed::Box;

use iot_coap_client::{Duration, Instant};

use crate::log::{Queue, log_later};
use crate::port::{self, Replies, Udp};
pub(crate) use candidate::Candidate;
pub(crate) use cause::PORT_QUESTION;
pub(crate) use connector::{Connector, DtlsOptions, Opened, SessionStore};
pub(crate) use health::Expected;
use health::Health;
pub(crate) use reading::{Reading, Side};
use reopening::Coarse;
pub(crate) use reopening::{Patience, Work};
pub(crate) use retired::Retired;
pub(crate) use transport::{Beside, Reader, Transport, Unwritten};

/// Whether the transport serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Suspect,
    BackingOff { until: Instant },
}

/// News from a link to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Datagrams take another way to the same peer.
    Moved,
    /// A new session was opened, whose peer has forgotten earlier messages.
    Renewed,
}

/// See the [module](self).
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub(crate) struct Link {
    health: Health,
    transport: Option<Transport>,
    candidate: Option<Candidate>,
    /// Replaced transports and candidates, which the owner closes.
    retired: Retired,
    /// How long a candidate may take.
    connect_limit_ms: u32,
    /// When to close the transport so that another one can be opened, if both cannot be
    /// open at once.
    give_up_at: Coarse,
    /// A socket was opened beside the transport before.
    has_room: bool,
    /// If two sockets are read in turn, the candidate's is next.
    is_candidates_turn: bool,
    /// News that the owner was not told yet.
    news: Option<News>,
    /// Counts transports, to tell one from the previous one.
    serial: u16,
    #[cfg(all(feature = "port-linux", feature = "extension"))]
    poller: Option<iot_coap_port_linux::Poller>,
    /// The link's sockets have descriptors.
    #[cfg(all(feature = "port-linux", feature = "extension"))]
    is_watchable: bool,
    store: Option<Box<SessionStore>>,
}

impl Link {
    /// Makes a link with the result of the first opening.
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
            give_up_at: Coarse::NEVER,
            has_room: false,
            is_candidates_turn: false,
            news: None,
            serial: 0,
            #[cfg(all(feature = "port-linux", feature = "extension"))]
            poller: None,
            #[cfg(all(feature = "port-linux", feature = "extension"))]
            is_watchable: false,
            store,
        };
        link.open(now, Some(opened), Patience::NONE, log);
        link.news = None;
        link
    }

    /// Whether there is a transport; `None` while the first one may still open.
    pub(crate) const fn is_connected(&self) -> Option<bool> {
        match (&self.transport, &self.candidate, self.health.state()) {
            (Some(_), ..) => Some(true),
            (None, None, State::BackingOff { .. }) if self.health.has_tried_all() => Some(false),
            (None, ..) => None,
        }
    }

    /// Whether the network has refused datagrams, and nothing has ever come from the peer.
    #[cfg(feature = "port-linux")]
    pub(crate) const fn has_only_been_refused(&self) -> bool {
        self.health.has_noted_refusal() && !self.health.has_heard()
    }

    /// Whether the last datagram was refused, and no other way is being tried.
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
            (State::BackingOff { until }, None) => Some(until.min(self.give_up_at.instant())),
            (State::Suspect, None) => None,
        }
    }

    /// Whether the session serves, but should be replaced by another one.
    fn needs_renewal(&self) -> bool {
        match &self.transport {
            #[cfg(feature = "dtls-psk")]
            Some(Transport::Session(session)) => session.needs_renewal(),
            _ => false,
        }
    }

    /// Writes a datagram. `replies`: how many datagrams the peer is expected to send back.
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

    /// Does what is due at `now`. `expected`: what the client still expects from the peer;
    /// `patience`: how long an answer may take, as far as is known.
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
        } else if !self.health.is_open() && now >= self.give_up_at.instant() {
            self.make_room(log);
        } else if self.health.judge_silence(now, self.is_session(), expected, patience, random()) {
            log_later!(log, Info, "no sign of the peer; opening another connection");
        }
    }

    /// Whether the link's session is kept over restarts.
    #[cfg(feature = "std")]
    pub(crate) const fn keeps_session(&self) -> bool {
        self.store.is_some()
    }

    /// Whether anything has ever come from the peer.
    pub(crate) const fn has_heard(&self) -> bool {
        self.health.has_heard()
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

    /// Takes the news since the last call.
    pub(crate) const fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    fn is_session(&self) -> bool {
        self.transport.as_ref().is_some_and(Transport::is_session)
    }

    /// The probe beside the transport.
    #[inline]
    fn probe(&self) -> Option<Udp> {
        self.candidate.as_ref().and_then(Candidate::probe)
    }

    /// The transport failed. It is used until another one replaces it.
    fn suspect(&mut self, now: Instant, is_broken: bool) {
        self.health.handle_failure(now, is_broken, random());
    }

    /// The session is over, and another one must be opened.
    fn end_session(&mut self, now: Instant) {
        self.abandon_transport();
        if self.candidate.is_none() {
            self.health.handle_end(now, random());
        }
    }
}

/// A random number for the length of a pause.
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
