//! A request as the services see it: its path, its options, and which critical
//! options the cloud does not understand.

use coap_lite::{CoapOption, MessageType, Packet};

use crate::access_token::{TokenOption, abbreviated};
use crate::events::RequestOption;
use crate::transport::Peer;

const URI_HOST: u16 = 3;
const URI_PORT: u16 = 7;
const URI_PATH: u16 = 11;
const CONTENT_FORMAT: u16 = 12;
const URI_QUERY: u16 = 15;
const ACCEPT: u16 = 17;
const PROXY_URI: u16 = 35;
const PROXY_SCHEME: u16 = 39;

/// The access token, in Alibaba Cloud's first document of this protocol.
pub(crate) const TOKEN_61: u16 = 61;
/// The access token, in later documents.
pub(crate) const TOKEN_2088: u16 = 2088;
/// The encrypted sequence number of symmetric mode.
pub(crate) const SEQUENCE_2089: u16 = 2089;
/// The cloud message id, in responses.
pub(crate) const MESSAGE_ID_2090: u16 = 2090;

/// A request's options cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadOption {
    /// A critical option that is not known, or repeated, or too long.
    Critical(u16),
    /// The server is no proxy.
    Proxy,
}

/// A request.
pub(crate) struct Request<'a> {
    pub(crate) peer: Peer,
    pub(crate) method: u8,
    pub(crate) message_id: u16,
    pub(crate) confirmable: bool,
    pub(crate) coap_token: &'a [u8],
    /// Uri-Path, one entry a segment; what is not UTF-8 is replaced, and so
    /// names nothing.
    pub(crate) path: Vec<String>,
    pub(crate) has_query: bool,
    pub(crate) content_format: Option<u16>,
    pub(crate) accept: Option<u16>,
    /// The access token and the option it came by.
    pub(crate) access_token: Option<(u16, &'a [u8])>,
    pub(crate) sequence: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn new(peer: Peer, packet: &'a Packet) -> Self {
        let values = |option: u16| packet.get_option(CoapOption::from(option));
        let first =
            |option: u16| packet.get_first_option(CoapOption::from(option)).map(Vec::as_slice);
        Self {
            peer,
            method: packet.header.code.into(),
            message_id: packet.header.message_id,
            confirmable: packet.header.get_type() == MessageType::Confirmable,
            coap_token: packet.get_token(),
            path: values(URI_PATH)
                .into_iter()
                .flatten()
                .map(|segment| String::from_utf8_lossy(segment).into_owned())
                .collect(),
            has_query: values(URI_QUERY).is_some(),
            content_format: content_format(packet),
            accept: first(ACCEPT).and_then(integer),
            access_token: [TOKEN_61, TOKEN_2088]
                .into_iter()
                .find_map(|option| Some((option, first(option)?))),
            sequence: first(SEQUENCE_2089),
            payload: &packet.payload,
        }
    }

    /// Refuses critical options that this server does not take (RFC 7252
    /// section 5.4), and hides the token option that it was told not to know.
    pub(crate) fn check_options(
        &mut self,
        packet: &Packet,
        token_option: TokenOption,
    ) -> Result<(), BadOption> {
        if token_option == TokenOption::Original
            && self.access_token.is_some_and(|(option, _)| option == TOKEN_2088)
        {
            self.access_token = None;
        }
        for (number, values) in packet.options() {
            if number % 2 == 0 {
                continue;
            }
            let once = values.len() == 1;
            let taken = match *number {
                PROXY_URI | PROXY_SCHEME => return Err(BadOption::Proxy),
                URI_PATH | URI_QUERY => values.iter().all(|value| value.len() <= 255),
                URI_HOST | URI_PORT | SEQUENCE_2089 => once,
                ACCEPT => once && self.accept.is_some(),
                TOKEN_61 => once && token_option != TokenOption::Later,
                _ => false,
            };
            if !taken {
                return Err(BadOption::Critical(*number));
            }
        }
        Ok(())
    }

    pub(crate) fn path_text(&self) -> String {
        format!("/{}", self.path.join("/"))
    }
}

/// What to do about a critical option that is not taken.
pub(crate) fn remedy(option: u16, token_option: TokenOption) -> String {
    match option {
        TOKEN_61 if token_option == TokenOption::Later => {
            "send the access token in option 2088, or start the server without --token-option 2088"
                .into()
        }
        URI_HOST | URI_PORT | SEQUENCE_2089 | ACCEPT | TOKEN_61 | URI_PATH | URI_QUERY => {
            format!("send option {option} once, with a value of a length that it may have")
        }
        _ => format!("leave out option {option}"),
    }
}

/// All options as they came, but for access tokens.
pub(crate) fn options(packet: &Packet) -> Vec<RequestOption> {
    let shown = |number: u16, value: &[u8]| match number {
        TOKEN_61 | TOKEN_2088 => abbreviated(&String::from_utf8_lossy(value)).into_bytes(),
        _ => value.to_vec(),
    };
    packet
        .options()
        .flat_map(|(number, values)| values.iter().map(move |value| (*number, value)))
        .map(|(number, value)| RequestOption { number, value: shown(number, value) })
        .collect()
}

/// A message's Content-Format.
pub(crate) fn content_format(packet: &Packet) -> Option<u16> {
    packet.get_first_option(CoapOption::from(CONTENT_FORMAT)).and_then(|value| integer(value))
}

/// An option value of format uint, at most two bytes.
fn integer(bytes: &[u8]) -> Option<u16> {
    (bytes.len() <= 2).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u16::from(*byte)))
}
