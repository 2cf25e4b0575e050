//! Hazard: a server sends longer records than a device has memory for, though it agreed to
//! shorter ones (RFC 6066, section 4), or the device longer ones than the server takes.
#![cfg(feature = "full")]

use iot_coap_dtls::{Client, Config, Error, SavedSession, SealingKey, State, Violation};
use iot_coap_test_support::certificates::{GOOD, intermediate, leaf, rsa, rsa_key};
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, certificates, pre_shared_key};
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::servers::{Resumption, Server, Suite, Wish};
use iot_coap_test_support::scripted::messages::{
    APPLICATION_DATA, HANDSHAKE, MAX_FRAGMENT_LENGTH, SERVER_HELLO_DONE, records,
};
use iot_coap_test_support::scripted::{self, Hello, Pair, feed, psk_config, sent};

const SUITE: scripted::Suite = scripted::Suite::PskGcm;

fn asking(config: Config, bytes: usize) -> Config {
    config.max_fragment_length(bytes).unwrap()
}

/// A session in which 512 bytes were agreed on.
fn agreed() -> Pair {
    let hello = Hello::new(SUITE).with(MAX_FRAGMENT_LENGTH, &[1]);
    let mut pair = Pair::before_finished(asking(psk_config(), 512), SUITE, &hello);
    pair.finish();
    assert_eq!(pair.client.max_plaintext_len(), 512);
    pair
}

#[test]
fn only_the_four_lengths_can_be_asked_for() {
    for bytes in [512, 1024, 2048, 4096] {
        assert!(psk_config().max_fragment_length(bytes).is_ok());
    }
    for bytes in [0, 1, 256, 511, 1000, 8192, 16_384] {
        let result = psk_config().max_fragment_length(bytes);
        assert!(matches!(result, Err(Error::Configuration(_))), "{bytes}");
    }
}

/// Servers of each kind agree, keep to it in both directions, and serve.
#[test]
fn each_server_agrees_and_keeps_to_it() {
    let (root, _) = rsa();
    let between = intermediate(&root, rsa_key());
    let leaf = leaf(&between, rsa_key(), &GOOD);
    let proof = Proof::Certificate(&leaf, &[&between]);
    for server in Server::ALL {
        for bytes in [512, 1024] {
            let peer = Wish::default().start(server, &proof);
            let mut link = Link::connect(asking(certificates(&root), bytes), peer.address())
                .unwrap_or_else(|error| panic!("{server:?} {bytes}: {error}"));
            assert_eq!(link.client.max_plaintext_len(), bytes, "{server:?}");
            let line = [&b"echo "[..], &vec![b'x'; bytes - 6], b"\n"].concat();
            // GnuTLS's server answers by shorter ones.
            let mut answer = link.exchange(&line);
            while answer.len() < line.len() {
                answer.extend(link.receive().unwrap());
            }
            assert_eq!(answer, line, "{server:?}");
            let overhead = link.client.record_overhead();
            let record = &records(&link.last_received, 0)[0];
            assert!(record.fragment.len() + 13 <= bytes + overhead, "{server:?}");
            assert_eq!(link.client.dropped().malformed, 0, "{server:?}");
            let mut out = vec![0; bytes + 1 + overhead];
            let too_long = vec![b'x'; bytes + 1];
            assert_eq!(link.client.send(&too_long, &mut out), Err(Error::BadLength));
            assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{server:?}: it goes on");
            link.close();
        }
    }
}

