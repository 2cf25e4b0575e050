//! The message layer of a CoAP server (RFC 7252 section 4): datagrams in,
//! datagrams out. It owns no socket and no clock, and processes a request once.

mod own;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coap_lite::{MessageType, Packet};

use crate::answer::{Answer, Delivery};
use crate::config::Config;
use crate::events::{Event, EventLog, Journal};
use crate::exchange::{AnswerTimes, Exchange};
use crate::forward::{Forwarder, Pending, Report, Unforwarded, Waiting};
use crate::message::{self, EMPTY, Malformed};
use crate::outstanding::{Due, MOST_SENDINGS, Outgoing, Outstanding, Purpose};
use crate::peers::Peers;
use crate::random;
use crate::replies::{Owner, Replies};
use crate::request::Request;
use crate::seen::{Arrival, Cause, Seen, Tag};
use crate::server_keys::ServerKeys;
use crate::service::{Outcome, Service};
use crate::source::Source;
use crate::transport::Peer;

/// A message to be sent.
pub(crate) struct Transmit {
    pub(crate) peer: Peer,
    pub(crate) bytes: Vec<u8>,
    /// What the console knows it by.
    pub(crate) tag: Option<Tag>,
}

/// A CoAP server endpoint.
pub(crate) struct Endpoint {
    pub(crate) service: Service,
    replies: Replies,
    pending: Pending,
    outstanding: Outstanding,
    transmit: VecDeque<Transmit>,
    peers: Peers,
    next_message_id: u16,
    events: Journal,
    /// The messages that the console shows.
    seen: Option<Arc<Seen>>,
    answer_times: Option<AnswerTimes>,
    /// The exchange that is worked on.
    cause: Option<Arc<Cause>>,
}

impl Endpoint {
    pub(crate) fn new(
        config: Config,
        keys: ServerKeys,
        forwarder: Option<Forwarder>,
        events: Arc<EventLog>,
        seen: Option<Arc<Seen>>,
        answer_times: Option<AnswerTimes>,
    ) -> Self {
        let events = Journal::new(events);
        Self {
            outstanding: Outstanding::new(config.ack_timeout),
            peers: Peers::new(config.limits.here),
            service: Service::new(config, keys, forwarder, events.clone()),
            replies: Replies::new(),
            pending: Pending::default(),
            transmit: VecDeque::new(),
            next_message_id: u16::from_be_bytes(random::unpredictable()),
            events,
            seen,
            answer_times,
            cause: None,
        }
    }

    /// Takes a datagram.
    pub(crate) fn receive(&mut self, now: Instant, peer: Peer, datagram: &[u8], came: Arrival) {
        let cause = self.seen.as_ref().map(|seen| seen.came(peer, datagram, came));
        self.concern(cause);
        self.process(now, peer, datagram, came.at);
        self.concern(None);
    }

    fn process(&mut self, now: Instant, peer: Peer, datagram: &[u8], came: Instant) {
        self.service.forget_proof();
        let packet = match message::decode(datagram) {
            Ok(packet) => packet,
            Err(malformed) => return self.malformed(peer, &malformed),
        };
        self.peers.heard(now, peer);
        let code: u8 = packet.header.code.into();
        match (packet.header.get_type(), code >> 5) {
            (MessageType::Acknowledgement | MessageType::Reset, _) => {
                self.answered(now, peer, &packet);
            }
            (MessageType::Confirmable, 0) if code == EMPTY => {
                self.events
                    .record(Event::Ping { transport: peer.transport, peer: peer.route.address });
                self.reset(peer, packet.header.message_id);
            }
            (_, 0) if code != EMPTY => self.request(now, peer, &packet, (datagram, came)),
            (kind, 2 | 4 | 5) => self.response(now, peer, kind, &packet),
            (MessageType::Confirmable, _) => self.reset(peer, packet.header.message_id),
            (MessageType::NonConfirmable, _) => {}
        }
    }

