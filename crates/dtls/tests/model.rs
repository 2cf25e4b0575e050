//! The engine against a server that knows all keys, and a network that does what it likes: it
//! loses, repeats, delays, reorders, joins and cuts what the true server says, and adds what
//! others say. A small model knows what a correct client may do:
//!
//! - It is connected only after the true server's Finished has come, whole.
//! - It hands out application data only while connected, only what the true server said, and
//!   each record once.
//! - What it sends afterwards is under the keys of the true server.
//! - It ends only because of an authentic alert, because something false came, or because it
//!   took the wrong one of a server's cookies.
//! - When the true server's messages come in the end, it connects, or it ends within as many
//!   time-outs as a server's refusal takes. It just waits only if something false came, and
//!   the server has not heard of it or has given up, and says nothing.
//!
//! `DTLS_MODEL_ORDERS` sets the number of random orders; 1,200 by default. `DTLS_MODEL_SEED`
//! runs the order with one seed, which a failure prints.
#![cfg(feature = "full")]

use std::sync::atomic::{AtomicU64, Ordering};

use iot_coap_dtls::{Config, Error, SavedSession, State, TrustAnchors, Violation};
use iot_coap_test_support::certificates::{Identity, ecdsa};
use iot_coap_test_support::scripted::forgeries::{Forgery, forgeries};
use iot_coap_test_support::scripted::messages::{
    self, ALERT, APPLICATION_DATA, FINISHED, HANDSHAKE, HELLO_REQUEST, fragment, message,
};
use iot_coap_test_support::scripted::server::honest::{Cookies, Honest, Resumes, Temper};
use iot_coap_test_support::scripted::world::World;
use iot_coap_test_support::scripted::{Numbers, Suite, at, feed_at, psk_config};

const ORDERS: u64 = 1200;
const THREADS: usize = 2;
/// How long a server keeps the state of a client that it does not hear, in milliseconds.
const SERVER_PATIENCE_MS: u64 = 200_000;

/// A datagram of the true server, or of somebody else.
#[derive(Clone)]
struct Said {
    bytes: Vec<u8>,
    /// The parts of the true Finished in it, as bits.
    finished: u8,
    /// The application data in it.
    data: Option<Vec<u8>>,
    /// An authentic alert that ends the session.
    is_end: bool,
    is_false: bool,
}

impl Said {
    fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, finished: 0, data: None, is_end: false, is_false: false }
    }
}

/// What happens to be, for all orders.
struct Scene {
    ec: (Identity, Identity),
    /// Without certificates and with.
    forgeries: [Vec<Forgery>; 2],
}

/// The whole Finished: in one piece, or in two.
const WHOLE: u8 = 0b11;

/// An order: a client, its server, and all that was ever said.
struct Order<'s> {
    world: World<'s>,
    random: Numbers,
    said: Vec<Said>,
    forgeries: &'s [Forgery],
    /// The true Finished of each handshake that has begun, as parts that came.
    finished: [u8; 256],
    given: Vec<Vec<u8>>,
    handed_out: Vec<Vec<u8>>,
    /// An authentic alert came.
    may_end: bool,
    /// Something false came.
    has_false: bool,
    resumes: bool,
}

impl<'s> Order<'s> {
    fn new(scene: &'s Scene, seed: u64) -> (Self, bool) {
        let mut random = Numbers::new(seed ^ 0xD715);
        let mut draw = |count: u64| random.next() % count;
        let with_certificates = draw(40) == 0;
        let suite = if with_certificates { Suite::EcdheEcdsaGcm } else { Suite::PskGcm };
        let config = || {
            if !with_certificates {
                return psk_config();
            }
            let anchors = TrustAnchors::from_pem(scene.ec.0.pem().as_bytes()).unwrap();
            Config::with_certificates("localhost", anchors, None).unwrap()
        };
        let identity = with_certificates.then_some(&scene.ec.1);
        let mut server = Honest::new(suite, identity);
        server.temper = if draw(2) == 0 { Temper::Patient } else { Temper::Strict };
        server.resumes = if draw(2) == 0 { Resumes::Tickets } else { Resumes::Ids };
        let resumes = draw(3) == 0;
        server.extended = resumes || draw(3) > 0;
        let cookies = [Cookies::None, Cookies::Fixed, Cookies::Rotating(2)][draw(3) as usize];
        let has_false = draw(2) == 0;
        let mut said = Vec::new();
        // Another client's handshake, of which everything may come here.
        let mut other = World::new(config(), seed | 1 << 60, server.clone());
        other.run(9000, None).unwrap();
        if has_false {
            let bytes = other.server.flight().to_vec();
            for (content_type, epoch, content) in bytes {
                let record = messages::record(content_type, epoch, 3, &content);
                said.push(Said { is_false: true, ..Said::plain(record) });
            }
        }
        let config = if resumes {
            let saved = other.client.take_saved_session().unwrap();
            let saved = SavedSession::from_bytes(&saved.to_bytes().unwrap()).unwrap();
            server = other.server.for_another();
            config().resume(saved)
        } else {
            config()
        };
        server.cookies = cookies;
        let world = World::new(config, seed, server);
        let order = Self {
            world,
            random,
            said,
            forgeries: &scene.forgeries[usize::from(with_certificates)],
            finished: [0; 256],
            given: Vec::new(),
            handed_out: Vec::new(),
            may_end: false,
            has_false: false,
            resumes,
        };
        (order, has_false)
    }

