//! The server and a network that does what it likes: it loses, repeats, delays, joins and changes
//! what a true client says, and adds what others say. Whatever comes:
//!
//! - A connection is connected only after the true client's Finished has come, whole.
//! - It hands out application data only while connected, only what the client said, and each
//!   record once, also if the session is exported and imported in between.
//! - It sends a bounded number of datagrams, and before a cookie less than three times of what
//!   came.
//! - If nothing false came, it is connected in the end when the client's messages come.
//!
//! `DTLS_SERVED_ORDERS` sets the number of random orders; 3,000 by default. `DTLS_SERVED_SEED`
//! runs the order with one seed, which a failure prints.

use iot_coap_dtls::server::Connection;
use iot_coap_dtls::{SealingKey, State};
use iot_coap_test_support::dtls::SystemRandom;
use iot_coap_test_support::scripted::Numbers;
use iot_coap_test_support::scripted::messages::{
    APPLICATION_DATA, EXTENDED_MASTER_SECRET, HANDSHAKE, SESSION_TICKET, fragment, message, record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};

use super::pair::Pair;

const ORDERS: u64 = 3000;

/// What the true client says next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The ClientHello with the cookie.
    Hello,
    KeyExchange,
    Finished,
    Data,
}

struct Order {
    pair: Pair,
    random: Numbers,
    stage: Stage,
    /// Everything that the true client has said.
    said: Vec<Vec<u8>>,
    data: Vec<Vec<u8>>,
    finished: Option<Vec<u8>>,
    finished_came: bool,
    has_false: bool,
    key: SealingKey,
}

impl Order {
    fn new(seed: u64) -> Self {
        let mut random = Numbers::new(seed);
        let mut client = ScriptedClient::default();
        client.random[..8].copy_from_slice(&seed.to_be_bytes());
        client.extensions = vec![(EXTENDED_MASTER_SECRET, vec![])];
        if random.next().is_multiple_of(2) {
            client.extensions.push((SESSION_TICKET, vec![]));
        }
        let keys = [SealingKey::new(&[1; 32]).unwrap()];
        let config = pre_shared_key().ticket_keys(keys.into(), 0).max_message_len(1000);
        let server = Endpoint { answer: |_| None, ..Endpoint::new(config) };
        Self {
            pair: Pair { server, ..Pair::new(client) }.get_cookie(),
            random,
            stage: Stage::Hello,
            said: Vec::new(),
            data: Vec::new(),
            finished: None,
            finished_came: false,
            has_false: false,
            key: SealingKey::new(&[2; 32]).unwrap(),
        }
    }

    fn draw(&mut self, count: usize) -> usize {
        (self.random.next() % count as u64) as usize
    }

    /// Hands the server a datagram, and checks what it makes of it.
    fn deliver(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let holds =
            |finished: &Vec<u8>| datagram.windows(finished.len()).any(|part| part == finished);
        self.finished_came |= self.finished.as_ref().is_some_and(holds);
        let answers = self.pair.feed(datagram);
        self.check();
        answers
    }

    fn check(&mut self) {
        for served in &self.pair.server.served {
            if served.connection.state() == State::Connected {
                assert!(self.finished_came, "connected without a Finished");
            }
            let mut received = served.received.clone();
            received.sort();
            let count = received.len();
            received.dedup();
            assert_eq!(received.len(), count, "something came twice");
            assert!(received.iter().all(|read| self.data.contains(read)));
        }
    }

    /// What the true client says next. It goes on when the server has answered.
    fn say(&mut self) -> Vec<u8> {
        let client = &mut self.pair.client;
        let datagram = match self.stage {
            Stage::Hello => client.hello(),
            Stage::KeyExchange => client.key_exchange(),
            Stage::Finished => {
                let data = client.verify_data();
                let finished = client.finished(&data);
                self.finished = Some(finished.clone());
                finished
            }
            Stage::Data => {
                let data = format!("message {}", self.data.len()).into_bytes();
                self.data.push(data.clone());
                client.protected(APPLICATION_DATA, &data)
            }
        };
        self.stage = match self.stage {
            Stage::Hello => Stage::KeyExchange,
            Stage::KeyExchange => Stage::Finished,
            _ => Stage::Data,
        };
        self.said.push(datagram.clone());
        datagram
    }

    /// The client's next step. The flight of the server must have come, so it does.
    fn next(&mut self) {
        let is_hello = self.stage == Stage::Hello;
        let datagram = self.say();
        let is_lost = !is_hello && self.draw(4) == 0;
        if !is_lost {
            let answers = self.deliver(&datagram);
            if is_hello {
                self.pair.client.read_flight(&answers);
            }
        }
    }

