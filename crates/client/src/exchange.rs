//! One exchange (RFC 7252 sections 4.2 to 4.4 and 5.2): the encoded request, its timers and
//! the application's data. `client/` decides what an answer means.
//!
//! Every exchange has two times, whatever its state:
//!
//! | state | retransmitted | given up |
//! | --- | --- | --- |
//! | due, not yet transmitted; it may be held back | | `EXCHANGE_LIFETIME` after it was made |
//! | due again | | `MAX_TRANSMIT_WAIT` after its first transmission |
//! | awaiting an acknowledgement | a timeout after its last transmission | the same |
//! | awaiting a response, Confirmable | | `EXCHANGE_LIFETIME` after its first transmission |
//! | awaiting a response, Non-confirmable | | `NON_LIFETIME` after its transmission |
//! | parked | | `EXCHANGE_LIFETIME` after it was made or refused |
//!
//! Over a new session, or encoded again with another access token, a request counts as not
//! yet transmitted.

mod state;

use core::mem;

use iot_coap_time::{Duration, Instant};

use crate::code::Code;
use crate::encoded_request::EncodedRequest;
use crate::event::{Dropped, GiveUp};
use crate::format::Kind;
use crate::round_trips::Sample;
use crate::symmetric::{SymmetricKey, UndecryptableError};
use crate::timing::{NEVER, Timeout, Timing};
pub(crate) use state::{End, Overdue, Owner, State};

/// An exchange, or a free place for one.
pub(crate) struct Exchange<A> {
    state: State,
    /// How it ended, if it has.
    end: Option<End>,
    /// The application's data; none for a sign-in.
    application: Option<A>,
    request: EncodedRequest,
    give_up_at: Instant,
    made_at: Instant,
    first_sent: Instant,
    /// When it becomes due again, if `is_timed`: one timeout after its last transmission.
    resend_at: Instant,
    /// How long its last transmission, or the next one, waits for its acknowledgement.
    timeout_ms: u32,
    /// The `halves` of its [`Timeout`].
    halves: u8,
    retransmissions: u8,
    is_timed: bool,
    /// Whether it was ever transmitted.
    was_transmitted: bool,
    /// Whether it carries the Echo option that the cloud asked for.
    is_echoing: bool,
    /// The code with which it was refused before it was sent again.
    refused: Option<Code>,
}