    fn draw(&mut self, count: usize) -> usize {
        (self.random.next() % count as u64) as usize
    }

    /// What the server says becomes part of what may come.
    fn hear(&mut self, datagrams: Vec<Vec<u8>>) {
        for bytes in datagrams {
            let is_protected = bytes[3..5] == [0, 1] && bytes[0] == HANDSHAKE;
            let finished = if is_protected { WHOLE } else { 0 };
            self.said.push(Said { finished, ..Said::plain(bytes) });
        }
    }

    fn serve(&mut self, datagram: &[u8]) {
        let answers = self.world.server.receive(self.world.now, datagram);
        self.hear(answers);
    }

    /// Hands one datagram to the client, and compares with the model.
    fn deliver(&mut self, said: &Said) {
        let begun = usize::from(self.world.server.begun());
        let was_connected = self.world.client.state() == State::Connected;
        let was_over = matches!(self.world.client.state(), State::Ended(_));
        self.finished[begun] |= said.finished;
        let read = feed_at(&mut self.world.client, &said.bytes, self.world.now);
        self.world.flush();
        self.has_false |= said.is_false;
        self.may_end |= said.is_end;
        for data in read.unwrap_or_default() {
            // What comes behind the Finished in one datagram is read as well.
            assert!(was_connected || said.finished > 0, "application data too early");
            assert!(said.data.as_ref() == Some(&data), "data that was not said: {data:?}");
            assert!(!self.handed_out.contains(&data), "application data twice");
            self.handed_out.push(data);
        }
        if !was_connected && self.world.client.state() == State::Connected {
            let complete = self.finished[..=begun].contains(&WHOLE);
            assert!(complete, "connected without the server's Finished");
        }
        if !was_over {
            self.check_end();
        }
    }

    fn check_end(&self) {
        let State::Ended(error) = self.world.client.state() else { return };
        let is_unauthenticated = matches!(error, Error::PeerAlert(_) | Error::Protocol(_))
            || matches!(error, Error::Certificate(_));
        let because_false = is_unauthenticated && self.has_false;
        assert!(
            self.may_end || because_false || self.is_lost_between_cookies(error),
            "ended for no reason: {error}"
        );
    }

    /// The server gave several cookies, and its answers came so late that the client went over
    /// to another one than the server had taken: the handshake gets stuck, or the Finished is
    /// for another ClientHello. Nothing helps then but a new session.
    fn is_lost_between_cookies(&self, error: Error) -> bool {
        // A strict server says so.
        let is_refused = matches!(error, Error::PeerAlert(alert) if alert.0 == 20);
        let violations = [Violation::Finished, Violation::Contradiction].map(Error::Protocol);
        (is_refused || violations.contains(&error))
            && matches!(self.world.server.cookies, Cookies::Rotating(_))
    }

    fn expire(&mut self) {
        let Some(deadline) = self.world.client.next_timeout() else { return };
        self.world.now = self.world.now.max(deadline.as_millis());
        let _ = self.world.client.handle_timeout(at(self.world.now));
        self.world.flush();
        self.check_end();
    }

    /// The true server's alert, which nobody else can make: refusals are its own.
    fn alert_of_server(&mut self) {
        // A strict server's alert without protection may be taken for a false one.
        self.has_false = true;
    }

