//! The server's own messages: sent when due, and again until acknowledged if
//! they are confirmable (RFC 7252 section 4.2).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fair::FairMap;
use crate::seen::Cause;
use crate::source::Source;
use crate::transport::Peer;

/// How often a confirmable message is sent, `MAX_RETRANSMIT` and once.
pub(crate) const MOST_SENDINGS: u32 = 5;

/// Bytes of messages under way. Where there are more, the source that has most of them loses its
/// oldest.
const UNDER_WAY: usize = 16 << 20;

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
    /// The exchange that it belongs to, where there is a console.
    pub(crate) cause: Option<Arc<Cause>>,
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

/// The messages under way, by number.
pub(crate) struct Outstanding {
    messages: FairMap<u64, Source, Outgoing>,
    next_number: u64,
    due: BTreeSet<(Instant, u64)>,
    by_id: HashMap<(Peer, u16), u64>,
    by_coap_token: HashMap<(Peer, Vec<u8>), u64>,
    /// What had to make room, and was not told yet.
    given_up: Vec<Outgoing>,
    ack_timeout: Duration,
}

impl Outstanding {
    pub(crate) fn new(ack_timeout: Duration) -> Self {
        Self {
            messages: FairMap::new(UNDER_WAY),
            next_number: 0,
            due: BTreeSet::new(),
            by_id: HashMap::new(),
            by_coap_token: HashMap::new(),
            given_up: Vec::new(),
            ack_timeout,
        }
    }

    /// A message of the server's that is to be answered by a message with this CoAP token, if
    /// it has one, and is due at `due`. It is sent so often at most; once, if it is not
    /// confirmable.
    pub(crate) fn add(
        &mut self,
        (peer, cause): (Peer, Option<Arc<Cause>>),
        message: (u16, Purpose, Vec<u8>),
        coap_token: Vec<u8>,
        sendings: Option<u32>,
        due: Instant,
    ) {
        let (message_id, purpose, datagram) = message;
        self.put(Outgoing {
            peer,
            message_id,
            coap_token,
            purpose,
            confirmable: sendings.is_some(),
            datagram,
            due,
            cause,
            // Halfway through ACK_TIMEOUT..ACK_TIMEOUT * ACK_RANDOM_FACTOR.
            timeout: self.ack_timeout * 5 / 4,
            first_sent: None,
            sent: 0,
            sendings_left: sendings.unwrap_or(1),
        });
    }

    fn put(&mut self, message: Outgoing) {
        let number = self.next_number;
        self.next_number += 1;
        let (peer, bytes) = (message.peer, message.datagram.len());
        self.due.insert((message.due, number));
        self.by_id.insert((peer, message.message_id), number);
        if !message.coap_token.is_empty() {
            self.by_coap_token.insert((peer, message.coap_token.clone()), number);
        }
        let source = Source::of(peer.route.address);
        for (number, gone) in self.messages.insert(number, source, bytes, message) {
            self.forget(number, &gone);
            self.given_up.push(gone);
        }
    }

    fn take(&mut self, number: u64) -> Option<Outgoing> {
        let message = self.messages.remove(&number)?;
        self.forget(number, &message);
        Some(message)
    }

    /// Takes a message out of the indexes, unless a later one has its place there.
    fn forget(&mut self, number: u64, message: &Outgoing) {
        self.due.remove(&(message.due, number));
        let id = (message.peer, message.message_id);
        if self.by_id.get(&id) == Some(&number) {
            self.by_id.remove(&id);
        }
        if !message.coap_token.is_empty() {
            let token = (message.peer, message.coap_token.clone());
            if self.by_coap_token.get(&token) == Some(&number) {
                self.by_coap_token.remove(&token);
            }
        }
    }

    /// Takes out the message that an acknowledgement or a reset is about.
    pub(crate) fn answered(&mut self, peer: Peer, message_id: u16) -> Option<Outgoing> {
        let number = *self.by_id.get(&(peer, message_id))?;
        self.take(number)
    }

    /// Takes out the request that a response is to.
    pub(crate) fn responded(&mut self, peer: Peer, coap_token: &[u8]) -> Option<Outgoing> {
        let number = *self.by_coap_token.get(&(peer, coap_token.to_vec()))?;
        self.take(number)
    }

    /// Waits for the separate response to a request that was acknowledged.
    pub(crate) fn await_response(&mut self, mut request: Outgoing, until: Instant) {
        request.due = until;
        request.sendings_left = 0;
        self.put(request);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// What is due, the longest first.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut due: Vec<_> = self.given_up.drain(..).map(Due::GaveUp).collect();
        while let Some(&(at, number)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let Some(message) = self.messages.get_mut(&number) else { continue };
            if message.sendings_left == 0 {
                due.extend(self.take(number).map(Due::GaveUp));
                continue;
            }
            message.due = now + message.timeout;
            message.timeout *= 2;
            message.first_sent.get_or_insert(now);
            message.sent += 1;
            message.sendings_left -= 1;
            due.push(Due::Send(message.clone()));
            if message.confirmable {
                self.due.insert((message.due, number));
            } else {
                self.take(number);
            }
        }
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
        outstanding.add((peer(), None), (1, Purpose::Ping, vec![1]), vec![], Some(5), start);
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
        outstanding.add((peer(), None), (1, Purpose::Ping, vec![1]), vec![], Some(5), start);
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
        outstanding.add(
            (peer(), None),
            (1, Purpose::SeparateResponse, vec![1]),
            vec![],
            None,
            start,
        );
        assert_eq!(outstanding.due(start).len(), 1);
        assert_eq!(outstanding.deadline(), None);
    }

    #[test]
    fn what_nobody_acknowledges_costs_others_nothing() {
        let start = Instant::now();
        let mut outstanding = Outstanding::new(Duration::from_secs(2));
        let of = |last: u8, port: u16| Peer {
            route: Route { socket: 0, address: ([192, 0, 2, last], port).into() },
            ..peer()
        };
        let add = |outstanding: &mut Outstanding, peer, id| {
            let message = (id, Purpose::SeparateResponse, vec![1; 1_000]);
            outstanding.add((peer, None), message, vec![], Some(MOST_SENDINGS), start);
        };
        add(&mut outstanding, of(1, 1), 7);
        // From many ports, with many ids: more than there is room for.
        for number in 0..20_000_u16 {
            add(&mut outstanding, of(2, number), number);
        }
        assert!(outstanding.answered(of(1, 1), 7).is_some());
        let due = outstanding.due(start);
        let sent = due.iter().filter(|due| matches!(due, Due::Send(_))).count();
        assert!((10_000..17_000).contains(&sent), "{sent}");
        assert_eq!(due.len(), 20_000, "the others are given up");
        // Nothing of what is given up stays in an index.
        assert_eq!(outstanding.by_id.len(), sent);
        assert_eq!(outstanding.due.len(), sent);
    }
}
