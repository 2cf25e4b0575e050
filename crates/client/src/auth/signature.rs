//! The signature of a sign-in: an HMAC over the names and values of the signed fields, in
//! the order of their names, with the device secret as its key.

use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use zeroize::Zeroize;

use crate::device::MAX_DEVICE_SECRET_LEN;

/// The block length of both hashes, in bytes.
const BLOCK_LEN: usize = 64;
const _: () = assert!(MAX_DEVICE_SECRET_LEN <= BLOCK_LEN);

/// The hash of the HMAC that signs a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignMethod {
    /// `hmacmd5`, which the cloud assumes if none is named.
    #[default]
    HmacMd5,
    /// `hmacsha1`.
    #[cfg(feature = "hmac-sha1")]
    HmacSha1,
}

impl SignMethod {
    /// The method's name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmacmd5",
            #[cfg(feature = "hmac-sha1")]
            Self::HmacSha1 => "hmacsha1",
        }
    }
}

/// A signature in lowercase hex: 32 or 40 digits.
pub(crate) struct Signature {
    digits: [u8; 40],
    len: usize,
}

impl Signature {
    /// Signs `fields`, each a name and its value, which must be in the order
    /// of their names.
    pub(crate) fn new(method: SignMethod, secret: &str, fields: &[(&str, &str)]) -> Self {
        match method {
            SignMethod::HmacMd5 => Self::with::<Hmac<Md5>>(secret, fields),
            #[cfg(feature = "hmac-sha1")]
            SignMethod::HmacSha1 => Self::with::<Hmac<sha1::Sha1>>(secret, fields),
        }
    }

    fn with<M: Mac + KeyInit>(secret: &str, fields: &[(&str, &str)]) -> Self {
        let mut signature = Self { digits: [0; 40], len: 0 };
        // The secret, padded with zeros to a block of the hash (RFC 2104 section 2). It is
        // never longer than a block, so code for longer keys is left out.
        let mut key = Key::<M>::default();
        for (place, byte) in key.iter_mut().zip(secret.bytes()) {
            *place = byte;
        }
        let mut mac = <M as KeyInit>::new(&key);
        key.zeroize();
        for (name, value) in fields {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        let code = mac.finalize().into_bytes();
        signature.len =
            base16ct::lower::encode(&code, &mut signature.digits).map_or(0, <[u8]>::len);
        signature
    }

    pub(crate) fn as_str(&self) -> &str {
        // Hex digits are ASCII.
        core::str::from_utf8(&self.digits[..self.len]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_published_identity() {
        let fields = [
            ("clientId", "a1RP1qZfrEi.example1"),
            ("deviceName", "example1"),
            ("productKey", "a1RP1qZfrEi"),
        ];
        let secret = "fPloaszb6saUFJte4EhyuBHQpR9SuKHb";
        let signature = Signature::new(SignMethod::HmacMd5, secret, &fields);
        assert_eq!(signature.as_str(), "f5204b935c67866fee8b8791cab9d6b0");
    }

    #[test]
    fn signs_with_a_sequence_number() {
        let fields = [
            ("clientId", "a1oD2MD64xV.example1"),
            ("deviceName", "example1"),
            ("productKey", "a1oD2MD64xV"),
            ("seq", "3444"),
        ];
        let secret = "i6Ad04DyBcF9GD9mQ5lpKh2oubErhjAV";
        let signature = Signature::new(SignMethod::HmacMd5, secret, &fields);
        assert_eq!(signature.as_str(), "1630981f4520039f6948dd8d2ff44068");
    }

    #[cfg(feature = "hmac-sha1")]
    #[test]
    fn signs_with_sha1() {
        // RFC 2202 section 3, test case 2.
        let fields = [("what do ya want ", "for nothing?")];
        let signature = Signature::new(SignMethod::HmacSha1, "Jefe", &fields);
        assert_eq!(signature.as_str(), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }
}
