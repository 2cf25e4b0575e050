//! Reading a CoAP message from a datagram (RFC 7252 section 3) without copying
//! it. Refuses every message-format error that the section names; what a
//! well-formed message means is for others to decide.

use core::fmt;

use crate::code::Code;
use crate::option::Options;

const VERSION: u8 = 1;
const HEADER_LEN: usize = 4;
const TOKEN_MAX_LEN: usize = 8;
pub(crate) const PAYLOAD_MARKER: u8 = 0xFF;

/// The type of a message (RFC 7252 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CON: to be acknowledged or rejected by the peer.
    Confirmable,
    /// NON.
    NonConfirmable,
    /// ACK.
    Acknowledgement,
    /// RST.
    Reset,
}

impl Kind {
    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Confirmable,
            1 => Self::NonConfirmable,
            2 => Self::Acknowledgement,
            _ => Self::Reset,
        }
    }

    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::Confirmable => 0,
            Self::NonConfirmable => 1,
            Self::Acknowledgement => 2,
            Self::Reset => 3,
        }
    }
}

/// A message, borrowed from its datagram.
///
/// ```
/// use iot_coap_client::{Code, FormatError, Message, OptionNumber};
///
/// let message = Message::parse(b"\x41\x02\x00\x07\xab\xb5topic\xff21.5").expect("sound");
/// assert_eq!((message.code, message.id, message.token), (Code::POST, 7, &[0xAB][..]));
/// assert_eq!(message.payload, b"21.5");
/// let path = message.options.clone().next().expect("one option");
/// assert_eq!((path.number, path.value), (OptionNumber::URI_PATH, &b"topic"[..]));
///
/// let truncated = Message::parse(b"\x41\x02\x00\x07\xab\xb5top").expect_err("cut off");
/// assert_eq!(truncated.error, FormatError::OptionTruncated);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// CON, NON, ACK or RST.
    pub kind: Kind,
    /// The method, response code, or [`Code::EMPTY`].
    pub code: Code,
    /// The message id.
    pub id: u16,
    /// The token, 0 to 8 bytes.
    pub token: &'a [u8],
    /// The options, in the order of their numbers.
    pub options: Options<'a>,
    /// The payload; empty where there is none.
    pub payload: &'a [u8],
}

/// Which rule of RFC 7252 section 3 a datagram breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// Shorter than its header and token.
    TooShort,
    /// Not version 1: to be ignored in silence.
    Version,
    /// A token length of 9 to 15.
    TokenLength,
    /// Code 0.00 with a token, options or a payload (section 4.1).
    NotEmpty,
    /// An option's delta is the reserved 15 without being a payload marker.
    OptionDelta,
    /// An option's length is the reserved 15.
    OptionLength,
    /// An option's number is above 65,535.
    OptionNumber,
    /// An option goes on past the end of the datagram.
    OptionTruncated,
    /// A payload marker with nothing after it.
    EmptyPayload,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "shorter than its header and token",
            Self::Version => "not CoAP version 1",
            Self::TokenLength => "reserved token length",
            Self::NotEmpty => "code 0.00 but not empty",
            Self::OptionDelta => "reserved option delta",
            Self::OptionLength => "reserved option length",
            Self::OptionNumber => "option number above 65535",
            Self::OptionTruncated => "option cut off",
            Self::EmptyPayload => "payload marker without payload",
        })
    }
}

impl core::error::Error for FormatError {}

/// A datagram that is not a CoAP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong with it.
    pub error: FormatError,
    /// Its type and message id, where these can be told: with them a
    /// Confirmable message is rejected (section 4.2).
    pub header: Option<(Kind, u16)>,
}

impl<'a> Message<'a> {
    /// Reads `datagram`, all of it.
    ///
    /// # Errors
    ///
    /// [`Malformed`] on any message-format error; options are checked to the
    /// last one, so that walking them later cannot fail.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let Some((&[first, code, id_high, id_low], rest)) =
            datagram.split_first_chunk::<HEADER_LEN>()
        else {
            return Err(Malformed { error: FormatError::TooShort, header: None });
        };
        if first >> 6 != VERSION {
            return Err(Malformed { error: FormatError::Version, header: None });
        }
        let kind = Kind::from_bits(first >> 4);
        let code = Code(code);
        let id = u16::from_be_bytes([id_high, id_low]);
        let malformed = |error| Malformed { error, header: Some((kind, id)) };

        if code == Code::EMPTY && (first & 0x0F != 0 || !rest.is_empty()) {
            return Err(malformed(FormatError::NotEmpty));
        }
        let token_len = usize::from(first & 0x0F);
        if token_len > TOKEN_MAX_LEN {
            return Err(malformed(FormatError::TokenLength));
        }
        let Some((token, rest)) = rest.split_at_checked(token_len) else {
            return Err(malformed(FormatError::TooShort));
        };
        let (options, rest) = Options::check(rest).map_err(malformed)?;
        let payload = match rest {
            [] => rest,
            [_marker] => return Err(malformed(FormatError::EmptyPayload)),
            [_marker, payload @ ..] => payload,
        };
        Ok(Self { kind, code, id, token, options, payload })
    }
}

/// Whether options end here.
pub(crate) const fn is_payload_marker(byte: u8) -> bool {
    byte == PAYLOAD_MARKER
}

/// The header of a message with a token of `token_len` bytes.
pub(crate) const fn header(kind: Kind, token_len: u8, code: Code, id: u16) -> [u8; HEADER_LEN] {
    let [id_high, id_low] = id.to_be_bytes();
    [VERSION << 6 | kind.bits() << 4 | token_len & 0x0F, code.0, id_high, id_low]
}
