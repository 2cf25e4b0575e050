//! The names of CoAP options and Content-Formats, and what a value of theirs says.

use serde::Serialize;

use super::mask::Mask;
use crate::events::RequestOption;
use crate::payload::media_type;
use crate::sign::hex;

/// How a value is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Integer,
    ContentFormat,
    Opaque,
}

/// An option as the page shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    number: u16,
    /// Empty if the number is not known.
    name: &'static str,
    value: String,
}

/// RFC 7252 section 5.10 and its kin, and the cloud's own.
fn known(number: u16) -> (&'static str, Form) {
    match number {
        1 => ("If-Match", Form::Opaque),
        3 => ("Uri-Host", Form::Text),
        4 => ("ETag", Form::Opaque),
        5 => ("If-None-Match", Form::Opaque),
        6 => ("Observe", Form::Integer),
        7 => ("Uri-Port", Form::Integer),
        8 => ("Location-Path", Form::Text),
        11 => ("Uri-Path", Form::Text),
        12 => ("Content-Format", Form::ContentFormat),
        14 => ("Max-Age", Form::Integer),
        15 => ("Uri-Query", Form::Text),
        17 => ("Accept", Form::ContentFormat),
        20 => ("Location-Query", Form::Text),
        23 => ("Block2", Form::Opaque),
        27 => ("Block1", Form::Opaque),
        28 => ("Size2", Form::Integer),
        35 => ("Proxy-Uri", Form::Text),
        39 => ("Proxy-Scheme", Form::Text),
        60 => ("Size1", Form::Integer),
        61 | 2088 => ("access token", Form::Text),
        258 => ("No-Response", Form::Integer),
        2089 => ("encrypted sequence number", Form::Opaque),
        2090 => ("cloud message id", Form::Text),
        _ => ("", Form::Opaque),
    }
}

/// A Content-Format with the media type that it stands for.
pub(super) fn content_format(format: u64) -> String {
    match u16::try_from(format).ok().and_then(media_type) {
        Some(name) => format!("{format} ({name})"),
        None => format.to_string(),
    }
}

/// Decodes an option. A value that is not of the form that its option has is shown
/// in hexadecimal.
pub(super) fn shown(option: &RequestOption, mask: &Mask) -> Shown {
    let (name, form) = known(option.number);
    let value = mask.bytes(option.value.clone());
    let text = match form {
        Form::Text => String::from_utf8(value.clone()).ok(),
        Form::Integer => integer(&value).map(|number| number.to_string()),
        Form::ContentFormat => integer(&value).map(content_format),
        Form::Opaque => None,
    };
    Shown { number: option.number, name, value: text.unwrap_or_else(|| opaque(&value)) }
}

fn opaque(value: &[u8]) -> String {
    if value.is_empty() { String::new() } else { format!("0x{}", hex(value)) }
}

/// A value of format uint (RFC 7252 section 3.2).
fn integer(value: &[u8]) -> Option<u64> {
    (value.len() <= 8).then(|| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(number: u16, value: &[u8]) -> String {
        let option = RequestOption { number, value: value.to_vec() };
        shown(&option, &Mask::default()).value
    }

    #[test]
    fn values_are_decoded_by_their_format() {
        assert_eq!(value(11, "温度".as_bytes()), "温度");
        assert_eq!(value(11, b"\xFF"), "0xff");
        assert_eq!(value(12, &[]), "0 (text/plain; charset=utf-8)");
        assert_eq!(value(17, &[60]), "60 (application/cbor)");
        assert_eq!(value(17, &[0x12, 0x34]), "4660");
        assert_eq!(value(60, &[1, 0]), "256");
        assert_eq!(value(60, &[0; 9]), "0x000000000000000000");
        assert_eq!(value(65_000, b"a"), "0x61");
        assert_eq!(value(5, b""), "");
    }
}
