//! Hazard: the heap is exhausted and the client aborts, which resets a board. In these tests
//! each allocation of a session fails once, one in each run; and the heap has room for a
//! limited number of bytes, from zero to enough. Each run ends with an error, and the next
//! session works.
#![cfg(feature = "full")]

use iot_coap_dtls::{
    CertificateError, Client, Config, Datagram, Error, PreSharedKey, SavedSession, SealingKey,
    State, TrustAnchors,
};
use iot_coap_test_heap::{Limit, every_allocation_fails_once, limit, limited, set_limit};
use iot_coap_test_support::certificates::{
    GOOD, Identity, ec_key, intermediate, leaf, root, rsa_key, rsa_key_of,
};
use iot_coap_test_support::scripted::messages::{
    APPLICATION_DATA, EC_POINT_FORMATS, NEW_SESSION_TICKET, RSA_PSS_SHA256, SERVER_KEY_EXCHANGE,
    SESSION_TICKET,
};
use iot_coap_test_support::scripted::server::Secret;
use iot_coap_test_support::scripted::{
    Hello, IDENTITY, Numbers, PSK, Server, Suite, TestClient, at,
};
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};

/// Makes the messages of the server between ServerHello and ServerHelloDone.
type Reply<'r> = &'r dyn Fn(&mut Server) -> Vec<u8>;

/// A client whose allocations may fail, and its server.
struct Session {
    client: TestClient,
    server: Server,
}

