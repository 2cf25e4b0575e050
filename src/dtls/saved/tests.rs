//! Tests that a blob restores its session, and which changes make it useless.

use core::ffi::CStr;

use iot_coap_client::Instant;
use iot_coap_dtls::{Config, Datagram, PreSharedKey, State, TrustAnchors};
use iot_coap_test_support::certificates;
use iot_coap_test_support::dtls::{PSK, now};
use iot_coap_test_support::scripted::messages::{CONNECTION_ID, SERVER_KEY_EXCHANGE};
use iot_coap_test_support::scripted::server::Secret;
use iot_coap_test_support::scripted::{Hello, IDENTITY, Server, Suite};
use openssl::pkey::PKey;

use super::super::Terms;
use super::*;
use crate::port::{Peer, Trusted};

const KEEP: Keep<'_> = Keep {
    secret: b"a secret of a device, long enough",
    context: b"host:5684/product/device",
    generation: 7,
    reserve: 0,
};

const LIMITS: Limits = Limits::new(0, 0);

const KINDS: [u8; 3] = [LIVE, RESUMABLE, BOTH];

fn terms(host: &CStr) -> Terms<'_> {
    let peer = Peer { host, port: 5684, trusted: Trusted::Pem(c"") };
    let first_timeout = Duration::from_secs(1);
    let limits = Limits::new(0, 0);
    Terms { peer, static_rsa: true, cbc: true, first_timeout, mtu: 1232, max_fragment: 0, limits }
}

fn sent(client: &mut Client) -> [Vec<u8>; 1] {
    let mut out = [0; 2048];
    let len = client.poll_transmit(&mut out).expect("a flight of one datagram");
    [out[..len].to_vec()]
}

fn feed(client: &mut Client, mut datagram: Vec<u8>) {
    let mut datagram = Datagram::new(&mut datagram);
    assert_eq!(client.handle_datagram(Instant::from_millis(0), &mut datagram), Ok(None));
}

/// A session whose records to the server bear a connection id. `prove`: the server's
/// messages between its ServerHello and its ServerHelloDone.
fn connect(config: Config, suite: Suite, prove: impl FnOnce(&mut Server) -> Vec<u8>) -> Client {
    let config = config.connection_id(&[]).expect("short");
    let now = Instant::from_millis(0);
    let mut client = Client::new(config, Source, now).expect("it starts to connect");
    let mut server = Server::new(suite);
    server.own_id = b"id".to_vec();
    server.read_hello(&sent(&mut client));
    let hello = server.say_hello(&Hello::new(suite).with(CONNECTION_ID, b"\x02id"));
    let proof = prove(&mut server);
    feed(&mut client, [hello, proof, server.say_done()].concat());
    server.read_flight(&sent(&mut client));
    let finished = server.say_finished();
    feed(&mut client, finished);
    assert_eq!(client.state(), State::Connected);
    client
}

/// A session whose blob has this kind.
fn client(kind: u8) -> Client {
    let config = Config::with_pre_shared_key(PreSharedKey::new(IDENTITY, PSK).expect("a key"));
    if kind != RESUMABLE {
        return connect(config, Suite::PskGcm, |_| Vec::new());
    }
    Client::new(config, Source, Instant::from_millis(0)).expect("it starts to connect")
}

/// A session with a certificate that is valid for 30 days, opened on this date.
fn client_by_certificate(date: Option<u64>) -> Client {
    const ECDSA_SHA256: u16 = 0x0403;
    let (root, leaf) = certificates::ecdsa();
    let anchors = TrustAnchors::from_pem(root.pem().as_bytes()).expect("a root");
    let config = Config::with_certificates("localhost", anchors, date).expect("a host");
    connect(config, Suite::EcdheEcdsaGcm, |server| {
        let ours = PKey::generate_x25519().expect("a key");
        let point = ours.raw_public_key().expect("it is there");
        let parameters = [&[3, 0, 29, point.len() as u8][..], &point].concat();
        let certificate = leaf.certificate.to_der().expect("it is sound");
        let certificate = server.say_certificate(&[&certificate]);
        let body = server.signed(&parameters, ECDSA_SHA256, &leaf.key);
        server.secret = Secret::X25519(ours);
        [certificate, server.say(SERVER_KEY_EXCHANGE, &body)].concat()
    })
}

