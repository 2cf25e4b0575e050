//! Sign-in at `/auth`: the request's fields and their signature, and what its
//! reply holds, in JSON or CBOR. Bytes only; when to sign in is decided in
//! [`crate::client`].

#[cfg(feature = "cbor")]
mod cbor;
mod json;

use alloc::string::String;
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
    #[cfg(feature = "cbor")]
    Cbor,
}

impl Encoding {
    pub(crate) const fn content_format(self) -> ContentFormat {
        match self {
            Self::Json => ContentFormat::Json,
            #[cfg(feature = "cbor")]
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
        #[cfg(feature = "cbor")]
        Encoding::Cbor => cbor::write_map(out, fields.as_slice()),
    }
}

/// What the reply to a sign-in holds.
#[derive(Default, PartialEq)]
pub(crate) struct Reply {
    pub(crate) access_token: Zeroizing<Vec<u8>>,
    /// In symmetric mode, the text from which the key is derived.
    pub(crate) random: Option<String>,
    /// In symmetric mode, the sequence number above which the next must be.
    pub(crate) sequence_offset: Option<u64>,
}

/// Why a reply brought no access token.
#[derive(Debug, PartialEq)]
pub(crate) enum ReplyError {
    /// It is not what a sign-in promises.
    Bad,
    /// The heap is exhausted.
    OutOfMemory,
}

impl Reply {
    /// Reads a reply's payload: an object with a `token` of 1 to 255 bytes.
    /// Fields that are not known are passed over.
    pub(crate) fn parse(payload: &[u8], encoding: Encoding) -> Result<Self, ReplyError> {
        let mut reply = Self::default();
        match encoding {
            Encoding::Json => json::read_object(payload, &mut reply)?,
            #[cfg(feature = "cbor")]
            Encoding::Cbor => cbor::read_map(payload, &mut reply)?,
        }
        if reply.access_token.is_empty() { Err(ReplyError::Bad) } else { Ok(reply) }
    }

    /// Takes a field; `None` stands for a text longer than any of ours.
    fn set_text(&mut self, name: &str, value: Option<&str>) -> Result<(), ReplyError> {
        match (name, value) {
            ("token", Some(value)) if value.len() <= ACCESS_TOKEN_MAX_LEN => {
                // Within its capacity a vector does not move, so no copy of
                // the token is left behind.
                let mut token = Zeroizing::new(Vec::new());
                token.try_reserve_exact(value.len()).map_err(|_| ReplyError::OutOfMemory)?;
                token.extend_from_slice(value.as_bytes());
                self.access_token = token;
            }
            ("random", Some(value)) if value.len() <= RANDOM_MAX_LEN => {
                let mut random = String::new();
                random.try_reserve_exact(value.len()).map_err(|_| ReplyError::OutOfMemory)?;
                random.push_str(value);
                self.random = Some(random);
            }
            ("token" | "random", _) => return Err(ReplyError::Bad),
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
        let digit;
        (number, digit) = divide_by_10(number);
        digits[start] = b'0' + digit;
        if number == 0 {
            break;
        }
    }
    core::str::from_utf8(&digits[start..]).unwrap_or_default()
}

/// `number / 10` and `number % 10`, 16 bits at a time where it has more than
/// 32: small machines divide no more than that at once.
const fn divide_by_10(number: u64) -> (u64, u8) {
    if number <= u32::MAX as u64 {
        let number = number as u32;
        return ((number / 10) as u64, (number % 10) as u8);
    }
    let mut quotient = 0;
    let mut remainder = 0;
    let mut shift = u64::BITS;
    while shift > 0 {
        shift -= 16;
        let part = remainder << 16 | (number >> shift) as u32 & 0xFFFF;
        quotient = quotient << 16 | (part / 10) as u64;
        remainder = part % 10;
    }
    (quotient, remainder as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_decimal_are_those_of_the_standard_library() {
        let mut number = 1_u64;
        for _ in 0..2000 {
            for number in [number, number - 1, !number, number.rotate_left(32)] {
                let mut digits = [0; DECIMAL_MAX_LEN];
                assert_eq!(decimal(number, &mut digits), alloc::format!("{number}"));
            }
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(3).max(1);
        }
        for power in 0..64 {
            let mut digits = [0; DECIMAL_MAX_LEN];
            assert_eq!(decimal(1 << power, &mut digits), alloc::format!("{}", 1_u64 << power));
        }
    }
}
