//! Sessions that are sealed while nobody speaks in them: they go on where they were, once, and
//! with no one else.

use std::collections::HashSet;

use iot_coap_dtls::server::Connection;
use iot_coap_dtls::{Datagram, Duration, Error, RestoreError, SealingKey, State};
use iot_coap_test_heap::live;
use iot_coap_test_support::certificates::ecdsa;
use iot_coap_test_support::dtls::{SystemRandom, certificates};
use iot_coap_test_support::network::{Direction, Fate, losing};
use iot_coap_test_support::served::signing::with_identity;
use iot_coap_test_support::served::virtual_time::Pair;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};

const CONTEXT: &[u8] = b"this server";

fn key() -> SealingKey {
    SealingKey::new(b"a secret of this server").unwrap()
}

fn client() -> iot_coap_dtls::Config {
    iot_coap_test_support::dtls::pre_shared_key().cbc(true).connection_id(b"own").unwrap()
}

fn connected() -> Pair {
    let mut pair = Pair::new(client(), Endpoint::new(pre_shared_key()), |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(20_000), Ok(true));
    pair.exchange(b"21.5");
    pair
}

fn import(pair: &Pair, blob: &[u8]) -> Connection<SystemRandom> {
    let random = SystemRandom::default();
    Connection::import(&pair.server.config, blob, &key(), CONTEXT, random).unwrap()
}

/// Seals the session and takes it from the blob.
fn move_on(pair: &mut Pair) {
    let blob = pair.server.only().connection.export(&key(), CONTEXT).unwrap();
    pair.server.only().connection = import(pair, &blob);
}

#[test]
fn a_session_goes_on_from_its_blob() {
    let mut pair = connected();
    for _ in 0..3 {
        move_on(&mut pair);
        for len in [0, 20, 1000] {
            pair.exchange(&vec![7; len]);
        }
        let connection = &pair.server.only().connection;
        assert_eq!(connection.state(), State::Connected);
        assert_eq!(connection.identity(), Some(&b"sensor-7"[..]));
        assert!(connection.uses_connection_id());
        assert_eq!(connection.next_timeout(), None);
    }
    // So it does at another address, and ends as others do.
    pair.address = ([203, 0, 113, 9], 5).into();
    pair.exchange(b"from there");
    pair.client.close();
    // The client's goodbye, and the server's.
    while pair.step(pair.now + Duration::from_secs(1)) == Ok(true) {}
    assert_eq!(pair.server.only().connection.state(), State::Ended(Error::Closed));
}

#[test]
fn a_session_with_a_certificate_and_short_records_does_too() {
    let (root, identity) = ecdsa();
    let server = Endpoint::new(with_identity(pre_shared_key(), &identity, &[]));
    let client = certificates(&root).max_fragment_length(512).unwrap();
    let mut pair = Pair::new(client, server, |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(20_000), Ok(true));
    pair.exchange(b"21.5");
    move_on(&mut pair);
    pair.exchange(&[7; 512]);
    let connection = &pair.server.only().connection;
    assert_eq!(connection.max_plaintext_len(), 512);
    assert_eq!((connection.identity(), connection.uses_connection_id()), (None, false));
}

/// With AES-GCM that would give the keys away.
#[test]
fn no_record_number_is_used_twice() {
    let mut pair = connected();
    let mut numbers = HashSet::new();
    let mut buffer = [0; 200];
    for round in 0..10 {
        for _ in 0..round {
            pair.server.only().connection.send(b"x", &mut buffer).unwrap();
            assert!(numbers.insert(buffer[3..11].to_vec()), "{round}");
        }
        move_on(&mut pair);
    }
    assert_eq!(numbers.len(), 45);
}

/// Nor is anything heard twice.
#[test]
fn a_record_from_before_is_not_taken_again() {
    let mut pair = connected();
    let mut record = [0; 200];
    let len = pair.client.send(b"once", &mut record).unwrap();
    let (now, from) = (pair.now, pair.address);
    assert_eq!(pair.server.receive(now, from, &record[..len]).len(), 1);
    move_on(&mut pair);
    assert!(pair.server.receive(now, from, &record[..len]).is_empty());
    assert_eq!(pair.server.only().connection.dropped().replayed, 1);
}

