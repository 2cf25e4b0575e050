//! A client, the true server and what is on its way between them, in virtual time.

use std::collections::VecDeque;

use iot_coap_dtls::{Client, Config, State};

use super::server::honest::Honest;
use super::{Numbers, TestClient, at, feed_at, sent};

/// From one side to the other, in milliseconds.
const DELAY_MS: u64 = 40;

/// Where a forged datagram comes: before or after the server's nth one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before it.
    Before(usize),
    /// After it; 0 is at the start.
    After(usize),
}

/// Datagrams, each with the time of its arrival.
pub type Queue = VecDeque<(u64, Vec<u8>)>;

/// A client and its server.
pub struct World<'i> {
    /// The engine's side.
    pub client: TestClient,
    /// The test's side.
    pub server: Honest<'i>,
    /// Milliseconds since the client was made.
    pub now: u64,
    /// What the server has not received yet.
    pub to_server: Queue,
    /// What the client has not received yet.
    pub to_client: Queue,
    /// How many of the server's datagrams have arrived.
    pub delivered: usize,
}

impl<'i> World<'i> {
    /// A client with the randomness of a seed, which has sent nothing yet.
    pub fn new(config: Config, seed: u64, server: Honest<'i>) -> Self {
        let client = Client::new(config, Numbers::new(seed), at(0)).unwrap();
        let (to_server, to_client) = (VecDeque::new(), VecDeque::new());
        Self { client, server, now: 0, to_server, to_client, delivered: 0 }
    }

    /// Sends what is due.
    pub fn flush(&mut self) {
        let arrival = self.now + DELAY_MS;
        let due = sent(&mut self.client);
        self.to_server.extend(due.into_iter().map(|datagram| (arrival, datagram)));
    }

    /// Sends what the server says.
    pub fn answer(&mut self, datagrams: Vec<Vec<u8>>) {
        let arrival = self.now + DELAY_MS;
        self.to_client.extend(datagrams.into_iter().map(|datagram| (arrival, datagram)));
    }

    /// Hands the client a datagram during the handshake.
    pub fn feed(&mut self, datagram: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let read = feed_at(&mut self.client, datagram, self.now);
        self.flush();
        read.map_err(|error| error.to_string())
    }

    /// Both have the other's Finished.
    pub fn is_connected(&self) -> bool {
        self.client.state() == State::Connected && self.server.is_connected()
    }

    /// Drives both sides until they are connected, or says why not. The time must not pass
    /// `limit` milliseconds.
    pub fn run(&mut self, limit: u64, forged: Option<(Place, &[u8])>) -> Result<(), String> {
        self.flush();
        let mut forged = forged;
        let mut forge = |world: &mut Self, place| match forged {
            Some((when, datagram)) if when == place => {
                forged = None;
                let read = world.feed(datagram)?;
                assert!(read.is_empty(), "application data");
                Ok(())
            }
            _ => Ok::<_, String>(()),
        };
        forge(self, Place::After(0))?;
        while !self.is_connected() {
            let arrivals = [self.to_server.front(), self.to_client.front()]
                .map(|next| next.map_or(u64::MAX, |(arrival, _)| *arrival));
            let expires =
                self.client.next_timeout().map_or(u64::MAX, iot_coap_time::Instant::as_millis);
            let server_expires = self.server.deadline.unwrap_or(u64::MAX);
            let times = [arrivals[0], arrivals[1], expires, server_expires];
            let next = *times.iter().min().unwrap();
            if next > limit {
                return Err(format!("not connected after {limit} ms"));
            }
            self.now = self.now.max(next);
            if next == arrivals[0] {
                let (_, datagram) = self.to_server.pop_front().unwrap();
                let answers = self.server.receive(self.now, &datagram);
                self.answer(answers);
            } else if next == arrivals[1] {
                self.delivered += 1;
                let number = self.delivered;
                forge(self, Place::Before(number))?;
                let (_, datagram) = self.to_client.pop_front().unwrap();
                let read = self.feed(&datagram)?;
                assert!(read.is_empty(), "application data");
                forge(self, Place::After(number))?;
            } else if next == server_expires {
                let repeated = self.server.handle_timeout(self.now);
                self.answer(repeated);
            } else {
                self.client.handle_timeout(at(self.now)).map_err(|error| error.to_string())?;
                self.flush();
            }
        }
        Ok(())
    }

    /// The client is connected, and the server waits for another handshake.
    pub fn is_left(&self) -> bool {
        self.client.state() == State::Connected
            && !self.server.is_connected()
            && self.server.deadline.is_none()
    }

    /// That both sides have the same keys.
    pub fn assert_alive(&mut self) {
        let record = self.server.says(b"still there");
        let read = feed_at(&mut self.client, &record, self.now);
        assert_eq!(read, Ok(vec![b"still there".to_vec()]));
        let mut out = [0; 256];
        let len = self.client.send(b"so am I", &mut out).unwrap();
        self.server.receive(self.now, &out[..len]);
        assert_eq!(self.server.received.pop(), Some(b"so am I".to_vec()));
    }
}
