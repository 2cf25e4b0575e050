//! Options of a message (RFC 7252 sections 3.1 and 5.4): their numbers, and an iterator
//! over them. This module does not decide which options a message may carry.

use core::fmt;

use crate::format::{FormatError, PAYLOAD_MARKER};

/// The number of an option. `Debug` writes it with its name, if it is one of those below.
///
/// ```
/// use iot_coap_client::OptionNumber;
///
/// assert_eq!(format!("{:?}", OptionNumber::MAX_AGE), "14 Max-Age");
/// assert_eq!(format!("{:?}", OptionNumber(2090)), "2090");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionNumber(pub u16);

impl OptionNumber {
    /// If-Match.
    pub const IF_MATCH: Self = Self(1);
    /// Uri-Host.
    pub const URI_HOST: Self = Self(3);
    /// ETag.
    pub const ETAG: Self = Self(4);
    /// If-None-Match.
    pub const IF_NONE_MATCH: Self = Self(5);
    /// Uri-Port.
    pub const URI_PORT: Self = Self(7);
    /// Uri-Path, one for each segment.
    pub const URI_PATH: Self = Self(11);
    /// Content-Format.
    pub const CONTENT_FORMAT: Self = Self(12);
    /// Max-Age.
    pub const MAX_AGE: Self = Self(14);
    /// Uri-Query.
    pub const URI_QUERY: Self = Self(15);
    /// Accept.
    pub const ACCEPT: Self = Self(17);
    /// Block2 (RFC 7959): which part of the response this is.
    pub const BLOCK2: Self = Self(23);
    /// Block1 (RFC 7959): which part of the request this answers.
    pub const BLOCK1: Self = Self(27);
    /// Proxy-Uri.
    pub const PROXY_URI: Self = Self(35);
    /// Proxy-Scheme.
    pub const PROXY_SCHEME: Self = Self(39);
    /// The cloud's access token, as numbered by the releases V2.00 to V2.1 and v3.x of the
    /// original SDK.
    pub const ACCESS_TOKEN: Self = Self(61);
    /// Echo (RFC 9175): shows that the sender of a request receives datagrams at its
    /// address.
    pub const ECHO: Self = Self(252);
    /// The cloud's access token at the endpoints of 2018 and later.
    pub const ACCESS_TOKEN_LINK: Self = Self(2088);
    /// The encrypted sequence number of symmetric mode.
    pub const SEQUENCE: Self = Self(2089);

    /// Whether a recipient that does not know this option must reject the message
    /// (RFC 7252 section 5.4.1).
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }

    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::IF_MATCH => "If-Match",
            Self::URI_HOST => "Uri-Host",
            Self::ETAG => "ETag",
            Self::IF_NONE_MATCH => "If-None-Match",
            Self::URI_PORT => "Uri-Port",
            Self::URI_PATH => "Uri-Path",
            Self::CONTENT_FORMAT => "Content-Format",
            Self::MAX_AGE => "Max-Age",
            Self::URI_QUERY => "Uri-Query",
            Self::ACCEPT => "Accept",
            Self::BLOCK2 => "Block2",
            Self::BLOCK1 => "Block1",
            Self::PROXY_URI => "Proxy-Uri",
            Self::PROXY_SCHEME => "Proxy-Scheme",
            Self::ACCESS_TOKEN | Self::ACCESS_TOKEN_LINK => "access token",
            Self::ECHO => "Echo",
            Self::SEQUENCE => "sequence number",
            _ => return None,
        })
    }
}

impl fmt::Debug for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The option in which a host expects the access token: 2088 for hosts below
/// `link.aliyuncs.com` and `iothub.aliyuncs.com`, otherwise 61.
pub(crate) fn access_token_option_for_host(host: &str) -> OptionNumber {
    let below = |domain: &str| {
        let host = host.as_bytes();
        host.len() > domain.len()
            && host[host.len() - domain.len()..].eq_ignore_ascii_case(domain.as_bytes())
    };
    if below(".link.aliyuncs.com") || below(".iothub.aliyuncs.com") {
        OptionNumber::ACCESS_TOKEN_LINK
    } else {
        OptionNumber::ACCESS_TOKEN
    }
}

