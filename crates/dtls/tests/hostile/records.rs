//! Records that are forged, replayed, truncated or of an unknown epoch, and the end of the
//! sequence numbers.

use iot_coap_dtls::{Client, Error, SealingKey, State};

use iot_coap_test_support::scripted::crypto::Header;
use iot_coap_test_support::scripted::messages::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, CONNECTION_ID, ENCRYPT_THEN_MAC, FINISHED,
    HANDSHAKE, WITH_CONNECTION_ID, message, record,
};
use iot_coap_test_support::scripted::{Hello, Numbers, Pair, Suite, at, feed, psk_config, sent};

const SUITES: [Suite; 3] = [Suite::PskGcm, Suite::PskCcm8, Suite::PskCbcSha];

#[test]
fn plaintext_records_are_dropped_once_connected() {
    let mut pair = Pair::connected(Suite::PskGcm);
    let finished = message(FINISHED, pair.server.message_seq, &[0; 12]);
    let forged = [
        (ALERT, &[2, 40][..]),
        (ALERT, &[1, 0]),
        (APPLICATION_DATA, b"open the door"),
        (CHANGE_CIPHER_SPEC, &[1]),
        (HANDSHAKE, &finished),
        (HANDSHAKE, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (index, (content_type, content)) in forged.into_iter().enumerate() {
        let record = pair.server.plain(content_type, content);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
        assert_eq!(pair.client.dropped().malformed, 1 + index as u32);
        assert!(sent(&mut pair.client).is_empty());
        pair.assert_alive();
    }
    pair.client.handle_timeout(at(1 << 40)).unwrap();
    pair.assert_alive();
}

#[test]
fn forged_records_of_the_session() {
    let mut pair = Pair::connected(Suite::PskGcm);
    for content_type in [ALERT, APPLICATION_DATA, HANDSHAKE, CHANGE_CIPHER_SPEC] {
        for len in [0, 1, 2, 7, 8, 23, 24, 25, 26, 200] {
            let record = record(content_type, 1, 77, &vec![2; len]);
            assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
        }
    }
    assert_eq!(pair.client.dropped().forged, 40);
    // The sequence number of a forged record can still be used.
    pair.server.sequence[1] = 77;
    pair.assert_alive();
}

/// The longest plaintext of a record has 2^14 bytes (RFC 5246, section 6.2.1).
#[test]
fn a_record_that_is_too_long() {
    for suite in SUITES {
        let mut pair = Pair::connected(suite);
        let longest = vec![0x5a; 1 << 14];
        let record = pair.server.protected(APPLICATION_DATA, &longest);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![longest]));
        let record = pair.server.protected(APPLICATION_DATA, &vec![0x5a; (1 << 14) + 1]);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]), "{suite:?}");
        assert_eq!(pair.client.dropped().malformed, 1, "{suite:?}");
        pair.assert_alive();
    }
}

/// Changes one bit in each byte of a valid record. In the version it is the bit that makes
/// it DTLS 1.0, since the version in the header is not authenticated.
#[test]
fn records_modified_on_the_way() {
    for suite in SUITES {
        for encrypt_then_mac in [false, true] {
            let mut pair = connected(suite, encrypt_then_mac);
            let good = pair.server.protected(APPLICATION_DATA, b"twenty-one degrees");
            for index in 0..good.len() {
                let mut record = good.clone();
                record[index] ^= if index == 2 { 2 } else { 1 };
                assert_eq!(feed(&mut pair.client, &record), Ok(vec![]), "{suite:?} {index}");
            }
            let dropped = pair.client.dropped();
            let dropped = dropped.malformed + dropped.forged + dropped.replayed;
            assert_eq!(dropped as usize, good.len(), "{suite:?}");
            assert_eq!(feed(&mut pair.client, &good).unwrap().len(), 1);
            pair.assert_alive();
        }
    }
}

