//! Hazard: records of a session that are changed on the way, cut, replayed, too long, of another
//! epoch or without protection.

use iot_coap_dtls::server::Connection;
use iot_coap_dtls::{Error, SealingKey, State};
use iot_coap_test_support::dtls::SystemRandom;
use iot_coap_test_support::scripted::Numbers;
use iot_coap_test_support::scripted::messages::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED,
    HANDSHAKE, MAX_FRAGMENT_LENGTH, fragment, message, record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;

use super::pair::{PROTECTIONS, Pair};

/// Changes one bit in each byte of a valid record. In the version it is the bit that makes it DTLS
/// 1.0, since the version in the header is not authenticated.
#[test]
fn records_changed_on_the_way() {
    for protection in PROTECTIONS {
        let mut pair = Pair::connected_by(protection);
        let good = pair.client.protected(APPLICATION_DATA, b"twenty-one degrees");
        for index in 0..good.len() {
            let mut record = good.clone();
            record[index] ^= if index == 2 { 2 } else { 1 };
            assert!(pair.heard(&record).is_empty(), "{protection:?} {index}");
        }
        let dropped = pair.dropped();
        let dropped = dropped.malformed + dropped.forged + dropped.replayed;
        assert_eq!(dropped as usize, good.len(), "{protection:?}");
        assert_eq!(pair.heard(&good), [b"twenty-one degrees"]);
        pair.assert_alive();
    }
}

#[test]
fn records_that_are_cut() {
    for protection in PROTECTIONS {
        let mut pair = Pair::connected_by(protection);
        let good = pair.client.protected(APPLICATION_DATA, b"x");
        for len in 1..good.len() {
            assert!(pair.heard(&good[..len]).is_empty());
            assert_eq!(pair.dropped().malformed, len as u32);
            // Its length says that it is whole, so its tag is cut.
            let shorter = good[13..len.max(13)].to_vec();
            assert!(pair.heard(&record(APPLICATION_DATA, 1, 99, &shorter)).is_empty());
            assert_eq!(pair.dropped().forged, len as u32);
        }
        assert!(pair.heard(&[]).is_empty());
        // A complete record before one that is cut is read.
        assert_eq!(pair.heard(&[&good[..], &good[..20]].concat()), [b"x"]);
        pair.assert_alive();
    }
}

/// The number of a forged record can still be used: the window moves after authentication.
#[test]
fn records_that_are_made_up() {
    for protection in PROTECTIONS {
        let mut pair = Pair::connected_by(protection);
        let types = [ALERT, APPLICATION_DATA, HANDSHAKE, CHANGE_CIPHER_SPEC];
        let mut count = 0;
        for len in (0..400).chain([16_383, 16_384, 18_432, 40_000]) {
            let content_type = types[len % 4];
            let record = record(content_type, 1, 77, &vec![len as u8; len]);
            assert!(pair.heard(&record).is_empty(), "{protection:?} {len}");
            count += 1;
        }
        assert_eq!((pair.dropped().forged, pair.dropped().malformed), (count, 0));
        pair.client.sequence[1] = 77;
        pair.assert_alive();
    }
}

#[test]
fn random_datagrams() {
    let mut numbers = Numbers::new(4);
    let mut pair = Pair::connected_by(PROTECTIONS[2]);
    for _ in 0..20_000 {
        let len = (numbers.next() % 80) as usize;
        let mut datagram: Vec<u8> = (0..len).map(|_| numbers.next() as u8).collect();
        // Make most of them pass the first checks.
        if len > 13 && !numbers.next().is_multiple_of(8) {
            let rest = (len - 13) as u8;
            let (content_type, epoch) = (20 + datagram[0] % 6, datagram[4] % 2);
            datagram[..5].copy_from_slice(&[content_type, 0xfe, 0xfd, 0, epoch]);
            datagram[11..13].copy_from_slice(&[0, rest]);
        }
        assert!(pair.heard(&datagram).is_empty());
    }
    pair.client.sequence[1] = (1 << 48) - 9;
    pair.assert_alive();
}

#[test]
fn records_that_are_replayed_or_too_old() {
    for protection in PROTECTIONS {
        let mut pair = Pair::connected_by(protection);
        let records: Vec<_> =
            (0..200).map(|_| pair.client.protected(APPLICATION_DATA, b"x")).collect();
        // The last records in reverse order, each of them twice.
        for record in records[150..].iter().rev() {
            assert_eq!(pair.heard(record).len(), 1);
            assert_eq!(pair.heard(record).len(), 0);
        }
        assert_eq!(pair.dropped().replayed, 50);
        // The window has 64 numbers.
        for record in &records[136..150] {
            assert_eq!(pair.heard(record).len(), 1);
        }
        // For older records it is unknown whether they were seen.
        for record in &records[..136] {
            assert_eq!(pair.heard(record).len(), 0);
        }
        assert_eq!(pair.dropped().replayed, 50 + 136);
        pair.assert_alive();
    }
}

