//! Hazard: the heap runs out in the middle, and the client aborts, which on a
//! board means a reset. Every allocation of a session's life fails once, one run
//! after the other; and the heap has room for so many bytes only, from none to
//! enough. Each ends by an error, and the next session is as good as ever.
#![cfg(feature = "full")]

use iot_coap_dtls::{
    CertificateError, Client, Config, Datagram, Error, PreSharedKey, SavedSession, SealingKey,
    State, TrustAnchors,
};
use iot_coap_test_heap::{Limit, limit, limited, set_limit};
use iot_coap_test_support::certificates::{
    GOOD, Identity, ec_key, intermediate, leaf, root, rsa_key, rsa_key_of,
};
use iot_coap_test_support::scripted::messages::{
    APPLICATION_DATA, EC_POINT_FORMATS, NEW_SESSION_TICKET, SERVER_KEY_EXCHANGE, SESSION_TICKET,
};
use iot_coap_test_support::scripted::server::Secret;
use iot_coap_test_support::scripted::{Hello, IDENTITY, Numbers, PSK, Server, Suite, TestClient};
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};

/// The last answer of the server before it is done.
type Reply<'r> = &'r dyn Fn(&mut Server) -> Vec<u8>;

/// A client, whose allocations may fail, and its server.
struct Life {
    client: TestClient,
    server: Server,
}

