//! Hazard: a datagram that is no CoAP message (RFC 7252 section 3) is taken for
//! one, brings the client down, or draws a reply that it must not draw.

mod support;

use iot_coap_client::{Dropped, FormatError, Kind, Malformed, Message, Received};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{Bench, CONTENT, RST, empty, packet, read};

/// CON 2.05 with id 0x1234.
const HEADER: [u8; 4] = [0x40, 0x45, 0x12, 0x34];

fn error(datagram: &[u8]) -> FormatError {
    Message::parse(datagram).expect_err("malformed").error
}

/// A message with `rest` after a header without token.
fn with(rest: &[u8]) -> Vec<u8> {
    [&HEADER[..], rest].concat()
}

#[test]
fn a_header_cut_off() {
    for len in 0..HEADER.len() {
        let cut = Message::parse(&HEADER[..len]).unwrap_err();
        assert_eq!(cut, Malformed { error: FormatError::TooShort, header: None });
    }
    assert!(Message::parse(&HEADER).is_ok());
}

#[test]
fn versions_other_than_1() {
    for version in [0, 2, 3] {
        for low in 0..64 {
            let datagram = [version << 6 | low, 0x45, 0, 1];
            let expected = Malformed { error: FormatError::Version, header: None };
            assert_eq!(Message::parse(&datagram), Err(expected), "{datagram:02x?}");
        }
    }
}

#[test]
fn reserved_token_lengths() {
    for len in 9..=15_u8 {
        let datagram = [&[0x40 | len, 0x45, 0, 1][..], &[7; 20]].concat();
        assert_eq!(error(&datagram), FormatError::TokenLength, "{len}");
    }
}

#[test]
fn a_token_cut_off() {
    for len in 1..=8_u8 {
        for there in 0..len {
            let datagram = [&[0x40 | len, 0x45, 0, 1][..], &vec![7; there.into()]].concat();
            assert_eq!(error(&datagram), FormatError::TooShort, "{there} of {len}");
        }
    }
}

/// Section 4.1: "the Token Length field MUST be set to 0 and bytes of data MUST
/// NOT be present after the Message ID field".
#[test]
fn an_empty_message_with_content() {
    for kind in 0..4_u8 {
        let first = 0x40 | kind << 4;
        let token = [first | 1, 0, 0, 1, 7];
        let promised_token = [first | 1, 0, 0, 1];
        let option = [first, 0, 0, 1, 0x10];
        let payload = [first, 0, 0, 1, 0xFF, 7];
        for datagram in [&token[..], &promised_token, &option, &payload] {
            assert_eq!(error(datagram), FormatError::NotEmpty, "{datagram:02x?}");
        }
        assert!(Message::parse(&[first, 0, 0, 1]).is_ok());
    }
}

#[test]
fn reserved_option_deltas() {
    for len in 0..15 {
        let datagram = with(&[&[0xF0 | len][..], &[0; 20]].concat());
        assert_eq!(error(&datagram), FormatError::OptionDelta, "length {len}");
    }
}

#[test]
fn reserved_option_lengths() {
    for delta in 0..15 {
        let datagram = with(&[&[delta << 4 | 0x0F][..], &[0; 20]].concat());
        assert_eq!(error(&datagram), FormatError::OptionLength, "delta {delta}");
    }
}

#[test]
fn option_numbers_above_65535() {
    // The greatest delta is 269 + 65535.
    let greatest = [0xE0, 0xFE, 0xF2];
    assert_eq!(269 + 0xFEF2, 65_535);
    assert!(Message::parse(&with(&greatest)).is_ok());
    assert_eq!(error(&with(&[0xE0, 0xFE, 0xF3])), FormatError::OptionNumber);
    assert_eq!(error(&with(&[0xE0, 0xFF, 0xFF])), FormatError::OptionNumber);
    // One by one.
    assert!(Message::parse(&with(&[&greatest[..], &[0x00]].concat())).is_ok());
    assert_eq!(error(&with(&[&greatest[..], &[0x10]].concat())), FormatError::OptionNumber);
    // Many small steps wrap nothing either.
    let steps = [0xD0, 0xFF].repeat(65_535 / 268 + 1);
    assert_eq!(error(&with(&steps)), FormatError::OptionNumber);
}

#[test]
fn options_cut_at_each_byte() {
    for (head, len) in [
        (&[0xB4][..], 4_usize),
        (&[0xD4, 200], 4),
        (&[0xE4, 8, 27], 4),
        (&[0xBD, 0], 13),
        (&[0xDD, 200, 0], 13),
        (&[0xED, 8, 27, 0], 13),
        (&[0xBE, 0, 0], 269),
        (&[0xDE, 200, 0, 0], 269),
        (&[0xEE, 8, 27, 0, 0], 269),
    ] {
        let option = [head, &vec![7; len]].concat();
        let whole = with(&option);
        let message = Message::parse(&whole).unwrap();
        let values: Vec<_> = message.options.map(|option| option.value.len()).collect();
        assert_eq!(values, [len]);
        for cut in 1..option.len() {
            let datagram = with(&option[..cut]);
            assert_eq!(error(&datagram), FormatError::OptionTruncated, "{head:02x?} at {cut}");
        }
    }
}

#[test]
fn option_lengths_that_would_wrap_16_bits() {
    // 269 + 65,535 is 268 in 16 bits: an option of that length would fit.
    let datagram = with(&[&[0xBE, 0xFF, 0xFF][..], &[7; 300]].concat());
    assert_eq!(error(&datagram), FormatError::OptionTruncated);
    let datagram = with(&[&[0xBE, 0xFE, 0xF3][..], &[7; 300]].concat());
    assert_eq!(error(&datagram), FormatError::OptionTruncated);
}

