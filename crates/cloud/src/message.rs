//! CoAP messages on the wire, by `coap-lite`, held to RFC 7252 where that crate
//! is lenient. Nothing here knows what a message is about.

use std::panic::catch_unwind;

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};

/// The longest message, in bytes: what a record of DTLS takes.
const LONGEST: usize = 16_384;

/// The most options of a message. A topic has 64 segments at most.
const MOST_OPTIONS: usize = 100;

/// It stands before a payload (RFC 7252 section 3).
const PAYLOAD_MARKER: u8 = 0xFF;

/// Code 0.00.
pub(crate) const EMPTY: u8 = 0;

/// Why a datagram is not processed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Nothing can be said about it, not even in reply.
    Silent(&'static str),
    /// A confirmable message with this id, to be answered with a reset.
    Reset(u16, &'static str),
}

/// Decodes a datagram, strictly.
pub(crate) fn decode(datagram: &[u8]) -> Result<Packet, Malformed> {
    let &[first, code, high, low, ..] = datagram else {
        return Err(Malformed::Silent("shorter than a header"));
    };
    if first >> 6 != 1 {
        // RFC 7252 section 3: silently ignored.
        return Err(Malformed::Silent("version is not 1"));
    }
    let malformed = |reason| {
        if first & 0x30 == 0 {
            Malformed::Reset(u16::from_be_bytes([high, low]), reason)
        } else {
            Malformed::Silent(reason)
        }
    };
    if first & 0x0F > 8 {
        return Err(malformed("token longer than 8 bytes"));
    }
    if code == EMPTY && datagram.len() > 4 {
        return Err(malformed("bytes after an empty message"));
    }
    // Before anything is made of them: in memory an option takes many times its bytes.
    if datagram.len() > LONGEST {
        return Err(malformed("longer than 16384 bytes"));
    }
    if count_options(&datagram[4..], usize::from(first & 0x0F)) > MOST_OPTIONS {
        return Err(malformed("more than 100 options"));
    }
    let packet = catch_unwind(|| Packet::from_bytes(datagram))
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| malformed("token or options run past the end"))?;
    // Each message has exactly one encoding; coap-lite also reads a payload
    // marker without a payload, which RFC 7252 section 3 calls a format error.
    if packet.to_bytes_unlimited().ok().as_deref() != Some(datagram) {
        return Err(malformed("a payload marker without a payload"));
    }
    Ok(packet)
}

/// How many options there are behind a header and a token of this length; those of a message
/// that ends too soon, up to its end.
fn count_options(body: &[u8], token_len: usize) -> usize {
    let mut rest = body.get(token_len..).unwrap_or_default();
    let mut count = 0;
    while let &[first, ..] = rest
        && first != PAYLOAD_MARKER
    {
        count += 1;
        let extra = |nibble| match nibble {
            13 => 1,
            14 => 2,
            _ => 0,
        };
        let (delta, length) = (extra(first >> 4), extra(first & 0x0F));
        let value = match (length, rest.get(1 + delta..)) {
            (1, Some(&[byte, ..])) => 13 + usize::from(byte),
            (2, Some(&[high, low, ..])) => 269 + usize::from(u16::from_be_bytes([high, low])),
            _ => usize::from(first & 0x0F),
        };
        rest = rest.get(1 + delta + length + value..).unwrap_or_default();
    }
    count
}

/// Encodes a message.
pub(crate) fn encode(packet: &Packet) -> Vec<u8> {
    packet.to_bytes_unlimited().expect("without a size limit encoding cannot fail")
}

/// A message of a kind, code and id.
pub(crate) fn message(kind: MessageType, code: u8, message_id: u16) -> Packet {
    let mut packet = Packet::new();
    packet.header.set_type(kind);
    packet.header.code = MessageClass::from(code);
    packet.header.message_id = message_id;
    packet
}

/// An empty message: an acknowledgement, a reset or a ping.
pub(crate) fn empty(kind: MessageType, message_id: u16) -> Vec<u8> {
    encode(&message(kind, EMPTY, message_id))
}

/// Adds an option that holds an unsigned integer (RFC 7252 section 3.2).
pub(crate) fn add_integer(packet: &mut Packet, option: u16, value: u16) {
    let bytes = value.to_be_bytes();
    let leading_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    packet.add_option(CoapOption::from(option), bytes[leading_zeros..].to_vec());
}

/// `4.04` and the like.
pub(crate) fn code_text(code: u8) -> String {
    format!("{}.{:02}", code >> 5, code & 0x1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leniency_is_taken_back() {
        let reset = |reason| Malformed::Reset(0x0102, reason);
        for (datagram, expected) in [
            (&b""[..], Malformed::Silent("shorter than a header")),
            (&[0x80, 1, 1, 2], Malformed::Silent("version is not 1")),
            (&[0x49, 1, 1, 2], reset("token longer than 8 bytes")),
            (&[0x40, 0, 1, 2, 0], reset("bytes after an empty message")),
            (&[0x44, 1, 1, 2, 0], reset("token or options run past the end")),
            (&[0x40, 1, 1, 2, 0xF0], reset("token or options run past the end")),
            (&[0x40, 1, 1, 2, 0xFF], reset("a payload marker without a payload")),
            (&[0x50, 1, 1, 2, 0xFF], Malformed::Silent("a payload marker without a payload")),
        ] {
            assert_eq!(decode(datagram), Err(expected), "{datagram:?}");
        }
    }

    #[test]
    fn options_are_counted_as_they_are_read() {
        let mut packet = message(MessageType::Confirmable, 2, 0x0102);
        packet.set_token(vec![7; 3]);
        packet.payload = vec![1; 40];
        for (number, length) in [(11, 0), (11, 12), (11, 13), (12, 1), (300, 268), (3_000, 270)] {
            packet.add_option(CoapOption::from(number), vec![0; length]);
        }
        let datagram = encode(&packet);
        assert_eq!(count_options(&datagram[4..], 3), 6);
        for end in 4..datagram.len() {
            assert!(count_options(&datagram[4..end], 3) <= 6);
        }
        (0..94).for_each(|_| packet.add_option(CoapOption::from(11), vec![]));
        assert!(decode(&encode(&packet)).is_ok());
        packet.add_option(CoapOption::from(11), vec![]);
        let refused = Malformed::Reset(0x0102, "more than 100 options");
        assert_eq!(decode(&encode(&packet)), Err(refused));
    }

    #[test]
    fn no_datagram_panics() {
        let mut sequence = crate::random::Sequence::new(1);
        for _ in 0..50_000 {
            let length = sequence.between(0, 40);
            let mut bytes: Vec<u8> =
                (0..length).map(|_| sequence.next().to_le_bytes()[0]).collect();
            if let Some(first) = bytes.first_mut() {
                *first = 0x40 | (*first & 0x38);
            }
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn integers_are_as_short_as_they_can_be() {
        for (value, bytes) in [(0, &[][..]), (50, &[50]), (256, &[1, 0])] {
            let mut packet = message(MessageType::Confirmable, 2, 1);
            add_integer(&mut packet, 12, value);
            let option = packet.get_first_option(CoapOption::ContentFormat);
            assert_eq!(option.map(Vec::as_slice), Some(bytes));
        }
    }
}