fn connected(suite: Suite, encrypt_then_mac: bool) -> Pair {
    if !encrypt_then_mac || suite != Suite::PskCbcSha {
        return Pair::connected(suite);
    }
    let hello = Hello::new(suite).with(ENCRYPT_THEN_MAC, &[]);
    let mut pair = Pair::before_finished(psk_config().cbc(true), suite, &hello);
    pair.finish();
    pair
}

#[test]
fn records_of_another_epoch() {
    let mut pair = Pair::connected(Suite::PskGcm);
    let good = pair.server.protected(APPLICATION_DATA, b"x");
    for epoch in [0, 2, 3, 0x100, 0xffff_u16] {
        let mut record = good.clone();
        record[3..5].copy_from_slice(&epoch.to_be_bytes());
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    assert_eq!(pair.client.dropped().malformed, 5);
    pair.assert_alive();
}

#[test]
fn records_that_are_replayed_or_too_old() {
    for suite in SUITES {
        let mut pair = Pair::connected(suite);
        let records: Vec<_> =
            (0..200).map(|_| pair.server.protected(APPLICATION_DATA, b"x")).collect();
        // The last records in reverse order, each of them twice.
        for record in records[150..].iter().rev() {
            assert_eq!(feed(&mut pair.client, record).unwrap().len(), 1);
            assert_eq!(feed(&mut pair.client, record).unwrap().len(), 0);
        }
        assert_eq!(pair.client.dropped().replayed, 50);
        // For older records it is unknown whether they were seen.
        for record in &records[..100] {
            assert_eq!(feed(&mut pair.client, record).unwrap().len(), 0);
        }
        assert_eq!(pair.client.dropped().replayed, 150);
        pair.assert_alive();
    }
}

#[test]
fn the_last_number_there_is() {
    let mut pair = Pair::connected(Suite::PskGcm);
    pair.server.sequence[1] = (1 << 48) - 1;
    let last = pair.server.protected(APPLICATION_DATA, b"x");
    assert_eq!(feed(&mut pair.client, &last).unwrap().len(), 1);
    assert_eq!(feed(&mut pair.client, &last).unwrap().len(), 0);
    assert_eq!(pair.client.dropped().replayed, 1);
}

#[test]
fn truncated_datagrams() {
    for suite in SUITES {
        let mut pair = Pair::connected(suite);
        let good = pair.server.protected(APPLICATION_DATA, b"x");
        for len in 1..good.len() {
            assert_eq!(feed(&mut pair.client, &good[..len]), Ok(vec![]));
            assert_eq!(pair.client.dropped().malformed, len as u32);
        }
        assert_eq!(feed(&mut pair.client, &[]), Ok(vec![]));
        // A complete record before the truncated one is accepted.
        let two = [&good[..], &good[..20]].concat();
        assert_eq!(feed(&mut pair.client, &two).unwrap().len(), 1);
        pair.assert_alive();
    }
}

#[test]
fn fragments_of_every_length() {
    for suite in SUITES {
        for encrypt_then_mac in [false, true] {
            let mut pair = connected(suite, encrypt_then_mac);
            for len in (0..400).chain([16_383, 16_384, 18_432, 65_535]) {
                let record = record(APPLICATION_DATA, 1, 5, &vec![len as u8; len]);
                assert_eq!(feed(&mut pair.client, &record), Ok(vec![]), "{suite:?} {len}");
            }
            assert_eq!(pair.client.dropped().forged, 404);
            pair.assert_alive();
        }
    }
}

#[test]
fn random_datagrams() {
    let mut numbers = Numbers::new(4);
    let mut pair = Pair::connected(Suite::PskCbcSha);
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
        assert_eq!(feed(&mut pair.client, &datagram), Ok(vec![]));
    }
    pair.server.sequence[1] = (1 << 48) - 9;
    pair.assert_alive();
}

