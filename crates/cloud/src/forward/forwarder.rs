//! The loop's side of forwarding: which messages go to the broker, and what a
//! device is told if one did not get there. Nothing here waits.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::admission::{Admission, Refusal};
use super::copies::Copies;
use super::turns::Entry;
use super::{Accepted, Forward, Publication, is_publishable};
use crate::access_token::TokenId;
use crate::answer::{NOT_FOUND, REQUEST_ENTITY_TOO_LARGE, Refused, SERVICE_UNAVAILABLE};
use crate::commands::BrokerStatus;
use crate::events::{Event, Message, unix_ms};
use crate::random::Sequence;

/// What the connection says.
#[derive(Debug)]
pub(crate) enum Report {
    /// The broker takes so many messages in flight.
    Connected(usize),
    Disconnected(String),
    /// What the broker says of the message of a ticket.
    Settled(u64, Result<(), Unforwarded>),
    /// It was not published, and will not be.
    Unpublished(u64, Unforwarded),
    /// The broker said nothing of it.
    Returned(Box<Entry<Publication>>),
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
    /// The broker would acknowledge it too late; it was not published.
    Behind,
    /// It was published, and no acknowledgement came in time; it may come yet.
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
            Self::Behind => {
                Refused::new(SERVICE_UNAVAILABLE, "the broker does not keep up with its messages")
            }
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

impl From<Refusal> for Unforwarded {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Down => Self::Down,
            Refusal::Full => Self::Full,
            Refusal::Behind => Self::Behind,
        }
    }
}

/// Lets messages through to the broker.
pub(crate) struct Forwarder {
    submit: mpsc::Sender<Entry<Publication>>,
    broker: String,
    admission: Admission<Publication>,
    copies: Copies,
    spread: Sequence,
    last_reason: String,
    is_connected: bool,
    /// Since when it is so, in milliseconds since 1970.
    since: u64,
    /// It was told on this connection that a topic has no subscriber.
    no_subscriber_told: bool,
}

impl Forwarder {
    /// It gives `submit` what may go to the broker. No more than the window is ever in
    /// flight, nor in the channel therefore.
    pub(super) fn new(
        forward: &Forward,
        window: usize,
        submit: mpsc::Sender<Entry<Publication>>,
    ) -> Self {
        Self {
            submit,
            broker: forward.broker.to_string(),
            admission: Admission::new(window, forward.deadline),
            copies: Copies::new(),
            spread: Sequence::new(u64::from_be_bytes(crate::random::unpredictable())),
            last_reason: String::new(),
            is_connected: false,
            since: unix_ms(),
            no_subscriber_told: false,
        }
    }

    /// Whether a message may be submitted now.
    pub(crate) fn check(
        &self,
        now: Instant,
        [product_key, device_name]: [&str; 2],
        topic: &str,
    ) -> Result<(), Unforwarded> {
        if !is_publishable(topic) {
            return Err(Unforwarded::BadTopic);
        }
        Ok(self.admission.check(now, &device(product_key, device_name))?)
    }

    /// Takes a message that was checked; its fate will be reported by its ticket, or told
    /// by [`Forwarder::poll_given_up`].
    pub(crate) fn submit(&mut self, now: Instant, token: TokenId, message: Message) -> Accepted {
        let id = self.copies.id_of(now, &token, &message);
        let device = device(&message.product_key, &message.device_name);
        let publication = Publication::new(id.clone(), SystemTime::now(), &message);
        let (ticket, due) = self.admission.submit(now, &device, publication);
        Accepted { ticket, due, token, id, message }
    }

    /// Publishes what may be published now.
    pub(crate) fn publish(&mut self, now: Instant) {
        while let Some(entry) = self.admission.poll_publish(now) {
            // Without a connection's task the server is at its end.
            let _ = self.submit.try_send(entry);
        }
    }

