//! Hazard: the time taken to reject a record of a block cipher reveals whether its padding or
//! its MAC was wrong, and thereby, bit by bit, its plaintext (Lucky Thirteen).
//!
//! valgrind counts the instructions of each rejection. The number must not depend on what is
//! wrong, nor on the padding length. The test is most meaningful with `--release`, which is
//! what devices run.
#![cfg(feature = "full")]

use std::path::Path;

use iot_coap_dtls::{Client, Datagram, SealingKey};
use iot_coap_test_support::instructions::instructions_of_each_call;
use iot_coap_test_support::scripted::crypto::{Algorithm, Header, Key, keys};
use iot_coap_test_support::scripted::messages::APPLICATION_DATA;
use iot_coap_test_support::scripted::{Numbers, TestClient, at};

const BLOCKS: usize = 20;
/// Lengths around multiples of the block sizes of cipher and hash, and the extremes.
const PADDINGS: [usize; 16] = [0, 1, 14, 15, 16, 17, 42, 43, 63, 64, 65, 128, 200, 240, 254, 255];
const MASTER_SECRET: [u8; 48] = [7; 48];

/// Cipher suites with the MAC inside the encryption.
const SUITES: [(u16, Algorithm); 4] = [
    (0x002f, Algorithm::Cbc { key_len: 16, sha256: false }),
    (0x0035, Algorithm::Cbc { key_len: 32, sha256: false }),
    (0x003c, Algorithm::Cbc { key_len: 16, sha256: true }),
    (0x003d, Algorithm::Cbc { key_len: 32, sha256: true }),
];

/// A session with known keys, restored from a blob made by hand.
fn connected(suite: u16) -> TestClient {
    let mut content = vec![2];
    for number in [1_u64, 0, 0] {
        content.extend_from_slice(&number.to_be_bytes());
    }
    content.extend_from_slice(&suite.to_be_bytes());
    content.push(0);
    // There are no certificates whose dates could end.
    content.push(1);
    content.extend_from_slice(&u64::MAX.to_be_bytes());
    content.extend_from_slice(&MASTER_SECRET);
    content.extend_from_slice(&[0; 64 + 2]);
    let key = SealingKey::new(b"a secret of this device").unwrap();
    let blob = key.seal(b"", &content, &mut Numbers::new(1)).unwrap();
    Client::restore(&blob, &key, b"", 1, Numbers::new(1)).unwrap()
}

/// The name of the function below in valgrind.
const MEASURED: &str = "constant_time::measured_handle_datagram";

/// The instructions of this function are counted.
#[inline(never)]
fn measured_handle_datagram(client: &mut TestClient, record: &mut [u8]) -> usize {
    let read = client.handle_datagram(at(0), &mut Datagram::new(record));
    std::hint::black_box(read.unwrap().map_or(0, |plaintext| plaintext.len()))
}

fn header() -> Header {
    Header { content_type: APPLICATION_DATA, epoch: 1, sequence: 3, connection_id: Vec::new() }
}

/// Records of the same length with different defects.
fn bad_records(key: &Key, mac_len: usize) -> Vec<Vec<u8>> {
    let len = BLOCKS * 16;
    let header = header();
    let good = |padding: usize| {
        let content = vec![0x41; len - mac_len - padding - 1];
        (content.len(), key.blocks(&header, &content, padding))
    };
    let mut records = Vec::new();
    for padding in PADDINGS {
        let (mac, blocks) = good(padding);
        let mut add = |change: &dyn Fn(&mut [u8])| {
            let mut blocks = blocks.clone();
            change(&mut blocks);
            records.push(header.record(&key.seal_blocks(&header, &blocks)));
        };
        add(&|blocks| blocks[mac] ^= 1);
        add(&|blocks| blocks[mac + mac_len - 1] ^= 0x80);
        if padding > 0 {
            add(&|blocks| blocks[mac + mac_len] ^= 1);
            add(&|blocks| blocks[len - 2] ^= 1);
        }
        add(&|blocks| blocks.fill(padding as u8));
    }
    records
}

/// The test below runs this under valgrind. By itself, it tests that all records are
/// rejected.
#[test]
fn bad_records_are_rejected() {
    for (suite, algorithm) in SUITES {
        let mut client = connected(suite);
        let randoms = [&[0; 32], &[0; 32]];
        let (_, key) = keys(algorithm, false, &MASTER_SECRET, randoms);
        let mut buffer = vec![0; 13 + 16 + BLOCKS * 16];
        let records = bad_records(&key, algorithm.mac_len());
        for record in &records {
            buffer.copy_from_slice(record);
            assert_eq!(measured_handle_datagram(&mut client, &mut buffer), 0);
        }
        assert_eq!(client.dropped().forged as usize, records.len());
        // To see that the measurement is sensitive: one more block takes a different time,
        // possibly less, if more of it can be hashed without precautions.
        let header = header();
        let longer = header.record(&key.seal_blocks(&header, &[9; (BLOCKS + 1) * 16]));
        assert_eq!(measured_handle_datagram(&mut client, &mut longer.clone()), 0);
        // And the records were not rejected because of their header.
        let good = key.seal(&header, &vec![0x41; BLOCKS * 16 - 64]);
        let mut good = header.record(&good);
        assert_eq!(measured_handle_datagram(&mut client, &mut good), BLOCKS * 16 - 64);
    }
}

#[test]
fn bad_padding_and_bad_macs_take_the_same_instructions() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let counts = instructions_of_each_call(MEASURED, "bad_records_are_rejected", folder);
    let each = counts.len() / SUITES.len();
    assert!(each > 70, "{} calls were counted", counts.len());
    for (counts, (suite, _)) in counts.chunks_exact(each).zip(SUITES) {
        let (bad, others) = counts.split_at(each - 2);
        let (min, max) = (bad.iter().min().unwrap(), bad.iter().max().unwrap());
        eprintln!("{suite:#06x}: {min} to {max} instructions; with one more block: {}", others[0]);
        assert!(min > &1000 && others[0] != *max, "{suite:#06x}: {min} {others:?}");
        assert_eq!(min, max, "{suite:#06x}: the time reveals what was wrong");
    }
}
