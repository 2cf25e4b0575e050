//! The record layer, for a client without keys, a connected one, and one with connection ids.
//! The records are random, or protected by the right keys with any content.
//!
//! Invariants: no panic; only a protected alert ends a connected session; each plaintext is
//! returned once, as it was sent; every record is read or counted as dropped.

#![no_main]

use std::collections::HashSet;

use arbitrary::{Arbitrary, Unstructured};
use iot_coap_dtls::{Datagram, State};
use iot_coap_fuzz::Short;
use iot_coap_test_support::scripted::crypto::Header;
use iot_coap_test_support::scripted::messages::{self, CONNECTION_ID, ENCRYPT_THEN_MAC};
use iot_coap_test_support::scripted::{Hello, Pair, Suite, at, psk_config};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Case {
    suite: u8,
    encrypt_then_mac: bool,
    connection_id: bool,
    handshake: bool,
}

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Raw(Short<'a>),
    /// A record with any header.
    Record {
        content_type: u8,
        version: u8,
        epoch: u8,
        sequence: u8,
        content: Short<'a>,
    },
    /// A protected record with the next sequence number or any other. With a connection id,
    /// the type is inside.
    Protected {
        content_type: u8,
        sequence: Option<u8>,
        content: Short<'a>,
        zeros: u8,
    },
    /// A protected record of a block cipher with arbitrary blocks.
    Blocks {
        content: Short<'a>,
        count: u8,
    },
    /// A protected record with one wrong bit.
    Changed {
        content: Short<'a>,
        at: u16,
        bit: u8,
    },
}

struct Run {
    pair: Pair,
    /// The sequence numbers whose plaintext was returned.
    received: HashSet<u64>,
    ended: bool,
}

impl Run {
    fn header(&mut self, content_type: u8, sequence: Option<u8>) -> Header {
        let mut header = self.pair.server.next_header(content_type);
        if let Some(sequence) = sequence {
            header.sequence = header.sequence.wrapping_add_signed(i64::from(sequence as i8) * 4)
                & ((1 << 48) - 1);
        }
        header
    }

    fn feed(&mut self, mut bytes: Vec<u8>, sealed: Option<(u64, &[u8])>, may_end: bool) {
        let before = self.pair.client.state();
        let counted = self.pair.client.dropped();
        let is_empty = bytes.is_empty();
        let mut datagram = Datagram::new(&mut bytes);
        let mut read = 0;
        loop {
            match self.pair.client.handle_datagram(at(0), &mut datagram) {
                Ok(Some(plaintext)) => {
                    let (number, content) = sealed.expect("plaintext of a forged record");
                    assert_eq!(plaintext, content);
                    assert!(self.received.insert(number), "a record was accepted twice");
                    read += 1;
                }
                Ok(None) => break,
                Err(_) => {
                    assert!(may_end || self.ended || before == State::Handshaking);
                    self.ended = true;
                    break;
                }
            }
        }
        // During a handshake, some plain records are accepted without a trace.
        if !self.ended && before == State::Connected && !may_end && sealed.is_none() && !is_empty {
            assert_ne!(self.pair.client.dropped(), counted);
        }
        assert!(read <= 1);
        while self.pair.client.poll_transmit(&mut [0; 1500]).is_some() {}
    }

    fn apply(&mut self, input: &Input<'_>) {
        match *input {
            Input::Raw(bytes) => self.feed(bytes.to_vec(), None, false),
            Input::Record { content_type, version, epoch, sequence, content } => {
                let (epoch, sequence) = (u16::from(epoch % 4), u64::from(sequence));
                let mut record = messages::record(content_type, epoch, sequence, &content);
                if version < 16 {
                    record[2] = version.wrapping_sub(8);
                }
                self.feed(record, None, false);
            }
            Input::Protected { content_type, sequence, content, zeros } => {
                let header = self.header(content_type, sequence);
                let with_id = !header.connection_id.is_empty();
                let mut inner = content.to_vec();
                if with_id {
                    inner.push(content_type);
                    inner.resize(inner.len() + usize::from(zeros % 8), 0);
                }
                let fragment = self.pair.server.key().seal(&header, &inner);
                let sealed = Some((header.sequence, &content[..]));
                // Other types are alerts, handshake messages or invalid.
                let is_data = content_type == messages::APPLICATION_DATA;
                let sealed = if is_data { sealed } else { None };
                // With a connection id, a type of zero is taken for padding, so that the
                // last byte of the content becomes the type.
                let may_end = content_type != messages::APPLICATION_DATA;
                if with_id && content_type == 0 {
                    return;
                }
                self.feed(header.record(&fragment), sealed, may_end);
            }
            Input::Blocks { content, count } => {
                if self.pair.server.key().is_aead() || !self.pair.server.client_id.is_empty() {
                    return;
                }
                let header = self.header(messages::APPLICATION_DATA, None);
                let mut blocks = content.to_vec();
                let fill = blocks.last().copied().unwrap_or(0);
                blocks.resize(16 * usize::from(1 + count % 20), fill);
                let fragment = self.pair.server.key().seal_blocks(&header, &blocks);
                let outside = self.pair.server.key().encrypt_then_mac();
                let before = self.pair.client.dropped();
                let is_connected = self.pair.client.state() == State::Connected;
                let mut record = header.record(&fragment);
                let mut datagram = Datagram::new(&mut record);
                let read = self.pair.client.handle_datagram(at(0), &mut datagram);
                let after = self.pair.client.dropped();
                // A number before the window is counted as replayed instead.
                let counted = after.forged - before.forged + (after.replayed - before.replayed);
                // With encrypt-then-MAC the MAC is valid, so only the padding matters.
                match read {
                    Ok(None) => assert!(counted == 1 || (outside && !is_connected)),
                    Ok(Some(_)) => assert!(outside && is_connected),
                    Err(_) => assert!(self.ended),
                }
            }
            Input::Changed { content, at, bit } => {
                let mut record = self.pair.server.protected(messages::APPLICATION_DATA, &content);
                let at = usize::from(at) % record.len();
                record[at] ^= 1 << (bit % 8);
                self.feed(record, None, false);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut data = Unstructured::new(data);
    let Ok(case) = Case::arbitrary(&mut data) else { return };
    let suite = [Suite::PskGcm, Suite::PskCcm8, Suite::PskCbcSha][usize::from(case.suite % 3)];
    let mut hello = Hello::new(suite);
    let mut config = psk_config().cbc(true);
    if case.encrypt_then_mac && suite == Suite::PskCbcSha {
        hello = hello.with(ENCRYPT_THEN_MAC, &[]);
    }
    if case.connection_id {
        config = config.connection_id(b"me").unwrap();
        hello = hello.with(CONNECTION_ID, &[0]);
    }
    let mut pair = Pair::before_finished(config, suite, &hello);
    if case.connection_id {
        pair.server.client_id = b"me".to_vec();
    }
    if !case.handshake {
        pair.finish();
    }
    let mut run = Run { pair, received: HashSet::new(), ended: false };
    while !data.is_empty()
        && let Ok(input) = Input::arbitrary(&mut data)
    {
        run.apply(&input);
    }
    if !run.ended && !case.handshake {
        assert_eq!(run.pair.client.state(), State::Connected);
    }
});