/// How a payload is encoded (RFC 7252 section 12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentFormat {
    /// application/octet-stream, 42.
    OctetStream,
    /// application/json, 50.
    Json,
    /// application/cbor, 60.
    Cbor,
}

impl ContentFormat {
    /// The registered number.
    pub const fn number(self) -> u8 {
        match self {
            Self::OctetStream => 42,
            Self::Json => 50,
            Self::Cbor => 60,
        }
    }
}

/// One option of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageOption<'a> {
    /// Its number.
    pub number: OptionNumber,
    /// Its value.
    pub value: &'a [u8],
}

/// An iterator over the options of a message, in the order of their numbers. `Debug` lists
/// those that are left.
#[derive(Clone, PartialEq, Eq)]
pub struct Options<'a> {
    rest: &'a [u8],
    number: u16,
}

impl<'a> Options<'a> {
    /// Checks the options at the start of `bytes`, which go up to a payload marker
    /// or to the end. Returns them and the rest.
    pub(crate) fn check(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), FormatError> {
        let mut walk = Self { rest: bytes, number: 0 };
        while walk.rest.first().is_some_and(|&byte| byte != PAYLOAD_MARKER) {
            walk.step()?;
        }
        let (options, rest) = bytes.split_at(bytes.len() - walk.rest.len());
        Ok((Self { rest: options, number: 0 }, rest))
    }

    /// The encoded length of the options that are left.
    pub(crate) const fn encoded_len(&self) -> usize {
        self.rest.len()
    }

    fn step(&mut self) -> Result<MessageOption<'a>, FormatError> {
        let (&first, mut rest) = self.rest.split_first().ok_or(FormatError::OptionTruncated)?;
        let delta = extended(first >> 4, &mut rest, FormatError::OptionDelta)?;
        let len = extended(first & 0x0F, &mut rest, FormatError::OptionLength)?;
        let number = u32::from(self.number) + delta;
        self.number = u16::try_from(number).map_err(|_| FormatError::OptionNumber)?;
        let (value, rest) =
            rest.split_at_checked(len as usize).ok_or(FormatError::OptionTruncated)?;
        self.rest = rest;
        Ok(MessageOption { number: OptionNumber(self.number), value })
    }
}

/// Finds an option in the encoded options of a message, such as the bytes at
/// [`Response::options`](crate::Response::options). Returns the value of the option at
/// `index`, counted from 0, among the options with this number.
///
/// ```
/// use iot_coap_client::{OptionNumber, find_option};
///
/// // An ETag, Max-Age, and a part of a response.
/// let options = b"\x42\xAB\xCD\xA1\x3C\x91\x06";
/// assert_eq!(find_option(options, OptionNumber::MAX_AGE, 0), Some(&[60][..]));
/// assert_eq!(find_option(options, OptionNumber::BLOCK2, 0), Some(&[6][..]));
/// assert_eq!(find_option(options, OptionNumber::ETAG, 1), None);
/// ```
pub fn find_option(options: &[u8], number: OptionNumber, index: usize) -> Option<&[u8]> {
    let options = Options { rest: options, number: 0 };
    options.filter(|option| option.number == number).nth(index).map(|option| option.value)
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = MessageOption<'a>;

    fn next(&mut self) -> Option<MessageOption<'a>> {
        self.step().ok()
    }
}

/// A delta or length with its extension of 0, 1 or 2 bytes: 69,804 at most.
fn extended(nibble: u8, rest: &mut &[u8], reserved: FormatError) -> Result<u32, FormatError> {
    match nibble {
        0..=12 => Ok(u32::from(nibble)),
        13 => {
            let (&extension, tail) = rest.split_first().ok_or(FormatError::OptionTruncated)?;
            *rest = tail;
            Ok(u32::from(extension) + 13)
        }
        14 => {
            let (&extension, tail) =
                rest.split_first_chunk::<2>().ok_or(FormatError::OptionTruncated)?;
            *rest = tail;
            Ok(u32::from(u16::from_be_bytes(extension)) + 269)
        }
        _ => Err(reserved),
    }
}
