//! What surrounds a hash or a secret in a number as long as an RSA modulus (RFC 8017).

#[cfg(feature = "static-rsa")]
use rand_core::TryCryptoRng;

#[cfg(feature = "static-rsa")]
use crate::error::Error;

/// The shortest filling between header and content.
const MIN_FILL_LEN: usize = 8;

/// Whether `encoded` is the EMSA-PKCS1-v1_5 encoding of a hash of SHA-2 (section 9.2). It
/// is compared as a whole: to parse it would invite forgeries.
pub(super) fn is_pkcs1_signature(encoded: &[u8], hash: &[u8]) -> bool {
    let (hash_len, algorithm) = match hash.len() {
        32 => (32, 1),
        48 => (48, 2),
        64 => (64, 3),
        _ => return false,
    };
    // A DigestInfo: an AlgorithmIdentifier without parameters, and the hash. The algorithms
    // differ in the last number of their object identifiers.
    let info = [
        0x30,
        17 + hash_len,
        0x30,
        13,
        6,
        9,
        0x60,
        0x86,
        0x48,
        1,
        0x65,
        3,
        4,
        2,
        algorithm,
        5,
        0,
        4,
        hash_len,
    ];
    let Some(content) = encoded.strip_suffix(hash) else { return false };
    let Some(filled) = content.strip_suffix(&info) else { return false };
    let (Some(fill), Some(_)) = (
        filled.strip_prefix(&[0, 1]).and_then(|rest| rest.strip_suffix(&[0])),
        filled.len().checked_sub(3 + MIN_FILL_LEN),
    ) else {
        return false;
    };
    fill.iter().all(|byte| *byte == 0xff)
}

/// Writes the encoding that is encrypted of `secret` (section 7.2.1).
///
/// # Errors
///
/// [`Error::Random`]; [`Error::BadLength`] if the secret is too long.
#[cfg(feature = "static-rsa")]
pub(super) fn pad_secret<R: TryCryptoRng>(
    random: &mut R,
    secret: &[u8],
    encoded: &mut [u8],
) -> Result<(), Error> {
    let fill_len = encoded.len().checked_sub(secret.len() + 3).filter(|len| *len >= MIN_FILL_LEN);
    let (head, content) = encoded.split_at_mut(fill_len.ok_or(Error::BadLength)? + 3);
    content.copy_from_slice(secret);
    let [zero, kind, fill @ .., end] = head else { return Err(Error::BadLength) };
    (*zero, *kind, *end) = (0, 2, 0);
    random.try_fill_bytes(fill).map_err(|_| Error::Random)?;
    for byte in fill {
        // No byte of the filling is 0. What is thrown away is no secret.
        while *byte == 0 {
            random.try_fill_bytes(core::slice::from_mut(byte)).map_err(|_| Error::Random)?;
        }
    }
    Ok(())
}
