//! A client of which a test chooses every byte, and its server, without a network.

use std::net::SocketAddr;

use iot_coap_dtls::{Error, Instant, State};
use iot_coap_test_support::scripted::messages::APPLICATION_DATA;
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::{self, Endpoint};

fn peer() -> SocketAddr {
    ([192, 0, 2, 7], 5683).into()
}

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

    pub(super) fn connected() -> Self {
        Self::connected_to(Endpoint::new(served::pre_shared_key()))
    }

    pub(super) fn connected_to(server: Endpoint) -> Self {
        let pair = Self { server, ..Self::new(ScriptedClient::default()) };
        let mut pair = pair.get_cookie().begin();
        let exchange = pair.client.key_exchange();
        let changed = pair.client.change_cipher_spec();
        let data = pair.client.verify_data();
        let finished = pair.client.finished(&data);
        pair.feed(&[exchange, changed, finished].concat());
        pair.assert_alive();
        pair
    }

    pub(super) fn state(&self) -> Option<State> {
        self.server.served.first().map(|served| served.connection.state())
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
