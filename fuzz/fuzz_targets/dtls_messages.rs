//! The parser of each of a server's handshake messages, and the putting together
//! of their fragments: a recorded handshake up to a message, and then another
//! one in its place, cut in pieces that may overlap and come in any order. What
//! must hold: no panic; it is not connected by that; an error ends it.
//!
//! Input: which recording; how many of its records come first; the type of the
//! message, or 0 for the one that is due; how it is cut; its body.

#![no_main]

use std::sync::LazyLock;

use iot_coap_dtls::{Client, Datagram, State};
use iot_coap_test_support::scripted::numbers::Numbers;
use iot_coap_test_support::scripted::recording::Recording;
use iot_coap_test_support::scripted::recordings;
use libfuzzer_sys::fuzz_target;

static RECORDINGS: LazyLock<[Recording; 6]> = LazyLock::new(recordings::all);

fn feed(client: &mut Client<Numbers>, record: &[u8]) -> bool {
    let mut record = record.to_vec();
    let mut datagram = Datagram::new(&mut record);
    let is_good = client.read(&mut datagram, 0).is_ok();
    assert_eq!(is_good, !matches!(client.state(), State::Ended(_)));
    while client.transmit(&mut [0; 1500]).is_some() {}
    is_good
}

/// A fragment in a record without protection.
fn record(kind: u8, message_seq: [u8; 2], body: &[u8], start: usize, end: usize) -> Vec<u8> {
    let u24 = |value: usize| [(value >> 16) as u8, (value >> 8) as u8, value as u8];
    let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend_from_slice(&((12 + end - start) as u16).to_be_bytes());
    record.push(kind);
    record.extend_from_slice(&u24(body.len()));
    record.extend_from_slice(&message_seq);
    record.extend_from_slice(&u24(start));
    record.extend_from_slice(&u24(end - start));
    record.extend_from_slice(&body[start..end]);
    record
}

fuzz_target!(|data: &[u8]| {
    let Some((&[which, first, kind, cut], body)) = data.split_first_chunk() else { return };
    let recording = &RECORDINGS[usize::from(which) % RECORDINGS.len()];
    let mut client = recording.client().unwrap();
    while client.transmit(&mut [0; 1500]).is_some() {}
    let first = usize::from(first) % recording.finished();
    for record in &recording.records[..first] {
        assert!(feed(&mut client, record));
    }
    let due = recording.records[first..].iter().find(|record| record[0] == 22).unwrap();
    // A Finished has no number to be read.
    let is_protected = due[4] != 0;
    let message_seq = if is_protected {
        let before = recording.records[..first].iter().rev().find(|record| record[0] == 22);
        let before = before.map_or(0, |record| u16::from_be_bytes([record[17], record[18]]) + 1);
        before.to_be_bytes()
    } else {
        [due[17], due[18]]
    };
    let kind = if kind == 0 && !is_protected { due[13] } else { kind };

    let size = 1 + usize::from(cut % 64) * 4;
    let overlap = usize::from(cut >> 6);
    let mut pieces: Vec<_> = (0..body.len())
        .step_by(size)
        .map(|start| (start.saturating_sub(overlap), (start + size).min(body.len())))
        .collect();
    if overlap > 1 {
        pieces.reverse();
    }
    if pieces.is_empty() {
        pieces.push((0, 0));
    }
    for (start, end) in pieces {
        if !feed(&mut client, &record(kind, message_seq, body, start, end)) {
            break;
        }
        assert_ne!(client.state(), State::Connected);
    }
});
