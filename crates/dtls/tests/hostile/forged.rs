//! One forged datagram of each kind, before and after each datagram of a handshake, does not
//! keep the client from a server that answers: the handshake gets through, or it ends soon,
//! and the next one gets through. It never just waits. The time is virtual. `tests/forged.rs`
//! does the same with servers that nobody here wrote.

use iot_coap_dtls::{Config, SavedSession, State, TrustAnchors};
use iot_coap_test_support::certificates::{Identity, ecdsa, rsa};
use iot_coap_test_support::scripted::forgeries::{Forgery, forgeries, session_id_of};
use iot_coap_test_support::scripted::server::honest::{Cookies, Honest, Resumes, Temper};
use iot_coap_test_support::scripted::world::{Place, World};
use iot_coap_test_support::scripted::{Suite, psk_config, sent};

/// The longest time that a forged datagram may cost, in milliseconds.
const LONGEST_MS: u64 = 9000;

/// A kind of handshake: its suites, and how it resumes.
struct Kind<'i> {
    suite: Suite,
    /// Another one that is offered.
    other: u16,
    identity: Option<(&'i Identity, &'i Identity)>,
    resumes: Resumes,
    is_resumed: bool,
    extended: bool,
}

impl<'i> Kind<'i> {
    fn config(&self) -> Config {
        match self.identity {
            None => psk_config(),
            Some((root, _)) => {
                let anchors = TrustAnchors::from_pem(root.pem().as_bytes()).unwrap();
                let config = Config::with_certificates("localhost", anchors, None).unwrap();
                config.cbc(true).static_rsa(true)
            }
        }
    }

    /// A client that may resume the session, and the server.
    fn start(&self) -> (Config, Honest<'i>) {
        let mut server = Honest::new(self.suite, self.identity.map(|(_, leaf)| leaf));
        server.resumes = self.resumes;
        server.extended = self.extended;
        if !self.is_resumed {
            return (self.config(), server);
        }
        let mut world = World::new(self.config(), 1, server);
        world.run(LONGEST_MS, None).unwrap();
        let saved = world.client.take_saved_session().unwrap();
        let saved = SavedSession::from_bytes(&saved.to_bytes().unwrap()).unwrap();
        (self.config().resume(saved), world.server.for_another())
    }

    fn what(&self) -> String {
        let Self { suite, resumes, is_resumed, extended, .. } = self;
        format!("{suite:?} {resumes:?}, resumed {is_resumed}, extended {extended}")
    }

    /// Tries every forgery at each place, or every nth case.
    fn try_all(&self, every: usize) {
        let (config, honest) = self.start();
        let (mut count, mut ended) = (0, 0);
        let mut slowest = 0;
        let mut failures = Vec::new();
        for temper in [Temper::Patient, Temper::Strict] {
            for cookies in [Cookies::None, Cookies::Fixed, Cookies::Rotating(2)] {
                let mut server = honest.clone();
                (server.temper, server.cookies) = (temper, cookies);
                let mut clean = World::new(config.clone(), 1, server.clone());
                let hello = sent(&mut clean.client).concat();
                let mut clean = World::new(config.clone(), 1, server.clone());
                clean.run(LONGEST_MS, None).unwrap();
                clean.assert_alive();
                assert_eq!(clean.client.was_resumed(), self.is_resumed);
                let places = (1..=clean.delivered).map(Place::Before);
                let places: Vec<_> =
                    places.chain((0..=clean.delivered).map(Place::After)).collect();
                for (what, datagram) in forgeries(self.suite, self.other, &session_id_of(&hello)) {
                    for &place in &places {
                        count += 1;
                        if count % every != 0 {
                            continue;
                        }
                        let mut world = World::new(config.clone(), 1, server.clone());
                        match world.run(LONGEST_MS, Some((place, &datagram))) {
                            Ok(()) => world.assert_alive(),
                            // The server ended its handshake for want of the client's end of
                            // it: a ClientHello came, as this server had not asked for a
                            // cookie. The client is done, and finds that nobody answers.
                            Err(_) if self.is_resumed && world.is_left() => {
                                assert!(what.starts_with("HelloVerifyRequest"), "{what}");
                            }
                            Err(_) if matches!(world.client.state(), State::Ended(_)) => {
                                // From another port, without the session.
                                ended += 1;
                                let server = world.server.for_another();
                                let mut next = World::new(self.config(), 2, server);
                                next.run(LONGEST_MS - world.now, None).unwrap();
                                next.assert_alive();
                                world.now += next.now;
                            }
                            Err(error) => failures.push(format!(
                                "{}, {temper:?}, {cookies:?}, {what} {place:?}: {error}",
                                self.what()
                            )),
                        }
                        slowest = slowest.max(world.now.min(LONGEST_MS));
                    }
                }
            }
        }
        eprintln!(
            "{}: {} cases, {ended} took a second handshake, {slowest} ms at most",
            self.what(),
            count / every
        );
        let some = &failures[..failures.len().min(40)];
        assert!(failures.is_empty(), "{} of {count}: {some:#?}", failures.len());
    }
}