/// With a connection id, the type is inside, followed by zeros.
#[test]
fn records_with_a_connection_id() {
    let suite = Suite::PskGcm;
    let config = psk_config().connection_id(b"me").unwrap();
    // The server wants no id in records to it.
    let hello = Hello::new(suite).with(CONNECTION_ID, &[0]);
    let mut pair = Pair::before_finished(config, suite, &hello);
    pair.server.client_id = b"me".to_vec();
    pair.finish();
    pair.assert_alive();

    // Without a type, with an unknown type, with the type tls12_cid.
    for (inner, forged) in [
        (&[][..], true),
        (&[0; 40], true),
        (&[7, 99], true),
        (&[7, WITH_CONNECTION_ID], false),
        (&[7, CHANGE_CIPHER_SPEC, 0, 0], false),
    ] {
        let before = pair.client.dropped();
        let header = pair.server.next_header(APPLICATION_DATA);
        let fragment = pair.server.key().seal(&header, inner);
        assert_eq!(feed(&mut pair.client, &header.record(&fragment)), Ok(vec![]));
        let after = pair.client.dropped();
        let counted = (after.forged - before.forged, after.malformed - before.malformed);
        assert_eq!(counted, if forged { (1, 0) } else { (0, 1) }, "{inner:?}");
    }
    let header = pair.server.next_header(APPLICATION_DATA);
    let fragment = pair.server.key().seal(&header, &[b'x', APPLICATION_DATA, 0, 0, 0]);
    let read = feed(&mut pair.client, &header.record(&fragment));
    assert_eq!(read, Ok(vec![b"x".to_vec()]));

    // Without the negotiated id, and with another one.
    let before = pair.client.dropped();
    let bare = Header { connection_id: Vec::new(), content_type: APPLICATION_DATA, ..header };
    let bare = Header { sequence: bare.sequence + 1, ..bare };
    let fragment = pair.server.key().seal(&bare, b"x");
    assert_eq!(feed(&mut pair.client, &bare.record(&fragment)), Ok(vec![]));
    assert_eq!(pair.client.dropped().forged, before.forged + 1);
    let other = Header { connection_id: b"ME".to_vec(), content_type: WITH_CONNECTION_ID, ..bare };
    let fragment = pair.server.key().seal(&other, b"x\x17");
    assert_eq!(feed(&mut pair.client, &other.record(&fragment)), Ok(vec![]));
    assert_eq!(pair.client.dropped().malformed, before.malformed + 1);
    pair.assert_alive();
}

/// A connection id in a session without connection ids.
#[test]
fn records_with_a_connection_id_that_was_not_negotiated() {
    let mut pair = Pair::connected(Suite::PskGcm);
    pair.server.client_id = b"me".to_vec();
    let record = pair.server.protected(APPLICATION_DATA, b"x");
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    assert_eq!(pair.client.dropped().malformed, 1);
    pair.server.client_id.clear();
    pair.assert_alive();
}

#[test]
fn alerts_of_the_session() {
    // Warnings, unknown levels and malformed alerts do not end the session.
    let mut pair = Pair::connected(Suite::PskGcm);
    for alert in [&[1, 90][..], &[1, 100], &[3, 0], &[], &[2], &[2, 40, 2, 40]] {
        let record = pair.server.protected(ALERT, alert);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]), "{alert:?}");
    }
    pair.assert_alive();
    let record = pair.server.protected(ALERT, &[2, 20]);
    let ended = feed(&mut pair.client, &record);
    assert!(matches!(ended, Err(Error::PeerAlert(alert)) if alert.0 == 20), "{ended:?}");
    // An alert is not answered, and nothing is read afterwards.
    assert!(sent(&mut pair.client).is_empty());
    let record = pair.server.protected(APPLICATION_DATA, b"x");
    assert_eq!(feed(&mut pair.client, &record), ended);

    let mut pair = Pair::connected(Suite::PskGcm);
    let record = pair.server.protected(ALERT, &[1, 0]);
    assert_eq!(feed(&mut pair.client, &record), Err(Error::Closed));
    let [alert] = &sent(&mut pair.client)[..] else { panic!("no closing alert") };
    assert_eq!(pair.server.open(alert), Some((ALERT, vec![1, 0])));
}

/// The position in a blob of the first number that the session may use.
const RESUME_AT: std::ops::Range<usize> = 9..17;

