//! Hazard: what an answer says in its options is lost: a part of a larger answer, how
//! long it holds, when to ask again (RFC 7252 section 5.10, RFC 7959).

mod support;

use coap_lite::CoapOption;
use iot_coap_client::{Dropped, OptionNumber, Received, find_option};
use openssl::hash::{MessageDigest, hash};
use openssl::symm::{Cipher, encrypt};
use support::{
    ACK, Bench, CON, CONTENT, DEVICE_SECRET, NON, RST, SECOND, config_for, empty, id_of, packet,
    read, response,
};

const ETAG: u16 = 4;
const MAX_AGE: u16 = 14;
const BLOCK2: u16 = 23;
const BLOCK1: u16 = 27;
const REQUEST_ENTITY_TOO_LARGE: u8 = 4 * 32 + 13;
const CONTINUE: u8 = 2 * 32 + 31;

/// An answer to `request` with these options.
fn with_options(
    kind: coap_lite::MessageType,
    id: u16,
    request: &[u8],
    code: u8,
    options: &[(u16, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = packet(kind, code, id, read(request).get_token(), payload);
    for (number, value) in options {
        packet.add_option(CoapOption::from(*number), value.to_vec());
    }
    packet.to_bytes().expect("fits")
}

#[test]
fn the_parts_of_a_large_answer_are_delivered_as_what_they_are() {
    for (code, number, value) in [
        (CONTENT, BLOCK2, &[0x0E][..]),
        (CONTENT, BLOCK2, &[]),
        (CONTENT, BLOCK2, &[1, 2, 3]),
        (REQUEST_ENTITY_TOO_LARGE, BLOCK1, &[0x06]),
        (CONTINUE, BLOCK1, &[0x0E]),
    ] {
        for kind in [ACK, NON, CON] {
            let mut bench = Bench::signed_in();
            let request = bench.post(1);
            let id = if kind == ACK { id_of(&request) } else { 80 };
            let mut datagram = with_options(kind, id, &request, code, &[(number, value)], b"part");
            let answer = response(bench.receive_in_place(&mut datagram));
            assert_eq!((answer.application, answer.code.0), (1, code));
            assert_eq!(&datagram[answer.payload], b"part");
            let found = find_option(&datagram[answer.options], OptionNumber(number), 0);
            assert_eq!(found, Some(value));
        }
    }
}

/// Sections 5.4.3 and 5.4.5: then it is as good as unknown.
#[test]
fn a_block_option_that_is_none_is_rejected() {
    let long = [(BLOCK2, &[0, 0, 0, 0][..])];
    let twice = [(BLOCK1, &[6][..]), (BLOCK1, &[6])];
    for (number, options) in [(BLOCK2, &long[..]), (BLOCK1, &twice)] {
        let mut bench = Bench::signed_in();
        let request = bench.post(1);
        let received = bench.receive(&with_options(CON, 80, &request, CONTENT, options, b""));
        let expected = Dropped::CriticalOption(OptionNumber(number));
        assert!(matches!(received, Received::Dropped(reason) if reason == expected));
        assert_eq!(bench.one(), empty(RST, 80));
        assert_eq!(bench.answered(&request, CONTENT), (1, CONTENT));
    }
}

#[test]
fn options_are_found_by_number_and_place() {
    let long = [0xA5; 300];
    let options = [
        (ETAG, &b"\x01\x02"[..]),
        (ETAG, b"second"),
        (MAX_AGE, &[0x0E, 0x10]),
        (2090, &long),
        (u16::MAX - 1, b""),
    ];
    for payload in [&b""[..], b"hello"] {
        let mut bench = Bench::signed_in();
        let request = bench.post(1);
        let mut datagram = with_options(ACK, id_of(&request), &request, CONTENT, &options, payload);
        let answer = response(bench.receive_in_place(&mut datagram));
        assert_eq!(&datagram[answer.payload], payload);
        let found = |number, index| {
            find_option(&datagram[answer.options.clone()], OptionNumber(number), index)
        };
        assert_eq!(found(ETAG, 0), Some(&b"\x01\x02"[..]));
        assert_eq!(found(ETAG, 1), Some(&b"second"[..]));
        assert_eq!(found(ETAG, 2), None);
        assert_eq!(found(MAX_AGE, 0), Some(&[0x0E, 0x10][..]));
        assert_eq!(found(2090, 0), Some(&long[..]));
        assert_eq!(found(u16::MAX - 1, 0), Some(&b""[..]));
        assert_eq!(found(u16::MAX, 0), None);
        assert_eq!(found(0, 0), None);
        assert_eq!(found(MAX_AGE, usize::MAX), None);
    }
}

#[test]
fn an_answer_may_have_no_options() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let mut datagram = with_options(ACK, id_of(&request), &request, CONTENT, &[], b"x");
    let answer = response(bench.receive_in_place(&mut datagram));
    assert!(answer.options.is_empty());
    assert_eq!(find_option(&datagram[answer.options], OptionNumber(MAX_AGE), 0), None);
}

/// In symmetric mode the payload is decrypted in the datagram; what is before it stays.
#[test]
fn options_are_found_when_the_payload_was_decrypted_in_place() {
    let mut bench = Bench::new(config_for("coap-psk://127.0.0.1"));
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.answer(&request, CONTENT, br#"{"random":"r","seqOffset":7,"token":"t"}"#);
    let request = bench.post(1);
    let key = hash(MessageDigest::sha256(), format!("{DEVICE_SECRET},r").as_bytes()).unwrap();
    let (cipher, iv) = (Cipher::aes_128_cbc(), b"543yhjy97ae7fyfg");
    let payload = encrypt(cipher, &key[8..24], Some(iv), b"in clear").unwrap();
    let options = [(MAX_AGE, &[60][..]), (2090, b"message")];
    let mut datagram = with_options(ACK, id_of(&request), &request, CONTENT, &options, &payload);
    let answer = response(bench.receive_in_place(&mut datagram));
    assert_eq!(&datagram[answer.payload], b"in clear");
    let options = &datagram[answer.options];
    assert_eq!(find_option(options, OptionNumber(MAX_AGE), 0), Some(&[60][..]));
    assert_eq!(find_option(options, OptionNumber(2090), 0), Some(&b"message"[..]));
}

/// Whatever it is handed, it ends, and without a panic.
#[test]
fn bytes_that_are_no_options_hold_none() {
    for first in 0..=u8::MAX {
        for bytes in [&[first][..], &[first, 0xFF], &[first, 1, 0xE0, 0xFF, 0xFF, 0x10]] {
            for number in [0, 1, 13, 14, 269, u16::MAX] {
                let _ = find_option(bytes, OptionNumber(number), 0);
                assert_eq!(find_option(bytes, OptionNumber(number), 7), None);
            }
        }
    }
}
