//! Requests on their way (RFC 7252 sections 4.2 to 4.4 and 5.2): each keeps
//! its one encoded copy, its timer and what the application tied to it. Holds
//! state; what moves it from one state to the next is in [`crate::client`].

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::client::{ExchangeId, GiveUp, HeadName};
use crate::code::Code;
use crate::message::Kind;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No request: the place and its buffer can be used.
    Free,
    /// To be transmitted, for the first time or again.
    Due,
    /// Confirmable, transmitted, neither acknowledged nor answered.
    AwaitingAck,
    /// Acknowledged, or Non-confirmable: an answer is still to come.
    AwaitingResponse,
    /// Without an access token: to be transmitted once there is one.
    Parked,
    /// Over without an answer to deliver; the application is yet to be told.
    Ended,
}

/// How a request ended without an answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The cloud refused it, and signing in again did not help.
    Refused(Code),
    /// It is not waited for any longer.
    GaveUp(GiveUp),
}

/// A request on its way, or a place for one.
pub(crate) struct Exchange<A> {
    state: State,
    /// How it ended, where it has.
    end: Option<End>,
    /// What the application tied to it; none for a sign-in.
    application: Option<A>,
    pub(crate) kind: Kind,
    pub(crate) id: u16,
    pub(crate) token: u32,
    /// When the state it is in ends.
    pub(crate) deadline: u64,
    /// How long the transmission that is running waits for its answer.
    pub(crate) timeout_ms: u64,
    pub(crate) retransmissions: u8,
    /// Whether it was ever transmitted.
    pub(crate) transmitted: bool,
    pub(crate) first_sent: u64,
    /// When it was made: after an exchange lifetime from then no new session
    /// gives it further tries.
    pub(crate) made_at: u64,
    /// The encoded message; holds an access token, so it is wiped.
    pub(crate) datagram: Zeroizing<Vec<u8>>,
    /// What `datagram` begins with, up to and with the access token.
    pub(crate) head: HeadName,
    /// Where the options up to Accept end, and the access token's begins.
    pub(crate) head_len: usize,
    /// Where the options end.
    pub(crate) options_len: usize,
    /// Where the payload, or what is encrypted of it, begins.
    pub(crate) payload_start: usize,
    /// Which access token it carries.
    pub(crate) generation: u32,
    /// The code with which it was refused before it was sent again.
    pub(crate) refused: Option<Code>,
}

impl<A> Exchange<A> {
    fn new() -> Self {
        Self {
            state: State::Free,
            end: None,
            application: None,
            kind: Kind::Confirmable,
            id: 0,
            token: 0,
            deadline: u64::MAX,
            timeout_ms: 0,
            retransmissions: 0,
            transmitted: false,
            first_sent: 0,
            made_at: 0,
            datagram: Zeroizing::new(Vec::new()),
            head: HeadName::default(),
            head_len: 0,
            options_len: 0,
            payload_start: 0,
            generation: 0,
            refused: None,
        }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Whether the application sent it; the client itself signs in.
    pub(crate) const fn is_of_application(&self) -> bool {
        self.application.is_some()
    }

    /// Whether the peer may still acknowledge, answer or reset it.
    pub(crate) const fn is_outstanding(&self) -> bool {
        matches!(self.state, State::Due | State::AwaitingAck | State::AwaitingResponse)
    }

    /// The message's payload, as it was encoded.
    pub(crate) fn payload(&self) -> &[u8] {
        self.datagram.get(self.payload_start..).unwrap_or_default()
    }
}

/// All requests of a client.
pub(crate) struct Table<A> {
    pub(crate) list: Vec<Exchange<A>>,
    /// How many are `Due`, and how many `Ended`, so that asking takes no walk.
    due: usize,
    ended: usize,
    /// How many are the application's.
    outstanding: usize,
}

/// The heap is exhausted.
pub(crate) struct OutOfMemory;

impl<A> Table<A> {
    pub(crate) const fn new() -> Self {
        Self { list: Vec::new(), due: 0, ended: 0, outstanding: 0 }
    }

    /// How many places hold a request of the application.
    pub(crate) const fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Whether one is in [`State::Due`].
    pub(crate) const fn any_due(&self) -> bool {
        self.due != 0
    }

    /// Moves the request at `index` to another state. What is due, waits for an
    /// access token or is over has no deadline.
    #[cfg_attr(feature = "fast", inline)]
    #[cfg_attr(not(feature = "fast"), inline(never))]
    pub(crate) fn set_state(&mut self, index: usize, state: State) {
        let exchange = &mut self.list[index];
        let old = core::mem::replace(&mut exchange.state, state);
        self.due += usize::from(state == State::Due);
        self.due -= usize::from(old == State::Due);
        self.ended += usize::from(state == State::Ended);
        self.ended -= usize::from(old == State::Ended);
        if !matches!(state, State::AwaitingAck | State::AwaitingResponse) {
            exchange.deadline = u64::MAX;
        }
    }

    /// Ties what the application gave to the request at `index`.
    pub(crate) fn tie(&mut self, index: usize, application: A) {
        self.list[index].application = Some(application);
        self.outstanding += 1;
    }

    /// Empties the place; its buffer stays for the next request.
    pub(crate) fn release(&mut self, index: usize) -> Option<A> {
        self.set_state(index, State::Free);
        let exchange = &mut self.list[index];
        exchange.refused = None;
        exchange.transmitted = false;
        let application = exchange.application.take();
        self.outstanding -= usize::from(application.is_some());
        application
    }

    /// Ends the request at `index` without an answer.
    pub(crate) fn end(&mut self, index: usize, end: End) {
        self.set_state(index, State::Ended);
        self.list[index].end = Some(end);
    }

    /// Ends the request at `index`, which waited for an access token: where it
    /// was refused before, that is its answer.
    pub(crate) fn end_unsent(&mut self, index: usize, reason: GiveUp) {
        let refused = self.list[index].refused;
        self.end(index, refused.map_or(End::GaveUp(reason), End::Refused));
    }

    /// Whether a request ended.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended != 0
    }

    /// A request that ended, and how.
    pub(crate) fn ended(&self) -> Option<(usize, End)> {
        if self.ended == 0 {
            return None;
        }
        let index = self.position(|exchange| exchange.state == State::Ended)?;
        Some((index, self.list[index].end?))
    }

    /// A free place, made where there is none.
    pub(crate) fn free_place(&mut self) -> Result<usize, OutOfMemory> {
        if let Some(index) = self.position(|exchange| exchange.state == State::Free) {
            return Ok(index);
        }
        self.list.try_reserve_exact(1).map_err(|_| OutOfMemory)?;
        self.list.push(Exchange::new());
        Ok(self.list.len() - 1)
    }

    pub(crate) fn position(&self, matches: impl FnMut(&Exchange<A>) -> bool) -> Option<usize> {
        self.list.iter().position(matches)
    }

    /// The request that the peer means by message id `id`.
    pub(crate) fn by_id(&self, id: u16) -> Option<usize> {
        self.position(|exchange| exchange.id == id && exchange.is_outstanding())
    }

    /// The request that the peer means by `token`.
    pub(crate) fn by_token(&self, token: u32) -> Option<usize> {
        self.position(|exchange| exchange.token == token && exchange.is_outstanding())
    }

    /// Where the exchange with this name is, unless it is over.
    pub(crate) fn named(&self, name: ExchangeId) -> Option<usize> {
        let exchange = self.list.get(name.index)?;
        (exchange.token == name.token && exchange.state != State::Free).then_some(name.index)
    }
}