/// A blob of this kind, and the key of its session. Tests share the sessions that are
/// remembered, so each test has a host of its own.
fn sealed(kind: u8, host: &CStr, learned: Option<Duration>) -> (Key, Vec<u8>) {
    let (key, age) = (Key::of(&terms(host), None), Age::new());
    if kind != LIVE {
        resumption::remember_bytes(key, Zeroizing::new(b"a session".to_vec()), age);
    }
    let blob = seal(&mut client(kind), &key, &KEEP, age, learned).expect("memory");
    let blob = blob.expect("a session");
    assert_eq!(blob[0], kind);
    resumption::forget(&key);
    (key, blob)
}

#[test]
fn what_was_learned_comes_back_with_the_session() {
    let longest = Duration::from_millis(u32::MAX.into());
    for kind in KINDS {
        for learned in [None, Some(Duration::from_millis(9001)), Some(longest)] {
            let (key, blob) = sealed(kind, c"a.example", learned);
            let unsealed = unseal(&key, &KEEP, LIMITS, &blob).expect("it is as it was");
            assert_eq!(unsealed.learned, learned);
            let beside = unsealed.beside.as_ref().map(|beside| &beside[..]);
            assert_eq!(beside, (kind == BOTH).then_some(&b"a session"[..]));
            match unsealed.session {
                Kept::Live(client) => assert!(kind != RESUMABLE && client.was_restored()),
                Kept::Resumable(session) => assert_eq!(session[..], *b"a session"),
            }
        }
    }
}

/// A time-out of weeks would be as bad as no session.
#[test]
fn a_blob_that_was_changed_anywhere_is_refused() {
    for kind in KINDS {
        let (key, blob) = sealed(kind, c"b.example", Some(Duration::from_secs(9)));
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 0x40;
            assert!(unseal(&key, &KEEP, LIMITS, &changed).is_err(), "byte {at}");
            assert!(unseal(&key, &KEEP, LIMITS, &blob[..at]).is_err(), "cut to {at}");
        }
        // A kind is not mistaken for another.
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let other = [&[other], &blob[1..]].concat();
            assert!(unseal(&key, &KEEP, LIMITS, &other).is_err());
        }
    }
}

/// Another client of this process may have a newer session, of another age.
#[test]
fn the_session_of_another_handshake_is_not_kept_beside() {
    let key = Key::of(&terms(c"i.example"), None);
    let other = Age::from_bytes(&[1; AGE_LEN]);
    resumption::remember_bytes(key, Zeroizing::new(b"a session".to_vec()), other);
    let blob = seal(&mut client(LIVE), &key, &KEEP, Age::new(), None).expect("memory");
    assert_eq!(blob.expect("a session")[0], LIVE);
    // A saved session that is too long is not kept either.
    let (long, age) = (vec![7; MAX_BESIDE_LEN + 1], Age::new());
    resumption::remember_bytes(key, Zeroizing::new(long), age);
    let blob = seal(&mut client(LIVE), &key, &KEEP, age, None).expect("memory");
    assert_eq!(blob.expect("a session")[0], LIVE);
    resumption::forget(&key);
}

#[test]
fn an_old_server_is_known_again() {
    for handshakes in [0, 1, 16] {
        let key = sealed(RESUMABLE, c"g.example", None).0;
        old_servers::restore(&key, handshakes);
        let (key, blob) = sealed(RESUMABLE, c"g.example", None);
        old_servers::forget(&key);
        unseal(&key, &KEEP, LIMITS, &blob).expect("it is as it was");
        assert_eq!(old_servers::handshakes_left(&key), handshakes);
        old_servers::forget(&key);
        resumption::forget(&key);
    }
}

#[test]
fn blobs_of_older_versions_are_not_read() {
    let (key, blob) = sealed(RESUMABLE, c"c.example", None);
    for kind in 1..LIVE {
        let old = [&[kind], &blob[1..]].concat();
        assert_eq!(unseal(&key, &KEEP, LIMITS, &old).err(), Some("it is of another version"));
    }
}

