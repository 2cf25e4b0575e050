//! The messages of the server's own, and what answers them.

use std::time::Instant;

use coap_lite::{CoapOption, MessageType, Packet};

use super::{Endpoint, milliseconds};
use crate::events::Event;
use crate::message::{self, EMPTY, code_text};
use crate::outstanding::{MOST_SENDINGS, Outgoing, Purpose};
use crate::random;
use crate::replies::EXCHANGE_LIFETIME;
use crate::transport::Peer;

impl Endpoint {
    /// Pings every peer that is there and was heard from lately; says how many.
    pub(crate) fn ping_peers(&mut self, now: Instant, there: impl Fn(Peer) -> bool) -> usize {
        let peers = self.recent_peers(now, there);
        for &peer in &peers {
            let message_id = self.message_id();
            let ping = message::empty(MessageType::Confirmable, message_id);
            let ping = (message_id, Purpose::Ping, ping);
            self.outstanding.add((peer, self.begin()), ping, Vec::new(), Some(MOST_SENDINGS), now);
        }
        peers.len()
    }

    /// Sends a confirmable POST to every peer that is there and was heard from lately; says how many.
    pub(crate) fn send_to_peers(
        &mut self,
        now: Instant,
        path: &str,
        payload: &[u8],
        there: impl Fn(Peer) -> bool,
    ) -> usize {
        let peers = self.recent_peers(now, there);
        for &peer in &peers {
            let message_id = self.message_id();
            let coap_token = random::unpredictable::<4>().to_vec();
            let mut request =
                message::message(MessageType::Confirmable, crate::auth::POST, message_id);
            request.set_token(coap_token.clone());
            for segment in path.split('/').filter(|segment| !segment.is_empty()) {
                request.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
            }
            request.payload = payload.to_vec();
            let request = (message_id, Purpose::Request, message::encode(&request));
            let to = (peer, self.begin());
            self.outstanding.add(to, request, coap_token, Some(MOST_SENDINGS), now);
        }
        peers.len()
    }

    fn recent_peers(&self, now: Instant, there: impl Fn(Peer) -> bool) -> Vec<Peer> {
        self.peers.recent(now, EXCHANGE_LIFETIME).filter(|peer| there(*peer)).collect()
    }

    pub(super) fn answered(&mut self, now: Instant, peer: Peer, packet: &Packet) {
        let Some(message) = self.outstanding.answered(peer, packet.header.message_id) else {
            return;
        };
        self.answers(&message);
        let code: u8 = packet.header.code.into();
        let by = match packet.header.get_type() {
            MessageType::Reset => "reset".to_owned(),
            _ if code == EMPTY => {
                if message.purpose == Purpose::Request {
                    let until = now + EXCHANGE_LIFETIME;
                    self.outstanding.await_response(message.clone(), until);
                }
                "acknowledgement".to_owned()
            }
            _ => code_text(code),
        };
        self.record_answer(now, &message, by);
    }

    /// A response to a request of the server's own, not piggybacked.
    pub(super) fn response(
        &mut self,
        now: Instant,
        peer: Peer,
        kind: MessageType,
        packet: &Packet,
    ) {
        let message_id = packet.header.message_id;
        match self.outstanding.responded(peer, packet.get_token()) {
            Some(message) => {
                self.answers(&message);
                if kind == MessageType::Confirmable {
                    let acknowledgement = message::empty(MessageType::Acknowledgement, message_id);
                    self.send(peer, acknowledgement);
                }
                self.record_answer(now, &message, code_text(packet.header.code.into()));
            }
            None if kind == MessageType::Confirmable => self.reset(peer, message_id),
            None => {}
        }
    }

    fn record_answer(&self, now: Instant, message: &Outgoing, by: String) {
        self.events.record(Event::Answered {
            transport: message.peer.transport,
            peer: message.peer.route.address,
            what: message.purpose.name().to_owned(),
            by,
            after_ms: milliseconds(message.age(now)),
            sent: message.sent(),
        });
    }
}
