//! A client over a UDP socket, driven as an application would.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use iot_coap_dtls::{Client, Config, Datagram, Error, State};

use super::SystemRandom;

/// A handshake or an exchange that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(40);

pub(crate) struct Link {
    pub(crate) client: Client<SystemRandom>,
    socket: UdpSocket,
    start: Instant,
    /// Datagrams and bytes, both ways.
    pub(crate) sent: (usize, usize),
    pub(crate) received: (usize, usize),
}

impl Link {
    /// A client whose first flight has been sent.
    pub(crate) fn start(config: Config, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        let client = Client::new(config, SystemRandom::default(), 0).unwrap();
        let mut link =
            Self { client, socket, start: Instant::now(), sent: (0, 0), received: (0, 0) };
        link.flush();
        link
    }

    /// A client with the handshake done, or why not.
    pub(crate) fn connect(config: Config, server: SocketAddr) -> Result<Self, Error> {
        let mut link = Self::start(config, server);
        link.handshake()?;
        Ok(link)
    }

    pub(crate) fn handshake(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 4096];
        while self.start.elapsed() < LIMIT {
            match self.client.state() {
                State::Connected => return Ok(()),
                State::Ended(error) => return Err(error),
                State::Handshaking => {}
            }
            self.step(&mut buffer)?;
        }
        panic!("the handshake took over {LIMIT:?}");
    }

    /// Waits for a datagram or for the timer; the plaintext of the first one.
    fn step(&mut self, buffer: &mut [u8]) -> Result<Option<Vec<u8>>, Error> {
        let wait = self.client.deadline().map_or(1000, |at| at.saturating_sub(self.now()));
        self.socket.set_read_timeout(Some(Duration::from_millis(wait.max(1)))).unwrap();
        let read = match self.socket.recv(buffer) {
            Ok(len) => {
                self.received = (self.received.0 + 1, self.received.1 + len);
                let now = self.now();
                let mut datagram = Datagram::new(&mut buffer[..len]);
                self.client.read(&mut datagram, now).map(|read| read.map(<[u8]>::to_vec))
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
                ) =>
            {
                let now = self.now();
                self.client.tick(now).map(|()| None)
            }
            Err(error) => panic!("{error}"),
        };
        self.flush();
        read
    }

    pub(crate) fn send(&mut self, plaintext: &[u8]) {
        let mut buffer = [0; 4096];
        let len = self.client.send(plaintext, &mut buffer).unwrap();
        self.transmit(&buffer[..len]);
    }

    pub(crate) fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let until = Instant::now() + LIMIT;
        let mut buffer = [0; 4096];
        while Instant::now() < until {
            if let Some(plaintext) = self.step(&mut buffer)? {
                return Ok(plaintext);
            }
        }
        panic!("nothing came in {LIMIT:?}");
    }

    /// Sends a line and waits for the server's answer to it.
    pub(crate) fn exchange(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.send(plaintext);
        self.receive().unwrap()
    }

    pub(crate) fn close(mut self) {
        self.client.close();
        self.flush();
    }

    /// The same session from another port, as after a NAT has forgotten it.
    pub(crate) fn rebind(&mut self) {
        let server = self.socket.peer_addr().unwrap();
        self.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.socket.connect(server).unwrap();
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn flush(&mut self) {
        let mut buffer = [0; 4096];
        while let Some(len) = self.client.transmit(&mut buffer) {
            self.transmit(&buffer[..len]);
        }
    }

    fn transmit(&mut self, datagram: &[u8]) {
        self.sent = (self.sent.0 + 1, self.sent.1 + datagram.len());
        // A port that refuses is answered on the next call; the timer sends
        // again.
        let _ = self.socket.send(datagram);
    }
}