const PSK: Kind<'static> = Kind {
    suite: Suite::PskGcm,
    other: 0xc0a8,
    identity: None,
    resumes: Resumes::Tickets,
    is_resumed: false,
    extended: true,
};

/// How many cases there are between two that are tried; with `DTLS_FORGED_EVERY` all are.
fn every(few: usize) -> usize {
    if std::env::var_os("DTLS_FORGED_EVERY").is_some() { 1 } else { few }
}

#[test]
fn with_a_pre_shared_key() {
    PSK.try_all(every(7));
    Kind { resumes: Resumes::Ids, ..PSK }.try_all(every(7));
}

/// Here the Finished of either side can be decrypted, though the hellos were forged.
#[test]
fn with_a_pre_shared_key_and_no_extended_master_secret() {
    Kind { resumes: Resumes::Ids, extended: false, ..PSK }.try_all(every(7));
}

#[test]
fn with_a_session_that_is_resumed() {
    for resumes in [Resumes::Tickets, Resumes::Ids] {
        Kind { resumes, is_resumed: true, ..PSK }.try_all(every(7));
    }
}

#[test]
fn with_certificates_by_ecdsa() {
    let (root, leaf) = ecdsa();
    let identity = Some((&root, &leaf));
    let kind = Kind { suite: Suite::EcdheEcdsaGcm, other: 0xc02f, identity, ..PSK };
    kind.try_all(every(41));
}

#[test]
fn with_certificates_by_rsa() {
    let (root, leaf) = rsa();
    let identity = Some((&root, &leaf));
    let kind = Kind { suite: Suite::EcdheRsaCbcSha256, other: 0xc02b, identity, ..PSK };
    kind.try_all(every(41));
    let kind = Kind { suite: Suite::RsaAes256CbcSha256, other: 0xc02b, identity, ..PSK };
    kind.try_all(every(41));
}

/// The cookie of the first answer is not taken any more when it comes back.
#[test]
fn a_server_that_changes_the_key_of_its_cookies_is_reached() {
    for temper in [Temper::Patient, Temper::Strict] {
        let (config, mut server) = PSK.start();
        (server.temper, server.cookies) = (temper, Cookies::Fixed);
        let mut world = World::new(config, 1, server);
        world.flush();
        let (_, hello) = world.to_server.pop_front().unwrap();
        let request = world.server.receive(0, &hello);
        world.answer(request);
        world.server.cookies = Cookies::Rotating(1);
        world.run(LONGEST_MS, None).unwrap();
        world.assert_alive();
        // One time-out of the client, for the second cookie.
        assert!((1000..2000).contains(&world.now), "{}", world.now);
    }
}

/// The kinds of datagrams are as many as there should be.
#[test]
fn there_are_forgeries_of_many_kinds() {
    let all: Vec<Forgery> = forgeries(Suite::PskGcm, 0xc0a8, &[]);
    assert!(all.len() > 200, "{}", all.len());
}
