//! A client of a DTLS server by the engine of this project: with connection ids, at any
//! address that it likes, and with sessions that are resumed, for which OpenSSL's binding
//! wants unsafe code.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use getrandom::SysRng;
use iot_coap_dtls::{
    Client, Config, Datagram, Duration, Error, PreSharedKey, SavedSession, State, TrustAnchors,
};

use super::{PATIENCE, socket_to};

/// What a server is known by.
#[derive(Clone)]
pub enum Trust {
    /// The root of its certificate, in PEM, which is for `localhost`.
    Root(String),
    /// An identity and the key that belongs to it.
    Key(String, String),
}

impl Trust {
    /// A client that offers connection ids.
    pub fn config(&self) -> Config {
        let config = match self {
            Self::Root(pem) => {
                let anchors = TrustAnchors::from_pem(pem.as_bytes()).expect("a root");
                Config::with_certificates("localhost", anchors, None).expect("a host")
            }
            Self::Key(identity, key) => {
                let key = PreSharedKey::new(identity.as_bytes(), key.as_bytes());
                Config::with_pre_shared_key(key.expect("a key"))
            }
        };
        // On loopback what is not answered at once is lost.
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(2));
        let config = config.timeouts(first, longest);
        config.connection_id(&[]).expect("an empty one is not too long")
    }
}

/// A session, and the socket that it uses.
pub struct Session {
    client: Client<SysRng>,
    /// It can be replaced: then the client is elsewhere.
    pub socket: UdpSocket,
    start: Instant,
}

impl Session {
    /// Shakes hands, which must succeed.
    pub fn connect(address: SocketAddr, config: Config) -> Self {
        Self::over(socket_to(address), config).expect("the handshake succeeds")
    }

    /// Shakes hands over this socket.
    ///
    /// # Errors
    ///
    /// Why the handshake failed.
    pub fn over(socket: UdpSocket, config: Config) -> Result<Self, Error> {
        let start = Instant::now();
        let now = iot_coap_dtls::Instant::from_millis(0);
        let client = Client::new(config, SysRng, now).expect("a client");
        let mut session = Self { client, socket, start };
        while session.client.state() == State::Handshaking {
            assert!(start.elapsed() < PATIENCE, "the handshake comes to an end");
            session.flush();
            let next = session.client.next_timeout();
            let wait = next.map_or(PATIENCE, |at| session.until(at));
            session.read(wait)?;
            let now = session.now();
            session.client.handle_timeout(now)?;
        }
        session.flush();
        Ok(session)
    }

    /// The session without its socket, for those who have more sessions than sockets.
    pub fn part(self) -> (UdpSocket, Asleep) {
        (self.socket, Asleep { client: self.client, start: self.start })
    }

    /// The engine's client.
    pub fn client(&mut self) -> &mut Client<SysRng> {
        &mut self.client
    }

    /// Goes on from another port.
    pub fn move_away(&mut self) {
        self.socket = socket_to(self.socket.peer_addr().expect("connected"));
    }

    /// Encrypts a message into a datagram that is not sent.
    pub fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let mut datagram = vec![0; message.len() + self.client.record_overhead()];
        let length = self.client.send(message, &mut datagram).expect("connected");
        datagram.truncate(length);
        datagram
    }

    /// Sends a message. While nobody listens it is lost.
    pub fn send(&mut self, message: &[u8]) {
        let datagram = self.seal(message);
        let _ = self.socket.send(&datagram);
    }

    /// The next message, `None` after `timeout`; an empty one is the end of the session.
    pub fn receive(&mut self, timeout: std::time::Duration) -> Option<Vec<u8>> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            match self.read(left) {
                Ok(None) => {}
                Ok(message) => return message,
                Err(Error::Closed) => return Some(Vec::new()),
                Err(error) => panic!("the session has ended: {error}"),
            }
        }
    }

    /// Says `close_notify`.
    pub fn close(&mut self) {
        self.client.close();
        self.flush();
    }

    fn read(&mut self, timeout: std::time::Duration) -> Result<Option<Vec<u8>>, Error> {
        let timeout = timeout.max(std::time::Duration::from_millis(1));
        self.socket.set_read_timeout(Some(timeout)).expect("not zero");
        let mut buffer = [0; 2_048];
        let length = match self.socket.recv(&mut buffer) {
            Ok(length) => length,
            // Nobody listens at the moment: the next read will wait.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                std::thread::sleep(std::time::Duration::from_millis(10));
                return Ok(None);
            }
            Err(_) => return Ok(None),
        };
        let now = self.now();
        let mut datagram = Datagram::new(&mut buffer[..length]);
        let plaintext =
            self.client.handle_datagram(now, &mut datagram)?.map(|plaintext| plaintext.to_vec());
        self.flush();
        Ok(plaintext)
    }

    fn flush(&mut self) {
        let mut buffer = [0; 2_048];
        while let Some(length) = self.client.poll_transmit(&mut buffer) {
            // What is refused is lost; it will be sent again.
            let _ = self.socket.send(&buffer[..length]);
        }
    }

    fn now(&self) -> iot_coap_dtls::Instant {
        iot_coap_dtls::Instant::from_millis(self.start.elapsed().as_millis() as u64)
    }

    fn until(&self, at: iot_coap_dtls::Instant) -> std::time::Duration {
        std::time::Duration::from_millis((at - self.now()).as_millis())
    }
}

/// A session that has no socket at the moment.
pub struct Asleep {
    client: Client<SysRng>,
    start: Instant,
}

impl Asleep {
    /// Goes on over this socket.
    pub fn wake(self, socket: UdpSocket) -> Session {
        Session { client: self.client, socket, start: self.start }
    }
}

/// A CoAP ping over a session of its own. Whether it was resumed, and what is kept of it.
pub fn ping(
    address: SocketAddr,
    root_pem: &str,
    resume: Option<SavedSession>,
) -> (bool, Option<SavedSession>) {
    let mut config = Trust::Root(root_pem.to_owned()).config();
    if let Some(session) = resume {
        config = config.resume(session);
    }
    let mut session = Session::connect(address, config);
    session.send(&[0x40, 0, 0, 1]);
    assert_eq!(session.receive(PATIENCE).expect("an answer comes"), [0x70, 0, 0, 1]);
    session.close();
    (session.client.was_resumed(), session.client.take_saved_session())
}