/// Starts four numbers before the end, by a blob that says so, instead of sending 2⁴⁸
/// records.
#[test]
fn numbers_that_run_out() {
    let mut pair = Pair::connected(Suite::PskGcm);
    let key = SealingKey::new(b"a secret of this device").unwrap();
    let blob = pair.client.checkpoint(&key, b"here", 1, 0).unwrap();
    let mut content = key.open(b"here", &blob).unwrap();
    let end: u64 = 1 << 48;
    content[RESUME_AT].copy_from_slice(&(end - 4).to_be_bytes());
    let mut random = Numbers::new(5);
    let blob = key.seal(b"here", &content, &mut random).unwrap();
    let mut client = Client::restore(&blob, &key, b"here", 1, random).unwrap();

    let too_far = client.checkpoint(&key, b"here", 2, 4).unwrap_err();
    assert_eq!(too_far, Error::SequenceExhausted);
    client.checkpoint(&key, b"here", 2, 3).unwrap();
    client.confirm_checkpoint();
    let mut out = [0; 100];
    for number in end - 4..end - 1 {
        let len = client.send(b"x", &mut out).unwrap();
        assert_eq!(out[5..11], number.to_be_bytes()[2..]);
        assert!(pair.server.open(&out[..len]).is_some());
    }
    assert_eq!(client.send(b"x", &mut out), Err(Error::SequenceExhausted));
    assert_eq!(client.state(), State::Ended(Error::SequenceExhausted));
    assert_eq!(client.send(b"x", &mut out), Err(Error::SequenceExhausted));

    // A blob that starts after the last number is invalid.
    content[RESUME_AT].copy_from_slice(&end.to_be_bytes());
    let blob = key.seal(b"here", &content, &mut Numbers::new(5)).unwrap();
    assert!(Client::restore(&blob, &key, b"here", 1, Numbers::new(5)).is_err());
}

/// Each forged record is a guess at the tag (RFC 9147, section 4.5.3).
#[test]
fn too_many_forged_records_end_the_session_and_it_says_so_before() {
    for suite in [Suite::PskGcm, Suite::PskCcm8, Suite::PskCbcSha] {
        let config = psk_config().cbc(true).max_forgeries(10);
        let mut pair = Pair::before_finished(config, suite, &Hello::new(suite));
        pair.finish();
        for forged in 1..10 {
            let record = record(APPLICATION_DATA, 1, 1000 + forged, &[0x5a; 64]);
            assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
            assert_eq!(u64::from(pair.client.dropped().forged), forged);
            assert_eq!(pair.client.needs_renewal(), forged >= 5);
            // What was received before, or does not parse, is no guess.
            for harmless in [record.get(..5).unwrap(), &[0x5a; 40]] {
                assert_eq!(feed(&mut pair.client, harmless), Ok(vec![]));
            }
        }
        pair.assert_alive();
        let last = record(APPLICATION_DATA, 1, 2000, &[0x5a; 64]);
        assert_eq!(feed(&mut pair.client, &last), Err(Error::TooManyForgeries));
        assert!(!pair.client.needs_renewal());
        let [alert] = &sent(&mut pair.client)[..] else { panic!("no alert") };
        assert_eq!(pair.server.open(alert), Some((ALERT, vec![1, 0])));
    }
}

/// By default the limit is the cipher suite's.
#[test]
fn a_short_tag_bears_fewer_forged_records() {
    for (suite, limit) in [(Suite::PskCcm8, 1 << 16), (Suite::PskCbcSha, 1 << 16)] {
        let mut pair = Pair::connected(suite);
        for forged in 1..=limit {
            let record = record(APPLICATION_DATA, 1, 1000, &[0x5a; 64]);
            let read = feed(&mut pair.client, &record);
            let expected = if forged < limit { Ok(vec![]) } else { Err(Error::TooManyForgeries) };
            assert_eq!(read, expected, "{suite:?} {forged}");
            assert_eq!(pair.client.needs_renewal(), (limit / 2..limit).contains(&forged));
        }
    }
}
