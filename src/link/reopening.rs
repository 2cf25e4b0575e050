//! Opens a link anew: when, after how long a pause, and what replaces the transport.

use core::task::Poll;

use iot_coap_client::{Duration, Instant};

use super::candidate::{Candidate, Progress};
use super::connector::{Opened, Way};
use super::health::Cause;
use super::transport::Transport;
use super::{Link, News, State, random};
use crate::log::{Queue, log_later};
use crate::port::Connected;

/// Among how many addresses the time to connect is divided at most.
const MAX_SHARES: u8 = 3;

/// What a time is set to that does not come.
const NEVER: Instant = Instant::from_millis(u64::MAX);

/// A time that may be a second late, in half the room of an [`Instant`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Coarse(u32);

impl Coarse {
    /// One that does not come.
    pub(super) const NEVER: Self = Self(u32::MAX);

    /// Milliseconds are shifted by so much: a division is large on processors of 32 bits.
    const SHIFT: u32 = 10;

    /// At `at`, or within a second after it.
    pub(super) fn after(at: Instant) -> Self {
        Self(u32::try_from((at.as_millis() >> Self::SHIFT) + 1).unwrap_or(u32::MAX))
    }

    pub(super) const fn instant(self) -> Instant {
        match self {
            Self::NEVER => NEVER,
            Self(coarse) => Instant::from_millis((coarse as u64) << Self::SHIFT),
        }
    }
}

/// How long a link waits for its peer.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// How long an answer may take, as far as is known.
    pub(crate) with_answer: Duration,
    /// How long a session is kept that is silent, and beside which no other can be opened.
    /// Together with the silence that came before, a Confirmable message is waited for as long
    /// (RFC 7252, section 4.8.2).
    pub(crate) without_room: Duration,
}

impl Patience {
    /// For the first transport.
    pub(super) const NONE: Self =
        Self { with_answer: Duration::ZERO, without_room: Duration::ZERO };
}

/// What has to be done with no lock held.
pub(crate) enum Work {
    /// Open a transport to the address with this number, by
    /// [`Connector::reopen`](super::Connector::reopen).
    Open(u8),
    /// Go on with a socket that is connected, by
    /// [`Connector::open_over`](super::Connector::open_over).
    OpenOver(Connected),
}

impl Link {
    /// What is to be done with no lock held; [`open`](Self::open) takes the result.
    /// `is_needed`: the client has something to send or expects something.
    pub(crate) fn work(&mut self, now: Instant, is_needed: bool) -> Option<Work> {
        let can_rest = !is_needed && self.can_rest();
        let can_wait = !is_needed
            && self.serial != 0
            && !self.health.is_broken()
            // Before too many records are forged.
            && !self.needs_renewal();
        let has_made_room = self.has_made_room();
        match (&mut self.candidate, self.health.state()) {
            (Some(candidate), _) => {
                let Poll::Ready(socket) = candidate.poll_socket() else { return None };
                // The name was looked up.
                self.retire_candidate();
                if socket.is_none() {
                    self.health.handle_not_opened(now, random());
                }
                socket.map(Work::OpenOver)
            }
            (None, State::BackingOff { until })
                if now < until && !(is_needed && self.health.is_deferred()) && !has_made_room =>
            {
                None
            }
            (None, State::Open) => None,
            // A device that says nothing need not know where to.
            (None, _) if can_rest => {
                self.health.rest();
                self.give_up_at = Coarse::NEVER;
                None
            }
            (None, State::Suspect) if can_wait => {
                self.health.defer(now, random());
                None
            }
            (None, _) => {
                // Some boards have one socket, or use one port.
                if self.health.is_broken() && matches!(self.transport, Some(Transport::Udp(_))) {
                    self.retire_transport();
                }
                Some(Work::Open(self.health.next_address()))
            }
        }
    }

    /// Whether the transport will do until there is something to send.
    fn can_rest(&self) -> bool {
        matches!(self.transport, Some(Transport::Udp(_))) && !self.health.is_broken()
    }