#[test]
fn a_payload_marker_without_payload() {
    assert_eq!(error(&with(&[0xFF])), FormatError::EmptyPayload);
    assert_eq!(error(&with(&[0xB1, b'x', 0xFF])), FormatError::EmptyPayload);
    // What follows the marker is payload, whatever it looks like.
    let datagram = with(&[0xFF, 0xFF]);
    assert_eq!(Message::parse(&datagram).unwrap().payload, [0xFF]);
}

/// Every error there is, after a header that can be read: what each draws.
fn malformed(kind: u8) -> Vec<Vec<u8>> {
    let first = 0x40 | kind << 4;
    [
        &[first | 9, 0x45, 0xAB, 0xCD][..],
        &[first | 1, 0x45, 0xAB, 0xCD],
        &[first | 1, 0x00, 0xAB, 0xCD, 7],
        &[first, 0x00, 0xAB, 0xCD, 0xFF, 7],
        &[first, 0x45, 0xAB, 0xCD, 0xF0],
        &[first, 0x45, 0xAB, 0xCD, 0x0F],
        &[first, 0x45, 0xAB, 0xCD, 0xE0, 0xFF, 0xFF],
        &[first, 0x45, 0xAB, 0xCD, 0x11],
        &[first, 0x45, 0xAB, 0xCD, 0xFF],
    ]
    .iter()
    .map(|datagram| datagram.to_vec())
    .collect()
}

/// Section 4.2: a Confirmable message with a format error is rejected by a
/// Reset with its id.
#[test]
fn confirmable_ones_are_rejected_with_a_reset() {
    let mut bench = Bench::signed_in();
    for datagram in malformed(0) {
        let parsed = Message::parse(&datagram).unwrap_err();
        assert_eq!(parsed.header, Some((Kind::Confirmable, 0xABCD)));
        let received = bench.receive(&datagram);
        assert!(
            matches!(received, Received::Dropped(Dropped::Malformed(error)) if error == parsed.error)
        );
        assert_eq!(bench.one(), empty(RST, 0xABCD), "{datagram:02x?}");
    }
}

/// Sections 3 and 4.3: the others, and other versions of CoAP, are ignored.
#[test]
fn the_others_are_ignored_in_silence() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let others = (1..4).flat_map(malformed);
    let versions = [0x00, 0x80, 0xC0].map(|version| vec![version, 0x45, 0xAB, 0xCD]);
    let short = [vec![], vec![0x40], vec![0x40, 0x01, 0xAB]];
    for datagram in others.chain(versions).chain(short) {
        let received = bench.receive(&datagram);
        assert!(matches!(received, Received::Dropped(Dropped::Malformed(_))), "{datagram:02x?}");
        assert!(bench.is_silent(), "{datagram:02x?}");
    }
    // Nor do they harm what is outstanding.
    assert!(bench.events().is_empty());
    assert_eq!(bench.answered(&request, CONTENT), (1, CONTENT));
}

/// An Empty acknowledgement that names an outstanding message but carries a
/// token is malformed: it acknowledges nothing.
#[test]
fn an_empty_acknowledgement_with_a_token_acknowledges_nothing() {
    let mut bench = Bench::signed_in();
    let request = bench.post(1);
    let sent = read(&request);
    let [high, low] = sent.header.message_id.to_be_bytes();
    let datagram = [&[0x64, 0x00, high, low], sent.get_token()].concat();
    let received = bench.receive(&datagram);
    assert!(matches!(received, Received::Dropped(Dropped::Malformed(FormatError::NotEmpty))));
    bench.pass_timeout();
    assert_eq!(bench.one(), request, "still sent again");
}

fn valid() -> Vec<Vec<u8>> {
    let mut packet = packet(support::CON, CONTENT, 0x1234, &[1, 2, 3, 4], b"payload");
    for (number, len) in [(4_u16, 3_usize), (12, 1), (300, 14), (2090, 270)] {
        packet.add_option(coap_lite::CoapOption::from(number), vec![0xA5; len]);
    }
    let mut all = vec![packet.to_bytes().unwrap(), HEADER.to_vec()];
    all.push(Bench::signed_in().post(1));
    all
}

#[test]
fn every_truncation_and_every_flipped_bit_is_survived() {
    let mut bench = Bench::signed_in();
    for datagram in valid() {
        for len in 0..datagram.len() {
            bench.receive(&datagram[..len]);
            bench.sent();
        }
        for bit in 0..datagram.len() * 8 {
            let mut flipped = datagram.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            bench.receive(&flipped);
            bench.sent();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn random_bytes_are_survived(datagram in vec(any::<u8>(), 0..64), first in 0x40_u8..0x80) {
        let mut datagram = datagram;
        // Half of them with a first byte that is of use.
        if datagram.len() % 2 == 0 && !datagram.is_empty() {
            datagram[0] = first;
        }
        if let Ok(message) = Message::parse(&datagram) {
            // The parts account for the whole.
            let options: usize = message.options.clone().map(|option| option.value.len()).sum();
            prop_assert!(4 + message.token.len() + options + message.payload.len() <= datagram.len());
            prop_assert!(datagram.ends_with(message.payload));
            // And what we take, the other implementation takes.
            prop_assert_eq!(read(&datagram).payload, message.payload);
        }
    }
}
