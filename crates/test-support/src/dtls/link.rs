//! A client over a UDP socket, driven as an application would.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use iot_coap_dtls::{Client, Config, Datagram, Error, SavedSession, State};

use super::SystemRandom;

/// A handshake or an exchange that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(40);

/// A client with its socket.
pub struct Link {
    /// The state machine.
    pub client: Client<SystemRandom>,
    socket: UdpSocket,
    start: Instant,
    plaintexts: VecDeque<Vec<u8>>,
    /// The latest datagram, as it came.
    pub last_received: Vec<u8>,
    /// Datagrams and bytes, both ways.
    pub sent: (usize, usize),
    /// Datagrams and bytes that came.
    pub received: (usize, usize),
}

impl Link {
    /// A client whose first flight has been sent.
    pub fn start(config: Config, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        let client =
            Client::new(config, SystemRandom::default(), iot_coap_dtls::Instant::from_millis(0))
                .unwrap();
        let mut link = Self {
            client,
            socket,
            start: Instant::now(),
            plaintexts: VecDeque::new(),
            last_received: Vec::new(),
            sent: (0, 0),
            received: (0, 0),
        };
        link.flush();
        link
    }

    /// A client with the handshake done, or why not.
    pub fn connect(config: Config, server: SocketAddr) -> Result<Self, Error> {
        let mut link = Self::start(config, server);
        link.handshake()?;
        Ok(link)
    }

    /// The saved session of a connection without faults, on which a line is echoed.
    pub fn saved_session(config: Config, server: SocketAddr) -> SavedSession {
        let mut link = Self::connect(config, server).unwrap();
        let saved = link.client.take_saved_session().unwrap();
        assert_eq!(link.exchange(b"echo 0\n"), b"echo 0\n");
        link.close();
        saved
    }

    /// Drives the handshake to its end; says why where it fails.
    pub fn handshake(&mut self) -> Result<(), Error> {
        while self.start.elapsed() < LIMIT {
            match self.client.state() {
                State::Connected => return Ok(()),
                State::Ended(error) => return Err(error),
                State::Handshaking => {}
            }
            self.step(Duration::from_secs(1))?;
        }
        panic!("the handshake took over {LIMIT:?}");
    }

    /// Drives the handshake to its end while somebody else may speak as the server: `forge`
    /// is asked once at the start and after each of the server's datagrams, and told how many
    /// have come. The server is told if it fails.
    pub fn handshake_with(
        &mut self,
        forge: &mut dyn FnMut(usize) -> Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let done = self.drive_with(forge);
        self.flush();
        done
    }

    fn drive_with(&mut self, forge: &mut dyn FnMut(usize) -> Option<Vec<u8>>) -> Result<(), Error> {
        let mut asked = 0;
        while self.start.elapsed() < LIMIT {
            match self.client.state() {
                State::Connected => return Ok(()),
                State::Ended(error) => return Err(error),
                State::Handshaking => {}
            }
            if asked <= self.received.0 {
                if let Some(mut forged) = forge(self.received.0) {
                    self.read(&mut forged)?;
                    self.flush();
                }
                asked = self.received.0 + 1;
            }
            self.step(Duration::from_secs(1))?;
        }
        panic!("the handshake took over {LIMIT:?}");
    }

    /// Waits for a datagram, for the timer, or for so long.
    fn step(&mut self, longest: Duration) -> Result<(), Error> {
        let mut buffer = [0; 4096];
        let timer = self.client.next_timeout().map(|at| (at - self.now()).as_millis());
        let wait = timer.map_or(longest, |timer| longest.min(Duration::from_millis(timer)));
        self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).unwrap();
        let result = match self.socket.recv(&mut buffer) {
            Ok(len) => {
                self.received = (self.received.0 + 1, self.received.1 + len);
                self.last_received = buffer[..len].to_vec();
                self.read(&mut buffer[..len])
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
                ) =>
            {
                let now = self.now();
                self.client.handle_timeout(now)
            }
            Err(error) => panic!("{error}"),
        };
        self.flush();
        result
    }

    fn read(&mut self, datagram: &mut [u8]) -> Result<(), Error> {
        let now = self.now();
        let mut datagram = Datagram::new(datagram);
        while let Some(plaintext) = self.client.handle_datagram(now, &mut datagram)? {
            self.plaintexts.push_back(plaintext.to_vec());
        }
        Ok(())
    }

    /// Sends a plaintext.
    pub fn send(&mut self, plaintext: &[u8]) {
        let mut buffer = [0; 4096];
        let len = self.client.send(plaintext, &mut buffer).unwrap();
        self.transmit(&buffer[..len]);
    }

    /// The next plaintext.
    pub fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let plaintext = self.receive_within(LIMIT)?;
        Ok(plaintext.unwrap_or_else(|| panic!("nothing came in {LIMIT:?}")))
    }

    /// The next plaintext, if it comes soon enough.
    fn receive_within(&mut self, time: Duration) -> Result<Option<Vec<u8>>, Error> {
        let until = Instant::now() + time;
        loop {
            if let Some(plaintext) = self.plaintexts.pop_front() {
                return Ok(Some(plaintext));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.step(left)?;
        }
    }

    /// Goes on for so long, in which no plaintext comes.
    pub fn wait(&mut self, time: Duration) {
        assert_eq!(self.receive_within(time), Ok(None));
    }

    /// Goes on until the server refuses what the client offers, or for so long. Returns whether
    /// it did.
    pub fn is_refused_within(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !self.client.is_refused() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.step(left).unwrap();
        }
        true
    }

    /// Sends a message again and again until it comes back, as CoAP would.
    pub fn exchange_through_loss(&mut self, plaintext: &[u8]) {
        // CoAP waits two seconds and more; but a client that is faster must not
        // hang with GnuTLS, which takes each message within a second for a reason
        // not to repeat its own last flight yet.
        const PATIENCE: Duration = Duration::from_millis(300);
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            self.send(plaintext);
            while let Some(answer) = self.receive_within(PATIENCE).unwrap() {
                if answer == plaintext {
                    return;
                }
            }
        }
        panic!("no answer in {LIMIT:?}");
    }

    /// How the session ends, which it must do soon by itself.
    pub fn end(&mut self) -> Error {
        match self.receive() {
            Ok(plaintext) => panic!("the session goes on: {plaintext:?}"),
            Err(error) => error,
        }
    }

    /// Sends a line and waits for the server's answer to it.
    pub fn exchange(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.send(plaintext);
        self.receive().unwrap()
    }

    /// The answer, if there is one within a second.
    pub fn exchange_or_none(&mut self, plaintext: &[u8]) -> Option<Vec<u8>> {
        self.send(plaintext);
        self.receive_within(Duration::from_secs(1)).unwrap()
    }

    /// Tells the server that the session is over.
    pub fn close(mut self) {
        self.client.close();
        self.flush();
    }

    /// The same session from another port, as after a NAT has forgotten it.
    pub fn rebind(&mut self) {
        let server = self.socket.peer_addr().unwrap();
        self.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.socket.connect(server).unwrap();
    }

    fn now(&self) -> iot_coap_dtls::Instant {
        iot_coap_dtls::Instant::from_millis(self.start.elapsed().as_millis() as u64)
    }

    fn flush(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            let most = self.client.transmit_len();
            let Some(len) = self.client.poll_transmit(&mut buffer[..most]) else {
                assert_eq!(most, 0, "nothing was written");
                return;
            };
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
