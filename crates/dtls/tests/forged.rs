//! Hazard: somebody who is not the server sends one datagram from its address, and there is
//! no session, though the server would have answered. The handshake gets through, or it ends
//! soon, and the next one does, from another port. Here real servers answer; every kind of
//! datagram at every moment is in `hostile/forged.rs`, in virtual time.
//!
//! The environment variable `DTLS_FORGED_EVERY` sets how many cases there are between two
//! that are tried: 1 tries them all, which takes an hour. `DTLS_FORGED_ONLY` tries those with
//! these words in their names.
#![cfg(feature = "full")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use iot_coap_dtls::Config;
use iot_coap_test_support::certificates::{Identity, ecdsa, rsa};
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, certificates, pre_shared_key};
use iot_coap_test_support::peers::servers::{Resumption, Server, Suite, Wish};
use iot_coap_test_support::peers::{Peer, Proof};
use iot_coap_test_support::scripted;
use iot_coap_test_support::scripted::forgeries::forgeries;
use iot_coap_test_support::threads::in_parallel;

/// How many sessions run at the same time. They mostly wait.
const MAX_PARALLEL: usize = 24;
/// What takes longer is not a handshake that the server answers, nor two.
const LONGEST: Duration = Duration::from_secs(16);

fn every() -> usize {
    std::env::var("DTLS_FORGED_EVERY").map_or(67, |every| every.parse().expect("a number"))
}

/// How the keys are agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    EcdheEcdsa,
    EcdheRsa,
    StaticRsa,
    Psk,
    Resumed(Resumption),
}

const KEYS: [Keys; 6] = [
    Keys::EcdheEcdsa,
    Keys::EcdheRsa,
    Keys::StaticRsa,
    Keys::Psk,
    Keys::Resumed(Resumption::Tickets),
    Keys::Resumed(Resumption::Ids),
];

/// After how many datagrams of the server the forged one may come.
const PLACES: usize = 8;

struct Case {
    keys: Keys,
    cookies: bool,
    place: usize,
    what: String,
    forged: Vec<u8>,
}

struct World {
    ec: (Identity, Identity),
    rsa: (Identity, Identity),
}

impl World {
    /// A server, what to begin with, and what to begin again with, without a session to resume.
    fn start(&self, server: Server, keys: Keys, cookies: bool) -> (Peer, [Config; 2]) {
        let (suite, by_ec) = match keys {
            Keys::EcdheEcdsa => (Suite::ECDHE_ECDSA_GCM, true),
            Keys::StaticRsa => (Suite::RSA_CBC[0], false),
            Keys::Psk => (Suite::PSK_GCM, false),
            _ => (Suite::ECDHE_RSA_GCM, false),
        };
        let resumption = match keys {
            Keys::Resumed(resumption) => resumption,
            _ => Resumption::Tickets,
        };
        let wish = Wish { cookies, resumption, ..Wish::only(suite) };
        if keys == Keys::Psk {
            let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
            return (wish.start(server, &proof), [pre_shared_key(), pre_shared_key()]);
        }
        let (root, leaf) = if by_ec { &self.ec } else { &self.rsa };
        let peer = wish.start(server, &Proof::Certificate(leaf, &[]));
        let is_static = keys == Keys::StaticRsa;
        let config = certificates(root).cbc(is_static).static_rsa(is_static);
        if let Keys::Resumed(_) = keys {
            let saved = Link::saved_session(config.clone(), peer.address());
            return (peer, [config.clone().resume(saved), config]);
        }
        (peer, [config.clone(), config])
    }
}

fn scripted_suites(keys: Keys) -> (scripted::Suite, u16) {
    match keys {
        Keys::Psk => (scripted::Suite::PskGcm, 0xc0a8),
        _ => (scripted::Suite::EcdheEcdsaGcm, 0xc02f),
    }
}

/// Whether the program may not hear another client for a minute. `s_server` connects its socket
/// to the first one that has a cookie, and `gnutls-serv` takes an alert of somebody without one
/// for a ClientHello, and waits for the rest.
fn is_deaf(server: Server, cookies: bool) -> bool {
    cookies && matches!(server, Server::OpenSsl | Server::GnuTls)
}

fn each_forgery(server: Server) {
    let world = World { ec: ecdsa(), rsa: rsa() };
    let only = std::env::var("DTLS_FORGED_ONLY").unwrap_or_default();
    let mut cases = Vec::new();
    for keys in KEYS {
        let (suite, other) = scripted_suites(keys);
        for (what, forged) in forgeries(suite, other, &[]) {
            for cookies in [false, true] {
                // s_server listens for one client only.
                if server == Server::OpenSsl && cookies && matches!(keys, Keys::Resumed(_)) {
                    continue;
                }
                for place in 0..PLACES {
                    let what =
                        format!("{server:?} {keys:?}, cookies {cookies}, {what} after {place}");
                    let forged = forged.clone();
                    cases.push(Case { keys, cookies, place, what, forged });
                }
            }
        }
    }
    cases.retain(|case| case.what.contains(&only));
    let every = if only.is_empty() { every() } else { 1 };
    let cases: Vec<_> = cases.into_iter().skip(every / 2).step_by(every).collect();
    let failures = Mutex::new(Vec::new());
    let ended = AtomicUsize::new(0);
    in_parallel(cases.len(), MAX_PARALLEL, |index| {
        let Case { keys, cookies, place, what, forged } = &cases[index];
        let (mut peer, [config, again]) = world.start(server, *keys, *cookies);
        let mut link = Link::start(config, peer.address());
        let start = Instant::now();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let forge = &mut |received| (received == *place).then(|| forged.clone());
            if link.handshake_with(forge).is_err() {
                ended.fetch_add(1, Ordering::SeqCst);
                if is_deaf(server, *cookies) {
                    (peer, _) = world.start(server, *keys, *cookies);
                }
                link = Link::connect(again, peer.address()).map_err(|error| error.to_string())?;
            }
            let took = start.elapsed();
            link.exchange_through_loss(b"echo 1\n");
            if took > LONGEST { Err(format!("{took:?}")) } else { Ok(took) }
        }));
        match done {
            Ok(Ok(took)) if took > Duration::from_secs(2) => eprintln!("{what}: {took:?}"),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => failures.lock().unwrap().push(format!("{what}: {error}")),
            Err(_) => failures.lock().unwrap().push(format!("{what}: panicked")),
        }
    });
    let failures = failures.into_inner().unwrap();
    eprintln!("{server:?}: {} cases, {ended:?} took a second handshake", cases.len());
    assert!(failures.is_empty(), "{} failed: {failures:#?}", failures.len());
}

#[test]
fn openssl() {
    each_forgery(Server::OpenSsl);
}

#[test]
fn gnutls() {
    each_forgery(Server::GnuTls);
}

#[test]
fn mbedtls_2_28() {
    each_forgery(Server::Mbed2);
}

#[test]
fn mbedtls_3_6() {
    each_forgery(Server::Mbed3);
}