impl<A> Exchange<A> {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Free,
            end: None,
            application: None,
            request: EncodedRequest::new(),
            give_up_at: NEVER,
            made_at: Instant::from_millis(0),
            first_sent: Instant::from_millis(0),
            resend_at: Instant::from_millis(0),
            timeout_ms: 0,
            halves: 0,
            retransmissions: 0,
            is_timed: false,
            was_transmitted: false,
            is_echoing: false,
            refused: None,
        }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// How it ended, if the application is yet to be told.
    pub(crate) const fn end(&self) -> Option<End> {
        self.end
    }

    pub(crate) const fn owner(&self) -> Owner {
        if self.application.is_some() { Owner::Application } else { Owner::SignIn }
    }

    pub(crate) const fn request(&self) -> &EncodedRequest {
        &self.request
    }

    pub(crate) const fn request_mut(&mut self) -> &mut EncodedRequest {
        &mut self.request
    }

    /// Whether it waits for its first transmission, or for the acknowledgement of that.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.retransmissions == 0 && matches!(self.state, State::Due | State::AwaitingAck)
    }

    /// Until when it may be answered, if it was transmitted.
    pub(crate) fn answerable_until(&self, timing: &Timing) -> Option<Instant> {
        self.was_transmitted.then(|| self.first_sent + timing.exchange_lifetime())
    }

    /// Whether the cloud refused it before it was sent again.
    pub(crate) const fn was_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether it was or will be sent with the Echo option.
    pub(crate) const fn is_echoing(&self) -> bool {
        self.is_echoing
    }

    pub(crate) const fn set_echoing(&mut self) {
        self.is_echoing = true;
    }

    /// How long its answer took, if it was transmitted only once.
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.retransmissions == 0).then(|| now.duration_since(self.first_sent))
    }

    /// The round trip, now that the request is acknowledged or answered. `None` if it was
    /// acknowledged before or is Non-confirmable: the time to an answer includes the
    /// server's work.
    pub(crate) fn sample(&self, now: Instant) -> Option<Sample> {
        let transmissions = match self.state {
            State::AwaitingAck => self.retransmissions + 1,
            State::Due => self.retransmissions,
            _ => 0,
        };
        let since_first = now.duration_since(self.first_sent);
        match transmissions {
            0 => None,
            1 => Some(Sample::of_one(since_first)),
            _ => {
                let since_last = (now + self.timeout()).duration_since(self.resend_at);
                Some(Sample::of_several(since_first, since_last))
            }
        }
    }

    /// Whether it is Confirmable and was transmitted, and neither acknowledged nor
    /// answered (section 4.7).
    pub(crate) const fn is_in_flight(&self) -> bool {
        matches!(self.state, State::AwaitingAck)
            || (matches!(self.state, State::Due) && self.retransmissions != 0)
    }

    /// Whether it is due and may be transmitted. If `is_full`, no further Confirmable
    /// message of the application may be in flight.
    pub(crate) const fn may_be_transmitted(&self, is_full: bool) -> bool {
        matches!(self.state, State::Due)
            && (!is_full
                || self.retransmissions != 0
                || matches!(self.owner(), Owner::SignIn)
                || matches!(self.request.kind(), Kind::NonConfirmable))
    }

    /// Whether the peer may still acknowledge, answer or reset it.
    pub(crate) const fn awaits_peer(&self) -> bool {
        matches!(self.state, State::Due | State::AwaitingAck | State::AwaitingResponse)
    }

    /// When it becomes due again.
    fn resend_at(&self) -> Instant {
        if self.is_timed { self.resend_at } else { NEVER }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    /// When [`overdue`](Self::overdue) next returns something.
    pub(crate) fn next_timeout(&self) -> Instant {
        self.resend_at().min(self.give_up_at)
    }

    /// What to do with it at `now`. `is_full`: whether as many messages are in flight as
    /// allowed.
    pub(crate) fn overdue(&self, now: Instant, is_full: bool) -> Option<Overdue> {
        if now >= self.give_up_at {
            return Some(Overdue::GiveUp(match self.state {
                State::Parked => GiveUp::NotSignedIn,
                State::Due if !self.may_be_transmitted(is_full) => GiveUp::HeldBack,
                State::Due if self.retransmissions == 0 => GiveUp::NotFetched,
                State::AwaitingResponse => GiveUp::NotAnswered,
                _ => GiveUp::NotAcknowledged,
            }));
        }
        (now >= self.resend_at()).then_some(Overdue::Resend)
    }

    /// Stores the application's data with a request that was just encoded.
    pub(crate) fn tie(&mut self, application: Option<A>) {
        self.application = application;
        self.refused = None;
        self.is_echoing = false;
        self.was_transmitted = false;
    }

    /// Makes it due for the first time.
    pub(crate) fn make(&mut self, now: Instant, timing: &Timing, timeout: Timeout) {
        self.made_at = now;
        self.first_sent = now;
        self.start_over(timing, timeout);
    }

    /// Makes it due, as if it had not been transmitted yet.
    pub(crate) fn start_over(&mut self, timing: &Timing, timeout: Timeout) {
        self.retransmissions = 0;
        Timeout { ms: self.timeout_ms, halves: self.halves } = timeout;
        self.give_up_at = self.made_at + timing.exchange_lifetime();
        self.set_state(State::Due);
    }

    /// Whether it starts over with a new session below: it is Confirmable, not answered,
    /// and not older than an exchange lifetime.
    pub(crate) fn is_unanswered(&self, now: Instant, timing: &Timing) -> bool {
        self.awaits_peer()
            && self.request.kind() == Kind::Confirmable
            && now < self.made_at + timing.exchange_lifetime()
    }

    /// Waits for an access token.
    pub(crate) const fn park(&mut self) {
        self.set_state(State::Parked);
    }

    /// Notes that it is transmitted now. Returns whether it was transmitted before.
    pub(crate) fn transmit(&mut self, now: Instant, timing: &Timing) -> bool {
        let is_confirmable = matches!(self.request.kind(), Kind::Confirmable);
        if self.retransmissions == 0 {
            self.first_sent = now;
            self.give_up_at = if is_confirmable {
                now + timing.max_transmit_wait()
            } else {
                now + timing.non_lifetime()
            };
        }
        self.resend_at = now + self.timeout();
        if is_confirmable {
            self.set_state(State::AwaitingAck);
            self.is_timed = self.retransmissions < timing.max_retransmit;
        } else {
            self.set_state(State::AwaitingResponse);
        }
        mem::replace(&mut self.was_transmitted, true)
    }

    /// Makes it due once more, with a longer timeout.
    pub(crate) fn resend(&mut self) {
        self.retransmissions = self.retransmissions.saturating_add(1);
        let before = self.timeout();
        self.timeout_ms = Timeout { ms: self.timeout_ms, halves: self.halves }.grown().ms;
        // It is still due again one timeout after its last transmission.
        self.resend_at += self.timeout().saturating_sub(before);
        self.set_state(State::Due);
    }

    /// Makes it due once more with the same timeout, if it is not acknowledged. That counts
    /// as one of its retransmissions, if any are left.
    pub(crate) fn repeat_if_unacknowledged(&mut self, timing: &Timing) {
        if self.state == State::AwaitingAck {
            let most = timing.max_retransmit.max(1);
            self.retransmissions = most.min(self.retransmissions + 1);
            self.set_state(State::Due);
        }
    }

    /// Notes that the peer acknowledged it without an answer.
    pub(crate) fn acknowledge(&mut self, timing: &Timing) -> Result<(), Dropped> {
        if self.request.kind() != Kind::Confirmable {
            return Err(Dropped::Unmatched);
        }
        if self.state == State::AwaitingResponse {
            return Err(Dropped::Duplicate);
        }
        self.give_up_at = self.first_sent + timing.exchange_lifetime();
        self.set_state(State::AwaitingResponse);
        Ok(())
    }

    /// Parks it after the cloud refused its access token, and decrypts its payload. If that
    /// fails, the refusal ends it.
    pub(crate) fn refuse(
        &mut self,
        now: Instant,
        code: Code,
        key: Result<Option<&SymmetricKey>, UndecryptableError>,
        timing: &Timing,
    ) {
        self.refused = Some(code);
        if self.park_in_clear(now, key, timing).is_err() {
            self.finish(End::Refused(code));
        }
    }

    /// Parks it and decrypts its payload.
    fn park_in_clear(
        &mut self,
        now: Instant,
        key: Result<Option<&SymmetricKey>, UndecryptableError>,
        timing: &Timing,
    ) -> Result<(), UndecryptableError> {
        self.request.decrypt_payload(key?)?;
        self.give_up_at = now + timing.exchange_lifetime();
        self.set_state(State::Parked);
        Ok(())
    }

    /// Parks it and decrypts its payload, since another process has its access token and
    /// key from now on. Does nothing if it will not be sent again. If the payload does not
    /// decrypt, the cloud will refuse it.
    pub(crate) fn abandon_credentials(
        &mut self,
        now: Instant,
        key: Result<Option<&SymmetricKey>, UndecryptableError>,
        timing: &Timing,
    ) {
        let is_to_be_sent = self.state == State::Due || self.is_unanswered(now, timing);
        if is_to_be_sent && self.owner() == Owner::Application {
            let _ = self.park_in_clear(now, key, timing);
        }
    }

    /// Ends it without an answer. If it was refused and waited to be sent again, the
    /// refusal is the answer.
    pub(crate) const fn give_up(&mut self, reason: GiveUp) {
        self.finish(match (self.state, self.refused) {
            (State::Parked, Some(code)) => End::Refused(code),
            _ => End::GaveUp(reason),
        });
    }

    const fn finish(&mut self, end: End) {
        self.end = Some(end);
        self.set_state(State::Ended);
    }

    /// Frees its place. The buffer stays for the next request.
    pub(crate) const fn release(&mut self) -> Option<A> {
        self.end = None;
        self.set_state(State::Free);
        self.application.take()
    }

    /// Changes the state, which stops the retransmissions. An exchange that is over cannot
    /// be given up any more.
    const fn set_state(&mut self, state: State) {
        self.state = state;
        self.is_timed = false;
        if matches!(state, State::Free | State::Ended) {
            self.give_up_at = NEVER;
        }
    }
}
