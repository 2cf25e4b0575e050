//! The link to the endpoint: one state machine for every transport.
//!
//! | state | means |
//! | --- | --- |
//! | open | the transport serves |
//! | suspect | it failed or is gone: a candidate is opened |
//! | backing off | the last candidate failed: the next one is opened after a pause |
//!
//! There is at most one transport and one candidate. A suspect transport is used until
//! the candidate replaces it; if something comes over it, the candidate is closed.
//! Nothing here waits or locks: [`Connector`] opens, and the caller reads.

mod candidate;
mod connector;
mod descriptor;
#[cfg(feature = "dtls-psk")]
mod keeping;
mod reopening;
mod transport;

use alloc::boxed::Box;
use core::ops::Range;

use iot_coap_client::{Duration, Instant};

use crate::log::{Queue, log_later};
use crate::port::IoError;
pub(crate) use candidate::Candidate;
pub(crate) use connector::{Connector, DtlsOptions, Opened, SessionStore};
pub(crate) use reopening::Work;
pub(crate) use transport::{Reader, Transport, Unwritten};

/// If nothing has come from a DTLS peer for so long after a message was sent, it is taken
/// to have forgotten the session. It cannot say so: it drops what it receives.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a read lasts while there are both a transport and a candidate, which are
/// read in turn, in milliseconds.
pub(crate) const TURN_MS: u32 = 20;

/// Whether the transport serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Suspect,
    BackingOff { until: Instant },
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

/// What was replaced. It is closed with no lock held, and while no thread reads.
#[derive(Default)]
pub(crate) struct Retired {
    transport: Option<Transport>,
    candidate: Option<Transport>,
}

impl Retired {
    pub(crate) const fn is_empty(&self) -> bool {
        self.transport.is_none() && self.candidate.is_none()
    }

    pub(crate) fn close(self) {
        for retired in [self.transport, self.candidate].into_iter().flatten() {
            retired.close();
        }
    }

    /// Leaves it to the process that this one was forked off from.
    #[cfg(feature = "std")]
    fn leave_to_parent(self) {
        for retired in [self.transport, self.candidate].into_iter().flatten() {
            retired.leave_to_parent();
        }
    }
}