#[test]
fn the_last_number_there_is() {
    let mut pair = Pair::connected();
    pair.client.sequence[1] = (1 << 48) - 1;
    let last = pair.client.protected(APPLICATION_DATA, b"x");
    assert_eq!(pair.heard(&last).len(), 1);
    assert_eq!(pair.heard(&last).len(), 0);
    assert_eq!(pair.dropped().replayed, 1);
}

/// There is one handshake in a session, so epochs are 0 and 1.
#[test]
fn records_of_another_epoch() {
    let change = |good: &[u8], epoch: u16| {
        let mut record = good.to_vec();
        record[3..5].copy_from_slice(&epoch.to_be_bytes());
        record
    };
    // Before the ClientHello's answer has come back, before Finished, and in the session.
    let mut pair = Pair::begun(ScriptedClient::default());
    let mut count = 0;
    let mut refuses = |pair: &mut Pair, good: &[u8], epochs: &[u16]| {
        let state = pair.state();
        for &epoch in epochs {
            assert!(pair.feed(&change(good, epoch)).is_empty());
            count += 1;
            assert_eq!((pair.state(), pair.dropped().malformed), (state, count), "{epoch}");
        }
    };
    let exchange = pair.client.key_exchange();
    refuses(&mut pair, &exchange, &[1, 2, 3, 0x100, 0xffff]);
    pair.feed(&exchange);
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    refuses(&mut pair, &finished, &[0, 2, 3, 0x100, 0xffff]);
    pair.feed(&finished);
    pair.assert_alive();
    let record = pair.client.protected(APPLICATION_DATA, b"x");
    refuses(&mut pair, &record, &[0, 2, 3, 0x100, 0xffff]);
    assert_eq!(pair.heard(&record), [b"x"]);
}

/// The longest plaintext of a record has 2^14 bytes (RFC 5246, section 6.2.1), or what was agreed
/// on (RFC 6066, section 4).
#[test]
fn a_record_that_is_too_long() {
    for protection in PROTECTIONS {
        let mut pair = Pair::connected_by(protection);
        let longest = vec![0x5a; 1 << 14];
        let record = pair.client.protected(APPLICATION_DATA, &longest);
        assert_eq!(pair.heard(&record), [longest]);
        let record = pair.client.protected(APPLICATION_DATA, &vec![0x5a; (1 << 14) + 1]);
        assert!(pair.heard(&record).is_empty(), "{protection:?}");
        assert_eq!(pair.dropped().malformed, 1, "{protection:?}");
        pair.assert_alive();
    }
}

/// The same before there are keys: what was agreed on holds from the ServerHello on.
#[test]
fn an_unprotected_record_that_is_too_long() {
    for (code, longest) in [(1, 512), (2, 1024)] {
        let mut client = ScriptedClient::default();
        client.extensions.push((MAX_FRAGMENT_LENGTH, vec![code]));
        let mut pair = Pair::begun(client);
        let exchange = pair.client.key_exchange();
        // The message, and empty fragments of later ones behind it, which have no effect.
        let mut content = exchange[13..].to_vec();
        let count = (longest - content.len()) / 12;
        for _ in 0..count {
            content.extend(fragment(CLIENT_KEY_EXCHANGE, 5, 40, 0, &[]));
        }
        let last = fragment(CLIENT_KEY_EXCHANGE, 5, 40, 0, &vec![0; longest - content.len() + 1]);
        let too_long = [&content[..], &last].concat();
        assert!(pair.feed(&record(HANDSHAKE, 0, 9, &too_long)).is_empty());
        assert_eq!(pair.dropped().malformed, 1);
        let data = pair.client.verify_data();
        let early = pair.client.finished(&data);
        assert!(pair.feed(&early).is_empty());
        assert_eq!((pair.dropped().malformed, pair.dropped().forged), (2, 0), "there are keys");
        // The longest that there may be counts.
        assert!(pair.feed(&record(HANDSHAKE, 0, 9, &content)).is_empty());
        let finished = pair.client.finished(&data);
        pair.feed(&finished);
        pair.assert_alive();
    }
}

