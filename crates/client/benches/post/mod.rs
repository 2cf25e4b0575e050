//! The messages of a post, as both benches of the codec write and read them: a
//! request of 272 bytes (a path of four segments, a content format, an access
//! token of 150 bytes and a payload of 64), and its answer, an acknowledgement
//! with a content format and a short payload.

use std::hint::black_box;

use iot_coap_client::{Code, EncodeError, Encoder, Kind, Message, OptionNumber};

const PATH: [&str; 4] = ["topic", "a1RP1qZfrEi", "example1", "update"];
const ACCESS_TOKEN: [u8; 150] = [b't'; 150];
const PAYLOAD: [u8; 64] = [b'p'; 64];

/// Writes the request; returns its length.
pub(crate) fn encode(buffer: &mut [u8], id: u16) -> Result<usize, EncodeError> {
    let token = u32::from(id).to_be_bytes();
    let mut encoder = Encoder::new(buffer, Kind::Confirmable, Code::POST, id, &token)?;
    for segment in black_box(&PATH) {
        encoder.option(OptionNumber::URI_PATH, segment.as_bytes())?;
    }
    encoder.option(OptionNumber::CONTENT_FORMAT, &[50])?;
    encoder.option(OptionNumber::ACCEPT, &[50])?;
    encoder.option(OptionNumber::ACCESS_TOKEN_LINK, black_box(&ACCESS_TOKEN))?;
    encoder.payload(black_box(&PAYLOAD))
}

/// Writes the answer; returns its length.
pub(crate) fn encode_answer(buffer: &mut [u8]) -> Result<usize, EncodeError> {
    let mut encoder = Encoder::new(buffer, Kind::Acknowledgement, Code::CONTENT, 7, &[0, 0, 0, 7])?;
    encoder.option(OptionNumber::CONTENT_FORMAT, &[50])?;
    encoder.payload(b"{\"code\":200}")
}

/// Reads a message and walks all its options.
pub(crate) fn decode(datagram: &[u8]) -> usize {
    let message = Message::parse(black_box(datagram)).expect("the messages are well-formed");
    let options: usize =
        message.options.map(|option| usize::from(option.number.0) + option.value.len()).sum();
    options + message.payload.len() + message.token.len()
}
