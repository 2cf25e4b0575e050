//! Sign-in at `/auth`: the request's fields and their signature, and what its
//! reply holds, in JSON or CBOR. Bytes only; when to sign in is decided in
//! [`crate::client`].

mod cbor;
mod json;

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::access_token::ACCESS_TOKEN_MAX_LEN;
use crate::device::Device;
use crate::encode::EncodeError;
use crate::option::ContentFormat;
use crate::sign::{SignMethod, Signature};

/// How a sign-in and its reply are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// application/json.
    #[default]
    Json,
    /// application/cbor: about a fifth shorter.
    Cbor,
}

impl Encoding {
    pub(crate) const fn content_format(self) -> ContentFormat {
        match self {
            Self::Json => ContentFormat::Json,
            Self::Cbor => ContentFormat::Cbor,
        }
    }
}

/// How to sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignInOptions {
    /// The hash under the signature's HMAC.
    pub method: SignMethod,
    /// How the request and its reply are encoded.
    pub encoding: Encoding,
    /// A time in milliseconds since 1970 to send along; the cloud does not
    /// check it against a window.
    pub timestamp: Option<u64>,
}

/// The most random text that a reply in symmetric mode may carry, in bytes.
const RANDOM_MAX_LEN: usize = 64;

/// The fields of a sign-in request, in the order of their names but for `sign`
/// and `signmethod`, which are not signed and come last.
struct Fields<'a> {
    list: [(&'static str, &'a str); 7],
    len: usize,
}

impl<'a> Fields<'a> {
    const fn new() -> Self {
        Self { list: [("", ""); 7], len: 0 }
    }

    fn push(&mut self, name: &'static str, value: &'a str) {
        if let Some(place) = self.list.get_mut(self.len) {
            *place = (name, value);
            self.len += 1;
        }
    }

    fn as_slice(&self) -> &[(&'static str, &'a str)] {
        &self.list[..self.len]
    }
}

/// Appends a sign-in request's payload to `out`; `sequence` is for symmetric
/// mode.
pub(crate) fn write_request(
    out: &mut Vec<u8>,
    device: &Device,
    options: &SignInOptions,
    sequence: Option<u64>,
) -> Result<(), EncodeError> {
    let mut sequence_digits = [0; DECIMAL_MAX_LEN];
    let mut timestamp_digits = [0; DECIMAL_MAX_LEN];
    let mut fields = Fields::new();
    fields.push("clientId", &device.client_id);
    fields.push("deviceName", &device.device_name);
    fields.push("productKey", &device.product_key);
    if let Some(sequence) = sequence {
        fields.push("seq", decimal(sequence, &mut sequence_digits));
    }
    if let Some(timestamp) = options.timestamp {
        fields.push("timestamp", decimal(timestamp, &mut timestamp_digits));
    }
    let signature = Signature::new(options.method, &device.device_secret, fields.as_slice());
    fields.push("sign", signature.as_str());
    if options.method != SignMethod::default() {
        fields.push("signmethod", options.method.name());
    }
    match options.encoding {
        Encoding::Json => json::write_object(out, fields.as_slice()),
        Encoding::Cbor => cbor::write_map(out, fields.as_slice()),
    }
}

/// What the reply to a sign-in holds.
#[derive(Default, PartialEq)]
pub(crate) struct Reply {
    pub(crate) access_token: Zeroizing<Vec<u8>>,
    /// In symmetric mode, the text from which the key is derived.
    pub(crate) random: Option<alloc::string::String>,
    /// In symmetric mode, the sequence number above which the next must be.
    pub(crate) sequence_offset: Option<u64>,
}

/// A reply that is not what a sign-in promises.
#[derive(Debug, PartialEq)]
pub(crate) struct BadReplyError;

impl Reply {
    /// Reads a reply's payload: an object with a `token` of 1 to 255 bytes.
    /// Fields that are not known are passed over.
    pub(crate) fn parse(payload: &[u8], encoding: Encoding) -> Result<Self, BadReplyError> {
        let mut reply = Self::default();
        match encoding {
            Encoding::Json => json::read_object(payload, &mut reply)?,
            Encoding::Cbor => cbor::read_map(payload, &mut reply)?,
        }
        if reply.access_token.is_empty() { Err(BadReplyError) } else { Ok(reply) }
    }

    fn set_text(&mut self, name: &str, value: &str) -> Result<(), BadReplyError> {
        match name {
            "token" if value.len() <= ACCESS_TOKEN_MAX_LEN => {
                // Within its capacity a vector does not move, so no copy of
                // the token is left behind.
                let mut token = Zeroizing::new(Vec::new());
                token.try_reserve_exact(value.len()).map_err(|_| BadReplyError)?;
                token.extend_from_slice(value.as_bytes());
                self.access_token = token;
            }
            "random" if value.len() <= RANDOM_MAX_LEN => self.random = Some(value.into()),
            "token" | "random" => return Err(BadReplyError),
            _ => {}
        }
        Ok(())
    }

    fn set_number(&mut self, name: &str, value: u64) {
        if name == "seqOffset" {
            self.sequence_offset = Some(value);
        }
    }
}

/// The longest `u64` in decimal digits.
pub(crate) const DECIMAL_MAX_LEN: usize = 20;

/// `number` in decimal digits, at the end of `digits`.
pub(crate) fn decimal(mut number: u64, digits: &mut [u8; DECIMAL_MAX_LEN]) -> &str {
    let mut start = DECIMAL_MAX_LEN;
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    core::str::from_utf8(&digits[start..]).unwrap_or_default()
}
