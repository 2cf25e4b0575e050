//! Hazard: the heap is exhausted, and the server ends for all. In these tests each allocation of a
//! connection fails once, one in each run; the run ends with an error, and the next one works.

use std::sync::Arc;

use iot_coap_dtls::server::{Config, Connection, Cookies, Greeting};
use iot_coap_dtls::{Datagram, Error, RestoreError, SealingKey, State};
use iot_coap_test_heap::{Limit, allocations, every_allocation_fails_once, limited, set_limit};
use iot_coap_test_support::scripted::messages::{APPLICATION_DATA, SESSION_TICKET};
use iot_coap_test_support::scripted::{Numbers, at};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::{COOKIE_SECRET, pre_shared_key};

/// A server whose allocations may fail, and its client.
struct Session {
    client: ScriptedClient,
    server: Connection<Numbers>,
}

impl Session {
    /// A handshake. With the ticket of another one, it is resumed.
    fn connect(config: &Arc<Config>, client: ScriptedClient) -> Result<Self, Error> {
        let cookies = Cookies::new(COOKIE_SECRET);
        let mut client = client;
        let Greeting::Unverified(answer) = cookies.examine(b"", &mut client.hello()) else {
            panic!("there is no cookie yet");
        };
        client.read_cookie(&answer);
        let mut hello = client.hello();
        let Greeting::Verified(verified) = cookies.examine(b"", &mut hello) else {
            panic!("the cookie is valid");
        };
        let server =
            limited(|| Connection::accept(config, &verified, None, Numbers::new(1), at(0)))?;
        let mut session = Self { client, server };
        let flight = session.feed(&hello)?;
        session.client.read_flight(&flight);
        let exchange = session.client.key_exchange();
        let data = session.client.verify_data();
        let finished = session.client.finished(&data);
        session.feed(&[exchange, finished].concat())?;
        Ok(session)
    }

    fn feed(&mut self, datagram: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let mut bytes = datagram.to_vec();
        let mut datagram = Datagram::new(&mut bytes);
        let read = limited(|| {
            self.server.handle_datagram(at(0), &mut datagram).map(|read| read.is_some())
        });
        let mut buffer = [0; 2048];
        let mut sent = Vec::new();
        while let Some(len) = limited(|| self.server.poll_transmit(&mut buffer)) {
            sent.push(buffer[..len].to_vec());
        }
        if let Err(error) = read {
            assert_eq!(self.server.state(), State::Ended(error));
            // The client gets an alert.
            assert_eq!(sent.len(), 1);
        }
        read.map(|_| sent)
    }

    /// Asserts that the session works, and allocates nothing.
    fn assert_alive(&mut self) {
        let record = self.client.protected(APPLICATION_DATA, b"still there");
        let mut bytes = record.clone();
        let before = allocations();
        let mut datagram = Datagram::new(&mut bytes);
        let read = self.server.handle_datagram(at(0), &mut datagram);
        assert_eq!(read.map(|read| read.is_some_and(|read| read == b"still there")), Ok(true));
        let mut out = [0; 256];
        let len = self.server.send(b"so am I", &mut out).unwrap();
        assert_eq!(allocations(), before);
        let opened = self.client.open(&out[..len]);
        assert_eq!(opened, Some((APPLICATION_DATA, b"so am I".to_vec())));
    }
}

fn out_of_memory<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert_eq!(error, Error::OutOfMemory);
            None
        }
    }
}

#[test]
fn every_allocation_of_a_connection_fails_once() {
    let keys = [SealingKey::new(&[1; 32]).unwrap()];
    let config = Arc::new(pre_shared_key().ticket_keys(keys.into(), 0));
    let key = SealingKey::new(b"a secret of this server").unwrap();
    every_allocation_fails_once(10, || {
        let mut client = ScriptedClient::default();
        client.extensions.push((SESSION_TICKET, vec![]));
        let Some(mut session) = out_of_memory(Session::connect(&config, client)) else {
            return false;
        };
        session.assert_alive();
        // Sealing it fails and leaves it as it is.
        let blob = loop {
            if let Some(blob) = out_of_memory(limited(|| session.server.export(&key, b""))) {
                break blob;
            }
            session.assert_alive();
        };
        let imported = loop {
            let random = Numbers::new(2);
            match limited(|| Connection::import(&config, &blob, &key, b"", random)) {
                Ok(connection) => break connection,
                Err(error) => {
                    assert!(matches!(error, RestoreError::Foreign | RestoreError::Format));
                    assert_eq!(
                        set_limit(Limit::None),
                        Limit::None,
                        "nothing else is wrong with it"
                    );
                }
            }
        };
        session.server = imported;
        session.assert_alive();
        true
    });
}