    fn step(&mut self, has_false: bool) {
        match self.draw(20) {
            // The server reads something, the first or any.
            0..=5 => {
                if !self.world.to_server.is_empty() {
                    let first = self.draw(3) > 0;
                    let count = self.world.to_server.len();
                    let index = if first { 0 } else { self.draw(count) };
                    let (_, datagram) = self.world.to_server.remove(index).unwrap();
                    let is_lost = self.draw(8) == 0;
                    let copies = if is_lost { 0 } else { 1 + usize::from(self.draw(8) == 0) };
                    for _ in 0..copies {
                        self.serve(&datagram);
                    }
                }
            }
            6 => self.expire(),
            7 => {
                if let Some(deadline) = self.world.server.deadline {
                    // Not before the client's timer, or time would run backwards for it.
                    let client = self
                        .world
                        .client
                        .next_timeout()
                        .map_or(u64::MAX, iot_coap_dtls::Instant::as_millis);
                    if deadline <= client {
                        self.world.now = self.world.now.max(deadline);
                    }
                    let repeated = self.world.server.handle_timeout(self.world.now.max(deadline));
                    self.hear(repeated);
                }
            }
            8 => self.say_more(),
            9 if has_false => {
                let forgeries = self.forgeries;
                let index = self.draw(forgeries.len());
                let bytes = forgeries[index].1.clone();
                self.deliver(&Said { is_false: true, ..Said::plain(bytes) });
            }
            // The client reads something that was said, mostly of late.
            _ => {
                if self.said.is_empty() {
                    return;
                }
                let count = self.said.len();
                let back = if self.draw(4) == 0 { count } else { count.min(5) };
                let index = count - 1 - self.draw(back);
                let said = self.said[index].clone();
                match self.draw(6) {
                    0 => self.deliver_in_pieces(&said),
                    1 => {
                        let index = self.draw(count);
                        let other = self.said[index].clone();
                        // Each has at most one kind of content that the model looks at.
                        if other.data.is_none() && said.data.is_none() {
                            self.deliver(&Said {
                                bytes: [&said.bytes[..], &other.bytes].concat(),
                                finished: said.finished | other.finished,
                                data: None,
                                is_end: said.is_end || other.is_end,
                                is_false: said.is_false || other.is_false,
                            });
                        }
                    }
                    _ => self.deliver(&said),
                }
            }
        }
        if self.said.iter().any(|said| said.bytes[0] == ALERT && said.bytes[4] == 0) {
            self.alert_of_server();
        }
    }

    /// Cuts a message without protection; the two parts come in any order, or one is lost.
    fn deliver_in_pieces(&mut self, said: &Said) {
        let records = messages::records(&said.bytes, 0);
        let [record] = &records[..] else { return };
        let content = record.fragment;
        if record.header.epoch != 0 || record.header.content_type != HANDSHAKE || content.len() < 14
        {
            return self.deliver(said);
        }
        let (kind, number) = (content[0], u16::from_be_bytes([content[4], content[5]]));
        let body = &content[12..];
        let cut = 1 + self.draw(body.len() - 1);
        // Overlapping by a byte, where there is one.
        let parts = [(0, &body[..cut]), (cut - 1, &body[cut - 1..])];
        let order = if self.draw(2) == 0 { [0, 1] } else { [1, 0] };
        for part in order {
            if self.draw(8) == 0 {
                continue;
            }
            let (offset, bytes) = parts[part];
            let content = fragment(kind, number, body.len(), offset, bytes);
            let bytes = messages::record(HANDSHAKE, 0, 900, &content);
            self.deliver(&Said { bytes, ..said.clone() });
        }
    }

    /// The server says something beside the handshake, with its keys or without.
    fn say_more(&mut self) {
        let request = message(HELLO_REQUEST, 0, &[]);
        match self.draw(8) {
            0..=2 => {
                // A server that resumes a session waits for the client's Finished.
                if self.resumes && !self.world.server.is_connected() {
                    return;
                }
                let content = (self.given.len() as u64).to_be_bytes().to_vec();
                if let Some(bytes) = self.world.server.protected(APPLICATION_DATA, &content) {
                    self.given.push(content.clone());
                    self.said.push(Said { data: Some(content), ..Said::plain(bytes) });
                }
            }
            3 => {
                let bytes = self.world.server.plain(HANDSHAKE, &request);
                self.said.push(Said::plain(bytes));
            }
            4 => {
                if let Some(bytes) = self.world.server.protected(HANDSHAKE, &request) {
                    self.said.push(Said::plain(bytes));
                }
            }
            5 => {
                if let Some(bytes) = self.world.server.protected(ALERT, &[1, 90]) {
                    self.said.push(Said::plain(bytes));
                }
            }
            6 => self.say_finished_in_pieces(),
            _ => {
                // Seldom: each ends the session, or may.
                if self.draw(30) == 0
                    && let Some(bytes) = self.world.server.wrong_finished()
                {
                    self.said.push(Said { is_end: true, ..Said::plain(bytes) });
                }
                if self.draw(40) == 0
                    && let Some(bytes) = self.world.server.protected(ALERT, &[2, 80])
                {
                    self.said.push(Said { is_end: true, ..Said::plain(bytes) });
                }
            }
        }
    }

