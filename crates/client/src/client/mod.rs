//! The client combines the state machines. The files of this folder handle its inputs; this
//! file has their common parts.

mod receive;
mod send;
mod signing_in;
mod timers;

use iot_coap_time::{Duration, Instant};

use crate::auth::SignInOptions;
use crate::config::Config;
use crate::credentials::Credentials;
use crate::deduplication::RecentResponses;
use crate::device::Device;
use crate::event::Event;
use crate::exchange::{End, Owner};
use crate::exchanges::{ExchangeId, Exchanges};
use crate::identifiers::{MessageIds, Tokens};
use crate::late_answers::LateAnswers;
use crate::pending_reply::PendingReply;
use crate::random::Random;
use crate::sign_in::SignIn;
use crate::statistics::Counters;
#[cfg(feature = "statistics")]
use crate::statistics::Statistics;

/// A CoAP client of one device at one endpoint, without I/O.
///
/// `A` is the application's own data for each message. It comes back with the answer to the
/// message, or with the event that there is none.
///
/// Four kinds of methods are told apart by their names:
///
/// - getters, such as [`outstanding`](Self::outstanding) and
///   [`next_timeout`](Self::next_timeout), change nothing;
/// - `handle_*` take input from outside: datagrams
///   ([`handle_datagram`](Self::handle_datagram)), the passing of time
///   ([`handle_timeout`](Self::handle_timeout)) and a new session below
///   ([`handle_session_renewed`](Self::handle_session_renewed));
/// - commands take the application's wishes: [`send`](Self::send),
///   [`cancel`](Self::cancel), [`cancel_token`](Self::cancel_token),
///   [`sign_in`](Self::sign_in), [`cancel_sign_in`](Self::cancel_sign_in),
///   [`restore_access_token`](Self::restore_access_token),
///   [`learn_round_trip`](Self::learn_round_trip) and
///   [`restore_retransmission_timeout`](Self::restore_retransmission_timeout);
/// - `poll_*` return output: datagrams ([`poll_transmit`](Self::poll_transmit)) and events
///   ([`poll_event`](Self::poll_event)).
///
/// After each `handle_*` and each command, call both `poll_*` until they return
/// `None`. Call [`handle_timeout`](Self::handle_timeout) when
/// [`next_timeout`](Self::next_timeout) has come. The times may be of any clock that
/// never goes back.
///
/// # Datagrams before time
///
/// Pass in every datagram that has arrived before calling `handle_timeout(now)`. Then a
/// request whose answer lay in the socket while the program slept is neither retransmitted
/// nor given up.
///
/// # When a message ends
///
/// Each message that [`send`](Self::send) accepts ends exactly once: with its answer
/// ([`Received::Response`](crate::Received::Response)), with an event
/// ([`Event::Refused`], [`Event::GaveUp`]), or by [`cancel`](Self::cancel) or
/// [`cancel_token`](Self::cancel_token). With the default
/// [`TransmissionParameters`](crate::TransmissionParameters) it is given up
///
/// - 93 s after it was first sent, if it is Confirmable and nothing acknowledges it
///   (`MAX_TRANSMIT_WAIT`, RFC 7252 section 4.8.2);
/// - 247 s after it was first sent, if it is Confirmable, acknowledged and not
///   answered (`EXCHANGE_LIFETIME`);
/// - 145 s after it was sent, if it is Non-confirmable and not answered
///   (`NON_LIFETIME`);
/// - 247 s after it was made, if it waits for an access token or for its turn
///   ([`Config::max_in_flight`](crate::Config::max_in_flight)), or is not fetched; or when
///   the sign-in that it waits for fails.
///
/// A Non-confirmable message may also be displaced by a newer one, see
/// [`GiveUp::Displaced`](crate::GiveUp::Displaced). If nobody polls for events, only the
/// latest of these events are kept.
///
/// These times start over once if the cloud refuses the message for its access token, or
/// the message is sent again over a new session.
pub struct Client<A> {
    device: Device,
    sign_in_options: SignInOptions,
    access_token_lifetime: Duration,
    max_outstanding: usize,
    random: Random,
    message_ids: MessageIds,
    exchanges: Exchanges<A>,
    recent_responses: RecentResponses,
    sign_in: SignIn,
    late_answers: LateAnswers,
    credentials: Credentials,
    reply: PendingReply,
    counters: Counters,
}