/// See the [module](self).
pub(crate) struct Link {
    state: State,
    transport: Option<Transport>,
    candidate: Option<Candidate>,
    /// For the owner to close.
    retired: Retired,
    /// Failures in a row, since something came from the peer.
    fruitless: u8,
    /// When the first message was sent over a session since something came from the peer.
    silent_since: Option<Instant>,
    /// Of two sockets that are read in turn, the next one is the candidate's.
    is_candidates_turn: bool,
    /// A session was opened; the owner is yet to be told.
    is_renewed: bool,
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
        log: &mut Queue,
    ) -> Self {
        let mut link = Self {
            state: State::Suspect,
            transport: None,
            candidate: None,
            retired: Retired::default(),
            fruitless: 0,
            silent_since: None,
            is_candidates_turn: false,
            is_renewed: false,
            serial: 0,
            #[cfg(all(feature = "port-linux", feature = "extension"))]
            poller: None,
            #[cfg(all(feature = "port-linux", feature = "extension"))]
            is_watchable: false,
            store,
        };
        link.open(now, Some(opened), log);
        link
    }

    /// Whether there is a transport; `None` while the first is being opened.
    pub(crate) const fn is_connected(&self) -> Option<bool> {
        match (&self.transport, &self.candidate, self.state) {
            (Some(_), ..) => Some(true),
            (None, None, State::BackingOff { .. }) => Some(false),
            (None, ..) => None,
        }
    }

    /// Whether one thread may write while another reads.
    pub(crate) fn is_full_duplex(&self) -> bool {
        self.transport.as_ref().is_none_or(Transport::is_full_duplex)
    }

    /// Whether datagrams can be written. Otherwise they stay due.
    pub(crate) fn can_write(&self) -> bool {
        match &self.transport {
            None => false,
            #[cfg(feature = "dtls-psk")]
            Some(Transport::Session(session)) => session.can_write(),
            Some(_) => true,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`work`](Self::work) has
    /// something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let silence = self.silent_since().map(|since| since + SILENCE);
        match (self.state, &self.candidate) {
            (State::Open, None) => silence,
            (_, Some(candidate)) => Some(candidate.next_timeout()),
            (State::BackingOff { until }, None) => Some(until),
            (State::Suspect, None) => None,
        }
    }

    /// What to read from; `None` if there is no socket.
    pub(crate) fn reading(&mut self) -> Option<Reading> {
        let transport = self.transport.as_ref().map(Transport::reader);
        let candidate = self.candidate.as_ref().and_then(Candidate::reader);
        self.is_candidates_turn = !self.is_candidates_turn;
        let is_shared = transport.is_some() && self.candidate.is_some();
        let (side, reader) = match (transport, candidate) {
            (Some(reader), None) => (Side::Transport, reader),
            (Some(reader), _) if !self.is_candidates_turn => (Side::Transport, reader),
            (_, candidate) => (Side::Candidate, candidate?),
        };
        Some(Reading { side, reader, is_shared })
    }

    /// Ends the read of another thread, if the port can do that, since the link is about to
    /// be closed.
    pub(crate) fn stop_reading(&self) {
        let transports = [&self.transport, &self.retired.transport, &self.retired.candidate];
        let transports = transports.into_iter().flatten().map(Transport::reader);
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
        if side == Side::Candidate {
            let found = self.candidate.as_mut()?.handle_datagram(now, datagram, log);
            self.judge_candidate(now);
            return found;
        }
        let found = match self.transport.as_mut()? {
            #[cfg(feature = "dtls-psk")]
            Transport::Session(session) => {
                let Ok(found) = session.handle_datagram(now, datagram, log) else {
                    self.end_session();
                    return None;
                };
                found?
            }
            _ => (0..datagram.len(), datagram.len()),
        };
        self.note_sign_of_life();
        Some(found)
    }

    /// Something came over the transport.
    fn note_sign_of_life(&mut self) {
        self.silent_since = None;
        self.fruitless = 0;
        if self.state != State::Open {
            self.state = State::Open;
            self.retire_candidate();
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
                log_later!(log, Info, "the connection failed ({:#x}); opening another", error.0);
                if self.transport.as_ref().is_some_and(Transport::is_session) {
                    self.end_session();
                } else {
                    self.suspect(now);
                }
            }
            Side::Candidate if self.candidate.is_some() => self.fail_candidate(now),
            Side::Candidate => {}
        }
    }

    /// Writes a datagram. `expects_answer`: the peer has to answer it.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        datagram: &[u8],
        expects_answer: bool,
        log: &mut Queue,
    ) -> Result<(), Unwritten> {
        let Some(transport) = &mut self.transport else { return Ok(()) };
        if expects_answer && transport.is_session() {
            self.silent_since.get_or_insert(now);
        }
        let written = transport.write(datagram);
        match written {
            Ok(()) => {}
            Err(Unwritten::Io(error)) => {
                log_later!(log, Warning, "sending failed ({}): {} bytes", error.0, datagram.len());
                self.suspect(now);
            }
            #[cfg(feature = "dtls-psk")]
            Err(Unwritten::Ended) => self.end_session(),
        }
        written
    }

    /// Does what is due at `now`. `awaits_acknowledgement`: messages were sent that nothing
    /// acknowledged.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        awaits_acknowledgement: bool,
        log: &mut Queue,
    ) {
        if let Some(candidate) = &mut self.candidate {
            candidate.handle_timeout(now, log);
            self.judge_candidate(now);
        } else if self.state == State::Open
            && self.silent_since().is_some_and(|since| now >= since + SILENCE)
        {
            if awaits_acknowledgement {
                log_later!(log, Info, "no sign of the peer for {SILENCE}; opening another session");
                self.state = State::Suspect;
            } else {
                self.silent_since = None;
            }
        }
    }

    /// What was replaced, to be closed with no lock held, and while no thread reads.
    pub(crate) fn take_retired(&mut self) -> Option<Retired> {
        (!self.retired.is_empty()).then(|| core::mem::take(&mut self.retired))
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

    /// Since when a session has been silent.
    fn silent_since(&self) -> Option<Instant> {
        self.silent_since.filter(|_| cfg!(feature = "_coaps"))
    }

    /// Whether a session was opened and the owner is yet to be told.
    #[inline]
    pub(crate) const fn has_news(&self) -> bool {
        cfg!(feature = "_coaps") && self.is_renewed
    }

    /// Whether there is nothing to tell the owner, to open or to close.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.state == State::Open
            && !self.has_news()
            && self.candidate.is_none()
            && self.retired.is_empty()
    }

    /// Whether there is something to open or to close now.
    #[cfg(feature = "extension")]
    pub(crate) fn is_due(&self) -> bool {
        !self.retired.is_empty() || self.state == State::Suspect && self.candidate.is_none()
    }

    /// Whether a session was opened since the last call.
    pub(crate) const fn take_renewed(&mut self) -> bool {
        cfg!(feature = "_coaps") && core::mem::replace(&mut self.is_renewed, false)
    }

    /// The session is over, and another one is to be opened.
    fn end_session(&mut self) {
        self.retire_transport();
        if self.candidate.is_none() {
            self.state = State::Suspect;
        }
    }

    fn retire_transport(&mut self) {
        if let Some(transport) = self.transport.take() {
            // One that was retired before is not being read: since it was replaced,
            // whoever reads has read from its successor.
            if let Some(older) = self.retired.transport.replace(transport) {
                older.close();
            }
        }
        self.silent_since = None;
    }

    fn retire_candidate(&mut self) {
        if let Some(candidate) = self.candidate.take().and_then(Candidate::into_transport) {
            // As above.
            if let Some(older) = self.retired.candidate.replace(candidate) {
                older.close();
            }
        }
    }
}

#[cfg(not(feature = "dtls-psk"))]
impl Link {
    /// Nothing is kept.
    #[allow(clippy::unused_self, reason = "as with sessions")]
    pub(crate) const fn needs_saving(&self) -> bool {
        false
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.retire_transport();
        self.retire_candidate();
        core::mem::take(&mut self.retired).close();
    }
}