/// Our own handshake messages are cut too: the encrypted secret has 258 bytes, so this takes a
/// message that is longer than the shortest length.
#[test]
fn our_flights_are_cut_after_the_server_has_agreed() {
    let identity = [b'i'; 1000];
    let key = iot_coap_dtls::PreSharedKey::new(&identity, PSK).unwrap();
    let config = asking(Config::with_pre_shared_key(key), 512);
    let mut pair = Pair::start(config, SUITE);
    let hello = Hello::new(SUITE).with(MAX_FRAGMENT_LENGTH, &[1]);
    let flight = [pair.server.say_hello(&hello), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    let flight = sent(&mut pair.client);
    let records: Vec<_> = flight.iter().flat_map(|datagram| records(datagram, 0)).collect();
    assert!(records.iter().all(|record| record.fragment.len() <= 512 + 24));
    let plain = records.iter().filter(|record| record.header.content_type == HANDSHAKE);
    assert!(plain.count() >= 3, "two parts of an exchange, and a Finished");
}

#[test]
fn another_length_than_was_asked_for_is_refused() {
    for content in [&[2_u8][..], &[0], &[5], &[], &[1, 1]] {
        let mut pair = Pair::start(asking(psk_config(), 512), SUITE);
        let hello = pair.server.say_hello(&Hello::new(SUITE).with(MAX_FRAGMENT_LENGTH, content));
        let error = Error::Protocol(Violation::NotOffered("a length of records"));
        assert_eq!(feed(&mut pair.client, &hello), Err(error), "{content:?}");
        // illegal_parameter
        assert_eq!(sent(&mut pair.client)[0][13..], [2, 47]);
    }
    // Nobody asked.
    let mut pair = Pair::start(psk_config(), SUITE);
    let hello = pair.server.say_hello(&Hello::new(SUITE).with(MAX_FRAGMENT_LENGTH, &[1]));
    assert_eq!(feed(&mut pair.client, &hello), Err(Error::Protocol(Violation::Extension)));
}

#[test]
fn a_server_that_does_not_know_it_serves_without() {
    let mut pair = Pair::before_finished(asking(psk_config(), 512), SUITE, &Hello::new(SUITE));
    pair.finish();
    assert_eq!(pair.client.max_plaintext_len(), 16_384);
    let record = pair.server.protected(APPLICATION_DATA, &[7; 2000]);
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![vec![7; 2000]]));
}

#[test]
fn longer_records_than_agreed_are_dropped() {
    let mut pair = agreed();
    let record = pair.server.protected(APPLICATION_DATA, &[7; 512]);
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![vec![7; 512]]));
    let record = pair.server.protected(APPLICATION_DATA, &[7; 513]);
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    assert_eq!(pair.client.dropped().malformed, 1);
    pair.assert_alive();
    // In the handshake too, where a shorter one may follow.
    let mut pair = Pair::start(asking(psk_config(), 512), SUITE);
    let hello = pair.server.say_hello(&Hello::new(SUITE).with(MAX_FRAGMENT_LENGTH, &[1]));
    feed(&mut pair.client, &hello).unwrap();
    let long = pair.server.fragment(SERVER_HELLO_DONE, 600, 0, &[0; 600]);
    feed(&mut pair.client, &long).unwrap();
    assert_eq!(pair.client.dropped().malformed, 1);
    let done = pair.server.say_done();
    feed(&mut pair.client, &done).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
}

/// The length is part of the session, and outlives the handshake that agreed on it.
#[test]
fn resumed_and_restored_sessions_keep_the_length() {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    for server in Server::ALL {
        let wish = Wish { resumption: Resumption::Tickets, ..Wish::default() };
        let peer = wish.start(server, &proof);
        let mut link = Link::connect(asking(certificates(&root), 512), peer.address()).unwrap();
        link.exchange(b"echo 1\n");
        let session = link.client.take_saved_session().expect("a ticket");
        link.close();
        for _ in 0..2 {
            // Through its bytes.
            let bytes = session.to_bytes().unwrap();
            let session = SavedSession::from_bytes(&bytes).unwrap();
            let config = asking(certificates(&root), 512).resume(session);
            let mut link = Link::connect(config, peer.address()).unwrap();
            assert!(link.client.was_resumed(), "{server:?}");
            assert_eq!(link.client.max_plaintext_len(), 512, "{server:?}");
            assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{server:?}");
            link.close();
        }
        // A session of another length is not resumed, which servers refuse.
        let config = asking(certificates(&root), 1024).resume(session);
        let link = Link::connect(config, peer.address()).unwrap();
        assert!(!link.client.was_resumed(), "{server:?}");
        assert_eq!(link.client.max_plaintext_len(), 1024, "{server:?}");
        link.close();
    }
    let mut pair = agreed();
    let key = SealingKey::new(&[7; 16]).unwrap();
    let blob = pair.client.checkpoint(&key, b"", 1, 0).unwrap();
    let restored = Client::restore(&blob, &key, b"", 1, scripted::Numbers::new(2)).unwrap();
    assert_eq!(restored.state(), State::Connected);
    assert_eq!(restored.max_plaintext_len(), 512);
}

#[test]
fn a_pre_shared_key_and_each_server() {
    let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    for server in Server::ALL {
        for suite in [Suite::PSK_GCM, Suite::PSK_CBC] {
            let peer = Wish::only(suite).start(server, &proof);
            let config = asking(pre_shared_key().cbc(true), 512);
            let mut link = Link::connect(config, peer.address()).unwrap();
            assert_eq!(link.client.max_plaintext_len(), 512, "{server:?}");
            assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n", "{server:?}");
            link.close();
        }
    }
}
