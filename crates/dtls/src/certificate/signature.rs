//! The signature algorithms for certificates and key exchanges: RSA PKCS #1 v1.5 and
//! RSA-PSS with keys of 2048 to 4096 bits, and ECDSA, from RustCrypto.
//!
//! RSA-PSS follows rsa_pss_rsae_* (RFC 8446, section 4.2.3): one hash for the message and
//! for MGF1, a salt as long as the hash, and a key of type rsaEncryption, even if it signs
//! certificates. Keys of type RSASSA-PSS are not accepted.

use core::sync::atomic::{AtomicU8, Ordering};

#[cfg(feature = "p256")]
use p256::ecdsa::signature::hazmat::PrehashVerifier;
#[cfg(feature = "p256")]
use sha2::Digest;
#[cfg(any(feature = "p256", feature = "rsa"))]
use sha2::Sha256;
#[cfg(all(any(feature = "p256", feature = "rsa"), feature = "sha512"))]
use sha2::Sha384;
#[cfg(all(feature = "rsa", feature = "sha512"))]
use sha2::Sha512;

#[cfg(any(test, feature = "both-validators", not(feature = "webpki")))]
use super::fields::Certificate;
#[cfg(any(test, feature = "both-validators", not(feature = "webpki")))]
use super::reason::Reason;
use crate::der::{Der, SEQUENCE};
#[cfg(feature = "p256")]
use crate::point;
#[cfg(feature = "rsa")]
use crate::rsa::PublicKey;

/// The contents of AlgorithmIdentifiers in DER (RFC 4055 and RFC 5758).
pub(super) mod id {
    /// The object identifier of RSA keys, 1.2.840.113549.1.1.1, as it is encoded.
    pub(in super::super) const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    pub(in super::super) const RSA_ENCRYPTION: &[u8] =
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    pub(super) const RSA_SHA256: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
    pub(super) const RSA_SHA384: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00";
    pub(super) const RSA_SHA512: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00";
    pub(super) const RSA_PSS_SHA256: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\
        \x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\
        \xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\
        \x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\xa2\x03\x02\x01\x20";
    pub(super) const RSA_PSS_SHA384: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\
        \x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
        \xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\
        \x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa2\x03\x02\x01\x30";
    pub(super) const RSA_PSS_SHA512: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\
        \x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\
        \xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\
        \x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\xa2\x03\x02\x01\x40";
    pub(super) const P256: &[u8] =
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    pub(super) const P384: &[u8] =
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
    pub(super) const ECDSA_SHA256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    pub(super) const ECDSA_SHA384: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
}

/// The most signatures that are checked for one chain: six on the longest path, and two on
/// paths that lead nowhere. A hostile server can send certificates that make many paths,
/// each of which costs at least one check.
const MAX_SIGNATURES: u8 = 8;

/// Whether a signature is valid, from the key as encoded in a certificate, the message
/// and the signature.
type Verify = fn(&[u8], &[u8], &[u8]) -> bool;

/// A key type, a signature type, and the function that verifies the pair.
#[derive(Debug)]
pub(super) struct Algorithm {
    /// One of the algorithms in `id`.
    pub(super) key: &'static [u8],
    pub(super) signature: &'static [u8],
    pub(super) verify: Verify,
}

/// Limits the work of verifying a chain, and remembers whether verification was cut short.
/// The count is atomic because rustls-webpki requires `Sync`; only loads and stores are
/// used, which every processor has.
#[derive(Debug, Default)]
pub(super) struct Budget {
    signatures: AtomicU8,
}

impl Budget {
    /// Counts a check. Returns whether it may be made.
    pub(super) fn allows_another(&self) -> bool {
        let checked = self.signatures.load(Ordering::Relaxed);
        self.signatures.store(checked.saturating_add(1), Ordering::Relaxed);
        checked < MAX_SIGNATURES
    }

    /// Whether more checks were requested than allowed: verification may have failed only
    /// because it was cut short.
    #[cfg(feature = "webpki")]
    pub(super) fn is_exceeded(&self) -> bool {
        self.signatures.load(Ordering::Relaxed) > MAX_SIGNATURES
    }
}

/// The algorithm and the key in the content of a SubjectPublicKeyInfo.
pub(super) fn key_parts(info: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut info = Der::new(info);
    let parts = (info.value(SEQUENCE)?, info.bytes_of_bits()?);
    info.finish()?;
    Some(parts)
}

