//! Hazard: what we write, another implementation reads differently, or the
//! other way round. Compared with coap-lite, both ways.
//!
//! coap-lite is lenient (it takes a payload marker without payload, and Empty
//! messages with content) and sorts options, so only messages that are valid
//! are made here, and their options are compared by number and order within
//! it. What is not valid has its own test, `malformed_datagrams.rs`.

mod support;

use coap_lite::{CoapOption, MessageType, Packet};
use iot_coap_client::{Code, EncodeError, Encoder, Kind, MAX_MESSAGE_LEN, Message, OptionNumber};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{packet, read};

/// A message as both sides can tell it.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    kind: u8,
    code: u8,
    id: u16,
    token: Vec<u8>,
    options: Vec<(u16, Vec<u8>)>,
    payload: Vec<u8>,
}

const KINDS: [(Kind, MessageType); 4] = [
    (Kind::Confirmable, MessageType::Confirmable),
    (Kind::NonConfirmable, MessageType::NonConfirmable),
    (Kind::Acknowledgement, MessageType::Acknowledgement),
    (Kind::Reset, MessageType::Reset),
];

impl Plain {
    /// Its length by RFC 7252 section 3.1, worked out without either codec.
    fn encoded_len(&self) -> usize {
        let extension = |value: usize| match value {
            0..=12 => 0,
            13..=268 => 1,
            _ => 2,
        };
        let mut last = 0;
        let mut len = 4 + self.token.len();
        for (number, value) in &self.options {
            len += 1 + extension(usize::from(number - last)) + extension(value.len()) + value.len();
            last = *number;
        }
        len + if self.payload.is_empty() { 0 } else { 1 + self.payload.len() }
    }

    fn by_us(&self) -> Vec<u8> {
        // To the byte as long as it must be.
        let mut out = vec![0xEE; self.encoded_len()];
        let kind = KINDS[usize::from(self.kind)].0;
        let mut encoder =
            Encoder::new(&mut out, kind, Code(self.code), self.id, &self.token).unwrap();
        for (number, value) in &self.options {
            encoder.option(OptionNumber(*number), value).unwrap();
        }
        assert_eq!(encoder.payload(&self.payload), Ok(self.encoded_len()));
        out
    }

    fn by_coap_lite(&self) -> Vec<u8> {
        let kind = KINDS[usize::from(self.kind)].1;
        let mut packet = packet(kind, self.code, self.id, &self.token, &self.payload);
        for (number, value) in &self.options {
            packet.add_option(CoapOption::from(*number), value.clone());
        }
        packet.to_bytes().unwrap()
    }

    fn of_coap_lite(packet: &Packet) -> Self {
        let kind = packet.header.get_type();
        let options = packet.options();
        Self {
            kind: KINDS.iter().position(|(_, theirs)| *theirs == kind).unwrap() as u8,
            code: u8::from(packet.header.code),
            id: packet.header.message_id,
            token: packet.get_token().to_vec(),
            options: options
                .flat_map(|(number, values)| values.iter().map(|value| (*number, value.clone())))
                .collect(),
            payload: packet.payload.clone(),
        }
    }

    fn of_ours(message: &Message<'_>) -> Self {
        let options = message.options.clone();
        Self {
            kind: KINDS.iter().position(|(ours, _)| *ours == message.kind).unwrap() as u8,
            code: message.code.0,
            id: message.id,
            token: message.token.to_vec(),
            options: options.map(|option| (option.number.0, option.value.to_vec())).collect(),
            payload: message.payload.to_vec(),
        }
    }
}

/// Numbers and lengths around where their extensions begin, and any.
fn option() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let number = prop_oneof![
        0_u16..30,
        255_u16..300,
        Just(61_u16),
        2085_u16..2095,
        65_500_u16..=65_535,
        any::<u16>(),
    ];
    let len = prop_oneof![0_usize..20, 250_usize..290, Just(12), Just(13), Just(268), Just(269)];
    (number, bytes(len))
}

/// Bytes of a length; made from one number, since proptest takes its time over
/// each byte of its own.
fn bytes(len: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    (len, any::<u64>()).prop_map(|(len, mut state)| {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    })
}

