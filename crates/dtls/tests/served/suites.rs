//! What is negotiated with the engine's own client: suites, extensions and lengths of records.

use iot_coap_dtls::{Config, State};
use iot_coap_test_support::dtls::pre_shared_key;
use iot_coap_test_support::network::Fate;
use iot_coap_test_support::scripted::messages::ENCRYPT_THEN_MAC;
use iot_coap_test_support::served::virtual_time::Pair;
use iot_coap_test_support::served::{self, Endpoint};

use super::pair::{self as scripted, PROTECTIONS, client_by};

fn connected(client: Config, server: Endpoint) -> Pair {
    let mut pair = Pair::new(client, server, |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(20_000), Ok(true));
    for len in [0, 1, 15, 16, 17, 300] {
        pair.exchange(&vec![7; len]);
    }
    pair
}

/// The server likes AEADs best, and takes a block cipher only where it may.
#[test]
fn the_best_suite_of_both_is_chosen() {
    let pair = connected(pre_shared_key().cbc(true), Endpoint::new(served::pre_shared_key()));
    assert_eq!(pair.client.cipher_suite(), Some("TLS_PSK_WITH_AES_128_GCM_SHA256"));
}

#[test]
fn records_are_as_short_as_the_client_wants() {
    for bytes in [512, 1024, 2048, 4096] {
        let client = pre_shared_key().max_fragment_length(bytes).unwrap();
        let mut pair = connected(client, Endpoint::new(served::pre_shared_key()));
        assert_eq!(pair.client.max_plaintext_len(), bytes);
        pair.exchange(&vec![7; bytes]);
        let connection = &mut pair.server.only().connection;
        assert_eq!(connection.max_plaintext_len(), bytes);
        let mut out = [0; 8192];
        assert!(connection.send(&vec![7; bytes], &mut out).is_ok());
        assert!(connection.send(&vec![7; bytes + 1], &mut out).is_err());
        assert_eq!(connection.state(), State::Connected);
    }
}

/// Each side may want ids, or none, or an empty one.
#[test]
fn connection_ids_are_those_of_each_side() {
    for own in [None, Some(&b""[..]), Some(b"own")] {
        for has_ids in [false, true] {
            let mut client = pre_shared_key();
            if let Some(own) = own {
                client = client.connection_id(own).unwrap();
            }
            let server = Endpoint { has_ids, ..Endpoint::new(served::pre_shared_key()) };
            let mut pair = connected(client, server);
            let uses = has_ids && own.is_some();
            assert_eq!(pair.client.uses_connection_id(), uses);
            assert_eq!(pair.server.only().connection.uses_connection_id(), uses);
        }
    }
}

/// RFC 9146, section 6: a record from another address moves the session there, but not one that
/// came before.
#[test]
fn a_newer_record_moves_the_session_and_an_older_one_does_not() {
    let client = pre_shared_key().connection_id(b"").unwrap();
    let mut pair = connected(client, Endpoint::new(served::pre_shared_key()));
    let here = pair.address;
    let mut buffer = [0; 200];
    let mut record = |pair: &mut Pair| {
        let len = pair.client.send(b"21.5", &mut buffer).unwrap();
        buffer[..len].to_vec()
    };
    let (older, newer) = (record(&mut pair), record(&mut pair));
    let there = ([192, 0, 2, 99], 1234).into();
    let elsewhere = ([203, 0, 113, 5], 99).into();
    let now = pair.now;
    let answers = pair.server.receive(now, there, &newer);
    assert_eq!((answers.len(), answers[0].0), (1, there));
    assert_eq!(pair.server.only().peer, there);
    // It is authentic and has not been seen, but is older: its answer goes to the client.
    let answers = pair.server.receive(now, elsewhere, &older);
    assert_eq!((answers.len(), answers[0].0), (1, there));
    // The same ones again, and one that was changed.
    let mut forged = record(&mut pair);
    *forged.last_mut().unwrap() ^= 1;
    for datagram in [&older, &newer, &forged] {
        assert!(pair.server.receive(now, elsewhere, datagram).is_empty());
        assert_eq!(pair.server.only().peer, there);
    }
    // Without ids nothing moves.
    let mut pair = connected(pre_shared_key(), Endpoint::new(served::pre_shared_key()));
    let record = record(&mut pair);
    assert!(pair.server.receive(now, elsewhere, &record).is_empty());
    assert_eq!(pair.server.only().peer, here);
    assert!(!pair.server.only().connection.take_newest());
}

/// The client asks for nothing twice.
#[test]
fn a_server_without_a_key_refuses() {
    let server = Endpoint::new(iot_coap_dtls::server::Config::new());
    let mut pair = Pair::new(pre_shared_key(), server, |_, _| Fate::ARRIVES);
    let refused = pair.connect(20_000).unwrap_err();
    assert_eq!(refused.to_string(), "the peer sent the alert handshake_failure (40)");
    pair.server.handle_timeout(pair.now);
    assert_eq!(pair.server.served.len(), 0);
}

/// RFC 7366, section 3: a server that chose an AEAD says nothing of it.
#[test]
fn encrypt_then_mac_is_for_block_ciphers_alone() {
    for protection in PROTECTIONS {
        let mut client = client_by(protection);
        if !protection.2 {
            client.extensions.push((ENCRYPT_THEN_MAC, vec![]));
        }
        let server = Endpoint::new(served::pre_shared_key().cbc(true));
        let mut pair = scripted::Pair { server, ..scripted::Pair::new(client) }.get_cookie();
        let hello = pair.client.hello();
        let answer = pair.feed(&hello).concat();
        let is_answered = answer.windows(4).any(|bytes| bytes == [0, 22, 0, 0]);
        assert_eq!(is_answered, protection.0 == 0x008c, "{protection:?}");
    }
}
