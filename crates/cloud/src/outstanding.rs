//! The server's own messages: sent when due, and again until acknowledged if
//! they are confirmable (RFC 7252 section 4.2).

use std::time::{Duration, Instant};

use crate::transport::Peer;

const MAX_RETRANSMIT: u32 = 4;

/// The most messages under way; further ones are sent once.
const UNDER_WAY: usize = 16_384;

/// What a message of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SeparateResponse,
    Ping,
    Request,
}

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SeparateResponse => "separate response",
            Self::Ping => "ping",
            Self::Request => "request",
        }
    }
}

/// A message of the server.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) peer: Peer,
    pub(crate) message_id: u16,
    /// CoAP token of a request, to know its response by.
    pub(crate) coap_token: Vec<u8>,
    pub(crate) purpose: Purpose,
    pub(crate) confirmable: bool,
    pub(crate) datagram: Vec<u8>,
    pub(crate) due: Instant,
    timeout: Duration,
    first_sent: Option<Instant>,
    sent: u32,
    sendings_left: u32,
}

impl Outgoing {
    /// How many times it has been sent.
    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }

    /// How long ago it was first sent.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        self.first_sent.map_or(Duration::ZERO, |first| now.saturating_duration_since(first))
    }
}

/// What `due` says of a message.
pub(crate) enum Due {
    Send(Outgoing),
    GaveUp(Outgoing),
}

/// The messages under way.
pub(crate) struct Outstanding {
    messages: Vec<Outgoing>,
    ack_timeout: Duration,
}

impl Outstanding {
    pub(crate) fn new(ack_timeout: Duration) -> Self {
        Self { messages: Vec::new(), ack_timeout }
    }

    pub(crate) fn add(
        &mut self,
        peer: Peer,
        message_id: u16,
        purpose: Purpose,
        confirmable: bool,
        datagram: Vec<u8>,
        due: Instant,
    ) {
        let crowded = self.messages.len() >= UNDER_WAY;
        self.messages.push(Outgoing {
            peer,
            message_id,
            coap_token: Vec::new(),
            purpose,
            confirmable: confirmable && !crowded,
            datagram,
            due,
            // Halfway through ACK_TIMEOUT..ACK_TIMEOUT * ACK_RANDOM_FACTOR.
            timeout: self.ack_timeout * 5 / 4,
            first_sent: None,
            sent: 0,
            sendings_left: MAX_RETRANSMIT + 1,
        });
    }

    /// Gives the message added last a CoAP token to know its response by.
    pub(crate) fn expect_response(&mut self, coap_token: Vec<u8>) {
        if let Some(message) = self.messages.last_mut() {
            message.coap_token = coap_token;
        }
    }

    /// Takes out the message that an acknowledgement or a reset is about.
    pub(crate) fn answered(&mut self, peer: Peer, message_id: u16) -> Option<Outgoing> {
        let index = self
            .messages
            .iter()
            .position(|message| message.peer == peer && message.message_id == message_id)?;
        Some(self.messages.swap_remove(index))
    }

    /// Takes out the request that a response is to.
    pub(crate) fn responded(&mut self, peer: Peer, coap_token: &[u8]) -> Option<Outgoing> {
        let index = self.messages.iter().position(|message| {
            message.peer == peer
                && message.purpose == Purpose::Request
                && message.coap_token == coap_token
        })?;
        Some(self.messages.swap_remove(index))
    }

    /// Waits for the separate response to a request that was acknowledged.
    pub(crate) fn await_response(&mut self, mut request: Outgoing, until: Instant) {
        request.due = until;
        request.sendings_left = 0;
        self.messages.push(request);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.messages.iter().map(|message| message.due).min()
    }

    /// What is due, in the order it was added.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        self.messages.retain_mut(|message| {
            if message.due > now {
                return true;
            }
            if message.sendings_left == 0 {
                due.push(Due::GaveUp(message.clone()));
                return false;
            }
            message.due = now + message.timeout;
            message.timeout *= 2;
            message.first_sent.get_or_insert(now);
            message.sent += 1;
            message.sendings_left -= 1;
            due.push(Due::Send(message.clone()));
            message.confirmable
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Route, Transport};

    fn peer() -> Peer {
        Peer {
            route: Route { socket: 0, address: ([127, 0, 0, 1], 1).into() },
            transport: Transport::Udp,
            session: 0,
        }
    }

    #[test]
    fn a_confirmable_message_is_sent_five_times_with_doubled_pauses() {
        let start = Instant::now();
        let mut outstanding = Outstanding::new(Duration::from_secs(2));
        outstanding.add(peer(), 1, Purpose::Ping, true, vec![1], start);
        let mut sent = Vec::new();
        while let Some(deadline) = outstanding.deadline() {
            for due in outstanding.due(deadline) {
                match due {
                    Due::Send(message) => {
                        sent.push((deadline - start).as_millis());
                        assert_eq!(message.sent() as usize, sent.len());
                        assert_eq!(message.age(deadline), deadline - start);
                    }
                    Due::GaveUp(message) => assert_eq!(message.message_id, 1),
                }
            }
        }
        assert_eq!(sent, [0, 2_500, 7_500, 17_500, 37_500]);
    }

    #[test]
    fn an_acknowledgement_ends_it_and_another_peer_s_does_not() {
        let start = Instant::now();
        let mut outstanding = Outstanding::new(Duration::from_secs(2));
        outstanding.add(peer(), 1, Purpose::Ping, true, vec![1], start);
        outstanding.due(start);
        let mut stranger = peer();
        stranger.session = 9;
        assert!(outstanding.answered(stranger, 1).is_none());
        assert!(outstanding.answered(peer(), 2).is_none());
        assert!(outstanding.answered(peer(), 1).is_some());
        assert_eq!(outstanding.deadline(), None);
    }

    #[test]
    fn a_non_confirmable_message_is_sent_once() {
        let start = Instant::now();
        let mut outstanding = Outstanding::new(Duration::from_secs(2));
        outstanding.add(peer(), 1, Purpose::SeparateResponse, false, vec![1], start);
        assert_eq!(outstanding.due(start).len(), 1);
        assert_eq!(outstanding.deadline(), None);
    }
}
