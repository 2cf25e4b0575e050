//! The CoAP messages that belong to a line, as they were without DTLS and without what nobody
//! shall read. A message is as long masked as it was.

use coap_lite::{CoapOption, Packet};
use serde::Serialize;

use super::mask::Mask;
use super::{options, payload};
use crate::access_token::PLAUSIBLE_LENGTHS;
use crate::datagram::{NO_MESSAGE, described};
use crate::events::is_secret;
use crate::message::{code_text, decode, encode};
use crate::network_faults::Direction;
use crate::payload::Encoding;
use crate::request::{self, Request, TOKEN_61, TOKEN_2088};
use crate::seen::Message;
use crate::sign::hex;
use crate::transport::Peer;

/// What of a token is shown, at its start and at its end.
const LEFT: (usize, usize) = (6, 4);

/// What is this short may stand anywhere by chance: it is hidden where it stands alone.
const SHORT: usize = 6;

const URI_QUERY: u16 = 15;

/// The digits of the shorter of the signatures.
const SIGNATURE: usize = 32;

/// How the bytes of messages are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As a dump, for the page.
    Dump,
    /// All of them, for programs.
    Hex,
}

/// A message that came or went.
#[derive(Serialize)]
pub(super) struct Exchanged {
    direction: &'static str,
    /// Milliseconds since 1970.
    unix_ms: u64,
    bytes: usize,
    summary: String,
    /// Empty if it is no message.
    code: String,
    payload: Option<payload::Shown>,
    options: Vec<options::Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dump: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

impl Exchanged {
    pub(super) fn of(message: &Message, mask: &Mask, form: Form) -> Self {
        let (bytes, packet) = masked(message, mask);
        let summary = packet
            .as_ref()
            .map(|packet| format!("{} [0x{:04x}]", described(packet), packet.header.message_id));
        let options = packet.as_ref().map(request::options).unwrap_or_default();
        Self {
            direction: match message.direction {
                Direction::In => "in",
                Direction::Out => "out",
            },
            unix_ms: message.unix_us / 1_000,
            bytes: bytes.len(),
            summary: summary.unwrap_or_else(|| NO_MESSAGE.to_owned()),
            code: packet
                .as_ref()
                .map_or_else(String::new, |packet| code_text(packet.header.code.into())),
            payload: packet.as_ref().and_then(|packet| {
                payload::shown(&packet.payload, request::content_format(packet), mask)
            }),
            options: options.iter().map(|each| options::shown(each, mask)).collect(),
            dump: (form == Form::Dump).then(|| payload::dump(&bytes)),
            hex: (form == Form::Hex).then(|| hex(&bytes)),
        }
    }
}

/// A message without access tokens, secrets and signatures, and what it says if it says anything.
pub(super) fn masked(message: &Message, mask: &Mask) -> (Vec<u8>, Option<Packet>) {
    let Ok(mut packet) = decode(&message.bytes) else {
        let mut bytes = mask.bytes(message.bytes.to_vec());
        hide_digits(&mut bytes);
        return (bytes, None);
    };
    let options: Vec<_> =
        packet.options().map(|(number, values)| (*number, values.clone())).collect();
    for (number, values) in options {
        let values = values.into_iter().map(|value| match number {
            TOKEN_61 | TOKEN_2088 => without_token(value),
            URI_QUERY => {
                let mut value = mask.bytes(value);
                hide_digits(&mut value);
                value
            }
            _ => mask.bytes(value),
        });
        packet.set_option(CoapOption::from(number), values.collect());
    }
    packet.payload = mask.bytes(std::mem::take(&mut packet.payload));
    if message.direction == Direction::In {
        hide_signature(&mut packet, message);
    }
    (encode(&packet), Some(packet))
}

fn without_token(mut value: Vec<u8>) -> Vec<u8> {
    let middle = if PLAUSIBLE_LENGTHS.contains(&value.len()) {
        LEFT.0..value.len() - LEFT.1
    } else {
        0..value.len()
    };
    value[middle].fill(b'*');
    value
}

/// Who has a device's signature signs in as that device. It may have been sent to a wrong path.
fn hide_signature(packet: &mut Packet, message: &Message) {
    let Message { transport, session, socket, peer, .. } = *message;
    let route = crate::transport::Route { socket, address: peer };
    let request = Request::new(Peer { route, transport, session }, packet);
    if request.path.first().is_some_and(|first| first == "topic") {
        return;
    }
    let encoding = request.content_format.and_then(Encoding::from_format);
    let fields = encoding.and_then(|encoding| encoding.decode(&packet.payload).ok());
    let payload = &mut packet.payload;
    for (name, value) in fields.unwrap_or_default() {
        let is_hidden = name.eq_ignore_ascii_case("sign") || is_secret(&name);
        if is_hidden && !hide(payload, value.as_bytes()) {
            // It is written in some other way.
            payload.fill(b'*');
        }
    }
    // A mistake around it, or in its name, does not make the signature another's.
    hide_digits(payload);
}

/// Hides what may be a signature: as many hexadecimal digits in a row, or more.
fn hide_digits(bytes: &mut [u8]) {
    let are_digits = |one: &u8, other: &u8| one.is_ascii_hexdigit() && other.is_ascii_hexdigit();
    let runs = bytes.chunk_by_mut(are_digits);
    runs.filter(|run| run.len() >= SIGNATURE).for_each(|run| run.fill(b'*'));
}

/// Hides a value; false if it is not there.
fn hide(payload: &mut [u8], value: &[u8]) -> bool {
    let is_hidden = |byte: &u8| *byte == b'*';
    if value.iter().all(is_hidden) {
        return true;
    }
    let mut found = false;
    let mut at = 0;
    while let Some(rest) = payload.get(at..)
        && let Some(start) = rest.windows(value.len()).position(|window| window == value)
    {
        let (start, end) = (at + start, at + start + value.len());
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = start.checked_sub(1).and_then(|before| payload.get(before));
        if value.len() >= SHORT || !(is_word(before) || is_word(payload.get(end))) {
            payload[start..end].fill(b'*');
            found = true;
        }
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use coap_lite::MessageType;

    use super::*;
    use crate::message::{add_integer, message};
    use crate::transport::Transport;

    const SIGN: &str = "0123456789abcdef0123456789abcdef";

    fn request(path: &str, format: u16, payload: &[u8]) -> Packet {
        let mut packet = message(MessageType::Confirmable, 2, 0x1234);
        packet.set_token(vec![7; 4]);
        packet.add_option(CoapOption::UriPath, path.as_bytes().to_vec());
        add_integer(&mut packet, 12, format);
        packet.payload = payload.to_vec();
        packet
    }

    fn masked_of(bytes: &[u8]) -> Vec<u8> {
        let message = Message::of_test(bytes);
        let (masked, _) = masked(&message, &Mask::default());
        assert_eq!(masked.len(), bytes.len());
        masked
    }

    fn text_of(packet: &Packet) -> String {
        String::from_utf8_lossy(&masked_of(&encode(packet))).into_owned()
    }

    #[test]
    fn nobody_signs_in_by_what_is_shown() {
        let json = format!("{{\"clientId\":\"c\",\"deviceName\":\"{SIGN}0\",\"sign\":\"{SIGN}\"}}");
        let cbor = Encoding::Cbor
            .encode(&std::collections::BTreeMap::from([("clientId", "c"), ("sign", SIGN)]));
        for packet in [
            request("auth", 50, json.as_bytes()),
            request("elsewhere", 50, json.as_bytes()),
            request("auth", 60, &cbor),
            // With a mistake each.
            request("auth", 50, json.trim_end_matches('}').as_bytes()),
            request("auth", 42, json.as_bytes()),
            // The same name and value, written otherwise.
            request("auth", 50, format!("{{\"s\\u0069gn\":\"\\u0030{}\"}}", &SIGN[1..]).as_bytes()),
            // Under another name.
            request("auth", 50, json.replace("\"sign\"", "\"Sign\"").as_bytes()),
            request("auth", 50, json.replace("\"sign\"", "\"signature\"").as_bytes()),
        ] {
            let text = text_of(&packet);
            assert!(!text.contains(&SIGN[1..]), "{text}");
            assert!(text.contains("****"), "{text}");
        }
        let other = text_of(&request("auth", 50, br#"{"clientId":"c","password":"ab","a":"cab"}"#));
        assert!(other.ends_with(r#"{"clientId":"c","password":"**","a":"cab"}"#), "{other}");
        let mut query = request("auth", 50, b"");
        query.add_option(CoapOption::UriQuery, format!("sign={SIGN}").into_bytes());
        assert!(text_of(&query).contains("sign=****"), "{}", text_of(&query));
        // No message at all.
        let bare = masked_of(json.as_bytes());
        assert!(!String::from_utf8_lossy(&bare).contains(&SIGN[1..]));
        // What is no sign-in stays.
        assert!(text_of(&request("topic", 50, json.as_bytes())).contains(SIGN));
    }

    #[test]
    fn a_token_is_hidden_up_to_its_end_and_no_option_is_damaged() {
        let mut packet = request("topic", 50, b"1");
        for option in [TOKEN_61, TOKEN_2088] {
            packet.add_option(CoapOption::from(option), vec![b'x'; 80]);
        }
        // Its header is a letter, as those within a token are.
        packet.add_option(CoapOption::from(TOKEN_61 + 4), b"y".to_vec());
        let shown = decode(&masked_of(&encode(&packet))).expect("a message");
        let token = format!("xxxxxx{}xxxx", "*".repeat(70)).into_bytes();
        for option in [TOKEN_61, TOKEN_2088] {
            assert_eq!(shown.get_first_option(CoapOption::from(option)), Some(&token));
        }
        let after = shown.get_first_option(CoapOption::from(TOKEN_61 + 4));
        assert_eq!(after.map(Vec::as_slice), Some(&b"y"[..]));
        assert_eq!(shown.payload, b"1");
    }

    #[test]
    fn what_is_no_message_is_shown_as_it_is() {
        let message = Message::of_test(b"\x41\xFF?");
        let shown = Exchanged::of(&message, &Mask::default(), Form::Hex);
        assert_eq!((shown.summary.as_str(), shown.code.as_str()), (NO_MESSAGE, ""));
        assert_eq!((shown.hex.as_deref(), shown.dump), (Some("41ff3f"), None));
        assert_eq!(message.transport, Transport::Udp);
    }
}
