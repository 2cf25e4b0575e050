//! The requests that await the broker: whose answer is to come, and when it is
//! too late for it. How they are answered is the endpoint's business.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use crate::access_token::TokenId;
use crate::events::Message;
use crate::exchange::Exchange;
use crate::replies::Key;

/// A message that was given to the broker.
pub(crate) struct Accepted {
    pub(crate) ticket: u64,
    /// When it is answered without the broker.
    pub(crate) due: Instant,
    /// The access token it came with.
    pub(crate) token: TokenId,
    /// What a consumer knows it by.
    pub(crate) id: String,
    /// All of it but its outcome.
    pub(crate) message: Message,
}

/// The request that brought it, and the message.
pub(crate) struct Waiting {
    pub(crate) exchange: Exchange,
    pub(crate) accepted: Accepted,
}

/// The requests that await the broker, by ticket. Tickets rise, and so do the
/// times of all that have one: the first is due first. Its size is bounded by
/// the window of the forwarder.
#[derive(Default)]
pub(crate) struct Pending {
    waiting: BTreeMap<u64, Waiting>,
    /// When each of them came.
    exchanges: HashMap<Key, Instant>,
}

impl Pending {
    /// When this request came first, if it is one of them.
    pub(crate) fn since(&self, key: Key) -> Option<Instant> {
        self.exchanges.get(&key).copied()
    }

    pub(crate) fn insert(&mut self, now: Instant, waiting: Waiting) {
        self.exchanges.insert(waiting.exchange.key, now);
        self.waiting.insert(waiting.accepted.ticket, waiting);
    }

    /// Takes out the request of a ticket; `None` if it was too late.
    pub(crate) fn take(&mut self, ticket: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&ticket)?;
        self.exchanges.remove(&waiting.exchange.key);
        Some(waiting)
    }

    /// The ticket of a request whose time is over.
    pub(crate) fn late(&self, now: Instant) -> Option<u64> {
        let (&ticket, first) = self.waiting.first_key_value()?;
        (first.accepted.due <= now).then_some(ticket)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting.accepted.due)
    }
}