    /// The next message whose device is to be answered without the broker.
    pub(crate) fn poll_given_up(&mut self) -> Option<(u64, Unforwarded)> {
        let (entry, refusal) = self.admission.poll_given_up()?;
        // Before a connection was lost, the broker may have taken it.
        let why = if entry.sent { Unforwarded::Late } else { refusal.into() };
        Some((entry.ticket, why))
    }

    /// When there is something to publish or to give up, if nothing happens before.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.admission.deadline(now)
    }

    /// The broker has answered a message.
    pub(crate) fn settled(&mut self, now: Instant, ticket: u64) {
        self.admission.handle_acknowledged(now, ticket);
    }

    /// A message could not be published.
    pub(crate) fn unpublished(&mut self, ticket: u64) {
        self.admission.handle_unpublished(ticket);
    }

    /// A message was not published, or its connection was lost before it was answered.
    pub(crate) fn returned(&mut self, entry: Entry<Publication>) {
        self.admission.handle_returned(entry);
    }

    /// A device is told what became of its message; an event if that is news.
    pub(crate) fn told(
        &mut self,
        now: Instant,
        accepted: &Accepted,
        result: &Result<(), Unforwarded>,
    ) -> Option<Event> {
        let why = result.as_ref().err()?;
        self.copies.refused(now, accepted, *why == Unforwarded::Late);
        if *why != Unforwarded::NoSubscriber || self.no_subscriber_told {
            return None;
        }
        self.no_subscriber_told = true;
        Some(Event::NoSubscriber {
            broker: self.broker.clone(),
            topic: accepted.message.topic.clone(),
            reason: "nobody has subscribed to this topic, which begins with a slash: the \
                     message would be lost, and the device is answered 5.03"
                .to_owned(),
        })
    }

    /// The connection was made.
    pub(crate) fn connected(&mut self, in_flight: usize) -> Event {
        self.admission.handle_connected(in_flight);
        self.last_reason.clear();
        self.turn(true);
        self.no_subscriber_told = false;
        Event::BrokerConnected { broker: self.broker.clone() }
    }

    /// The connection was lost, or could not be made; an event if it is news.
    pub(crate) fn disconnected(&mut self, reason: String) -> Option<Event> {
        self.admission.handle_disconnected();
        self.turn(false);
        if reason == self.last_reason {
            return None;
        }
        self.last_reason.clone_from(&reason);
        Some(Event::BrokerLost { broker: self.broker.clone(), reason })
    }

    /// The server is ready without the broker, for which it has waited so long. `None` if it is
    /// there.
    pub(crate) fn given_up(&self, waited: Duration) -> Option<Event> {
        if self.is_connected {
            return None;
        }
        let why = match self.last_reason.as_str() {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        let reason = format!(
            "it was not there within {waited:?}{why}; until it is, messages are answered 5.03"
        );
        Some(Event::BrokerLost { broker: self.broker.clone(), reason })
    }

    fn turn(&mut self, is_connected: bool) {
        if self.is_connected != is_connected {
            self.is_connected = is_connected;
            self.since = unix_ms();
        }
    }

    /// How the connection is.
    pub(crate) fn status(&self) -> BrokerStatus {
        BrokerStatus {
            address: self.broker.clone(),
            connected: self.is_connected,
            since: self.since,
            reason: self.last_reason.clone(),
            waiting: self.admission.waiting(),
            in_flight: self.admission.in_flight(),
        }
    }

    /// Seconds after which a device may try again (Max-Age, RFC 7252 section
    /// 5.9.3.4).
    pub(crate) fn retry_after(&mut self) -> u16 {
        let seconds = self.spread.between(*RETRY_AFTER.start(), *RETRY_AFTER.end());
        u16::try_from(seconds).unwrap_or(u16::MAX)
    }
}

/// What tells devices apart; no product key has a slash.
fn device(product_key: &str, device_name: &str) -> String {
    format!("{product_key}/{device_name}")
}