    fn say_finished_in_pieces(&mut self) {
        let last = self.world.server.flight().last().cloned();
        let Some((HANDSHAKE, 1, content)) = last else { return };
        assert_eq!(content[0], FINISHED);
        let number = u16::from_be_bytes([content[4], content[5]]);
        for (part, range) in [(1, 0..7), (2, 7..12)] {
            let bytes = &content[12..][range.clone()];
            let piece = fragment(FINISHED, number, 12, range.start, bytes);
            if let Some(bytes) = self.world.server.protected(HANDSHAKE, &piece) {
                self.said.push(Said { finished: part, ..Said::plain(bytes) });
            }
        }
    }

    /// From now on everything arrives that the true server says, and nothing else.
    fn settle(&mut self) {
        if let State::Ended(_) = self.world.client.state() {
            return;
        }
        self.world.to_client.clear();
        let mut is_unknown = false;
        for _ in 0..3 {
            let limit = self.world.now + SERVER_PATIENCE_MS;
            match self.world.run(limit, None) {
                Ok(()) => {
                    self.world.assert_alive();
                    return;
                }
                Err(error) if matches!(self.world.client.state(), State::Ended(_)) => {
                    let State::Ended(end) = self.world.client.state() else { return };
                    // Alerts of the server's own refusal, or what was false before.
                    assert!(
                        self.has_false || self.may_end || self.is_lost_between_cookies(end),
                        "ended in the end: {error}"
                    );
                    return;
                }
                // A client that is connected has nothing to repeat by itself: it repeats its
                // last flight with what it sends.
                Err(_) if self.world.client.state() == State::Connected => {
                    let mut out = [0; 256];
                    let _ = self.world.client.send(b"hello?", &mut out);
                    let resumed_and_left = self.resumes && self.world.is_left();
                    let is_other =
                        self.finished[..usize::from(self.world.server.begun())].contains(&WHOLE);
                    if resumed_and_left || is_other {
                        return;
                    }
                    self.world.flush();
                }
                // A server does not wait for ever.
                Err(_) => {
                    is_unknown |= self.world.server.deadline.is_none();
                    self.world.now += SERVER_PATIENCE_MS;
                    self.world.server.begin_anew();
                    self.world.to_client.clear();
                    self.world.to_server.clear();
                }
            }
        }
        let is_excused = self.has_false && is_unknown;
        assert!(is_excused, "not connected in the end: {:?}", self.world.client.state());
    }
}

fn run(scene: &Scene, seed: u64) {
    let (mut order, has_false) = Order::new(scene, seed);
    order.world.flush();
    let steps = 10 + order.draw(120);
    for _ in 0..steps {
        order.step(has_false);
        if matches!(order.world.client.state(), State::Ended(_)) {
            let mut out = [0; 64];
            assert!(order.world.client.send(b"x", &mut out).is_err());
            break;
        }
    }
    order.settle();
}

#[test]
fn random_orders() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let scene = Scene {
        ec: ecdsa(),
        forgeries: [
            forgeries(Suite::PskGcm, 0xc0a8, &[0x88; 32]),
            forgeries(Suite::EcdheEcdsaGcm, 0xc02f, &[0x88; 32]),
        ],
    };
    if let Some(seed) = variable("DTLS_MODEL_SEED") {
        return run(&scene, seed);
    }
    let orders: u64 = variable("DTLS_MODEL_ORDERS").unwrap_or(ORDERS);
    let next = AtomicU64::new(0);
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= orders || failed.lock().unwrap().len() > 4 {
                        break;
                    }
                    let one = std::panic::AssertUnwindSafe(|| run(&scene, seed));
                    if std::panic::catch_unwind(one).is_err() {
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "run again with DTLS_MODEL_SEED= one of {failed:?}");
}
