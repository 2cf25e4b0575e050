//! A client and a server, both of the engine, and a simulated link between them.

use std::net::SocketAddr;

use iot_coap_dtls::{Client, Datagram, Duration, Error, Instant, State};

use super::Endpoint;
use crate::dtls::SystemRandom;
use crate::network::{Conditions, Decide, Direction, SimulatedLink};

/// From one side to the other.
const DELAY: Duration = Duration::from_millis(40);

/// A client and its server.
pub struct Pair {
    /// The client.
    pub client: Client<SystemRandom>,
    /// What the client has received.
    pub received: Vec<Vec<u8>>,
    /// The server.
    pub server: Endpoint,
    /// Where the client is.
    pub address: SocketAddr,
    /// The time of both.
    pub now: Instant,
    link: SimulatedLink,
}

impl Pair {
    /// A client that has sent nothing yet, on a link on which `decide` decides what arrives.
    pub fn new(config: iot_coap_dtls::Config, server: Endpoint, decide: impl Decide) -> Self {
        let now = Instant::from_millis(0);
        Self {
            client: Client::new(config, SystemRandom::default(), now).unwrap(),
            received: Vec::new(),
            server,
            address: ([192, 0, 2, 7], 5683).into(),
            now,
            link: SimulatedLink::new(
                Conditions::delayed(DELAY),
                Conditions::delayed(DELAY),
                0,
                decide,
            ),
        }
    }

    /// Another client, which knows nothing of the one before, at the same address; what was on
    /// its way is lost.
    #[must_use]
    pub fn restarted(self, config: iot_coap_dtls::Config, decide: impl Decide) -> Self {
        let now = self.now;
        let fresh = Self::new(config.clone(), self.server, decide);
        let client = Client::new(config, SystemRandom::default(), now).unwrap();
        Self { client, now, address: self.address, ..fresh }
    }

    /// Hands the server a datagram in the client's name. What it answers goes to the client.
    pub fn forge(&mut self, datagram: &[u8]) {
        let answers = self.server.receive(self.now, self.address, datagram);
        self.answer(answers);
    }

    /// Sends what the client has to say.
    pub fn flush(&mut self) {
        let mut buffer = [0; 8192];
        while let Some(len) = self.client.poll_transmit(&mut buffer) {
            self.link.send(self.now, Direction::ToServer, &buffer[..len]);
        }
    }

    /// Sends what the server has to say to this client.
    fn answer(&mut self, datagrams: Vec<super::Outbound>) {
        for (to, datagram) in datagrams {
            if to == self.address {
                self.link.send(self.now, Direction::ToClient, &datagram);
            }
        }
    }

    /// Lets what is next happen: a datagram arrives, or a timer expires; or nothing until
    /// `end`. Returns false at the end.
    pub fn step(&mut self, end: Instant) -> Result<bool, Error> {
        self.flush();
        let times =
            [self.link.next_arrival(), self.client.next_timeout(), self.server.next_timeout()];
        let Some(next) = times.into_iter().flatten().min().filter(|next| *next <= end) else {
            self.now = end;
            return Ok(false);
        };
        self.now = self.now.max(next);
        match self.link.arrived(self.now) {
            Some((Direction::ToServer, bytes)) => {
                let answers = self.server.receive(self.now, self.address, &bytes);
                self.answer(answers);
            }
            Some((Direction::ToClient, mut bytes)) => {
                let mut datagram = Datagram::new(&mut bytes);
                while let Some(read) = self.client.handle_datagram(self.now, &mut datagram)? {
                    self.received.push(read.to_vec());
                }
            }
            None => {
                self.client.handle_timeout(self.now)?;
                let answers = self.server.handle_timeout(self.now);
                self.answer(answers);
            }
        }
        self.flush();
        Ok(true)
    }

    /// Goes on for so many milliseconds.
    pub fn run(&mut self, millis: u64) -> Result<(), Error> {
        let end = self.now + Duration::from_millis(millis);
        while self.step(end)? {}
        Ok(())
    }

    /// Drives the handshake until the client is connected, for so many milliseconds at most;
    /// returns whether it is.
    pub fn connect(&mut self, millis: u64) -> Result<bool, Error> {
        let end = self.now + Duration::from_millis(millis);
        while self.client.state() == State::Handshaking && self.step(end)? {}
        Ok(self.client.state() == State::Connected)
    }

    /// Sends a message, once.
    pub fn say(&mut self, message: &[u8]) {
        let mut buffer = [0; 8192];
        let len = self.client.send(message, &mut buffer).unwrap();
        self.link.send(self.now, Direction::ToServer, &buffer[..len]);
    }

    /// Sends a message every two seconds until it comes back, as CoAP would.
    pub fn exchange(&mut self, message: &[u8]) {
        assert!(self.try_exchange(message, 50), "no answer");
    }

    /// The same, so many times at most. Returns whether it has come back.
    pub fn try_exchange(&mut self, message: &[u8], times: usize) -> bool {
        for _ in 0..times {
            self.say(message);
            let end = self.now + Duration::from_secs(2);
            while self.step(end).is_ok_and(|goes_on| goes_on) {
                if self.received.iter().any(|read| read == message) {
                    self.received.clear();
                    return true;
                }
            }
        }
        false
    }
}