#[test]
fn records_without_protection_are_dropped_once_connected() {
    let mut pair = Pair::connected();
    let finished = message(FINISHED, pair.client.message_seq, &[0; 12]);
    let hello = message(CLIENT_HELLO, 0, &pair.client.hello_body());
    let forged = [
        (ALERT, &[2, 40][..]),
        (ALERT, &[1, 0]),
        (APPLICATION_DATA, b"open the door"),
        (CHANGE_CIPHER_SPEC, &[1]),
        (HANDSHAKE, &finished),
        (HANDSHAKE, &hello[..12 + 20]),
    ];
    for (count, (content_type, content)) in (1..).zip(forged) {
        let record = pair.client.plain(content_type, content);
        assert!(pair.heard(&record).is_empty());
        assert_eq!(pair.dropped().malformed, count);
        assert_eq!(pair.server.next_timeout(), None);
        pair.assert_alive();
    }
}

/// Only the client can send these. What is not an alert that ends the session changes nothing.
#[test]
fn odd_records_of_the_client() {
    let mut pair = Pair::connected();
    for alert in [&[1, 90][..], &[1, 100], &[3, 0], &[], &[2], &[2, 40, 2, 40]] {
        let record = pair.client.protected(ALERT, alert);
        assert!(pair.heard(&record).is_empty(), "{alert:?}");
    }
    let exchange = message(CLIENT_KEY_EXCHANGE, 9, &[1; 30]);
    for (content_type, content) in [
        (CHANGE_CIPHER_SPEC, &[1][..]),
        (99, b"x"),
        (HANDSHAKE, &[]),
        (HANDSHAKE, &[1; 11]),
        (HANDSHAKE, &exchange),
    ] {
        let record = pair.client.protected(content_type, content);
        assert!(pair.heard(&record).is_empty(), "{content_type}");
    }
    pair.assert_alive();
    let record = pair.client.protected(ALERT, &[2, 20]);
    assert!(pair.heard(&record).is_empty(), "an alert is not answered");
    let ended = pair.state();
    assert!(matches!(ended, Some(State::Ended(Error::PeerAlert(alert))) if alert.0 == 20));
}

/// The position in a blob of the first number that the session may use.
const NEXT_NUMBER: std::ops::Range<usize> = 1..9;

/// Starts four numbers before the end, by a blob that says so, instead of sending 2⁴⁸ records.
#[test]
fn numbers_that_run_out() {
    let mut pair = Pair::connected();
    let key = SealingKey::new(b"a secret of this server").unwrap();
    let blob = pair.server.only().connection.export(&key, b"").unwrap();
    let mut content = key.open(b"", &blob).unwrap();
    let end: u64 = 1 << 48;
    content[NEXT_NUMBER].copy_from_slice(&(end - 4).to_be_bytes());
    let blob = key.seal(b"", &content, &mut SystemRandom::default()).unwrap();
    let import = |blob: &[u8]| {
        Connection::import(&pair.server.config, blob, &key, b"", SystemRandom::default())
    };
    let mut connection = import(&blob).unwrap();
    let mut out = [0; 100];
    for number in end - 4..end - 1 {
        let len = connection.send(b"x", &mut out).unwrap();
        assert_eq!(out[5..11], number.to_be_bytes()[2..]);
        assert!(pair.client.open(&out[..len]).is_some());
    }
    for _ in 0..2 {
        assert_eq!(connection.send(b"x", &mut out), Err(Error::SequenceExhausted));
        assert_eq!(connection.state(), State::Ended(Error::SequenceExhausted));
    }
    // A blob that starts after the last number is invalid.
    content[NEXT_NUMBER].copy_from_slice(&end.to_be_bytes());
    let blob = key.seal(b"", &content, &mut SystemRandom::default()).unwrap();
    assert!(import(&blob).is_err());
}

/// Each forged record is a guess at the tag (RFC 9147, section 4.5.3). How many a session bears is
/// the suite's to say.
#[test]
fn a_short_tag_bears_fewer_forged_records() {
    for protection in [PROTECTIONS[1], PROTECTIONS[2]] {
        let mut pair = Pair::connected_by(protection);
        let forged = record(APPLICATION_DATA, 1, 1000, &[0x5a; 64]);
        for _ in 1..1 << 16 {
            pair.feed(&forged);
        }
        pair.assert_alive();
        pair.feed(&forged);
        assert_eq!(pair.state(), Some(State::Ended(Error::TooManyForgeries)), "{protection:?}");
    }
}
