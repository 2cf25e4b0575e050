//! Opens a link again: decides when, after which pause, and what replaces the transport.

use core::task::Poll;

use iot_coap_client::{Duration, Instant};

use super::candidate::{Candidate, Progress};
use super::cause::Cause;
use super::connector::{Opened, Way};
use super::transport::Transport;
use super::{Link, News, State, random};
use crate::log::{Queue, log_later};
use crate::port::Connected;

/// The most addresses that share the time to connect.
const MAX_SHARES: u8 = 3;

/// A time that never comes.
const NEVER: Instant = Instant::from_millis(u64::MAX);

/// A time that may be a second late, in half the room of an [`Instant`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Coarse(u32);

impl Coarse {
    /// Never.
    pub(super) const NEVER: Self = Self(u32::MAX);

    /// Milliseconds are shifted by this many bits: a division takes much code on a
    /// processor of 32 bits.
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
    /// How long a silent session is kept if no other can be opened beside it. Together with
    /// the silence before, this is about how long a Confirmable message waits (RFC 7252,
    /// section 4.8.2).
    pub(crate) without_room: Duration,
}

impl Patience {
    /// The patience while the first transport opens.
    pub(super) const NONE: Self =
        Self { with_answer: Duration::ZERO, without_room: Duration::ZERO };
}

/// Work that must be done with no lock held.
pub(crate) enum Work {
    /// Open a transport to the address with this number, by
    /// [`Connector::reopen`](super::Connector::reopen).
    Open(u8),
    /// Go on with a connected socket, by
    /// [`Connector::open_over`](super::Connector::open_over).
    OpenOver(Connected),
}

impl Link {
    /// Returns the work that is due; [`open`](Self::open) takes its result. `is_needed`:
    /// the client has something to send or expects something.
    pub(crate) fn work(&mut self, now: Instant, is_needed: bool) -> Option<Work> {
        let can_rest = !is_needed && self.can_rest();
        let can_wait = !is_needed
            && self.serial != 0
            && !self.health.is_broken()
            // A session is renewed before too many records are forged.
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
            // A device with nothing to send needs no other way.
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
                // Some boards have one socket only, or use one local port only.
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

    /// Takes a transport or candidate that was opened, or `None` if nothing could be
    /// opened.
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
                // A message that the only address refused is not sent there again at once.
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
                // A candidate with a restored session is ready at once.
                self.judge_candidate(now);
            }
        }
    }

    /// Nothing could be opened. Perhaps the board has only one socket, so the transport
    /// must make room: soon, if that loses no session or the session's datagrams are
    /// refused; otherwise, after some patience. If there was room for a second socket
    /// before, the failure has another cause, such as an absent name server, and the
    /// transport stays.
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

    /// Closes the transport, so that another one can be opened.
    pub(super) fn make_room(&mut self, log: &mut Queue) {
        log_later!(log, Warning, "no sign of the peer, and no second socket; closing the first");
        self.abandon_transport();
    }

    /// Whether the transport has made room, and nothing was opened since.
    fn has_made_room(&self) -> bool {
        self.give_up_at != Coarse::NEVER && self.transport.is_none()
    }

    /// Retires the transport, although there is nothing to replace it yet.
    pub(super) fn abandon_transport(&mut self) {
        #[cfg(all(feature = "dtls-psk", feature = "extension"))]
        if let Some(store) = &mut self.store {
            store.give_up_live();
        }
        self.retire_transport();
    }

    /// How long a candidate may take. If there are several addresses, time is left for the
    /// others.
    fn time_to_connect(&self) -> Duration {
        let shares = self.health.addresses().clamp(1, MAX_SHARES);
        Duration::from_millis(u64::from(self.connect_limit_ms) / u64::from(shares))
    }

    /// The shortest time that the first flight of the next handshake waits for its answer.
    pub(crate) fn first_timeout(&self) -> Option<Duration> {
        #[cfg(feature = "dtls-psk")]
        return self.health.first_timeout(self.time_to_connect(), random());
        #[cfg(not(feature = "dtls-psk"))]
        None
    }

    /// Leaves everything that is open to the parent process, and opens another transport.
    #[cfg(feature = "std")]
    pub(crate) fn leave_to_parent(&mut self) {
        // The parent goes on with the descriptor that both processes share.
        self.renew_descriptor();
        // This is done before other transports are retired and closed.
        core::mem::take(&mut self.retired).leave_to_parent();
        self.retire_candidate();
        self.retire_transport();
        core::mem::take(&mut self.retired).leave_to_parent();
        // If two processes owned a kept session, both would use the same record numbers.
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

    /// Acts on the candidate's progress.
    pub(super) fn judge_candidate(&mut self, now: Instant) {
        match self.candidate.as_ref().map(|candidate| candidate.progress(now)) {
            Some(Progress::Ready) => self.take_candidate(),
            Some(Progress::Failed(cause)) => self.fail_candidate(now, cause),
            Some(Progress::Waiting) | None => {}
        }
    }

    /// The candidate takes the transport's place.
    pub(super) fn take_candidate(&mut self) {
        // The owner was told of a probe when the probe began.
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