impl Session {
    fn start(config: Config, suite: Suite) -> Result<Self, Error> {
        let client = limited(|| Client::new(config, Numbers::new(1), at(0)))?;
        let mut session = Self { client, server: Server::new(suite) };
        let hello = session.sent();
        session.server.read_hello(&hello);
        Ok(session)
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 4096];
        let mut datagrams = Vec::new();
        while let Some(len) = limited(|| self.client.poll_transmit(&mut buffer)) {
            datagrams.push(buffer[..len].to_vec());
        }
        datagrams
    }

    fn feed(&mut self, mut datagram: Vec<u8>) -> Result<(), Error> {
        let mut datagram = Datagram::new(&mut datagram);
        let read = limited(|| {
            self.client.handle_datagram(at(0), &mut datagram).map(|read| read.is_some())
        });
        if let Err(error) = read {
            assert_eq!(self.client.state(), State::Ended(error));
            // The peer gets an alert.
            assert_eq!(self.sent().len(), 1);
        }
        read.map(drop)
    }

    /// Does a full handshake. With `ticket`, the server issues one.
    fn full(config: Config, suite: Suite, reply: Reply<'_>, ticket: bool) -> Result<Self, Error> {
        let mut session = Self::start(config, suite)?;
        let mut hello = Hello::new(suite);
        if ticket {
            hello = hello.with(SESSION_TICKET, &[]);
        }
        if !matches!(suite, Suite::PskGcm) {
            hello = hello.with(EC_POINT_FORMATS, &[1, 0]);
        }
        let hello = session.server.say_hello(&hello);
        session.feed(hello)?;
        let reply = reply(&mut session.server);
        session.feed(reply)?;
        let done = session.server.say_done();
        session.feed(done)?;
        let flight = session.sent();
        session.server.read_flight(&flight);
        if ticket {
            let ticket = session.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 3, 1, 2, 3]);
            session.feed(ticket)?;
        }
        let finished = session.server.say_finished();
        session.feed(finished)?;
        Ok(session)
    }

    fn resumed(config: Config, secret: Vec<u8>) -> Result<Self, Error> {
        let mut session = Self::start(config, Suite::PskGcm)?;
        session.server.master_secret = secret;
        let session_id = session.server.session_id.clone();
        let hello = Hello { session_id, ..Hello::new(Suite::PskGcm) };
        let hello = session.server.say_hello(&hello);
        session.server.make_keys();
        session.feed(hello)?;
        let finished = session.server.say_finished();
        session.feed(finished)?;
        let flight = session.sent();
        session.server.read_flight(&flight);
        assert!(session.client.was_resumed());
        Ok(session)
    }

    /// Asserts that the session works, and allocates nothing.
    fn assert_alive(&mut self) {
        let before = set_limit(Limit::OneAfter(0));
        let record = self.server.protected(APPLICATION_DATA, b"still there");
        self.feed(record).unwrap();
        let mut out = [0; 256];
        let len = limited(|| self.client.send(b"so am I", &mut out)).unwrap();
        let opened = self.server.open(&out[..len]);
        assert_eq!(opened, Some((APPLICATION_DATA, b"so am I".to_vec())));
        set_limit(before);
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

fn psk_config() -> Result<Config, Error> {
    limited(|| PreSharedKey::new(IDENTITY, PSK).map(Config::with_pre_shared_key))
}

fn no_reply(_: &mut Server) -> Vec<u8> {
    Vec::new()
}

/// Saves the session in both ways, retrying whatever fails, and restores it.
fn save_and_restore(session: &mut Session) {
    let again = |result: Result<(), Error>| out_of_memory(result).is_some();
    let mut key = None;
    let mut blob = Vec::new();
    let mut saved = None;
    while !again(limited(|| {
        key = Some(SealingKey::new(b"a secret of this device")?);
        Ok(())
    })) {}
    let key = key.unwrap();
    // A resumed session has no checkpoint before its last flight is known to have arrived.
    session.assert_alive();
    while !again(limited(|| {
        blob = session.client.checkpoint(&key, b"here", 1, 8)?;
        Ok(())
    })) {}
    session.client.confirm_checkpoint();
    session.assert_alive();
    let session = session.client.take_saved_session().unwrap();
    while !again(limited(|| {
        saved = Some(session.to_bytes()?);
        Ok(())
    })) {}
    let saved = saved.unwrap();
    if limited(|| SavedSession::from_bytes(&saved)).is_none() {
        assert_eq!(limit(), Limit::None, "nothing else is wrong with it");
    }
    // Restoring needs no memory.
    let before = set_limit(Limit::OneAfter(0));
    let restored = limited(|| Client::restore(&blob, &key, b"here", 1, Numbers::new(2)));
    set_limit(before);
    assert_eq!(restored.unwrap().state(), State::Connected);
}

#[test]
fn every_allocation_of_a_session_fails_once() {
    every_allocation_fails_once(10, || {
        let Some(config) = out_of_memory(psk_config()) else { return false };
        let full = Session::full(config, Suite::PskGcm, &no_reply, true);
        let Some(mut session) = out_of_memory(full) else { return false };
        save_and_restore(&mut session);
        session.assert_alive();
        true
    });
}

#[test]
fn every_allocation_of_a_resumed_session_fails_once() {
    let mut full = Session::full(psk_config().unwrap(), Suite::PskGcm, &no_reply, true).unwrap();
    let session = full.client.take_saved_session().unwrap();
    let secret = full.server.master_secret;
    every_allocation_fails_once(5, || {
        let Some(config) = out_of_memory(psk_config()) else { return false };
        let config = config.resume(session.clone());
        let Some(mut session) = out_of_memory(Session::resumed(config, secret.clone())) else {
            return false;
        };
        save_and_restore(&mut session);
        session.assert_alive();
        true
    });
}

/// A server with a certificate and an intermediate.
struct CertifiedServer {
    root: Identity,
    between: Identity,
    server: Identity,
    suite: Suite,
    /// Of its signatures.
    scheme: u16,
}

impl CertifiedServer {
    fn new(suite: Suite, root_key: PKey<Private>, key: fn() -> PKey<Private>) -> Self {
        let root = root(root_key, MessageDigest::sha256());
        let between = intermediate(&root, key());
        let server = leaf(&between, key(), &GOOD);
        let scheme = if server.key.id() == Id::EC { 0x0403 } else { 0x0401 };
        Self { root, between, server, suite, scheme }
    }

    fn config(&self) -> Result<Config, Error> {
        let pem = self.root.pem();
        let anchors = limited(|| TrustAnchors::from_pem(pem.as_bytes()));
        let anchors = anchors.map_err(|error| match error {
            CertificateError::OutOfMemory => Error::OutOfMemory,
            error => Error::Certificate(error),
        })?;
        let config = limited(|| Config::with_certificates("localhost", anchors, None))?;
        Ok(config.cbc(true).static_rsa(true))
    }

    fn reply(&self, server: &mut Server) -> Vec<u8> {
        let chain = [&self.server, &self.between].map(|one| one.certificate.to_der().unwrap());
        let mut flight = server.say_certificate(&[&chain[0], &chain[1]]);
        if self.suite == Suite::RsaAes256CbcSha256 {
            server.secret = Secret::Rsa(self.server.key.clone());
            return flight;
        }
        let ours = PKey::generate_x25519().unwrap();
        let public = ours.raw_public_key().unwrap();
        server.secret = Secret::X25519(ours);
        let parameters = [&[3, 0, 29, 32], &public[..]].concat();
        let exchange = server.signed(&parameters, self.scheme, &self.server.key);
        flight.extend(server.say(SERVER_KEY_EXCHANGE, &exchange));
        flight
    }

    fn connects(&self) -> bool {
        let Some(config) = out_of_memory(self.config()) else { return false };
        let session = Session::full(config, self.suite, &|server| self.reply(server), false);
        let Some(mut session) = out_of_memory(session) else { return false };
        session.assert_alive();
        true
    }

    /// Connects with more and more room on the heap, until it succeeds.
    fn connects_with_enough_room(&self) {
        let least = (0..100_000)
            .step_by(61)
            .find(|&room| {
                set_limit(Limit::Room(room));
                let connected = self.connects();
                set_limit(Limit::None);
                connected
            })
            .unwrap();
        eprintln!("{:?} takes {least} bytes", self.suite);
        assert!((1_500..24_000).contains(&least), "{least} bytes");
        assert!(self.connects());
    }
}

/// The crates that verify signatures allocate nothing.
#[test]
fn every_allocation_fails_once_with_certificates() {
    for (suite, key) in [
        (Suite::EcdheEcdsaGcm, ec_key as fn() -> _),
        (Suite::EcdheRsaCbcSha256, rsa_key),
        (Suite::RsaAes256CbcSha256, rsa_key),
    ] {
        let certified = CertifiedServer::new(suite, key(), key);
        let anchors = certified.config().unwrap();
        every_allocation_fails_once(8, || {
            let reply = |server: &mut Server| certified.reply(server);
            let session = Session::full(anchors.clone(), certified.suite, &reply, false);
            let Some(mut session) = out_of_memory(session) else { return false };
            session.assert_alive();
            true
        });
    }
}

#[test]
fn the_heap_runs_out_with_certificates_by_rsa() {
    CertifiedServer::new(Suite::EcdheRsaCbcSha256, rsa_key_of(4096), rsa_key)
        .connects_with_enough_room();
    CertifiedServer::new(Suite::RsaAes256CbcSha256, rsa_key(), rsa_key).connects_with_enough_room();
    let mut pss = CertifiedServer::new(Suite::EcdheRsaCbcSha256, rsa_key(), || rsa_key_of(3072));
    pss.scheme = RSA_PSS_SHA256;
    pss.connects_with_enough_room();
}

#[test]
fn the_heap_runs_out_with_certificates_by_ecdsa() {
    CertifiedServer::new(Suite::EcdheEcdsaGcm, ec_key(), ec_key).connects_with_enough_room();
}