    fn forge(&mut self) -> Vec<u8> {
        self.has_false = true;
        let kind = [0, 1, 1, 2, 11, 16, 16, 20, 99][self.draw(9)];
        let message_seq = self.draw(6) as u16;
        let body: Vec<u8> = (0..self.draw(80)).map(|_| self.random.next() as u8).collect();
        let content = match self.draw(3) {
            0 => message(kind, message_seq, &body),
            1 => fragment(kind, message_seq, body.len() + self.draw(2000), self.draw(9), &body),
            _ => body,
        };
        let content_type = [20, 21, HANDSHAKE, HANDSHAKE, HANDSHAKE, 23, 25, 99][self.draw(8)];
        let epoch = [0, 0, 0, 1, 2][self.draw(5)];
        record(content_type, epoch, self.random.next() % 9, &content)
    }

    fn change(&mut self) -> Vec<u8> {
        self.has_false = true;
        let index = self.draw(self.said.len());
        let mut datagram = self.said[index].clone();
        for _ in 0..=self.draw(3) {
            let at = self.draw(datagram.len());
            datagram[at] ^= 1 << self.draw(8);
        }
        datagram.truncate(datagram.len() - self.draw(2) * self.draw(datagram.len()));
        datagram
    }

    fn pass_time(&mut self) {
        if let Some(deadline) = self.pair.server.next_timeout() {
            self.pair.now = self.pair.now.max(deadline.as_millis());
            self.pair.server.handle_timeout(deadline);
            let next = self.pair.server.next_timeout();
            assert!(next.is_none_or(|next| next > deadline), "a timer stands still");
        }
    }

    /// The session is sealed, and goes on in another process.
    fn move_on(&mut self) {
        let Some(served) = self.pair.server.served.first_mut() else { return };
        if let Ok(blob) = served.connection.export(&self.key, b"") {
            let (config, random) = (&self.pair.server.config, SystemRandom::default());
            served.connection = Connection::import(config, &blob, &self.key, b"", random).unwrap();
        }
    }

    fn run(&mut self) {
        self.next();
        for _ in 0..40 {
            match self.draw(12) {
                0..4 => self.next(),
                4 | 5 => {
                    let index = self.draw(self.said.len());
                    self.deliver(&self.said[index].clone());
                }
                6 => {
                    let (one, other) = (self.draw(self.said.len()), self.draw(self.said.len()));
                    self.deliver(&[&self.said[one][..], &self.said[other]].concat());
                }
                7 if self.random.next().is_multiple_of(3) => {
                    let forged = self.forge();
                    self.deliver(&forged);
                }
                8 if self.random.next().is_multiple_of(3) => {
                    let changed = self.change();
                    self.deliver(&changed);
                }
                9 if self.random.next().is_multiple_of(4) => self.pass_time(),
                10 => self.move_on(),
                _ => {}
            }
        }
        // Whatever was lost comes now.
        while self.stage < Stage::Data {
            self.next();
        }
        for datagram in self.said.clone() {
            self.deliver(&datagram);
        }
        let (accepted, (received, sent)) = (self.pair.server.accepted, self.pair.server.bytes);
        assert!(sent <= 44 * 50 + accepted * 8 * 200 + 60 * 50, "{sent} bytes for {received}");
        if !self.has_false && accepted == 1 && !self.pair.server.served.is_empty() {
            assert_eq!(self.pair.state(), Some(State::Connected));
            let datagram = self.say();
            self.deliver(&datagram);
            assert_eq!(self.pair.server.only().received.last(), self.data.last());
        }
    }
}

#[test]
fn random_orders() {
    let number = |name, without| {
        std::env::var(name).map_or(without, |value: String| value.parse().expect("a number"))
    };
    let only = std::env::var("DTLS_SERVED_SEED").is_ok();
    let seed = number("DTLS_SERVED_SEED", 0);
    let orders = if only { 1 } else { number("DTLS_SERVED_ORDERS", ORDERS) };
    let mut connected = [0; 2];
    for seed in seed..seed + orders {
        let mut order = Order::new(seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| order.run()));
        assert!(result.is_ok(), "DTLS_SERVED_SEED={seed}");
        connected[usize::from(order.has_false)] +=
            u32::from(order.pair.state() == Some(State::Connected));
    }
    eprintln!("connected: {} without anything false, {} with", connected[0], connected[1]);
    assert!(only || connected.iter().all(|count| u64::from(*count) > orders / 20));
}
