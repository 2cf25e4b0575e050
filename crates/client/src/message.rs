//! Reads a CoAP message from a datagram (RFC 7252 section 3) without copying it. Refuses
//! every message-format error of that section; the caller decides what a well-formed
//! message means.

use core::fmt;

use crate::code::Code;
use crate::format::{FormatError, HEADER_LEN, Kind, MAX_TOKEN_LEN, is_version_1};
use crate::option::Options;

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
/// assert_eq!(
///     format!("{:?}", message.options),
///     "[MessageOption { number: 11 Uri-Path, value: [116, 111, 112, 105, 99] }]",
/// );
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
    /// The payload; empty if there is none.
    pub payload: &'a [u8],
}

/// A datagram that is not a CoAP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong with it.
    pub error: FormatError,
    /// Its type and message id, if they can be read. A Confirmable message is rejected with
    /// them (section 4.2).
    pub header: Option<(Kind, u16)>,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Malformed {}

impl<'a> Message<'a> {
    /// Reads the whole of `datagram`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] on any message-format error. All options are checked, so that
    /// iterating over them later cannot fail.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let Some((&[first, code, id_high, id_low], rest)) =
            datagram.split_first_chunk::<HEADER_LEN>()
        else {
            return Err(Malformed { error: FormatError::TooShort, header: None });
        };
        if !is_version_1(first) {
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
        if token_len > MAX_TOKEN_LEN {
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
