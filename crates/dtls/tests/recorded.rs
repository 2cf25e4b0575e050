//! Handshakes with OpenSSL that were recorded, and are played back with modifications. The
//! client must connect only if it receives the server's Finished unmodified. The fuzz target
//! `dtls_engine` takes this further.
#![cfg(feature = "full")]

use iot_coap_dtls::{Client, Datagram, Error, Instant, State};
use iot_coap_test_support::scripted::numbers::Numbers;
use iot_coap_test_support::scripted::recording::{GREETING, Recording};
use iot_coap_test_support::scripted::recordings;

fn feed(client: &mut Client<Numbers>, record: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut record = record.to_vec();
    let mut datagram = Datagram::new(&mut record);
    let read = client.handle_datagram(Instant::from_millis(0), &mut datagram);
    let read = read.map(|read| read.map(|plaintext| plaintext.to_vec()));
    let mut buffer = [0; 2048];
    while client.poll_transmit(&mut buffer).is_some() {}
    read
}

/// Plays `records` back. Returns whether the client connects.
fn connects<'r>(recording: &Recording, records: impl IntoIterator<Item = &'r [u8]>) -> bool {
    let mut client = recording.client().unwrap();
    while client.poll_transmit(&mut [0; 2048]).is_some() {}
    for record in records {
        if feed(&mut client, record).is_err() {
            break;
        }
    }
    client.state() == State::Connected
}

#[test]
fn each_still_fits() {
    for recording in recordings::all() {
        let name = String::from_utf8_lossy(&recording.suite);
        let mut client = recording.client().unwrap();
        while client.poll_transmit(&mut [0; 2048]).is_some() {}
        let (greeting, handshake) = recording.records.split_last().unwrap();
        for (index, record) in handshake.iter().enumerate() {
            assert_eq!(feed(&mut client, record), Ok(None), "{name} {index}: record them anew");
            let connected = client.state() == State::Connected;
            assert_eq!(connected, index >= recording.finished(), "{name} {index}");
        }
        assert_eq!(feed(&mut client, greeting), Ok(Some(GREETING.to_vec())), "{name}");
        assert_eq!(client.was_resumed(), !recording.session.is_empty());
    }
}

/// All messages of the server are in the transcript, or protected by its keys.
#[test]
fn no_record_of_the_handshake_can_be_changed() {
    for recording in recordings::all() {
        let name = String::from_utf8_lossy(&recording.suite);
        let handshake = &recording.records[..=recording.finished()];
        for (changed, record) in handshake.iter().enumerate() {
            // HelloVerifyRequest and ChangeCipherSpec are not in the transcript.
            let is_ignored = record[0] == 20 || record[13] == 3;
            if is_ignored {
                continue;
            }
            for index in (13..record.len()).step_by(1 + record.len() / 40) {
                let mut other = record.clone();
                other[index] ^= 1;
                let records = handshake
                    .iter()
                    .enumerate()
                    .map(|(at, record)| if at == changed { &other[..] } else { &record[..] });
                assert!(!connects(&recording, records), "{name} {changed} {index}");
            }
        }
    }
}

#[test]
fn no_record_of_the_handshake_can_be_left_out() {
    for recording in recordings::all() {
        let handshake = &recording.records[..=recording.finished()];
        for left_out in 0..handshake.len() {
            let records = handshake.iter().enumerate();
            let records = records.filter(|(at, _)| *at != left_out).map(|(_, record)| &record[..]);
            let change = handshake[left_out][0] == 20;
            assert_eq!(connects(&recording, records), change, "{left_out}");
        }
    }
}

/// The Finished of another handshake is not accepted.
#[test]
fn no_finished_is_valid_twice() {
    let recordings = recordings::all();
    for recording in &recordings {
        for other in &recordings {
            let mut records: Vec<&[u8]> = recording.records.iter().map(Vec::as_slice).collect();
            records.truncate(recording.finished());
            records.push(&other.records[other.finished()]);
            assert_eq!(connects(recording, records), std::ptr::eq(recording, other));
        }
    }
}
