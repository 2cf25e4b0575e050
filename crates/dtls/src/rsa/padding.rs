//! The encodings of a hash or a secret in a number as long as an RSA modulus (RFC 8017).

#[cfg(feature = "static-rsa")]
use rand_core::TryCryptoRng;
#[cfg(feature = "rsa-pss")]
use sha2::Digest;

#[cfg(feature = "static-rsa")]
use crate::error::Error;

/// The last byte of a PSS encoding.
#[cfg(feature = "rsa-pss")]
const PSS_TRAILER: u8 = 0xbc;

/// The shortest filling between header and content.
const MIN_FILL_LEN: usize = 8;

/// Whether `encoded` is the EMSA-PKCS1-v1_5 encoding of a hash of SHA-2 (section 9.2). It
/// is compared as a whole, since parsing it would invite forgeries.
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

/// Whether `encoded` is the EMSA-PSS encoding of a hash, with a salt that is as long
/// (section 9.1.2). Its first `unused_bits`, 1 to 8, are 0.
#[cfg(feature = "rsa-pss")]
pub(super) fn is_pss_signature<D: Digest>(
    encoded: &mut [u8],
    unused_bits: u32,
    hash: &[u8],
) -> bool {
    let hash_len = hash.len();
    let mut encoded = encoded;
    let mut unused_bits = unused_bits;
    if unused_bits == 8 {
        // The encoding is a byte shorter than the modulus.
        let Some((&mut 0, rest)) = encoded.split_first_mut() else { return false };
        (encoded, unused_bits) = (rest, 0);
    }
    let Some((&mut PSS_TRAILER, rest)) = encoded.split_last_mut() else { return false };
    let Some(masked_len) = rest.len().checked_sub(hash_len) else { return false };
    let Some((masked, salted_hash)) = rest.split_at_mut_checked(masked_len) else { return false };
    let unused = !(0xff_u8.checked_shr(unused_bits).unwrap_or(0));
    if masked.first().is_none_or(|first| first & unused != 0) {
        return false;
    }
    mask::<D>(masked, salted_hash);
    if let Some(first) = masked.first_mut() {
        *first &= !unused;
    }
    let Some(fill_len) = masked.len().checked_sub(hash_len + 1) else { return false };
    let Some((fill, rest)) = masked.split_at_checked(fill_len) else { return false };
    let Some((1, salt)) = rest.split_first() else { return false };
    let expected = D::new().chain_update([0; 8]).chain_update(hash).chain_update(salt).finalize();
    fill.iter().all(|byte| *byte == 0) && *expected == *salted_hash
}

/// Combines `data` with MGF1 of `seed` (appendix B.2.1).
#[cfg(feature = "rsa-pss")]
fn mask<D: Digest>(data: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(data.chunks_mut(<D as Digest>::output_size())) {
        let mask = D::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        for (byte, mask) in chunk.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}

/// Writes the encoding of `secret` for encryption (section 7.2.1).
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
        // No byte of the padding may be 0. The bytes that are discarded are not secret.
        while *byte == 0 {
            random.try_fill_bytes(core::slice::from_mut(byte)).map_err(|_| Error::Random)?;
        }
    }
    Ok(())
}
