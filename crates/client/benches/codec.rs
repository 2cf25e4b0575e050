//! Encodes, or decodes, the messages of a post over and over: the subject of
//! `scripts/bench`, which takes the difference of two counts. For times,
//! `cargo bench -p iot-coap-client --bench codec_times`.
//!
//! ```text
//! codec (encode|decode|decode-answer) COUNT
//! ```

mod post;

use std::error::Error;

use iot_coap_client::MAX_MESSAGE_LEN;
use post::{decode, encode, encode_answer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let count: usize =
        arguments.next().ok_or("encode or decode, and a count, are needed")?.parse()?;

    let mut request = [0; MAX_MESSAGE_LEN];
    let request_len = encode(&mut request, 7)?;
    let mut answer = [0; 64];
    let answer_len = encode_answer(&mut answer)?;

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