impl Life {
    fn start(config: Config, suite: Suite) -> Result<Self, Error> {
        let client = limited(|| Client::new(config, Numbers::new(1), 0))?;
        let mut life = Self { client, server: Server::new(suite) };
        let hello = life.sent();
        life.server.read_hello(&hello);
        Ok(life)
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 4096];
        let mut datagrams = Vec::new();
        while let Some(len) = limited(|| self.client.transmit(&mut buffer)) {
            datagrams.push(buffer[..len].to_vec());
        }
        datagrams
    }

    fn feed(&mut self, mut datagram: Vec<u8>) -> Result<(), Error> {
        let mut datagram = Datagram::new(&mut datagram);
        let read = limited(|| self.client.read(&mut datagram, 0).map(|read| read.is_some()));
        if let Err(error) = read {
            assert_eq!(self.client.state(), State::Ended(error));
            // The peer is told.
            assert_eq!(self.sent().len(), 1);
        }
        read.map(drop)
    }

    /// Up to the session that can be resumed, where the server gives a ticket.
    fn full(config: Config, suite: Suite, reply: Reply<'_>, ticket: bool) -> Result<Self, Error> {
        let mut life = Self::start(config, suite)?;
        let mut hello = Hello::new(suite);
        if ticket {
            hello = hello.with(SESSION_TICKET, &[]);
        }
        if !matches!(suite, Suite::PskGcm) {
            hello = hello.with(EC_POINT_FORMATS, &[1, 0]);
        }
        let hello = life.server.say_hello(&hello);
        life.feed(hello)?;
        let reply = reply(&mut life.server);
        life.feed(reply)?;
        let done = life.server.say_done();
        life.feed(done)?;
        let flight = life.sent();
        life.server.read_flight(&flight);
        if ticket {
            let ticket = life.server.say(NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 3, 1, 2, 3]);
            life.feed(ticket)?;
        }
        let finished = life.server.say_finished();
        life.feed(finished)?;
        Ok(life)
    }

    fn resumed(config: Config, secret: Vec<u8>) -> Result<Self, Error> {
        let mut life = Self::start(config, Suite::PskGcm)?;
        life.server.master_secret = secret;
        let session_id = life.server.session_id.clone();
        let hello = Hello { session_id, ..Hello::new(Suite::PskGcm) };
        let hello = life.server.say_hello(&hello);
        life.server.make_keys();
        life.feed(hello)?;
        let finished = life.server.say_finished();
        life.feed(finished)?;
        let flight = life.sent();
        life.server.read_flight(&flight);
        assert!(life.client.was_resumed());
        Ok(life)
    }

    /// Nothing is allocated once the handshake is done.
    fn is_alive(&mut self) {
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

/// What a caller keeps of a session in its sleep; each may be tried again.
fn is_kept(life: &mut Life) {
    let again = |result: Result<(), Error>| out_of_memory(result).is_some();
    let mut key = None;
    let mut blob = Vec::new();
    let mut saved = None;
    while !again(limited(|| {
        key = Some(SealingKey::new(b"a secret of this device")?);
        Ok(())
    })) {}
    let key = key.unwrap();
    while !again(limited(|| {
        blob = life.client.checkpoint(&key, b"here", 1, 8)?;
        Ok(())
    })) {}
    life.client.checkpoint_is_stored();
    life.is_alive();
    let session = life.client.take_saved_session().unwrap();
    while !again(limited(|| {
        saved = Some(session.to_bytes()?);
        Ok(())
    })) {}
    let saved = saved.unwrap();
    if limited(|| SavedSession::from_bytes(&saved)).is_none() {
        assert_eq!(limit(), Limit::None, "nothing else is wrong with it");
    }
    // From sleep, for which there must be memory.
    let before = set_limit(Limit::OneAfter(0));
    let restored = limited(|| Client::restore(&blob, &key, b"here", 1, Numbers::new(2)));
    set_limit(before);
    assert_eq!(restored.unwrap().state(), State::Connected);
}

/// One run after the other with one more allocation before the one that fails,
/// until there are not so many.
fn every_allocation_fails_once(least: usize, mut run: impl FnMut() -> bool) {
    let runs = (0..1000)
        .take_while(|&others| {
            set_limit(Limit::OneAfter(others));
            let ended_well = run();
            let failed = set_limit(Limit::None) == Limit::None;
            assert!(failed || ended_well);
            // The heap is well again.
            assert!(run());
            failed
        })
        .count();
    assert!((least..1000).contains(&runs), "{runs} allocations");
}

#[test]
fn every_allocation_of_a_session_fails_once() {
    every_allocation_fails_once(10, || {
        let Some(config) = out_of_memory(psk_config()) else { return false };
        let full = Life::full(config, Suite::PskGcm, &no_reply, true);
        let Some(mut life) = out_of_memory(full) else { return false };
        is_kept(&mut life);
        life.is_alive();
        true
    });
}

#[test]
fn every_allocation_of_a_resumed_session_fails_once() {
    let mut full = Life::full(psk_config().unwrap(), Suite::PskGcm, &no_reply, true).unwrap();
    let session = full.client.take_saved_session().unwrap();
    let secret = full.server.master_secret;
    every_allocation_fails_once(5, || {
        let Some(config) = out_of_memory(psk_config()) else { return false };
        let config = config.resume(session.clone());
        let Some(mut life) = out_of_memory(Life::resumed(config, secret.clone())) else {
            return false;
        };
        is_kept(&mut life);
        life.is_alive();
        true
    });
}

/// A server that proves itself by a certificate, through another one.
struct Certified {
    root: Identity,
    between: Identity,
    server: Identity,
    suite: Suite,
}

impl Certified {
    fn new(suite: Suite, root_key: PKey<Private>, key: fn() -> PKey<Private>) -> Self {
        let root = root(root_key, MessageDigest::sha256());
        let between = intermediate(&root, key());
        let server = leaf(&between, key(), &GOOD);
        Self { root, between, server, suite }
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
        let scheme = if self.server.key.id() == Id::EC { 0x0403 } else { 0x0401 };
        let exchange = server.signed(&parameters, scheme, &self.server.key);
        flight.extend(server.say(SERVER_KEY_EXCHANGE, &exchange));
        flight
    }

    fn connects(&self) -> bool {
        let Some(config) = out_of_memory(self.config()) else { return false };
        let life = Life::full(config, self.suite, &|server| self.reply(server), false);
        let Some(mut life) = out_of_memory(life) else { return false };
        life.is_alive();
        true
    }

    /// Each time the heap has a little more room, from none to enough.
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

/// No crate that checks ECDSA allocates on its own.
#[test]
fn every_allocation_fails_once_with_certificates_by_ecdsa() {
    let certified = Certified::new(Suite::EcdheEcdsaGcm, ec_key(), ec_key);
    let anchors = certified.config().unwrap();
    every_allocation_fails_once(8, || {
        let reply = |server: &mut Server| certified.reply(server);
        let life = Life::full(anchors.clone(), certified.suite, &reply, false);
        let Some(mut life) = out_of_memory(life) else { return false };
        life.is_alive();
        true
    });
}

/// The `rsa` crate does; before it is called, there is room.
#[test]
fn the_heap_runs_out_with_certificates_by_rsa() {
    Certified::new(Suite::EcdheRsaCbcSha256, rsa_key_of(4096), rsa_key).connects_with_enough_room();
    Certified::new(Suite::RsaAes256CbcSha256, rsa_key(), rsa_key).connects_with_enough_room();
}

#[test]
fn the_heap_runs_out_with_certificates_by_ecdsa() {
    Certified::new(Suite::EcdheEcdsaGcm, ec_key(), ec_key).connects_with_enough_room();
}
