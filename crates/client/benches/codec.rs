//! Encodes, or decodes, the messages of a post over and over: the subject of
//! `scripts/bench`, which takes the difference of two counts.
//!
//! ```text
//! codec (encode|decode|decode-answer) COUNT
//! ```
//!
//! The request has 272 bytes: a path of four segments, a content format, an
//! access token of 150 bytes and a payload of 64. The answer is an
//! acknowledgement with a content format and a short payload. Decoding walks
//! all options.

use std::error::Error;
use std::hint::black_box;

use iot_coap_client::{Code, EncodeError, Encoder, Kind, MAX_MESSAGE_LEN, Message, OptionNumber};

const PATH: [&str; 4] = ["topic", "a1RP1qZfrEi", "example1", "update"];
const ACCESS_TOKEN: [u8; 150] = [b't'; 150];
const PAYLOAD: [u8; 64] = [b'p'; 64];

fn encode(buffer: &mut [u8], id: u16) -> Result<usize, EncodeError> {
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

fn decode(datagram: &[u8]) -> usize {
    let message = Message::parse(black_box(datagram)).expect("the messages are well-formed");
    let options: usize =
        message.options.map(|option| usize::from(option.number.0) + option.value.len()).sum();
    options + message.payload.len() + message.token.len()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let count: usize =
        arguments.next().ok_or("encode or decode, and a count, are needed")?.parse()?;

    let mut request = [0; MAX_MESSAGE_LEN];
    let request_len = encode(&mut request, 7)?;
    let mut answer = [0; 64];
    let mut encoder =
        Encoder::new(&mut answer, Kind::Acknowledgement, Code::CONTENT, 7, &[0, 0, 0, 7])?;
    encoder.option(OptionNumber::CONTENT_FORMAT, &[50])?;
    let answer_len = encoder.payload(b"{\"code\":200}")?;

    let mut sum = 0;
    for number in 0..count {
        match what.as_str() {
            "encode" => sum += encode(&mut request, number as u16)?,
            "decode" => sum += decode(&request[..request_len]),
            "decode-answer" => sum += decode(&answer[..answer_len]),
            _ => return Err(format!("{what}: encode, decode or decode-answer are needed").into()),
        }
    }
    println!("{request_len} bytes, {answer_len} bytes, {sum}");
    Ok(())
}
