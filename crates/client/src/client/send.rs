//! Posts messages, and parks them while there is no access token.

use iot_coap_time::Instant;

use super::Client;
use crate::event::GiveUp;
use crate::exchanges::ExchangeId;
use crate::identifiers::IdsExhausted;
use crate::request::{MAX_PATH_LEN, Request, SendError, Unsent};

/// A message that is encoded and can be sent.
struct Prepared {
    index: usize,
    /// Whether it has to wait for an access token.
    is_parked: bool,
    /// The exchange that this message displaces.
    displaced: Option<usize>,
}

impl<A> Client<A> {
    /// Posts a message and returns the name of its exchange. The client must have signed in
    /// once ([`Event::SignedIn`](crate::Event::SignedIn)). The next
    /// [`poll_transmit`](Self::poll_transmit) transmits the message; if the access token has
    /// expired or was refused since, the client signs in again first.
    ///
    /// If [`Config::max_outstanding`](crate::Config::max_outstanding) messages are
    /// outstanding, the oldest Non-confirmable one is given up for this one.
    ///
    /// # Errors
    ///
    /// [`Unsent`], which returns the application's data and the reason, a [`SendError`].
    /// Nothing is sent, and no message id or token is used up.
    pub fn send(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        application: A,
    ) -> Result<ExchangeId, Unsent<A>> {
        let Prepared { index, is_parked, displaced } = match self.prepare(now, request) {
            Ok(prepared) => prepared,
            Err(error) => return Err(Unsent { error, application }),
        };
        let exchange = self.exchanges.start(now, index, Some(application), &mut self.random);
        if is_parked {
            self.exchanges.park(index);
            self.ensure_signing_in(now);
        }
        if let Some(displaced) = displaced {
            let most = self.max_outstanding;
            let is_one_forgotten = self.exchanges.displace(now, displaced, most);
            self.counters.count(|all| all.given_up += u64::from(is_one_forgotten));
        }
        Ok(exchange)
    }

    fn prepare(&mut self, now: Instant, request: &Request<'_>) -> Result<Prepared, SendError> {
        if !self.sign_in.has_ever_succeeded() {
            return Err(SendError::NotSignedIn);
        }
        if request.path.len() > MAX_PATH_LEN {
            return Err(SendError::PathTooLong);
        }
        if !self.credentials.option_is_in_order() {
            return Err(SendError::AccessTokenOption);
        }
        let mut displaced = None;
        if self.exchanges.are_full(self.max_outstanding) {
            displaced = self.exchanges.displaceable();
            if displaced.is_none() {
                return Err(SendError::TooManyOutstanding);
            }
        }
        self.credentials.drop_expired(now);
        let index = self.exchanges.free_place()?;
        let token = self.exchanges.next_token();
        let credentials = self.credentials.for_message();
        let encoded = self.exchanges.request_mut(index);
        encoded.encode(request, token, credentials.as_ref())?;
        let is_parked = credentials.is_none();
        let id = self.allocate_message_id(now)?;
        self.exchanges.request_mut(index).set_id(id);
        Ok(Prepared { index, is_parked, displaced })
    }

    /// Cancels a message: it is not sent again, and its answer is dropped. Returns the
    /// application's data, or `None` if the message has already ended.
    pub fn cancel(&mut self, exchange: ExchangeId) -> Option<A> {
        self.cancel_token(exchange.token())
    }

    /// Cancels the message with this token, which [`next_token`](Self::next_token) returned
    /// before [`send`](Self::send). If the message ended without an answer, but its
    /// [`Event`](crate::Event) was not polled yet, the event is withdrawn.
    pub fn cancel_token(&mut self, token: u32) -> Option<A> {
        self.exchanges.cancel(token)
    }

    /// Sends every message that waits for an access token, oldest first.
    pub(super) fn send_parked(&mut self, now: Instant) {
        while let Some(index) = self.exchanges.oldest_parked() {
            if let Err(error) = self.send_anew(now, index, &[]) {
                self.exchanges.give_up(index, GiveUp::Unsendable(error));
            }
        }
    }

    /// Encodes a message again whose payload is decrypted. For the peer, which has answered
    /// the earlier one, it is a new message with a message id of its own.
    pub(super) fn send_anew(
        &mut self,
        now: Instant,
        index: usize,
        echo: &[u8],
    ) -> Result<(), SendError> {
        let credentials = self.credentials.for_message();
        let before = self.exchanges.get(index).request();
        let mut request = before.renewed(credentials.as_ref(), echo)?;
        request.set_id(self.allocate_message_id(now)?);
        self.exchanges.replace(now, index, request, &mut self.random);
        Ok(())
    }

    pub(super) fn allocate_message_id(&mut self, now: Instant) -> Result<u16, IdsExhausted> {
        self.message_ids.allocate(now, self.exchanges.timing().exchange_lifetime())
    }
}
