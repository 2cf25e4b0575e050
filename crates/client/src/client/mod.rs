//! The client: takes what happens (calls, datagrams, the passing of time) and
//! says what to do (datagrams to send, answers to deliver). It reads no clock,
//! opens no socket and waits for nothing; see [`Client`] for how it is driven.

mod receive;
mod send;
mod server_request;
mod sign_in;
mod template;
mod timers;
mod types;

pub use sign_in::{Attempt, SIGN_IN_LIMIT_MS, SignInError};
pub use types::{
    Config, Dropped, Event, ExchangeId, GiveUp, MAX_OUTSTANDING, Received, Refusal, Request,
    Response, SendError, Transmit,
};

use crate::access_token::AccessToken;
use crate::deduplication::Handled;
use crate::endpoint::Security;
use crate::exchange::{End, State, Table};
use crate::identifiers::{MessageIds, Tokens};
use crate::message::Kind;
use crate::random::Random;
use crate::statistics::Counting;
#[cfg(feature = "statistics")]
use crate::statistics::Statistics;
use crate::symmetric::Keys;
use sign_in::SignIn;
pub(crate) use template::HeadName;
use template::Template;
use types::Control;

/// A CoAP client of one device at one endpoint.
///
/// `A` is what the application ties to each message, handed back with its
/// answer.
///
/// Times are milliseconds of any clock that never goes back. After every call
/// of [`Client::sign_in`], [`Client::send`], [`Client::receive`] and
/// [`Client::tick`], drain [`Client::poll_transmit`] and [`Client::poll_event`]
/// until both return `None`; call [`Client::tick`] when [`Client::deadline`]
/// has come.
pub struct Client<A> {
    config: Config,
    random: Random,
    message_ids: MessageIds,
    tokens: Tokens,
    exchanges: Table<A>,
    handled: Handled,
    sign_in: SignIn,
    access_token: Option<AccessToken>,
    /// Counts the access tokens had so far, so that an exchange can tell
    /// whether it was refused with the one in force.
    generation: u32,
    keys: Keys,
    /// The last sequence number used in symmetric mode. Grows for ever, also
    /// over sign-ins.
    last_sequence: u64,
    control: Control,
    statistics: Counting,
    /// What the next message may begin with.
    template: Template,
    path_was_new: bool,
}

impl<A> Client<A> {
    /// A client that has not signed in.
    pub fn new(config: Config) -> Self {
        let mut random = Random::new(config.seed);
        let config = Config { transmission: config.transmission.clamped(), ..config };
        Self {
            message_ids: MessageIds::new(&mut random),
            tokens: Tokens::new(&mut random),
            exchanges: Table::new(),
            handled: Handled::default(),
            sign_in: SignIn::new(),
            access_token: None,
            generation: 0,
            keys: Keys::default(),
            last_sequence: 0,
            control: Control::none(),
            statistics: Counting::default(),
            template: Template::default(),
            path_was_new: true,
            random,
            config,
        }
    }

    /// The device that the client speaks for.
    pub const fn device(&self) -> &crate::Device {
        &self.config.device
    }

    /// The token that the next message will carry, as
    /// [`Response::token`] shows it.
    pub const fn next_token(&self) -> u32 {
        self.tokens.peek()
    }

    /// Whether the last message had another path than the one before it, as far
    /// as that is known.
    pub const fn path_was_new(&self) -> bool {
        self.path_was_new
    }

    /// How many messages wait for their answers.
    pub const fn outstanding(&self) -> usize {
        self.exchanges.outstanding()
    }

    /// What the client has done so far.
    #[cfg(feature = "statistics")]
    pub const fn statistics(&self) -> &Statistics {
        self.statistics.all()
    }

    /// Whether [`Client::poll_transmit`] has a datagram.
    pub fn has_transmit(&self) -> bool {
        self.control.is_due() || self.exchanges.any_due()
    }

    /// The next datagram to transmit; it counts as transmitted, whatever
    /// becomes of it.
    pub fn poll_transmit(&mut self, now: u64) -> Option<Transmit<'_>> {
        // An acknowledgement first: the peer's timer runs.
        if self.control.take_due() {
            let len = self.control.bytes().len();
            self.statistics.count(|all| all.bytes_sent += len as u64);
            return Some(Transmit { datagram: self.control.bytes(), exchange: None });
        }
        if !self.exchanges.any_due() {
            return None;
        }
        let index = self.oldest(State::Due)?;
        let lifetime_ms = match self.exchanges.list[index].kind {
            Kind::NonConfirmable => self.config.transmission.non_lifetime_ms(),
            _ => 0,
        };
        let exchange = &mut self.exchanges.list[index];
        if exchange.retransmissions == 0 {
            exchange.first_sent = now;
        }
        let is_of_application = exchange.is_of_application();
        let (len, transmitted) = (exchange.datagram.len(), exchange.transmitted);
        self.statistics.count(|all| {
            all.bytes_sent += len as u64;
            all.resent += u64::from(is_of_application && transmitted);
            all.sent += u64::from(is_of_application && !transmitted);
        });
        exchange.transmitted = true;
        if exchange.kind == Kind::NonConfirmable {
            exchange.deadline = now.saturating_add(lifetime_ms);
            self.exchanges.set_state(index, State::AwaitingResponse);
        } else {
            exchange.deadline = now.saturating_add(exchange.timeout_ms);
            self.exchanges.set_state(index, State::AwaitingAck);
        }
        let exchange = &self.exchanges.list[index];
        Some(Transmit {
            datagram: &exchange.datagram,
            exchange: Some(ExchangeId { index, token: exchange.token }),
        })
    }

    /// Whether [`Client::poll_event`] has an event.
    #[inline]
    pub const fn has_event(&self) -> bool {
        self.sign_in.has_announcement() || self.exchanges.has_ended()
    }

    /// The next event to tell the application.
    pub fn poll_event(&mut self) -> Option<Event<A>> {
        if let Some(outcome) = self.sign_in.take_announcement() {
            return Some(match outcome {
                Ok(()) => Event::SignedIn,
                Err(error) => Event::SignInFailed(error),
            });
        }
        let (index, end) = self.exchanges.ended()?;
        let token = self.exchanges.list[index].token;
        let application = self.exchanges.release(index)?;
        self.statistics.count(|all| all.given_up += 1);
        Some(match end {
            End::Refused(code) => Event::Refused(Refusal { application, code, token }),
            End::GaveUp(reason) => Event::GaveUp { application, reason, token },
        })
    }

    /// Takes back a message that could not be transmitted; returns what the
    /// application tied to it.
    pub fn cancel(&mut self, exchange: ExchangeId) -> Option<A> {
        let index = self.exchanges.named(exchange)?;
        self.exchanges.release(index)
    }

    /// The oldest exchange in `state`.
    fn oldest(&self, state: State) -> Option<usize> {
        let tokens = &self.tokens;
        let candidates = self.exchanges.list.iter().enumerate();
        candidates
            .filter(|(_, exchange)| exchange.state() == state)
            .max_by_key(|(_, exchange)| tokens.age(exchange.token))
            .map(|(index, _)| index)
    }

    const fn is_symmetric(&self) -> bool {
        cfg!(feature = "symmetric") && matches!(self.config.security, Security::Symmetric)
    }
}
