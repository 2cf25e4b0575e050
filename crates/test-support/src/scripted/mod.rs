//! A server of which a test chooses every byte: it says what it is told to, in
//! the order it is told to, right or wrong. Its cryptography is OpenSSL's, so
//! that it shares nothing with the engine.

pub mod crypto;
pub mod endpoint;
pub mod forgeries;
pub mod messages;
pub mod numbers;
pub mod recording;
pub mod recordings;
pub mod server;
pub mod world;

use iot_coap_dtls::{Client, Config, Datagram, Error, Instant, PreSharedKey, State};

pub use crate::dtls::PSK;
pub use messages::Hello;
pub use numbers::Numbers;
pub use server::{Server, Suite};

/// Who a device is that has [`PSK`].
pub const IDENTITY: &[u8] = crate::dtls::IDENTITY.as_bytes();

/// A client without randomness.
pub type TestClient = Client<Numbers>;

/// A time in milliseconds since the client was made.
pub fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A client that has sent nothing yet.
pub fn client(config: Config) -> TestClient {
    Client::new(config, Numbers::new(1), at(0)).unwrap()
}

/// For a server that knows [`PSK`].
pub fn psk_config() -> Config {
    Config::with_pre_shared_key(PreSharedKey::new(IDENTITY, PSK).unwrap())
}

/// Reads a whole datagram; the plaintext in it, one record after another.
pub fn feed(client: &mut TestClient, datagram: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    feed_at(client, datagram, 0)
}

/// The same, at a time in milliseconds.
pub fn feed_at(client: &mut TestClient, datagram: &[u8], now: u64) -> Result<Vec<Vec<u8>>, Error> {
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
pub fn ends_in_time(client: &mut TestClient) -> Result<(), Error> {
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
pub fn sent(client: &mut TestClient) -> Vec<Vec<u8>> {
    let mut buffer = [0; 4096];
    let mut datagrams = Vec::new();
    loop {
        // As much room as it says is enough, and it says when there is nothing.
        let most = client.transmit_len();
        let Some(len) = client.poll_transmit(&mut buffer[..most]) else {
            assert_eq!(most, 0, "nothing was written");
            return datagrams;
        };
        datagrams.push(buffer[..len].to_vec());
    }
}

/// A client and its server, somewhere in a handshake.
pub struct Pair {
    /// The engine's side.
    pub client: TestClient,
    /// The test's side.
    pub server: Server,
}

impl Pair {
    /// The server has read the ClientHello and says nothing yet.
    pub fn start(config: Config, suite: Suite) -> Self {
        let mut client = client(config);
        let mut server = Server::new(suite);
        server.read_hello(&sent(&mut client));
        Self { client, server }
    }

    /// With a pre-shared key, up to the point where the server's Finished is due.
    pub fn before_finished(config: Config, suite: Suite, hello: &Hello) -> Self {
        let mut pair = Self::start(config, suite);
        let flight = [pair.server.say_hello(hello), pair.server.say_done()].concat();
        feed(&mut pair.client, &flight).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair
    }

    /// Ends the handshake by the server's Finished, which must succeed.
    pub fn finish(&mut self) {
        let finished = self.server.say_finished();
        feed(&mut self.client, &finished).unwrap();
        assert_eq!(self.client.state(), State::Connected);
    }

    /// A session by a pre-shared key.
    pub fn connected(suite: Suite) -> Self {
        let config = psk_config().cbc(true);
        let mut pair = Self::before_finished(config, suite, &Hello::new(suite));
        pair.finish();
        pair
    }

    /// That the session is as good as ever: plaintext goes both ways.
    pub fn assert_alive(&mut self) {
        assert_eq!(self.client.state(), State::Connected);
        let record = self.server.protected(messages::APPLICATION_DATA, b"still there");
        assert_eq!(feed(&mut self.client, &record), Ok(vec![b"still there".to_vec()]));
        let mut out = [0; 256];
        let len = self.client.send(b"so am I", &mut out).unwrap();
        let opened = self.server.open(&out[..len]);
        assert_eq!(opened, Some((messages::APPLICATION_DATA, b"so am I".to_vec())));
    }
}
