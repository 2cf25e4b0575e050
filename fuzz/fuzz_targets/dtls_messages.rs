//! The parsers of the handshake messages, and the reassembly of fragments. A recorded
//! handshake is played back up to some message, which is replaced by the input, in fragments
//! that may overlap and come in any order.
//!
//! Or a server with pre-shared keys and a certificate gets the input in place of what follows the
//! cookie in a ClientHello, or in place of the ClientKeyExchange of one of two clients.
//!
//! Invariants: no panic; neither side connects; an error ends the session.
//!
//! Input: the index of the recording, or 255 for the server; how many of its records come first;
//! the type of the message, or 0 for the expected one; how to fragment it; its body.

#![no_main]

use std::sync::{Arc, LazyLock};

use iot_coap_dtls::server::{
    Config, Connection, Cookies, Greeting, Identity, SignatureScheme, Signer,
};
use iot_coap_dtls::{Client, Datagram, Instant, SealingKey, State};
use iot_coap_test_support::scripted::messages::{CLIENT_HELLO, CLIENT_KEY_EXCHANGE};
use iot_coap_test_support::scripted::numbers::Numbers;
use iot_coap_test_support::scripted::recording::Recording;
use iot_coap_test_support::scripted::recordings;
use iot_coap_test_support::served::pre_shared_key;
use iot_coap_test_support::served::scripted_client::ScriptedClient;
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

/// The message in fragments, which may overlap: where each begins and ends.
fn pieces(len: usize, cut: u8) -> Vec<(usize, usize)> {
    let size = 1 + usize::from(cut % 64) * 4;
    let overlap = usize::from(cut >> 6);
    let mut fragments: Vec<_> = (0..len)
        .step_by(size)
        .map(|start| (start.saturating_sub(overlap), (start + size).min(len)))
        .collect();
    if overlap > 1 {
        fragments.reverse();
    }
    if fragments.is_empty() {
        fragments.push((0, 0));
    }
    fragments
}

/// A signature that nobody looks at.
struct AnySignature;

impl Signer for AnySignature {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaSha256, SignatureScheme::RsaSha256]
    }

    fn sign(&self, _: SignatureScheme, _: &[u8]) -> Option<Vec<u8>> {
        Some(vec![0x30; 71])
    }
}

static SERVER: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let identity = Identity::new(&[&[0x30; 300]], Arc::new(AnySignature)).unwrap();
    let keys = [SealingKey::new(&[1; 32]).unwrap()];
    let config = pre_shared_key().cbc(true).ticket_keys(keys.into(), 3600);
    Arc::new(config.identity(identity).unwrap())
});

fn feed_server(server: &mut Connection<Numbers>, record: &[u8]) -> bool {
    let mut record = record.to_vec();
    let mut datagram = Datagram::new(&mut record);
    let read = server.handle_datagram(Instant::from_millis(0), &mut datagram);
    assert_eq!(read.is_ok(), !matches!(server.state(), State::Ended(_)));
    assert_ne!(server.state(), State::Connected);
    while server.poll_transmit(&mut [0; 1500]).is_some() {}
    read.is_ok()
}

/// `first` says whether it is a ClientHello, or whose ClientKeyExchange.
fn server(first: u8, kind: u8, cut: u8, input: &[u8]) {
    let cookies = Cookies::new([0; 32]);
    let mut client = ScriptedClient::default();
    if first % 3 == 2 {
        client.suites = vec![0xc02b];
        client.extensions = vec![(10, vec![0, 2, 0, 29]), (13, vec![0, 2, 4, 3])];
    }
    let Greeting::Unverified(answer) = cookies.examine(&[], &mut client.hello()) else {
        panic!("there is no cookie yet");
    };
    client.read_cookie(&answer);
    let mut hello = client.hello();
    let Greeting::Verified(verified) = cookies.examine(&[], &mut hello) else {
        panic!("the cookie is valid");
    };
    let (random, now) = (Numbers::new(1), Instant::from_millis(0));
    let mut server = Connection::accept(&SERVER, &verified, None, random, now).unwrap();
    let (expected, message_seq, body) = if first.is_multiple_of(3) {
        // Up to the cookie it is as it was.
        let start = &hello[25..][..2 + 32 + 1 + 1 + 16];
        (CLIENT_HELLO, 1, [start, input].concat())
    } else {
        assert!(feed_server(&mut server, &hello));
        (CLIENT_KEY_EXCHANGE, 2, input.to_vec())
    };
    let kind = if kind == 0 { expected } else { kind };
    for (start, end) in pieces(body.len(), cut) {
        if !feed_server(&mut server, &record(kind, [0, message_seq], &body, start, end)) {
            break;
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[which, first, kind, cut], body)) = data.split_first_chunk() else { return };
    if which == 255 {
        return server(first, kind, cut, body);
    }
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

    for (start, end) in pieces(body.len(), cut) {
        if !feed(&mut client, &record(kind, message_seq, body, start, end)) {
            break;
        }
        assert_ne!(client.state(), State::Connected);
    }
});
