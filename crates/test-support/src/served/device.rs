//! A true client, by OpenSSL's cryptography, one step after another.

use openssl::derive::Deriver;
use openssl::pkey::{Id, PKey};

use super::scripted_client::ScriptedClient;
use crate::scripted::crypto::Key;
use crate::scripted::messages::{
    APPLICATION_DATA, CONNECTION_ID, FINISHED, HANDSHAKE, NEW_SESSION_TICKET, SERVER_HELLO,
    SERVER_KEY_EXCHANGE, SESSION_TICKET, message, records,
};

const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ECDHE_ECDSA_GCM: u16 = 0xc02b;
const X25519: u8 = 29;

/// How the two sides know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By [`PSK`](crate::dtls::PSK).
    PreSharedKey,
    /// The client believes any.
    Certificate,
    /// By the ticket of an earlier session with a pre-shared key.
    Ticket,
}

/// What a client says next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The ClientHello without a cookie.
    Greeting,
    /// The ClientHello with the cookie.
    Hello,
    /// Its key exchange.
    KeyExchange,
    /// Its Finished.
    Finished,
    /// Application data.
    Data,
    /// Nothing: the server did not answer as it should.
    Stuck,
}

/// A ticket, and the secret of its session.
#[derive(Clone)]
pub struct Ticket {
    /// As the server has sealed it.
    pub ticket: Vec<u8>,
    /// Of the session.
    pub master_secret: Vec<u8>,
}

/// Where a client is in its session.
pub struct Device {
    /// What it speaks by.
    pub client: ScriptedClient,
    /// How the two sides know each other.
    pub proof: Proof,
    /// What it says next.
    pub stage: Stage,
    ticket: Option<Ticket>,
}

impl Device {
    /// `number` makes it another one than those before.
    pub fn new(proof: Proof, number: u8, knows_ids: bool, ticket: Option<Ticket>) -> Self {
        let mut client = ScriptedClient { random: [number; 32], ..ScriptedClient::default() };
        if knows_ids {
            // Its own is empty.
            client.extensions.push((CONNECTION_ID, vec![0]));
        }
        let offered = ticket.as_ref().map(|ticket| ticket.ticket.clone()).unwrap_or_default();
        client.extensions.push((SESSION_TICKET, offered));
        if proof == Proof::Certificate {
            client.suites = vec![ECDHE_ECDSA_GCM];
            client.extensions.push((SUPPORTED_GROUPS, vec![0, 2, 0, X25519]));
            client.extensions.push((SIGNATURE_ALGORITHMS, vec![0, 2, 4, 3]));
        }
        Self { client, proof, stage: Stage::Greeting, ticket }
    }

    /// The next datagram. The server's flight must have been read.
    pub fn say(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        let (datagram, next) = match self.stage {
            Stage::Greeting => (self.client.hello(), Stage::Greeting),
            Stage::Hello => (self.client.hello(), Stage::Stuck),
            Stage::KeyExchange if self.proof == Proof::Certificate => match self.agree() {
                Some(datagram) => (datagram, Stage::Finished),
                None => (vec![], Stage::Stuck),
            },
            Stage::KeyExchange => (self.client.key_exchange(), Stage::Finished),
            Stage::Finished => (self.finished(), Stage::Data),
            Stage::Data => (self.client.protected(APPLICATION_DATA, data), Stage::Data),
            Stage::Stuck => return None,
        };
        self.stage = next;
        Some(datagram)
    }

    fn finished(&mut self) -> Vec<u8> {
        let data = self.client.verify_data();
        let message = message(FINISHED, self.client.message_seq, &data);
        self.client.protected(HANDSHAKE, &message)
    }

    /// Takes the answer to its ClientHello.
    pub fn read(&mut self, datagrams: &[Vec<u8>]) {
        let hello_len = self.client.transcript.len();
        for record in datagrams.iter().flat_map(|datagram| records(datagram, 0)) {
            let key = self.client.keys.as_ref().map(|(_, theirs)| theirs);
            let content = match (record.header.content_type, record.header.epoch) {
                (HANDSHAKE, 0) => record.fragment.to_vec(),
                (HANDSHAKE, _) => {
                    let open = |key: &_| Key::open(key, &record.header, record.fragment);
                    key.and_then(open).unwrap_or_default()
                }
                _ => continue,
            };
            let Some((header, body)) = content.split_at_checked(12) else { continue };
            if header[6..9] == [0; 3] {
                self.client.transcript.extend_from_slice(&header[..9]);
                self.client.transcript.extend_from_slice(&header[1..4]);
            }
            self.client.transcript.extend_from_slice(body);
            let has_hello = self.client.transcript.len() >= hello_len + 46;
            if let (true, Some(ticket), None) = (has_hello, &self.ticket, &self.client.keys) {
                self.client.take_keys(ticket.master_secret.clone());
            }
        }
        let answer = &self.client.transcript[hello_len..];
        self.stage = match (answer.first(), self.proof) {
            (Some(&SERVER_HELLO), Proof::Ticket) => Stage::Finished,
            (Some(&SERVER_HELLO), _) if answer.len() > 46 => Stage::KeyExchange,
            _ => Stage::Stuck,
        };
    }

    /// The key exchange with X25519 (RFC 8422, section 5.7).
    fn agree(&mut self) -> Option<Vec<u8>> {
        let mut rest = &self.client.transcript[..];
        let theirs = loop {
            let (header, body) = rest.split_at_checked(12)?;
            let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let (body, next) = body.split_at_checked(len)?;
            if header[0] == SERVER_KEY_EXCHANGE {
                break body.strip_prefix(&[3, 0, X25519, 32])?.get(..32)?;
            }
            rest = next;
        };
        let own = PKey::private_key_from_raw_bytes(&[7; 32], Id::X25519).unwrap();
        let theirs = PKey::public_key_from_raw_bytes(theirs, Id::X25519).unwrap();
        let mut deriver = Deriver::new(&own).unwrap();
        deriver.set_peer(&theirs).unwrap();
        let premaster = deriver.derive_to_vec().unwrap();
        let body = [&[32][..], &own.raw_public_key().unwrap()].concat();
        Some(self.client.exchange(&body, &premaster))
    }

    /// The ticket in the server's last flight.
    pub fn ticket(&self, flight: &[Vec<u8>]) -> Option<Ticket> {
        let records = flight.iter().flat_map(|datagram| records(datagram, 0));
        let mut fragments = records.map(|record| record.fragment);
        let message = fragments.find(|fragment| fragment[0] == NEW_SESSION_TICKET)?;
        let master_secret = self.client.master_secret.clone();
        Some(Ticket { ticket: message[18..].to_vec(), master_secret })
    }
}
