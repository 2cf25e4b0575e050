//! The parsers of the handshake messages, and the reassembly of fragments. A recorded
//! handshake is played back up to some message, which is replaced by the input, in fragments
//! that may overlap and come in any order.
//!
//! Invariants: no panic; the client does not connect; an error ends the session.
//!
//! Input: the index of the recording; how many of its records come first; the type of the
//! message, or 0 for the expected one; how to fragment it; its body.

#![no_main]

use std::sync::LazyLock;

use iot_coap_dtls::{Client, Datagram, Instant, State};
use iot_coap_test_support::scripted::numbers::Numbers;
use iot_coap_test_support::scripted::recording::Recording;
use iot_coap_test_support::scripted::recordings;
use libfuzzer_sys::fuzz_target;

static RECORDINGS: LazyLock<[Recording; 6]> = LazyLock::new(recordings::all);

fn feed(client: &mut Client<Numbers>, record: &[u8]) -> bool {
    let mut record = record.to_vec();
    let mut datagram = Datagram::new(&mut record);
    let is_good = client.handle_datagram(Instant::from_millis(0), &mut datagram).is_ok();
    assert_eq!(is_good, !matches!(client.state(), State::Ended(_)));
    while client.poll_transmit(&mut [0; 1500]).is_some() {}
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
    while client.poll_transmit(&mut [0; 1500]).is_some() {}
    let first = usize::from(first) % recording.finished();
    for record in &recording.records[..first] {
        assert!(feed(&mut client, record));
    }
    let due = recording.records[first..].iter().find(|record| record[0] == 22).unwrap();
    // The number of a Finished is encrypted.
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
    let mut fragments: Vec<_> = (0..body.len())
        .step_by(size)
        .map(|start| (start.saturating_sub(overlap), (start + size).min(body.len())))
        .collect();
    if overlap > 1 {
        fragments.reverse();
    }
    if fragments.is_empty() {
        fragments.push((0, 0));
    }
    for (start, end) in fragments {
        if !feed(&mut client, &record(kind, message_seq, body, start, end)) {
            break;
        }
        assert_ne!(client.state(), State::Connected);
    }
});