/// Verifies that a certificate is signed by the key in the content of a
/// SubjectPublicKeyInfo.
#[cfg(any(test, feature = "both-validators", not(feature = "webpki")))]
pub(super) fn verify(
    budget: &Budget,
    key: &[u8],
    certificate: &Certificate<'_>,
) -> Result<(), Reason> {
    let is_known = |algorithm: &&&Algorithm| algorithm.signature == certificate.algorithm;
    if ALL.iter().find(is_known).is_none() {
        return Err(Reason::Algorithm);
    }
    let (key_algorithm, key) = key_parts(key).ok_or(Reason::Malformed)?;
    let algorithm = ALL.iter().filter(is_known).find(|algorithm| algorithm.key == key_algorithm);
    let algorithm = algorithm.ok_or(Reason::Algorithm)?;
    if !budget.allows_another() {
        Err(Reason::TooManySignatures)
    } else if (algorithm.verify)(key, certificate.signed, certificate.signature) {
        Ok(())
    } else {
        Err(Reason::WrongSignature)
    }
}

/// Whether a message is signed by the key in the content of a SubjectPublicKeyInfo.
pub(super) fn is_signed(
    scheme: SignatureScheme,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some((key_algorithm, key)) = key_parts(key) else { return false };
    let mut algorithms = scheme.algorithms();
    let algorithm = algorithms.find(|algorithm| algorithm.key == key_algorithm);
    algorithm.is_some_and(|algorithm| (algorithm.verify)(key, message, signature))
}

#[cfg(feature = "rsa")]
static RSA_SHA256: Algorithm = Algorithm {
    key: id::RSA_ENCRYPTION,
    signature: id::RSA_SHA256,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pkcs1::<Sha256>(message, signature))
    },
};
#[cfg(all(feature = "rsa", feature = "sha512"))]
static RSA_SHA384: Algorithm = Algorithm {
    key: id::RSA_ENCRYPTION,
    signature: id::RSA_SHA384,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pkcs1::<Sha384>(message, signature))
    },
};
#[cfg(all(feature = "rsa", feature = "sha512"))]
static RSA_SHA512: Algorithm = Algorithm {
    key: id::RSA_ENCRYPTION,
    signature: id::RSA_SHA512,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pkcs1::<Sha512>(message, signature))
    },
};
#[cfg(feature = "rsa-pss")]
static RSA_PSS_SHA256: Algorithm = Algorithm {
    key: id::RSA_ENCRYPTION,
    signature: id::RSA_PSS_SHA256,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pss::<Sha256>(message, signature))
    },
};
#[cfg(all(feature = "rsa-pss", feature = "sha512"))]
static RSA_PSS_SHA384: Algorithm = Algorithm {
    key: id::RSA_ENCRYPTION,
    signature: id::RSA_PSS_SHA384,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pss::<Sha384>(message, signature))
    },
};
#[cfg(all(feature = "rsa-pss", feature = "sha512"))]
static RSA_PSS_SHA512: Algorithm = Algorithm {
    key: id::RSA_ENCRYPTION,
    signature: id::RSA_PSS_SHA512,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pss::<Sha512>(message, signature))
    },
};
#[cfg(feature = "p256")]
static P256_SHA256: Algorithm = Algorithm {
    key: id::P256,
    signature: id::ECDSA_SHA256,
    verify: |key, message, signature| {
        p256_verify(key, &Sha256::digest(message), signature).is_some()
    },
};
#[cfg(all(feature = "p256", feature = "sha512"))]
static P256_SHA384: Algorithm = Algorithm {
    key: id::P256,
    signature: id::ECDSA_SHA384,
    verify: |key, message, signature| {
        p256_verify(key, &Sha384::digest(message), signature).is_some()
    },
};
#[cfg(feature = "p384")]
static P384_SHA256: Algorithm = Algorithm {
    key: id::P384,
    signature: id::ECDSA_SHA256,
    verify: |key, message, signature| {
        p384_verify(key, &Sha256::digest(message), signature).is_some()
    },
};
#[cfg(feature = "p384")]
static P384_SHA384: Algorithm = Algorithm {
    key: id::P384,
    signature: id::ECDSA_SHA384,
    verify: |key, message, signature| {
        p384_verify(key, &Sha384::digest(message), signature).is_some()
    },
};

#[cfg(feature = "p256")]
fn p256_verify(key: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from(point::p256(key)?);
    let signature = p256::ecdsa::Signature::from_slice(&scalars::<64>(signature)?).ok()?;
    key.verify_prehash(hash, &signature).ok()
}

#[cfg(feature = "p384")]
fn p384_verify(key: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from(point::p384(key)?);
    let signature = p384::ecdsa::Signature::from_slice(&scalars::<96>(signature)?).ok()?;
    key.verify_prehash(hash, &signature).ok()
}

/// The two numbers of an Ecdsa-Sig-Value in DER (RFC 3279, section 2.2.3), each in half of
/// `LEN` bytes.
#[cfg(feature = "p256")]
pub(super) fn scalars<const LEN: usize>(signature: &[u8]) -> Option<[u8; LEN]> {
    let mut outer = Der::new(signature);
    let mut numbers = outer.enter(SEQUENCE)?;
    outer.finish()?;
    let mut scalars = [0; LEN];
    for half in scalars.chunks_exact_mut(LEN / 2) {
        let number = numbers.unsigned()?;
        let start = half.len().checked_sub(number.len())?;
        half.get_mut(start..)?.copy_from_slice(number);
    }
    numbers.finish()?;
    Some(scalars)
}

