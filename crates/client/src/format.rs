//! The fixed parts of a message (RFC 7252 section 3): its header, and the rules that a
//! datagram can break.

use core::fmt;

use crate::code::Code;

const VERSION: u8 = 1;
/// The length of a header, in bytes.
pub(crate) const HEADER_LEN: usize = 4;
/// The longest token, in bytes.
pub(crate) const MAX_TOKEN_LEN: usize = 8;
/// The byte between the options and a payload.
pub(crate) const PAYLOAD_MARKER: u8 = 0xFF;

/// The type of a message (RFC 7252 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CON: the peer acknowledges or rejects it.
    Confirmable,
    /// NON.
    NonConfirmable,
    /// ACK.
    Acknowledgement,
    /// RST.
    Reset,
}

impl Kind {
    pub(crate) const fn from_bits(bits: u8) -> Self {
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

/// Whether a datagram with this first byte is CoAP version 1.
pub(crate) const fn is_version_1(first: u8) -> bool {
    first >> 6 == VERSION
}

/// The header of a message with a token of `token_len` bytes.
pub(crate) const fn header(kind: Kind, token_len: u8, code: Code, id: u16) -> [u8; HEADER_LEN] {
    let [id_high, id_low] = id.to_be_bytes();
    [VERSION << 6 | kind.bits() << 4 | token_len & 0x0F, code.0, id_high, id_low]
}

/// Which rule of RFC 7252 section 3 a datagram breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// Shorter than its header and token.
    TooShort,
    /// Not version 1. Such a datagram is silently ignored.
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
