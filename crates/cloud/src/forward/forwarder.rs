//! The loop's side of forwarding: whether a message may go to the broker, and
//! what a device is told if it did not get there. Nothing here waits.

use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;

use super::{Forward, Publication, is_publishable};
use crate::access_token::TokenId;
use crate::answer::{NOT_FOUND, REQUEST_ENTITY_TOO_LARGE, Refused, SERVICE_UNAVAILABLE};
use crate::events::{Event, Message};
use crate::random::Sequence;

/// What the connection says.
#[derive(Debug)]
pub(crate) enum Report {
    Connected,
    Disconnected(String),
    /// What became of the message of a ticket.
    Settled(u64, Result<(), Unforwarded>),
}

/// What the connection says, for the loop to read.
pub(crate) type Reports = mpsc::UnboundedReceiver<Report>;

/// A device told 5.03 comes back after so many seconds, drawn for each of them
/// so that they do not come back together.
const RETRY_AFTER: std::ops::RangeInclusive<u64> = 5..=15;

/// Why the broker does not have a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unforwarded {
    /// There is no connection.
    Down,
    /// As many messages as may await an acknowledgement do.
    Full,
    /// No acknowledgement came in time; it may come yet.
    Late,
    /// Nobody has subscribed: the broker keeps it for nobody.
    NoSubscriber,
    /// The topic is none that can be published to.
    BadTopic,
    /// More than the broker takes.
    TooLarge,
    /// The broker's own reason.
    Refused(String),
}

impl Unforwarded {
    /// What the device is told, and the event log.
    pub(crate) fn refusal(&self) -> Refused {
        match self {
            Self::Down => Refused::new(SERVICE_UNAVAILABLE, "there is no connection to the broker"),
            Self::Full => Refused::new(SERVICE_UNAVAILABLE, "too many messages await the broker"),
            Self::Late => Refused::new(SERVICE_UNAVAILABLE, "the broker did not answer in time"),
            Self::NoSubscriber => {
                Refused::new(SERVICE_UNAVAILABLE, "nobody has subscribed to the topic")
            }
            // The cloud's code for a topic without permission, too.
            Self::BadTopic => Refused::new(NOT_FOUND, "the broker takes no such topic"),
            Self::TooLarge => Refused::new(REQUEST_ENTITY_TOO_LARGE, "more than the broker takes"),
            Self::Refused(reason) => {
                Refused::new(SERVICE_UNAVAILABLE, format!("the broker refused: {reason}"))
            }
        }
    }
}

/// Lets messages through to the broker.
pub(crate) struct Forwarder {
    submit: mpsc::Sender<Publication>,
    forward: Forward,
    window: usize,
    up: bool,
    /// Submitted and not yet settled: answered by the broker, or given up.
    waiting: usize,
    next_ticket: u64,
    spread: Sequence,
    last_reason: String,
}

impl Forwarder {
    /// It gives `submit` what may go to the broker.
    pub(super) fn new(forward: &Forward, submit: mpsc::Sender<Publication>) -> Self {
        Self {
            submit,
            forward: forward.clone(),
            window: forward.window.max(1),
            up: false,
            waiting: 0,
            next_ticket: 1,
            spread: Sequence::new(u64::from_be_bytes(crate::random::unpredictable())),
            last_reason: String::new(),
        }
    }

    /// Whether a message may be submitted now.
    pub(crate) fn check(&self, topic: &str) -> Result<(), Unforwarded> {
        if !is_publishable(topic) {
            Err(Unforwarded::BadTopic)
        } else if !self.up {
            Err(Unforwarded::Down)
        } else if self.waiting >= self.window {
            Err(Unforwarded::Full)
        } else {
            Ok(())
        }
    }

    /// Gives a message that was checked to the connection; says by which ticket
    /// its fate will be reported, and when it is [`Unforwarded::Late`].
    pub(crate) fn submit(
        &mut self,
        now: Instant,
        token: &TokenId,
        message: &Message,
    ) -> Result<(u64, Instant), Unforwarded> {
        let (ticket, due) = (self.next_ticket, now + self.forward.deadline);
        let publication = Publication::new(ticket, due, SystemTime::now(), token, message);
        self.submit.try_send(publication).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unforwarded::Full,
            mpsc::error::TrySendError::Closed(_) => Unforwarded::Down,
        })?;
        self.next_ticket += 1;
        self.waiting += 1;
        Ok((ticket, due))
    }

    /// A message submitted has met its fate.
    pub(crate) fn settled(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// The connection was made.
    pub(crate) fn connected(&mut self) -> Event {
        self.up = true;
        self.last_reason.clear();
        Event::BrokerConnected { broker: self.forward.broker.to_string() }
    }

    /// The connection was lost, or could not be made; an event if it is news.
    pub(crate) fn disconnected(&mut self, reason: String) -> Option<Event> {
        self.up = false;
        if reason == self.last_reason {
            return None;
        }
        self.last_reason.clone_from(&reason);
        Some(Event::BrokerLost { broker: self.forward.broker.to_string(), reason })
    }

    /// Seconds after which a device may try again (Max-Age, RFC 7252 section
    /// 5.9.3.4).
    pub(crate) fn retry_after(&mut self) -> u16 {
        let seconds = self.spread.between(*RETRY_AFTER.start(), *RETRY_AFTER.end());
        u16::try_from(seconds).unwrap_or(u16::MAX)
    }
}