/// RSA with SHA-256, or with SHA-256, SHA-384 and SHA-512.
const RSA_ALGORITHMS: usize = if cfg!(feature = "sha512") { 3 } else { 1 };
/// ECDSA on P-256 with SHA-256, or with SHA-256 and SHA-384.
const P256_ALGORITHMS: usize = if cfg!(feature = "sha512") { 2 } else { 1 };
pub(super) const ALGORITHMS: usize = RSA_ALGORITHMS
    * (cfg!(feature = "rsa") as usize + cfg!(feature = "rsa-pss") as usize)
    + P256_ALGORITHMS * cfg!(feature = "p256") as usize
    + 2 * cfg!(feature = "p384") as usize;

/// All algorithms with which a certificate may be signed.
pub(super) static ALL: [&Algorithm; ALGORITHMS] = [
    #[cfg(feature = "rsa")]
    &RSA_SHA256,
    #[cfg(all(feature = "rsa", feature = "sha512"))]
    &RSA_SHA384,
    #[cfg(all(feature = "rsa", feature = "sha512"))]
    &RSA_SHA512,
    #[cfg(feature = "rsa-pss")]
    &RSA_PSS_SHA256,
    #[cfg(all(feature = "rsa-pss", feature = "sha512"))]
    &RSA_PSS_SHA384,
    #[cfg(all(feature = "rsa-pss", feature = "sha512"))]
    &RSA_PSS_SHA512,
    #[cfg(feature = "p256")]
    &P256_SHA256,
    #[cfg(all(feature = "p256", feature = "sha512"))]
    &P256_SHA384,
    #[cfg(feature = "p384")]
    &P384_SHA256,
    #[cfg(feature = "p384")]
    &P384_SHA384,
];

/// A SignatureAndHashAlgorithm (RFC 5246, section 7.4.1.4.1), or a scheme that TLS 1.3 has
/// added to 1.2 (RFC 8446, section 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureScheme {
    EcdsaSha256,
    RsaSha256,
    EcdsaSha384,
    RsaSha384,
    RsaSha512,
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
}

impl SignatureScheme {
    /// The schemes that are offered, in order of preference.
    pub(crate) const ALL: &[Self] = &[
        #[cfg(feature = "p256")]
        Self::EcdsaSha256,
        #[cfg(feature = "rsa")]
        Self::RsaSha256,
        #[cfg(all(feature = "p256", feature = "sha512"))]
        Self::EcdsaSha384,
        #[cfg(all(feature = "rsa", feature = "sha512"))]
        Self::RsaSha384,
        #[cfg(all(feature = "rsa", feature = "sha512"))]
        Self::RsaSha512,
        #[cfg(feature = "rsa-pss")]
        Self::RsaPssSha256,
        #[cfg(all(feature = "rsa-pss", feature = "sha512"))]
        Self::RsaPssSha384,
        #[cfg(all(feature = "rsa-pss", feature = "sha512"))]
        Self::RsaPssSha512,
    ];

    /// The two bytes on the wire.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::EcdsaSha256 => 0x0403,
            Self::EcdsaSha384 => 0x0503,
            Self::RsaSha256 => 0x0401,
            Self::RsaSha384 => 0x0501,
            Self::RsaSha512 => 0x0601,
            Self::RsaPssSha256 => 0x0804,
            Self::RsaPssSha384 => 0x0805,
            Self::RsaPssSha512 => 0x0806,
        }
    }

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|scheme| scheme.number() == number)
    }

    pub(crate) fn is_pss(self) -> bool {
        matches!(self, Self::RsaPssSha256 | Self::RsaPssSha384 | Self::RsaPssSha512)
    }

    pub(crate) fn is_ecdsa(self) -> bool {
        matches!(self, Self::EcdsaSha256 | Self::EcdsaSha384)
    }

    /// The algorithms of this scheme, one for each type of key: in DTLS 1.2 a scheme
    /// does not determine the curve.
    fn algorithms(self) -> impl Iterator<Item = &'static Algorithm> {
        let wanted = match self {
            Self::EcdsaSha256 => id::ECDSA_SHA256,
            Self::EcdsaSha384 => id::ECDSA_SHA384,
            Self::RsaSha256 => id::RSA_SHA256,
            Self::RsaSha384 => id::RSA_SHA384,
            Self::RsaSha512 => id::RSA_SHA512,
            Self::RsaPssSha256 => id::RSA_PSS_SHA256,
            Self::RsaPssSha384 => id::RSA_PSS_SHA384,
            Self::RsaPssSha512 => id::RSA_PSS_SHA512,
        };
        ALL.into_iter().filter(move |algorithm| algorithm.signature == wanted)
    }
}