/// The terms may have changed because the old ones were wrong.
#[test]
fn a_blob_is_of_no_use_on_other_terms() {
    let host = c"d.example";
    for kind in KINDS {
        let (key, blob) = sealed(kind, host, None);
        let same = terms(host);
        let peer = |host, port, trusted| Terms { peer: Peer { host, port, trusted }, ..same };
        let others = [
            Key::of(&peer(c"e.example", 5684, Trusted::Pem(c"")), None),
            Key::of(&peer(host, 5685, Trusted::Pem(c"")), None),
            Key::of(&peer(host, 5684, Trusted::Pem(c"another root")), None),
            Key::of(&peer(host, 5684, Trusted::BuiltIn), None),
            Key::of(&Terms { static_rsa: false, ..same }, None),
            Key::of(&Terms { cbc: false, ..same }, None),
            Key::of(&same, Some((b"", b"a key"))),
        ];
        for (number, other) in others.iter().enumerate() {
            assert!(unseal(other, &KEEP, LIMITS, &blob).is_err(), "{kind} {number}");
        }
        let keeps = [
            Keep { secret: b"a secret of another one, long enough", ..KEEP },
            Keep { context: b"host:5684/product/another", ..KEEP },
            // An older blob, and a blob that somebody stored with another generation.
            Keep { generation: 8, ..KEEP },
            Keep { generation: 6, ..KEEP },
        ];
        for (number, other) in keeps.iter().enumerate() {
            assert!(unseal(&key, other, LIMITS, &blob).is_err(), "{kind} {number}");
        }
        assert!(unseal(&key, &KEEP, LIMITS, &blob).is_ok());
    }
}

#[test]
fn a_blob_is_of_no_use_with_another_pre_shared_key() {
    for kind in KINDS {
        let same = terms(c"f.example");
        let key = Key::of(&same, Some((b"name", b"key")));
        let age = Age::new();
        resumption::remember_bytes(key, Zeroizing::new(b"a session".to_vec()), age);
        let blob = seal(&mut client(kind), &key, &KEEP, age, None).expect("memory").expect("one");
        let proofs: [(&[u8], &[u8]); 3] = [(b"name", b"kez"), (b"nama", b"key"), (b"namek", b"ey")];
        for proof in proofs {
            assert!(unseal(&Key::of(&same, Some(proof)), &KEEP, LIMITS, &blob).is_err());
        }
        assert!(unseal(&Key::of(&same, None), &KEEP, LIMITS, &blob).is_err());
        assert!(unseal(&key, &KEEP, LIMITS, &blob).is_ok());
        resumption::forget(&key);
    }
}
/// The age of a saved session is checked when it is offered.
#[test]
fn a_session_that_is_too_old_does_not_go_on() {
    let key = Key::of(&terms(c"g.example"), None);
    let of_age = |calendar: u64, wakings: u16| {
        let mut bytes = [0; AGE_LEN];
        bytes[..8].copy_from_slice(&(1000 * calendar).to_be_bytes());
        bytes[AGE_LEN - 2..].copy_from_slice(&wakings.to_be_bytes());
        let age = Age::from_bytes(&bytes);
        let blob = seal(&mut client(LIVE), &key, &KEEP, age, None);
        unseal(&key, &KEEP, LIMITS, &blob.expect("memory").expect("a session")).err()
    };
    let ago = |days: u64, seconds: u64| now() - days * 86_400 - seconds;
    assert_eq!(of_age(ago(6, 86_000), 5000), None);
    // The margin is larger than a correction of the machine's clock while the test runs.
    assert_eq!(of_age(ago(7, 5), 0), Some("it is too old"));
    assert_eq!(of_age(now() + 60, 0), Some("it is too old"));
    // A week of wakings, ten minutes each; this test adds two.
    assert_eq!(of_age(0, 7 * 144 - 3), None);
    assert_eq!(of_age(0, 7 * 144 - 2), Some("it is too old"));
}

#[test]
fn a_session_goes_on_only_as_long_as_its_certificate_is_believed() {
    let key = Key::of(&terms(c"h.example"), None);
    for (date, is_believed) in [(Some(now()), true), (None, false)] {
        let mut client = client_by_certificate(date);
        let blob = seal(&mut client, &key, &KEEP, Age::new(), None).expect("memory");
        let kept = unseal(&key, &KEEP, LIMITS, &blob.expect("a session"));
        assert_eq!(kept.is_ok(), is_believed);
        let reason = "the dates of the server's certificate must be checked again";
        assert!(is_believed || kept.err() == Some(reason));
    }
}
