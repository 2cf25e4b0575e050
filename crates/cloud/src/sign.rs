//! The signature of a sign-in: which fields it covers, in which order, and how
//! it is checked without telling by time how much of it was right.

use std::collections::BTreeMap;

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// Fields that the signature leaves out.
const UNSIGNED: [&str; 4] = ["version", "sign", "resources", "signmethod"];

/// The algorithm a sign-in names in `signmethod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignMethod {
    HmacMd5,
    HmacSha1,
}

impl SignMethod {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "hmacmd5" => Some(Self::HmacMd5),
            "hmacsha1" => Some(Self::HmacSha1),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmacmd5",
            Self::HmacSha1 => "hmacsha1",
        }
    }

    /// How many digits its signatures have.
    pub(crate) fn digits(self) -> usize {
        self.digest().size() * 2
    }

    fn digest(self) -> MessageDigest {
        match self {
            Self::HmacMd5 => MessageDigest::md5(),
            Self::HmacSha1 => MessageDigest::sha1(),
        }
    }
}

/// HMAC of `content`, keyed with `key`.
pub(crate) fn hmac(digest: MessageDigest, key: &[u8], content: &[u8]) -> Vec<u8> {
    // OpenSSL refuses an empty key; HMAC pads keys with zeros, so this is the same.
    let key = if key.is_empty() { &[0] } else { key };
    let mac = || {
        let key = PKey::hmac(key)?;
        Signer::new(digest, &key)?.sign_oneshot_to_vec(content)
    };
    mac().expect("HMAC fails only when memory is exhausted")
}

/// The lowercase hex signature that belongs to these fields.
pub(crate) fn signature(
    method: SignMethod,
    device_secret: &str,
    fields: &BTreeMap<String, String>,
) -> String {
    let mut content = String::new();
    for (name, value) in fields {
        if !UNSIGNED.contains(&name.as_str()) {
            content.push_str(name);
            content.push_str(value);
        }
    }
    hex(&hmac(method.digest(), device_secret.as_bytes(), content.as_bytes()))
}

/// Equality in a time that depends on the lengths alone.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && openssl::memcmp::eq(left, right)
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes that a hexadecimal text names.
pub(crate) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn published_samples() {
        let plain = fields(&[
            ("productKey", "a1RP1qZfrEi"),
            ("deviceName", "example1"),
            ("clientId", "a1RP1qZfrEi.example1"),
            // None of these is signed.
            ("sign", "whatever"),
            ("signmethod", "hmacmd5"),
            ("version", "1"),
            ("resources", "x"),
        ]);
        assert_eq!(
            signature(SignMethod::HmacMd5, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb", &plain),
            "f5204b935c67866fee8b8791cab9d6b0"
        );
        let with_sequence = fields(&[
            ("productKey", "a1oD2MD64xV"),
            ("deviceName", "example1"),
            ("clientId", "a1oD2MD64xV.example1"),
            ("seq", "3444"),
        ]);
        assert_eq!(
            signature(SignMethod::HmacMd5, "i6Ad04DyBcF9GD9mQ5lpKh2oubErhjAV", &with_sequence),
            "1630981f4520039f6948dd8d2ff44068"
        );
    }

    #[test]
    fn an_empty_key_is_a_key() {
        // RFC 2104 has no shortest key; computed with Python's hmac module.
        assert_eq!(hex(&hmac(MessageDigest::md5(), b"", b"")), "74e6f7298a9c2d168935f58c001bad88");
    }

    #[test]
    fn hex_goes_both_ways() {
        assert_eq!(hex(&[0, 0xAF]), "00af");
        assert_eq!(unhex(b"00aF"), Some(vec![0, 0xAF]));
        assert_eq!(unhex(b"00a"), None);
        assert_eq!(unhex(b"0g"), None);
    }
}
