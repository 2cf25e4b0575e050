//! A client of which a test chooses every byte, and its server, without a network.

use std::net::SocketAddr;

use iot_coap_dtls::server::Config;
use iot_coap_dtls::{Dropped, Error, Instant, SealingKey, State};
use iot_coap_test_support::scripted::crypto::Algorithm;
use iot_coap_test_support::scripted::messages::{
    APPLICATION_DATA, CONNECTION_ID, ENCRYPT_THEN_MAC,
};
use iot_coap_test_support::served::device::{Device, Proof, Ticket};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::{self, Endpoint};

/// Where the client is.
pub(super) fn peer() -> SocketAddr {
    ([192, 0, 2, 7], 5683).into()
}

/// How records are protected: the suite, what it does, and whether by encrypt-then-MAC.
pub(super) type Protection = (u16, Algorithm, bool);

const CBC: Algorithm = Algorithm::Cbc { key_len: 16, sha256: false };

/// All with a pre-shared key.
pub(super) const PROTECTIONS: [Protection; 4] = [
    (0x00a8, Algorithm::Gcm, false),
    (0xc0a8, Algorithm::Ccm8, false),
    (0x008c, CBC, false),
    (0x008c, CBC, true),
];

pub(super) fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A client and its server, without a network.
pub(super) struct Pair {
    pub(super) client: ScriptedClient,
    pub(super) server: Endpoint,
    pub(super) now: u64,
}

impl Pair {
    pub(super) fn new(client: ScriptedClient) -> Self {
        Self { client, server: Endpoint::new(served::pre_shared_key()), now: 0 }
    }

    /// What the server says to a datagram.
    pub(super) fn feed(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let out = self.server.receive(at(self.now), peer(), datagram);
        out.into_iter().map(|(_, datagram)| datagram).collect()
    }

    /// The client has its cookie, and has not sent it yet.
    pub(super) fn with_cookie(client: ScriptedClient) -> Self {
        Self::new(client).get_cookie()
    }

    pub(super) fn get_cookie(mut self) -> Self {
        let hello = self.client.hello();
        let answer = self.feed(&hello);
        self.client.read_cookie(&answer[0]);
        self
    }

    /// The server has sent its flight.
    pub(super) fn begun(client: ScriptedClient) -> Self {
        Self::with_cookie(client).begin()
    }

    pub(super) fn begin(mut self) -> Self {
        let hello = self.client.hello();
        let flight = self.feed(&hello);
        self.client.read_flight(&flight);
        self
    }

    /// The client says all that is left of its handshake.
    pub(super) fn finish(&mut self) {
        let exchange = self.client.key_exchange();
        self.finish_after(exchange);
    }

    /// The same, with its key exchange.
    pub(super) fn finish_after(&mut self, exchange: Vec<u8>) {
        let changed = self.client.change_cipher_spec();
        let data = self.client.verify_data();
        let finished = self.client.finished(&data);
        self.feed(&[exchange, changed, finished].concat());
        self.assert_alive();
    }

    pub(super) fn connected() -> Self {
        Self::connected_to(Endpoint::new(served::pre_shared_key()))
    }

    pub(super) fn connected_to(server: Endpoint) -> Self {
        Self { server, ..Self::new(ScriptedClient::default()) }.connect()
    }

    /// A session with records of this kind.
    pub(super) fn connected_by(protection: Protection) -> Self {
        let server = Endpoint::new(served::pre_shared_key().cbc(true));
        Self { server, ..Self::new(client_by(protection)) }.connect()
    }

    /// A session in which records of the client have the id that the server gave it.
    pub(super) fn connected_with_id() -> Self {
        Self::new(client_with_id()).connect()
    }

    pub(super) fn connect(self) -> Self {
        let mut pair = self.get_cookie().begin();
        pair.take_id();
        pair.finish();
        pair
    }

    /// The client puts the id of its connection into its records from now on, if it knows ids.
    pub(super) fn take_id(&mut self) {
        if self.client.extensions.iter().any(|(number, _)| *number == CONNECTION_ID) {
            self.client.connection_id = self.server.only().id.to_vec();
        }
    }

    /// The client wants to go on with the session of its ticket, and the server has sent its
    /// flight.
    pub(super) fn resuming() -> Self {
        let mut device = Device::new(Proof::Ticket, 2, false, Some(ticket()));
        let mut pair = Self { server: with_tickets(), ..Self::new(device.client.clone()) };
        pair = pair.get_cookie();
        let hello = pair.client.hello();
        let flight = pair.feed(&hello);
        device.client = pair.client.clone();
        device.read(&flight);
        pair.client = device.client;
        pair
    }

    pub(super) fn state(&self) -> Option<State> {
        self.server.served.first().map(|served| served.connection.state())
    }

    pub(super) fn dropped(&self) -> Dropped {
        self.server.served[0].connection.dropped()
    }

    /// The plaintexts that the server reads in a datagram. Nothing else of it is answered.
    pub(super) fn heard(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let before = self.server.only().received.len();
        let answers = self.feed(datagram);
        let heard = self.server.only().received[before..].to_vec();
        assert_eq!(answers.len(), heard.len());
        heard
    }

    pub(super) fn assert_alive(&mut self) {
        let record = self.client.protected(APPLICATION_DATA, b"21.5");
        let answer = self.feed(&record);
        let opened = answer.last().and_then(|answer| self.client.open(answer));
        assert_eq!(opened, Some((APPLICATION_DATA, b"21.5".to_vec())));
    }

    /// What ends the handshake if the client says nothing more: nothing until the flight has gone
    /// out once more, and in vain.
    pub(super) fn ends_in_time(&mut self) -> Result<(), Error> {
        let connection = &mut self.server.only().connection;
        assert_eq!(connection.state(), State::Handshaking);
        let deadline = connection.next_timeout().unwrap();
        connection.handle_timeout(deadline)?;
        let deadline = connection.next_timeout().unwrap();
        connection.handle_timeout(deadline)
    }
}

/// A client whose records are of this kind.
pub(super) fn client_by((suite, algorithm, encrypt_then_mac): Protection) -> ScriptedClient {
    let mut client = ScriptedClient {
        suites: vec![suite],
        algorithm,
        encrypt_then_mac,
        ..ScriptedClient::default()
    };
    if encrypt_then_mac {
        client.extensions.push((ENCRYPT_THEN_MAC, vec![]));
    }
    client
}

/// A client that knows ids, and has none itself.
pub(super) fn client_with_id() -> ScriptedClient {
    let mut client = ScriptedClient::default();
    client.extensions.push((CONNECTION_ID, vec![0]));
    client
}

/// A server that gives tickets.
pub(super) fn with_tickets() -> Endpoint {
    with_tickets_and(|config| config)
}

/// The same, with more in its configuration.
pub(super) fn with_tickets_and(more: impl FnOnce(Config) -> Config) -> Endpoint {
    let keys = [SealingKey::new(&[1; 32]).unwrap()];
    Endpoint::new(more(served::pre_shared_key()).ticket_keys(keys.into(), 86_400))
}

/// A ticket of [`with_tickets`].
pub(super) fn ticket() -> Ticket {
    let mut device = Device::new(Proof::PreSharedKey, 1, false, None);
    let pair = Pair { server: with_tickets(), ..Pair::new(device.client.clone()) };
    let mut pair = pair.get_cookie().begin();
    let exchange = pair.client.key_exchange();
    pair.feed(&exchange);
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    let flight = pair.feed(&finished);
    device.client = pair.client;
    device.ticket(&flight).unwrap()
}
