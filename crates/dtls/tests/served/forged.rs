//! Hazard: one forged datagram in the client's name, of each kind, before and after each datagram
//! of a handshake. It does not keep the client from the server: the handshake gets through, or the
//! next one does. The client is the engine's own, and the time is virtual.
//!
//! `DTLS_FORGED_EVERY` has all cases tried, as for the client in `hostile/forged.rs`.

use iot_coap_dtls::server::Config;
use iot_coap_dtls::{Duration, SealingKey, State};
use iot_coap_test_support::certificates::ecdsa;
use iot_coap_test_support::dtls::certificates;
use iot_coap_test_support::network::Fate;
use iot_coap_test_support::scripted::messages::{
    ALERT, APPLICATION_DATA, CERTIFICATE, CHANGE_CIPHER_SPEC, CLIENT_HELLO, CLIENT_KEY_EXCHANGE,
    FINISHED, HANDSHAKE, HELLO_REQUEST, SERVER_HELLO_DONE, WITH_CONNECTION_ID, fragment, message,
    record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::signing::with_identity;
use iot_coap_test_support::served::virtual_time::Pair;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};

/// How long one handshake may take, in milliseconds.
const LONGEST_MS: u64 = 15_000;

/// A datagram, and what it is.
struct Forgery {
    what: String,
    bytes: Vec<u8>,
}

/// How a client got connected.
struct Connected {
    /// So many things happened in the first handshake.
    steps: usize,
    /// So long it took.
    millis: u64,
    /// It took another one.
    again: bool,
}

/// Each kind of message with each number, whole, long and cut; alerts; records of each kind.
fn forgeries() -> Vec<Forgery> {
    let mut all = Vec::new();
    let mut add = |what: String, content_type, epoch, content: &[u8]| {
        all.push(Forgery { what, bytes: record(content_type, epoch, 77, content) });
    };
    let hello = ScriptedClient::default().hello_body();
    let kinds = [HELLO_REQUEST, CLIENT_HELLO, CERTIFICATE, SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE];
    for kind in kinds.into_iter().chain([15, FINISHED, 99]) {
        let bodies: [&[u8]; 5] =
            [&[], &[0, 8, 1, 1, 1, 1, 1, 1, 1, 1], &[1; 12], &[32; 33], &hello];
        for number in 0..5 {
            for body in bodies {
                let what = format!("message {kind}, number {number}, {} bytes", body.len());
                for epoch in [0, 1] {
                    add(what.clone(), HANDSHAKE, epoch, &message(kind, number, body));
                }
                let part = fragment(kind, number, body.len() + 300, 2, body);
                add(format!("a part of {what}"), HANDSHAKE, 0, &part);
            }
            let long = fragment(kind, number, (1 << 24) - 1, 0, &[1; 20]);
            add(format!("message {kind}, number {number}, far too long"), HANDSHAKE, 0, &long);
        }
    }
    for alert in [[1, 0], [2, 0], [2, 20], [2, 40], [1, 100], [7, 7]] {
        add(format!("alert {alert:?}"), ALERT, 0, &alert);
    }
    for content_type in [CHANGE_CIPHER_SPEC, APPLICATION_DATA, HANDSHAKE, WITH_CONNECTION_ID, 99] {
        for epoch in [0, 1, 2, 0xffff] {
            add(format!("record {content_type} of epoch {epoch}"), content_type, epoch, &[1; 40]);
        }
    }
    all
}

/// How a client and its server know each other.
struct Kind<'k> {
    what: &'static str,
    client: &'k dyn Fn() -> iot_coap_dtls::Config,
    server: &'k dyn Fn() -> Config,
}

impl Kind<'_> {
    /// Connects, with something forged after so many steps.
    fn connect(&self, forged: Option<(usize, &Forgery)>) -> Connected {
        let server = Endpoint::new((self.server)());
        let mut pair = Pair::new((self.client)(), server, |_, _| Fate::ARRIVES);
        let (mut steps, mut settled) = (0, None);
        let end = pair.now + Duration::from_millis(LONGEST_MS);
        loop {
            let is_due = forged.filter(|(place, _)| *place == steps);
            if let Some((_, Forgery { bytes, .. })) = is_due {
                // The answers go to the client, which has not asked.
                pair.forge(bytes);
            }
            let is_over = pair.client.state() != State::Handshaking;
            if is_over {
                settled.get_or_insert(pair.now);
            }
            if is_over && forged.is_none_or(|(place, _)| place <= steps) {
                break;
            }
            steps += 1;
            if !pair.step(end).unwrap_or(true) {
                break;
            }
        }
        let millis = settled.unwrap_or(pair.now).as_millis();
        if pair.client.state() == State::Connected && pair.try_exchange(b"21.5", 3) {
            return Connected { steps, millis, again: false };
        }
        // The client begins anew, at the same address, with what there is of the server.
        let what = forged.map_or("nothing", |(_, Forgery { what, .. })| what);
        let place = forged.map(|(place, _)| place);
        assert!(millis < LONGEST_MS, "{}: it waits after {what} at {place:?}", self.what);
        let mut next = pair.restarted((self.client)(), |_, _| Fate::ARRIVES);
        assert_eq!(next.connect(LONGEST_MS), Ok(true), "{}: after {what} at {place:?}", self.what);
        next.exchange(b"21.5");
        Connected { steps, millis, again: true }
    }

    fn try_all(&self, every: usize) {
        let clean = self.connect(None);
        assert!(!clean.again);
        let every = if std::env::var_os("DTLS_FORGED_EVERY").is_some() { 1 } else { every };
        let (mut count, mut second, mut slowest) = (0, 0, 0);
        for forgery in forgeries() {
            for place in 0..=clean.steps + 1 {
                count += 1;
                if count % every == 0 {
                    let connected = self.connect(Some((place, &forgery)));
                    second += usize::from(connected.again);
                    slowest = slowest.max(connected.millis);
                }
            }
        }
        let count = count / every;
        let what = self.what;
        eprintln!("{what}: {count} cases, {second} took a second handshake, {slowest} ms at most");
        // Most have no effect at all.
        assert!(second * 20 < count);
    }
}

fn with_tickets(config: Config) -> Config {
    config.ticket_keys([SealingKey::new(&[1; 32]).unwrap()].into(), 3600)
}

fn psk() -> iot_coap_dtls::Config {
    iot_coap_test_support::dtls::pre_shared_key().connection_id(b"own").unwrap()
}

#[test]
fn with_a_pre_shared_key() {
    let server = || with_tickets(pre_shared_key());
    Kind { what: "a pre-shared key", client: &psk, server: &server }.try_all(7);
}

#[test]
fn with_certificates() {
    let (root, leaf) = ecdsa();
    let client = || certificates(&root);
    let server = || with_identity(Config::new(), &leaf, &[]).mtu(300);
    Kind { what: "certificates", client: &client, server: &server }.try_all(61);
}

#[test]
fn with_a_session_that_is_resumed() {
    let server = || with_tickets(pre_shared_key());
    let mut pair = Pair::new(psk(), Endpoint::new(server()), |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(LONGEST_MS), Ok(true));
    let saved = pair.client.take_saved_session().unwrap();
    let client = || psk().resume(saved.clone());
    Kind { what: "a ticket", client: &client, server: &server }.try_all(7);
}
