//! A client and OpenSSL's server in this process, with a slow network between them. The
//! time is virtual: a test of minutes takes milliseconds. OpenSSL's own timer runs by the
//! real clock: it expires only where a datagram of the server's is lost, for which the test
//! waits as long as that takes.

use std::io::{Read, Write};
use std::time::Duration;

use iot_coap_dtls::{Client, Config, Datagram, Error, Instant, State};
use openssl::ssl::{Ssl, SslContext, SslStream};

use super::SystemRandom;
use super::in_memory::Datagrams;
use crate::network::{Conditions, Direction, Fate, SimulatedLink};

/// A handshake or an exchange that takes longer has failed, in milliseconds.
const LIMIT_MS: u64 = 400_000;

/// What is said over a session, and comes back.
const MESSAGE: &[u8] = b"21.5";

/// OpenSSL's timer, in milliseconds.
const SERVER_TIMEOUT_MS: u64 = 1000;

/// The content type of application data.
const APPLICATION_DATA: u8 = 23;

/// A network between a client and a server.
pub struct Network<'n> {
    /// From a client's datagram to the server's answer, in milliseconds.
    pub round_trip_ms: u64,
    /// The longest datagram of the server's.
    pub server_mtu: u32,
    /// Whether it loses the datagram with this number and this length.
    pub loses: &'n mut dyn FnMut(Direction, usize, usize) -> bool,
}

/// A handshake and an exchange over a [`Network`].
pub struct Delayed<'n> {
    /// The state machine.
    pub client: Client<SystemRandom>,
    /// Virtual milliseconds since the start.
    pub now: u64,
    /// The datagrams of the handshake that the client sent, each with its time.
    pub sent: Vec<(u64, Vec<u8>)>,
    /// The datagrams of the handshake that the server sent.
    pub answered: Vec<Vec<u8>>,
    server: SslStream<Datagrams>,
    is_accepted: bool,
    network: Network<'n>,
    link: SimulatedLink,
    /// When the server sends its flight again.
    server_expires: u64,
    counts: [usize; 2],
    echoes: usize,
}

impl<'n> Delayed<'n> {
    /// A session with the handshake done, or why not.
    pub fn connect(
        server: &SslContext,
        config: Config,
        network: Network<'n>,
    ) -> Result<Self, Error> {
        let mut ssl = Ssl::new(server).unwrap();
        ssl.set_mtu(network.server_mtu).unwrap();
        let client = Client::new(config, SystemRandom::default(), Instant::from_millis(0)).unwrap();
        let way =
            Conditions::delayed(iot_coap_time::Duration::from_millis(network.round_trip_ms / 2));
        let mut link = Self {
            client,
            now: 0,
            sent: Vec::new(),
            answered: Vec::new(),
            server: SslStream::new(ssl, Datagrams::default()).unwrap(),
            is_accepted: false,
            network,
            link: SimulatedLink::new(way, way, 0, |_, _| Fate::ARRIVES),
            server_expires: u64::MAX,
            counts: [0; 2],
            echoes: 0,
        };
        while link.client.state() == State::Handshaking {
            assert!(link.now < LIMIT_MS, "the handshake took over {LIMIT_MS} ms");
            link.step(LIMIT_MS)?;
        }
        Ok(link)
    }

    /// Bytes of all datagrams of the handshake, both ways.
    pub fn bytes(&self) -> usize {
        let sent: usize = self.sent.iter().map(|(_, datagram)| datagram.len()).sum();
        sent + self.answered.iter().map(Vec::len).sum::<usize>()
    }

    /// Lets everything arrive that is on its way.
    pub fn settle(&mut self) {
        self.flush();
        while self.link.next_arrival().is_some() {
            self.step(LIMIT_MS).unwrap();
        }
    }

    /// Sends a message again and again until it comes back, as CoAP would.
    pub fn exchange_through_loss(&mut self) {
        let patience = 2000 + self.network.round_trip_ms;
        while self.echoes == 0 {
            assert!(self.now < LIMIT_MS, "no answer after {LIMIT_MS} ms");
            let mut buffer = [0; 2048];
            let len = self.client.send(MESSAGE, &mut buffer).unwrap();
            self.fly(Direction::ToServer, &buffer[..len]);
            let until = self.now + patience;
            while self.echoes == 0 && self.now < until {
                self.step(until).unwrap();
            }
        }
    }

    /// Goes on to what is next: a datagram arrives, or the client's timer expires; or to
    /// `end`, if that is sooner.
    fn step(&mut self, end: u64) -> Result<(), Error> {
        self.flush();
        let arrives = self.link.next_arrival().map_or(u64::MAX, Instant::as_millis);
        let expires = self.client.next_timeout().map_or(u64::MAX, Instant::as_millis);
        self.now = end.min(arrives).min(expires).min(self.server_expires);
        if self.now == self.server_expires {
            self.server_expires = u64::MAX;
            std::thread::sleep(Duration::from_millis(SERVER_TIMEOUT_MS + 50));
            self.serve(None);
            return Ok(());
        }
        let now = Instant::from_millis(self.now);
        // Datagrams before time.
        match self.link.arrived(now) {
            Some((Direction::ToServer, bytes)) => self.serve(Some(bytes)),
            Some((Direction::ToClient, bytes)) => self.receive(bytes)?,
            None => self.client.handle_timeout(now)?,
        }
        self.flush();
        Ok(())
    }

    fn flush(&mut self) {
        let mut buffer = [0; 16_384];
        while let Some(len) = self.client.poll_transmit(&mut buffer) {
            self.fly(Direction::ToServer, &buffer[..len]);
        }
    }

    fn fly(&mut self, direction: Direction, bytes: &[u8]) {
        let count = &mut self.counts[usize::from(direction == Direction::ToClient)];
        let is_lost = (self.network.loses)(direction, *count, bytes.len());
        *count += 1;
        if bytes[0] != APPLICATION_DATA {
            match direction {
                Direction::ToServer => self.sent.push((self.now, bytes.to_vec())),
                Direction::ToClient => self.answered.push(bytes.to_vec()),
            }
        }
        if is_lost {
            if direction == Direction::ToClient {
                self.server_expires = self.now + SERVER_TIMEOUT_MS;
            }
        } else {
            self.link.send(Instant::from_millis(self.now), direction, bytes);
        }
    }

    fn receive(&mut self, mut bytes: Vec<u8>) -> Result<(), Error> {
        let now = Instant::from_millis(self.now);
        let mut datagram = Datagram::new(&mut bytes);
        while let Some(plaintext) = self.client.handle_datagram(now, &mut datagram)? {
            assert_eq!(plaintext, MESSAGE);
            self.echoes += 1;
        }
        Ok(())
    }

    fn serve(&mut self, arrived: Option<Vec<u8>>) {
        self.server.get_mut().to_server.extend(arrived);
        // An error means that the server waits for more.
        self.is_accepted = self.is_accepted || self.server.accept().is_ok();
        let mut buffer = [0; 2048];
        while self.is_accepted {
            let Ok(len) = self.server.read(&mut buffer) else { break };
            if len == 0 {
                break;
            }
            self.server.write_all(&buffer[..len]).unwrap();
        }
        while let Some(datagram) = self.server.get_mut().to_client.pop_front() {
            self.fly(Direction::ToClient, &datagram);
        }
    }
}