    /// Takes what was opened, or that nothing was.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        opened: Option<Opened>,
        patience: Patience,
        log: &mut Queue,
    ) {
        let Some(Opened { way, addresses }) = opened else {
            self.health.handle_not_opened(now, random());
            self.judge_room(now, patience);
            return;
        };
        self.give_up_at = Coarse::NEVER;
        self.has_room |= self.transport.is_some();
        if addresses != 0 {
            self.health.handle_opened(addresses);
        }
        match way {
            Way::Ready(Transport::Udp(socket))
                if self.transport.is_some() && !self.health.is_broken() =>
            {
                self.candidate = Some(Candidate::probing(socket, now, patience.with_answer));
                // What the same address refused is not sent to it again at once.
                if self.health.addresses() > 1 {
                    self.news = Some(News::Moved);
                }
                self.watch();
            }
            Way::Ready(transport) => {
                let is_session = transport.is_session();
                self.replace(transport, Some(if is_session { News::Renewed } else { News::Moved }));
            }
            Way::Candidate(mut candidate) => {
                candidate.start(now, self.time_to_connect(), log);
                self.candidate = Some(candidate);
                self.watch();
                // If it goes on with a kept session, it is ready at once.
                self.judge_candidate(now);
            }
        }
    }

    /// Nothing could be opened. If that is because some boards have one socket, the transport
    /// has to make room: soon if no session is lost by that, or if what it sends is refused, and
    /// else after some patience. It is kept where there was room before, and a name server is
    /// away.
    fn judge_room(&mut self, now: Instant, patience: Patience) {
        if self.transport.is_none() || self.has_room {
            self.give_up_at = Coarse::NEVER;
            return;
        }
        let Patience { with_answer, without_room } = patience;
        let is_worth_waiting = self.is_session() && !self.health.is_broken();
        let at = now + if is_worth_waiting { without_room } else { with_answer };
        self.give_up_at = self.give_up_at.min(Coarse::after(at));
    }

    /// Gives the transport up, so that another one can be opened.
    pub(super) fn make_room(&mut self, log: &mut Queue) {
        log_later!(log, Warning, "no sign of the peer, and no second socket; closing the first");
        self.abandon_transport();
    }

    /// Whether the transport was given up, and nothing was opened since.
    fn has_made_room(&self) -> bool {
        self.give_up_at != Coarse::NEVER && self.transport.is_none()
    }

    /// The transport is over, and nothing is there yet to take its place.
    pub(super) fn abandon_transport(&mut self) {
        #[cfg(all(feature = "dtls-psk", feature = "extension"))]
        if let Some(store) = &mut self.store {
            store.give_up_live();
        }
        self.retire_transport();
    }

    /// How long a candidate may take. If there are several addresses, it leaves time for
    /// others.
    fn time_to_connect(&self) -> Duration {
        let shares = self.health.addresses().clamp(1, MAX_SHARES);
        Duration::from_millis(u64::from(self.connect_limit_ms) / u64::from(shares))
    }

    /// How long the first flight of the next handshake waits for its answer at least.
    pub(crate) fn first_timeout(&self) -> Option<Duration> {
        #[cfg(feature = "dtls-psk")]
        return self.health.first_timeout(self.time_to_connect(), random());
        #[cfg(not(feature = "dtls-psk"))]
        None
    }

    /// Leaves everything that is open to the process that this one was forked off from, and
    /// opens a transport anew.
    #[cfg(feature = "std")]
    pub(crate) fn leave_to_parent(&mut self) {
        // Its parent goes on with the one that they had in common.
        self.renew_descriptor();
        // Before others take their places, and are closed.
        core::mem::take(&mut self.retired).leave_to_parent();
        self.retire_candidate();
        self.retire_transport();
        core::mem::take(&mut self.retired).leave_to_parent();
        // Two owners of one kept session would use the same record numbers.
        self.store = None;
        self.news = None;
        self.health.begin_anew();
        self.give_up_at = Coarse::NEVER;
    }

    /// The candidate failed.
    pub(super) fn fail_candidate(&mut self, now: Instant, cause: Cause) {
        let was_looking = self.is_looking();
        self.retire_candidate();
        if was_looking {
            self.health.handle_not_opened(now, random());
        } else {
            self.health.handle_candidate_failed(now, cause, random());
        }
    }

    /// Checks what has become of the candidate.
    pub(super) fn judge_candidate(&mut self, now: Instant) {
        match self.candidate.as_ref().map(|candidate| candidate.progress(now)) {
            Some(Progress::Ready) => self.take_candidate(),
            Some(Progress::Failed(cause)) => self.fail_candidate(now, cause),
            Some(Progress::Waiting) | None => {}
        }
    }

    /// The candidate takes the transport's place.
    pub(super) fn take_candidate(&mut self) {
        // Of a probe it was told when it began.
        let news = if self.probe().is_some() { self.news } else { Some(News::Renewed) };
        if let Some(transport) = self.candidate.take().and_then(Candidate::into_transport) {
            self.replace(transport, news);
        }
    }

    /// Replaces the transport.
    fn replace(&mut self, transport: Transport, news: Option<News>) {
        self.retire_transport();
        self.transport = Some(transport);
        self.health.handle_replaced();
        self.give_up_at = Coarse::NEVER;
        self.news = news;
        self.serial = self.serial.wrapping_add(1);
        self.watch();
    }
}