/// A datagram to transmit.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// The bytes of the datagram.
    pub datagram: &'a [u8],
    /// The exchange of the datagram; none for an acknowledgement, a Reset, and the answer
    /// to a request from the server.
    pub exchange: Option<ExchangeId>,
}

impl<A> Client<A> {
    /// A client that has not signed in.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut random = Random::new(config.seed);
        let message_ids = MessageIds::new(&mut random);
        let tokens = Tokens::new(&mut random);
        let exchanges = Exchanges::new(config.transmission, tokens, config.max_in_flight);
        Self {
            message_ids,
            recent_responses: RecentResponses::default(),
            sign_in: SignIn::new(),
            exchanges,
            late_answers: LateAnswers::default(),
            credentials: Credentials::new(config.security, config.access_token_option),
            reply: PendingReply::new(),
            counters: Counters::default(),
            random,
            device: config.device,
            sign_in_options: config.sign_in,
            access_token_lifetime: config.access_token_lifetime,
            max_outstanding: config.max_outstanding,
        }
    }

    /// The device that the client speaks for.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The token that the next message will carry, as
    /// [`Response::token`](crate::Response::token) shows it.
    pub const fn next_token(&self) -> u32 {
        self.exchanges.next_token()
    }

    /// How many messages have not ended, or have an event that was not polled yet.
    pub fn outstanding(&self) -> usize {
        self.exchanges.outstanding()
    }

    /// The counters of the client.
    #[cfg(feature = "statistics")]
    pub const fn statistics(&self) -> &Statistics {
        self.counters.all()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has a datagram.
    pub fn has_transmit(&self) -> bool {
        self.reply.is_due() || self.exchanges.any_due()
    }

    /// The next datagram to transmit. It counts as transmitted, whatever the caller does
    /// with it.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        // A reply goes first, since the peer's timer is running.
        if self.reply.take_due() {
            let datagram = self.reply.bytes();
            self.counters.count(|all| all.bytes_sent += datagram.len() as u64);
            return Some(Transmit { datagram, exchange: None });
        }
        let transmission = self.exchanges.transmit(now)?;
        let datagram = self.exchanges.datagram(transmission.exchange);
        self.counters.count(|all| {
            let is_of_application = transmission.owner == Owner::Application;
            all.bytes_sent += datagram.len() as u64;
            all.resent += u64::from(is_of_application && transmission.is_repeated);
            all.sent += u64::from(is_of_application && !transmission.is_repeated);
        });
        Some(Transmit { datagram, exchange: Some(transmission.exchange) })
    }

    /// Whether [`poll_event`](Self::poll_event) has an event.
    pub fn has_event(&self) -> bool {
        self.sign_in.has_announcement() || self.exchanges.any_ended()
    }

    /// How many messages were displaced without an [`Event`] since the last call. That
    /// happens if more such events are pending than messages may be outstanding.
    pub fn take_forgotten(&mut self) -> u32 {
        self.exchanges.take_forgotten()
    }

    /// The next event to tell the application.
    pub fn poll_event(&mut self) -> Option<Event<A>> {
        if let Some(outcome) = self.sign_in.take_announcement() {
            return Some(match outcome {
                Ok(()) => Event::SignedIn,
                Err(error) => Event::SignInFailed(error),
            });
        }
        let (application, token, end) = self.exchanges.take_ended()?;
        self.counters.count(|all| all.given_up += 1);
        Some(match end {
            End::Refused(code) => Event::Refused { application, code, token },
            End::GaveUp(reason) => Event::GaveUp { application, reason, token },
        })
    }
}
