//! The messages of a sign-in at `/auth`: writes the signed payload of a request and reads
//! the reply, in JSON or CBOR. `sign_in.rs` decides when to sign in.

#[cfg(feature = "cbor")]
mod cbor;
mod json;
mod reply;
mod signature;

use alloc::vec::Vec;

pub(crate) use reply::{ReplyError, SignInReply};
pub use signature::SignMethod;

use crate::decimal::{MAX_DECIMAL_LEN, decimal};
use crate::device::Device;
use crate::option::ContentFormat;
use crate::out_of_memory::OutOfMemory;
use signature::Signature;

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
pub(crate) struct SignInOptions {
    /// The hash for the signature's HMAC.
    pub(crate) method: SignMethod,
    /// How the request and its reply are encoded.
    pub(crate) encoding: Encoding,
    /// A time to send along, in milliseconds since 1970.
    pub(crate) timestamp_ms: Option<u64>,
}

/// The fields of a sign-in request: first the signed fields, in the order of their names,
/// then `sign` and `signmethod`.
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

/// Appends the payload of a sign-in request to `out`; `sequence` is for symmetric
/// mode.
pub(crate) fn write_request(
    out: &mut Vec<u8>,
    device: &Device,
    options: &SignInOptions,
    sequence: Option<u64>,
) -> Result<(), OutOfMemory> {
    let mut sequence_digits = [0; MAX_DECIMAL_LEN];
    let mut timestamp_digits = [0; MAX_DECIMAL_LEN];
    let mut fields = Fields::new();
    fields.push("clientId", &device.client_id);
    fields.push("deviceName", &device.device_name);
    fields.push("productKey", &device.product_key);
    if let Some(sequence) = sequence {
        fields.push("seq", decimal(sequence, &mut sequence_digits));
    }
    if cfg!(feature = "timestamp")
        && let Some(timestamp) = options.timestamp_ms
    {
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

/// Reads the payload of a reply: an object with a `token` of 1 to 255 bytes.
/// Unknown fields are ignored.
pub(crate) fn parse_reply(payload: &[u8], encoding: Encoding) -> Result<SignInReply, ReplyError> {
    let mut reply = SignInReply::default();
    match encoding {
        Encoding::Json => json::read_object(payload, &mut reply)?,
        #[cfg(feature = "cbor")]
        Encoding::Cbor => cbor::read_map(payload, &mut reply)?,
    }
    if reply.is_complete() { Ok(reply) } else { Err(ReplyError::Bad) }
}
