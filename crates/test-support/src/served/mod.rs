//! The engine's server as an application would drive it: connections by connection id and
//! address, and each plaintext is answered. In virtual time with a client of the engine, or over a
//! socket with clients that nobody here wrote.

pub mod clients;
#[cfg(feature = "scripted")]
pub mod device;
#[cfg(feature = "scripted")]
pub mod scripted_client;
#[cfg(feature = "dtls-certificates")]
pub mod signing;
pub mod socket;
pub mod virtual_time;

use std::net::SocketAddr;
use std::sync::Arc;

use iot_coap_dtls::server::{
    COOKIE_SECRET_LEN, Config, Connection, Cookies, Greeting, PreSharedKeys, connection_id,
};
use iot_coap_dtls::{Datagram, Error, Instant, PreSharedKey, State};

use crate::dtls::{IDENTITY, PSK, SystemRandom};

/// The length of the connection ids that [`Endpoint`] gives.
pub const ID_LEN: usize = 4;

/// The secret of the cookies that [`Endpoint`] begins with.
pub const COOKIE_SECRET: [u8; COOKIE_SECRET_LEN] = [0xC0; COOKIE_SECRET_LEN];

/// A server that knows [`PSK`].
pub fn pre_shared_key() -> Config {
    Config::new().pre_shared_keys(Arc::new(OneKey))
}

/// [`PSK`] for [`IDENTITY`].
pub struct OneKey;

impl PreSharedKeys for OneKey {
    fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error> {
        let key = PreSharedKey::new(identity, PSK)?;
        Ok((identity == IDENTITY.as_bytes()).then_some(key))
    }
}

/// A connection, and where its client is.
pub struct Served {
    /// The engine's side.
    pub connection: Connection<SystemRandom>,
    /// Where answers go.
    pub peer: SocketAddr,
    /// The plaintexts that came.
    pub received: Vec<Vec<u8>>,
    /// What the client puts into its records if it knows ids.
    pub id: [u8; ID_LEN],
}

/// A datagram, and where it goes.
pub type Outbound = (SocketAddr, Vec<u8>);

/// What an application says to a plaintext, if anything.
pub type Answer = fn(&[u8]) -> Option<Vec<u8>>;

/// A server.
pub struct Endpoint {
    /// Of its clients.
    pub cookies: Cookies,
    /// Of the connections that begin from now on.
    pub config: Arc<Config>,
    /// All that there are.
    pub served: Vec<Served>,
    /// Whether it gives connection ids.
    pub has_ids: bool,
    /// What it says to each plaintext. At first it sends it back.
    pub answer: Answer,
    /// How many connections it has made.
    pub accepted: usize,
    /// Bytes that came and that went out.
    pub bytes: (usize, usize),
}

impl Endpoint {
    /// Without connections.
    pub fn new(config: Config) -> Self {
        Self {
            cookies: Cookies::new(COOKIE_SECRET),
            config: Arc::new(config),
            served: Vec::new(),
            has_ids: true,
            answer: |plaintext| Some(plaintext.to_vec()),
            accepted: 0,
            bytes: (0, 0),
        }
    }

    /// Reads a datagram, and says what is to be sent.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Vec<Outbound> {
        let mut bytes = bytes.to_vec();
        self.bytes.0 += bytes.len();
        let mut out = Vec::new();
        match self.cookies.examine(from.to_string().as_bytes(), &mut bytes) {
            Greeting::Unverified(answer) => out.push((from, answer.to_vec())),
            Greeting::Verified(hello) => {
                let mut existing = self.served.iter();
                let existing = existing.find(|served| served.peer == from);
                if !existing.is_some_and(|served| served.connection.began_with(&hello)) {
                    self.served.retain(|served| served.peer != from);
                    self.accepted += 1;
                    let id = (self.accepted as u32).to_be_bytes();
                    let own_id = self.has_ids.then_some(&id[..]);
                    let random = SystemRandom::default();
                    let accepted = Connection::accept(&self.config, &hello, own_id, random, now);
                    let connection = accepted.unwrap();
                    self.served.push(Served { connection, peer: from, received: Vec::new(), id });
                }
            }
            Greeting::None => {}
        }
        let id = connection_id(&bytes, ID_LEN).map(<[u8]>::to_vec);
        let index = self.served.iter().position(|served| match &id {
            Some(id) => served.id == id[..],
            None => served.peer == from,
        });
        if let Some(served) = index.and_then(|index| self.served.get_mut(index)) {
            served.receive(now, from, &mut bytes, self.answer, &mut out);
        }
        self.bytes.1 += out.iter().map(|(_, datagram)| datagram.len()).sum::<usize>();
        out
    }

    /// Tells all connections the time, and says what is to be sent.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Outbound> {
        let mut out = Vec::new();
        for served in &mut self.served {
            let _ = served.connection.handle_timeout(now);
            served.flush(&mut out);
        }
        self.served.retain(|served| !matches!(served.connection.state(), State::Ended(_)));
        self.bytes.1 += out.iter().map(|(_, datagram)| datagram.len()).sum::<usize>();
        out
    }

    /// When the next timer expires.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.served.iter().filter_map(|served| served.connection.next_timeout()).min()
    }

    /// The only connection.
    pub fn only(&mut self) -> &mut Served {
        assert_eq!(self.served.len(), 1, "connections");
        &mut self.served[0]
    }
}

impl Served {
    fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &mut [u8],
        answer: Answer,
        out: &mut Vec<Outbound>,
    ) {
        let mut datagram = Datagram::new(bytes);
        let first = self.received.len();
        while let Ok(Some(plaintext)) = self.connection.handle_datagram(now, &mut datagram) {
            self.received.push(plaintext.to_vec());
        }
        if self.connection.take_newest() {
            self.peer = from;
        }
        self.flush(out);
        // For the longest record.
        let mut buffer = vec![0; 17_000];
        let answers = self.received.iter().skip(first).filter_map(|plaintext| answer(plaintext));
        for plaintext in answers {
            let len = self.connection.send(&plaintext, &mut buffer).unwrap();
            out.push((self.peer, buffer[..len].to_vec()));
        }
    }

    fn flush(&mut self, out: &mut Vec<Outbound>) {
        let mut buffer = [0; 8192];
        while let Some(len) = self.connection.poll_transmit(&mut buffer) {
            out.push((self.peer, buffer[..len].to_vec()));
        }
    }
}