fn plain() -> impl Strategy<Value = Plain> {
    (
        (0_u8..4, 1_u8..=254, any::<u16>(), bytes(0_usize..=8)),
        vec(option(), 0..6),
        bytes(prop_oneof![Just(0_usize), 1_usize..40, 300_usize..310]),
    )
        .prop_map(|((kind, code, id, token), mut options, payload)| {
            options.sort_by_key(|(number, _)| *number);
            Plain { kind, code, id, token, options, payload }
        })
        .prop_filter("one datagram", |plain| plain.encoded_len() <= MAX_MESSAGE_LEN)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn each_reads_what_the_other_writes(plain in plain()) {
        let ours = plain.by_us();
        prop_assert_eq!(ours.len(), plain.encoded_len());
        prop_assert_eq!(&Plain::of_coap_lite(&read(&ours)), &plain);

        let theirs = plain.by_coap_lite();
        let message = Message::parse(&theirs).unwrap();
        prop_assert_eq!(Plain::of_ours(&message), plain);
    }
}

/// The longest there is of everything, to the byte.
#[test]
fn an_option_may_fill_a_whole_message() {
    for len in [0, 1, 12, 13, 268, 269, 1000, MAX_MESSAGE_LEN - 4 - 5] {
        let plain = Plain {
            kind: 0,
            code: 2,
            id: 0xFFFF,
            token: Vec::new(),
            options: vec![(65_535, vec![0xFF; len])],
            payload: Vec::new(),
        };
        assert_eq!(Plain::of_coap_lite(&read(&plain.by_us())), plain);
        let datagram = plain.by_us();
        assert_eq!(Plain::of_ours(&Message::parse(&datagram).unwrap()), plain);
    }
}

/// A message that does not fit is refused, at whatever byte that shows.
#[test]
fn a_buffer_may_be_too_short_anywhere() {
    let plain = Plain {
        kind: 0,
        code: 2,
        id: 7,
        token: vec![1; 8],
        options: vec![(11, b"ab".to_vec()), (11, vec![b'c'; 20]), (2088, vec![b'd'; 300])],
        payload: b"21.5".to_vec(),
    };
    let write = |buffer: &mut [u8]| -> Result<usize, EncodeError> {
        let mut encoder = Encoder::new(buffer, Kind::Confirmable, Code(2), 7, &plain.token)?;
        for (number, value) in &plain.options {
            encoder.option(OptionNumber(*number), value)?;
        }
        encoder.payload(&plain.payload)
    };
    let mut buffer = vec![0; plain.encoded_len() + 9];
    for len in 0..buffer.len() {
        let expected = if len < plain.encoded_len() {
            Err(EncodeError::TooLong)
        } else {
            Ok(plain.encoded_len())
        };
        assert_eq!(write(&mut buffer[..len]), expected);
    }
}

/// RFC 7252 appendix A, figure 16: the one message the RFC spells out in bytes.
#[test]
fn writes_and_reads_the_example_of_the_rfc() {
    let request = [0x40, 0x01, 0x7D, 0x34, 0xBB, b't', b'e', b'm', b'p', b'e', b'r', b'a', b't'];
    let request = [&request[..], b"ure"].concat();
    let plain = Plain {
        kind: 0,
        code: 1,
        id: 0x7D34,
        token: Vec::new(),
        options: vec![(11, b"temperature".to_vec())],
        payload: Vec::new(),
    };
    assert_eq!(plain.by_us(), request);
    assert_eq!(Plain::of_ours(&Message::parse(&request).unwrap()), plain);

    let response = [&[0x60, 0x45, 0x7D, 0x34, 0xFF][..], b"22.3 C"].concat();
    let plain = Plain {
        kind: 2,
        code: 0x45,
        id: 0x7D34,
        token: Vec::new(),
        options: Vec::new(),
        payload: b"22.3 C".to_vec(),
    };
    assert_eq!(plain.by_us(), response);
    assert_eq!(Plain::of_ours(&Message::parse(&response).unwrap()), plain);
}
