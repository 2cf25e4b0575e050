//! Requests on their way (RFC 7252 sections 4.2 to 4.4 and 5.2): each keeps
//! its one encoded copy, its timer and what the application tied to it. Holds
//! state; what moves it from one state to the next is in [`crate::client`].

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::client::{ExchangeId, GiveUp};
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
    Ended(End),
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
    pub(crate) state: State,
    /// What the application tied to it; none for a sign-in.
    pub(crate) application: Option<A>,
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
    /// Where the options up to Accept end, and the access token's begins.
    pub(crate) head_len: usize,
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
            head_len: 0,
            payload_start: 0,
            generation: 0,
            refused: None,
        }
    }

    /// Whether the peer may still acknowledge, answer or reset it.
    pub(crate) const fn is_outstanding(&self) -> bool {
        matches!(self.state, State::Due | State::AwaitingAck | State::AwaitingResponse)
    }

    /// The message's payload, as it was encoded.
    pub(crate) fn payload(&self) -> &[u8] {
        self.datagram.get(self.payload_start..).unwrap_or_default()
    }

    /// Empties the place; its buffer stays for the next request.
    pub(crate) fn release(&mut self) -> Option<A> {
        self.state = State::Free;
        self.deadline = u64::MAX;
        self.refused = None;
        self.transmitted = false;
        self.application.take()
    }

    /// Ends it without an answer.
    pub(crate) const fn end(&mut self, end: End) {
        self.state = State::Ended(end);
        self.deadline = u64::MAX;
    }
}

/// All requests of a client.
pub(crate) struct Table<A> {
    pub(crate) list: Vec<Exchange<A>>,
}

/// The heap is exhausted.
pub(crate) struct OutOfMemory;

impl<A> Table<A> {
    pub(crate) const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// How many places hold a request of the application.
    pub(crate) fn outstanding(&self) -> usize {
        self.list.iter().filter(|exchange| exchange.application.is_some()).count()
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

    /// The exchange with this name, unless it is over.
    pub(crate) fn named(&mut self, name: ExchangeId) -> Option<&mut Exchange<A>> {
        let exchange = self.list.get_mut(name.index)?;
        (exchange.token == name.token && exchange.state != State::Free).then_some(exchange)
    }
}
