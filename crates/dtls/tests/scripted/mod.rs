//! A server of which a test chooses every byte: it says what it is told to, in
//! the order it is told to, right or wrong. Its cryptography is OpenSSL's, so
//! that it shares nothing with the engine.

// Each test program uses its own part.
#![allow(dead_code)]

pub(crate) mod crypto;
pub(crate) mod messages;
pub(crate) mod numbers;
pub(crate) mod server;

use iot_coap_dtls::{Client, Config, Datagram, Error, Instant, PreSharedKey, State};

pub(crate) use messages::Hello;
pub(crate) use numbers::Numbers;
pub(crate) use server::{Server, Suite};

pub(crate) const IDENTITY: &[u8] = b"sensor-7";
pub(crate) const PSK: &[u8] = b"0123456789abcdef";

pub(crate) type TestClient = Client<Numbers>;

pub(crate) fn client(config: Config) -> TestClient {
    Client::new(config, Numbers::new(1), at(0)).unwrap()
}

/// A time in milliseconds since the client was made.
pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

pub(crate) fn psk_config() -> Config {
    Config::with_pre_shared_key(PreSharedKey::new(IDENTITY, PSK).unwrap())
}

/// Reads a whole datagram; the plaintext in it, one record after another.
pub(crate) fn feed(client: &mut TestClient, datagram: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    feed_at(client, datagram, 0)
}

pub(crate) fn feed_at(
    client: &mut TestClient,
    datagram: &[u8],
    now: u64,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut bytes = datagram.to_vec();
    let mut datagram = Datagram::new(&mut bytes);
    let mut read = Vec::new();
    while let Some(plaintext) = client.handle_datagram(at(now), &mut datagram)? {
        read.push(plaintext.to_vec());
    }
    Ok(read)
}

/// What ends the handshake if the server says nothing more: nothing until the
/// flight has gone out once more, and in vain.
pub(crate) fn ends_in_time(client: &mut TestClient) -> Result<(), Error> {
    assert_eq!(client.state(), State::Handshaking);
    while !sent(client).is_empty() {}
    let deadline = client.next_timeout().unwrap();
    assert_eq!(client.handle_timeout(deadline), Ok(()));
    assert!(!sent(client).is_empty(), "the flight goes out once more");
    let deadline = client.next_timeout().unwrap();
    assert_eq!(client.handle_timeout(at(deadline.as_millis() - 1)), Ok(()));
    client.handle_timeout(deadline)
}

/// Everything that is due.
pub(crate) fn sent(client: &mut TestClient) -> Vec<Vec<u8>> {
    let mut buffer = [0; 4096];
    let mut datagrams = Vec::new();
    while let Some(len) = client.poll_transmit(&mut buffer) {
        datagrams.push(buffer[..len].to_vec());
    }
    datagrams
}

/// A client and its server, somewhere in a handshake.
pub(crate) struct Pair {
    pub(crate) client: TestClient,
    pub(crate) server: Server,
}

impl Pair {
    /// The server has read the ClientHello and says nothing yet.
    pub(crate) fn start(config: Config, suite: Suite) -> Self {
        let mut client = client(config);
        let mut server = Server::new(suite);
        server.read_hello(&sent(&mut client));
        Self { client, server }
    }

    /// With a pre-shared key, up to the point where the server's Finished is due.
    pub(crate) fn before_finished(config: Config, suite: Suite, hello: &Hello) -> Self {
        let mut pair = Self::start(config, suite);
        let flight = [pair.server.say_hello(hello), pair.server.say_done()].concat();
        feed(&mut pair.client, &flight).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair
    }

    pub(crate) fn finish(&mut self) {
        let finished = self.server.say_finished();
        feed(&mut self.client, &finished).unwrap();
        assert_eq!(self.client.state(), State::Connected);
    }

    /// A session by a pre-shared key.
    pub(crate) fn connected(suite: Suite) -> Self {
        let config = psk_config().cbc(true);
        let mut pair = Self::before_finished(config, suite, &Hello::new(suite));
        pair.finish();
        pair
    }

    /// That the session is as good as ever: plaintext goes both ways.
    pub(crate) fn assert_alive(&mut self) {
        assert_eq!(self.client.state(), State::Connected);
        let record = self.server.protected(messages::APPLICATION_DATA, b"still there");
        assert_eq!(feed(&mut self.client, &record), Ok(vec![b"still there".to_vec()]));
        let mut out = [0; 256];
        let len = self.client.send(b"so am I", &mut out).unwrap();
        let opened = self.server.open(&out[..len]);
        assert_eq!(opened, Some((messages::APPLICATION_DATA, b"so am I".to_vec())));
    }
}