    /// The next datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmit.pop_front()
    }

    /// When [`Endpoint::tick`] is due.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let forwarder = self.service.forwarder.as_ref();
        let given_up = forwarder.and_then(|forwarder| forwarder.deadline(now));
        let deadlines = [self.outstanding.deadline(), self.pending.deadline(), given_up];
        deadlines.into_iter().flatten().min()
    }

    /// Takes what the connection to the broker says.
    pub(crate) fn reported(&mut self, now: Instant, report: Report) {
        let Some(forwarder) = &mut self.service.forwarder else { return };
        let (ticket, result) = match report {
            Report::Settled(ticket, result) => {
                forwarder.settled(now, ticket);
                (ticket, result)
            }
            Report::Unpublished(ticket, why) => {
                forwarder.unpublished(ticket);
                (ticket, Err(why))
            }
            Report::Returned(entry) => return forwarder.returned(*entry),
            Report::Connected(in_flight) => {
                return self.events.record(forwarder.connected(in_flight));
            }
            Report::Disconnected(reason) => {
                if let Some(event) = forwarder.disconnected(reason) {
                    self.events.record(event);
                }
                return;
            }
        };
        self.settle(now, ticket, result);
    }

    /// Sends what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if let Some(forwarder) = &mut self.service.forwarder {
            forwarder.publish(now);
        }
        while let Some((ticket, why)) =
            self.service.forwarder.as_mut().and_then(Forwarder::poll_given_up)
        {
            self.settle(now, ticket, Err(why));
        }
        while let Some(ticket) = self.pending.late(now) {
            self.settle(now, ticket, Err(Unforwarded::Late));
        }
        for due in self.outstanding.due(now) {
            let (Due::Send(message) | Due::GaveUp(message)) = &due;
            self.concern(message.cause.clone());
            match due {
                Due::Send(message) => {
                    if message.sent() > 1 {
                        self.events.record(Event::SentAgain {
                            transport: message.peer.transport,
                            peer: message.peer.route.address,
                            what: message.purpose.name().to_owned(),
                        });
                    }
                    self.send(message.peer, message.datagram);
                }
                Due::GaveUp(message) => self.events.record(Event::Unanswered {
                    transport: message.peer.transport,
                    peer: message.peer.route.address,
                    what: message.purpose.name().to_owned(),
                }),
            }
        }
        self.concern(None);
    }

    /// What is recorded and sent from here on belongs to this exchange, or to none.
    fn concern(&mut self, cause: Option<Arc<Cause>>) {
        if self.seen.is_some() {
            self.events.concern(cause.as_ref().map(|cause| cause.number));
            self.cause = cause;
        }
    }

    /// Sends a message of the exchange that is worked on.
    fn send(&mut self, peer: Peer, bytes: Vec<u8>) {
        let tag = self.seen.as_ref().zip(self.cause.as_ref());
        let tag = tag.map(|(seen, cause)| seen.sent(peer, &bytes, cause));
        self.transmit.push_back(Transmit { peer, bytes, tag });
    }

    /// A message that came answers one of the server's: both are of one exchange.
    fn answers(&mut self, message: &Outgoing) {
        if let (Some(seen), Some(from), Some(to)) = (&self.seen, &self.cause, &message.cause) {
            seen.join(from, to);
            self.concern(message.cause.clone());
        }
    }

    /// A place for an exchange that the server begins.
    fn begin(&self) -> Option<Arc<Cause>> {
        self.seen.as_ref().map(|seen| seen.begin())
    }

    fn request(
        &mut self,
        now: Instant,
        peer: Peer,
        packet: &Packet,
        (datagram, came): (&[u8], Instant),
    ) {
        let mut request = Request::new(peer, packet);
        let (message_id, confirmable) = (request.message_id, request.confirmable);
        let key = self.replies.key(peer, datagram);
        if let Some((since, reply)) = self.replies.to(now, key) {
            // A duplicate of a non-confirmable request is ignored (section 4.3).
            if confirmable {
                let reply = reply.to_vec();
                self.send(peer, reply);
            }
            let after = now.saturating_duration_since(since);
            return self.duplicate(peer, message_id, confirmable, after);
        }
        if let Some(since) = self.pending.since(key) {
            // Its answer comes once there is one.
            let after = now.saturating_duration_since(since);
            return self.duplicate(peer, message_id, confirmable, after);
        }
        let outcome = self.service.serve(now, &mut request, packet);
        let proof = self.service.proof();
        if let Some(proof) = proof {
            self.peers.proved(now, peer, proof);
        }
        let owner = match proof {
            Some(proof) => Owner::Device(proof.device),
            None => Owner::Stranger(Source::of(peer.route.address)),
        };
        let room = self.peers.room(peer, datagram.len());
        let coap_token = request.coap_token.to_vec();
        let may_repeat = self.peers.may_repeat(peer);
        let exchange = Exchange {
            peer,
            came,
            message_id,
            confirmable,
            coap_token,
            key,
            owner,
            room,
            may_repeat,
            cause: self.cause.clone(),
        };
        match outcome {
            Outcome::Answer(answer) => self.answer(now, &exchange, &answer),
            Outcome::TooOften(answer) => {
                let reply = self.reply(now, &exchange, &answer);
                self.send(peer, reply);
            }
            Outcome::Forwarded(accepted) => {
                self.pending.insert(now, Waiting { exchange, accepted: *accepted });
            }
            Outcome::Reject => {
                let reset = message::empty(MessageType::Reset, message_id);
                self.send_and_keep(now, &exchange, reset);
            }
        }
    }

    fn duplicate(&self, peer: Peer, message_id: u16, confirmable: bool, after: Duration) {
        self.events.record(Event::Duplicate {
            transport: peer.transport,
            peer: peer.route.address,
            message_id,
            confirmable,
            after_ms: milliseconds(after),
        });
    }

    /// Answers a request whose message the broker has decided about, or has not. It may
    /// have been answered before, when it was too late.
    fn settle(&mut self, now: Instant, ticket: u64, result: Result<(), Unforwarded>) {
        if let Some(Waiting { exchange, accepted }) = self.pending.take(ticket) {
            self.concern(exchange.cause.clone());
            let answer = self.service.forwarded(now, accepted, result);
            self.answer(now, &exchange, &answer);
            self.concern(None);
        }
    }

    fn answer(&mut self, now: Instant, exchange: &Exchange, answer: &Answer) {
        let reply = self.reply(now, exchange, answer);
        self.send_and_keep(now, exchange, reply);
    }

    /// Sends a reply, and keeps it for duplicates.
    fn send_and_keep(&mut self, now: Instant, exchange: &Exchange, reply: Vec<u8>) {
        self.replies.keep(now, exchange.key, exchange.owner, &reply);
        self.send(exchange.peer, reply);
    }

    /// The message that answers at once, having put a separate response under way.
    fn reply(&mut self, now: Instant, exchange: &Exchange, answer: &Answer) -> Vec<u8> {
        if let Some(count) = &self.answer_times {
            count(exchange.came.elapsed());
        }
        let Exchange { peer, message_id, room, .. } = *exchange;
        if !exchange.confirmable {
            let own_id = self.message_id();
            return exchange.response(MessageType::NonConfirmable, own_id, answer, room);
        }
        match answer.delivery {
            Delivery::Piggybacked => {
                exchange.response(MessageType::Acknowledgement, message_id, answer, room)
            }
            Delivery::Separate { confirmable } => {
                let own_id = self.message_id();
                let kind = if confirmable {
                    MessageType::Confirmable
                } else {
                    MessageType::NonConfirmable
                };
                let acknowledgement = message::empty(MessageType::Acknowledgement, message_id);
                let room = room.saturating_sub(acknowledgement.len());
                let datagram = exchange.response(kind, own_id, answer, room);
                let most = if exchange.may_repeat {
                    MOST_SENDINGS
                } else {
                    u32::try_from(room / datagram.len()).unwrap_or(u32::MAX)
                };
                let sendings = confirmable.then(|| most.clamp(1, MOST_SENDINGS));
                // Not in the same step, so that the acknowledgement goes first.
                let due = now + self.service.separate_delay() + Duration::from_millis(1);
                let message = (own_id, Purpose::SeparateResponse, datagram);
                let to = (peer, exchange.cause.clone());
                self.outstanding.add(to, message, Vec::new(), sendings, due);
                acknowledgement
            }
        }
    }

    fn malformed(&mut self, peer: Peer, malformed: &Malformed) {
        let reason = match malformed {
            Malformed::Silent(reason) => reason,
            Malformed::Reset(message_id, reason) => {
                self.reset(peer, *message_id);
                reason
            }
        };
        self.events.record(Event::Malformed {
            transport: peer.transport,
            peer: peer.route.address,
            reason: (*reason).to_owned(),
        });
    }

    fn reset(&mut self, peer: Peer, message_id: u16) {
        let reset = message::empty(MessageType::Reset, message_id);
        self.send(peer, reset);
    }

    fn message_id(&mut self) -> u16 {
        self.next_message_id = self.next_message_id.wrapping_add(1);
        self.next_message_id
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