#[test]
fn an_exported_session_is_over() {
    let mut pair = connected();
    let connection = &mut pair.server.only().connection;
    connection.export(&key(), CONTEXT).unwrap();
    assert_eq!(connection.state(), State::Ended(Error::Closed));
    let mut buffer = [0; 200];
    assert_eq!(connection.send(b"x", &mut buffer), Err(Error::Closed));
    connection.close();
    assert_eq!(connection.poll_transmit(&mut buffer), None);
    assert_eq!(connection.export(&key(), CONTEXT), Err(Error::Closed));
    let len = pair.client.send(b"x", &mut buffer).unwrap();
    let mut datagram = Datagram::new(&mut buffer[..len]);
    let connection = &mut pair.server.only().connection;
    assert_eq!(connection.handle_datagram(pair.now, &mut datagram), Err(Error::Closed));
}

/// The last flight could not be sent again.
#[test]
fn a_session_whose_last_flight_may_be_lost_is_not_exported() {
    let server = Endpoint::new(pre_shared_key());
    let mut pair = Pair::new(client(), server, losing(Direction::ToClient, [2]));
    pair.connect(500).unwrap();
    let connection = &mut pair.server.only().connection;
    assert_eq!(connection.state(), State::Connected);
    assert_eq!(connection.export(&key(), CONTEXT), Err(Error::FlightDue));
    assert_eq!(pair.connect(20_000), Ok(true));
    pair.exchange(b"21.5");
    move_on(&mut pair);
    pair.exchange(b"21.5");
    // Nor is one without keys.
    let server = Endpoint::new(pre_shared_key());
    let mut pair = Pair::new(client(), server, losing(Direction::ToServer, [2]));
    pair.connect(500).unwrap();
    let exported = pair.server.only().connection.export(&key(), CONTEXT);
    assert_eq!(exported, Err(Error::NotConnected));
}

#[test]
fn a_blob_is_only_for_its_server() {
    let mut pair = connected();
    let blob = pair.server.only().connection.export(&key(), CONTEXT).unwrap();
    let config = pair.server.config.clone();
    let import = |blob: &[u8], key: &SealingKey, context: &[u8]| {
        Connection::import(&config, blob, key, context, SystemRandom::default()).map(drop)
    };
    let other = SealingKey::new(b"a secret of another one").unwrap();
    assert_eq!(import(&blob, &other, CONTEXT), Err(RestoreError::Foreign));
    assert_eq!(import(&blob, &key(), b"that server"), Err(RestoreError::Foreign));
    for index in 0..blob.len() {
        let mut damaged = blob.clone();
        damaged[index] ^= 1;
        assert_eq!(import(&damaged, &key(), CONTEXT), Err(RestoreError::Foreign), "{index}");
        assert_eq!(import(&blob[..index], &key(), CONTEXT), Err(RestoreError::Foreign));
    }
    // A client's checkpoint, and a content that is cut.
    let mut other = connected();
    let checkpoint = other.client.checkpoint(&key(), CONTEXT, 1, 0).unwrap();
    assert_eq!(import(&checkpoint, &key(), CONTEXT), Err(RestoreError::Format));
    let content = key().open(CONTEXT, &blob).unwrap();
    for len in 0..content.len() {
        let cut = key().seal(CONTEXT, &content[..len], &mut SystemRandom::default()).unwrap();
        assert_eq!(import(&cut, &key(), CONTEXT), Err(RestoreError::Format), "{len}");
    }
    let longer = [&content[..], &[0]].concat();
    let longer = key().seal(CONTEXT, &longer, &mut SystemRandom::default()).unwrap();
    assert_eq!(import(&longer, &key(), CONTEXT), Err(RestoreError::Format));
    assert_eq!(import(&blob, &key(), CONTEXT), Ok(()));
}

/// What a session takes: live, and as a blob.
#[test]
fn sessions_are_small() {
    let mut pair = connected();
    let before = live();
    let blob = pair.server.only().connection.export(&key(), CONTEXT).unwrap();
    let blob_len = live() - before;
    let before = live();
    let connection = Box::new(import(&pair, &blob));
    let imported = live() - before;
    eprintln!("{imported} bytes live, {blob_len} as a blob");
    assert!(imported <= 4096 && blob.len() <= 300, "{imported} {}", blob.len());
    drop(connection);
    // As it is after the handshake: nothing of that is left on the heap.
    let mut pair = connected();
    pair.server.only().received.clear();
    let before = live();
    drop(pair.server.served.remove(0));
    let held = (before - live()).unsigned_abs() + size_of::<Connection<SystemRandom>>();
    eprintln!("{held} bytes after the handshake");
    assert!(held <= 4096, "{held}");
}
