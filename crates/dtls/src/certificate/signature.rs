//! The signature algorithms for certificates and key exchanges: RSA PKCS #1 v1.5 and RSA-PSS
//! with keys of 2048 to 4096 bits, and ECDSA, which is RustCrypto's.
//!
//! RSA-PSS is that of rsa_pss_rsae_* (RFC 8446, section 4.2.3): one hash for the message and
//! for MGF1, a salt as long as the hash, and a key that says rsaEncryption, also where a
//! certificate is signed by it. Keys that say RSASSA-PSS are not accepted.

use core::sync::atomic::{AtomicU8, Ordering};

#[cfg(feature = "p256")]
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
#[cfg(feature = "p256")]
use sha2::Digest;
#[cfg(any(feature = "p256", feature = "rsa"))]
use sha2::Sha256;
#[cfg(all(any(feature = "p256", feature = "rsa"), feature = "sha512"))]
use sha2::Sha384;
#[cfg(all(feature = "rsa", feature = "sha512"))]
use sha2::Sha512;

use crate::error::{CertificateError, Error};
#[cfg(feature = "rsa")]
use crate::rsa::PublicKey;

/// How many signatures are checked for one chain: six on the longest path, and two on
/// paths that lead nowhere. A hostile server can send certificates that make many
/// paths, each of which costs at least one check.
const MAX_SIGNATURES: u8 = 8;

/// Whether a signature is valid, from the key as encoded in a certificate, the message
/// and the signature.
type Verify = fn(&[u8], &[u8], &[u8]) -> bool;

/// A key type, a signature type, and the function that verifies the pair.
#[derive(Debug)]
pub(super) struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verify,
}

/// Limits the work of verifying a chain or a signature, and remembers whether verification
/// was cut short. The count is atomic because rustls-webpki requires `Sync`; only
/// loads and stores are used, which every processor has.
#[derive(Debug, Default)]
pub(super) struct Budget {
    signatures: AtomicU8,
}

impl Budget {
    /// Calls `run` with all supported algorithms.
    pub(super) fn with_all<T>(
        &self,
        run: impl FnOnce(&[&dyn SignatureVerificationAlgorithm]) -> T,
    ) -> T {
        let metered = ALL.map(|algorithm| self.meter(algorithm));
        run(&metered.each_ref().map(|metered| metered as &dyn SignatureVerificationAlgorithm))
    }

    /// Counts the uses of `algorithm` against this budget.
    pub(super) fn meter(&self, algorithm: &'static Algorithm) -> Metered<'_> {
        Metered { algorithm, budget: self }
    }

    /// Call this after a failed verification: it may have failed only because it was
    /// cut short.
    ///
    /// # Errors
    ///
    /// [`CertificateError::TooManySignatures`].
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.signatures.load(Ordering::Relaxed) > MAX_SIGNATURES {
            return Err(CertificateError::TooManySignatures.into());
        }
        Ok(())
    }
}

/// An algorithm whose uses are counted.
#[derive(Debug)]
pub(super) struct Metered<'b> {
    algorithm: &'static Algorithm,
    budget: &'b Budget,
}

impl SignatureVerificationAlgorithm for Metered<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let Budget { signatures } = self.budget;
        let checked = signatures.load(Ordering::Relaxed);
        signatures.store(checked.saturating_add(1), Ordering::Relaxed);
        if checked >= MAX_SIGNATURES {
            return Err(InvalidSignature);
        }
        let is_valid = (self.algorithm.verify)(public_key, message, signature);
        if is_valid { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature
    }
}

#[cfg(feature = "rsa")]
static RSA_SHA256: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA256,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pkcs1::<Sha256>(message, signature))
    },
};
#[cfg(all(feature = "rsa", feature = "sha512"))]
static RSA_SHA384: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA384,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pkcs1::<Sha384>(message, signature))
    },
};
#[cfg(all(feature = "rsa", feature = "sha512"))]
static RSA_SHA512: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA512,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pkcs1::<Sha512>(message, signature))
    },
};
#[cfg(feature = "rsa-pss")]
static RSA_PSS_SHA256: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA256,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pss::<Sha256>(message, signature))
    },
};
#[cfg(all(feature = "rsa-pss", feature = "sha512"))]
static RSA_PSS_SHA384: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA384,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pss::<Sha384>(message, signature))
    },
};
#[cfg(all(feature = "rsa-pss", feature = "sha512"))]
static RSA_PSS_SHA512: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA512,
    verify: |key, message, signature| {
        PublicKey::from_der(key).is_some_and(|key| key.verify_pss::<Sha512>(message, signature))
    },
};
#[cfg(feature = "p256")]
static P256_SHA256: Algorithm = Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA256,
    verify: |key, message, signature| {
        p256_verify(key, &Sha256::digest(message), signature).is_some()
    },
};
#[cfg(all(feature = "p256", feature = "sha512"))]
static P256_SHA384: Algorithm = Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA384,
    verify: |key, message, signature| {
        p256_verify(key, &Sha384::digest(message), signature).is_some()
    },
};
#[cfg(feature = "p384")]
static P384_SHA256: Algorithm = Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA256,
    verify: |key, message, signature| {
        p384_verify(key, &Sha256::digest(message), signature).is_some()
    },
};
#[cfg(feature = "p384")]
static P384_SHA384: Algorithm = Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA384,
    verify: |key, message, signature| {
        p384_verify(key, &Sha384::digest(message), signature).is_some()
    },
};

#[cfg(feature = "p256")]
fn p256_verify(key: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(hash, &signature).ok()
}

#[cfg(feature = "p384")]
fn p384_verify(key: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(hash, &signature).ok()
}

/// RSA with SHA-256, or with SHA-256, SHA-384 and SHA-512.
const RSA_ALGORITHMS: usize = if cfg!(feature = "sha512") { 3 } else { 1 };
/// ECDSA on P-256 with SHA-256, or with SHA-256 and SHA-384.
const P256_ALGORITHMS: usize = if cfg!(feature = "sha512") { 2 } else { 1 };
const ALGORITHMS: usize = RSA_ALGORITHMS
    * (cfg!(feature = "rsa") as usize + cfg!(feature = "rsa-pss") as usize)
    + P256_ALGORITHMS * cfg!(feature = "p256") as usize
    + 2 * cfg!(feature = "p384") as usize;

/// All algorithms with which a certificate may be signed.
static ALL: [&Algorithm; ALGORITHMS] = [
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

/// A SignatureAndHashAlgorithm (RFC 5246, section 7.4.1.4.1), or one of those that TLS 1.3
/// has brought to 1.2 (RFC 8446, section 4.2.3).
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
    /// Those that are offered, in order of preference.
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
    pub(super) fn algorithms(self) -> impl Iterator<Item = &'static Algorithm> {
        let wanted = match self {
            Self::EcdsaSha256 => alg_id::ECDSA_SHA256,
            Self::EcdsaSha384 => alg_id::ECDSA_SHA384,
            Self::RsaSha256 => alg_id::RSA_PKCS1_SHA256,
            Self::RsaSha384 => alg_id::RSA_PKCS1_SHA384,
            Self::RsaSha512 => alg_id::RSA_PKCS1_SHA512,
            Self::RsaPssSha256 => alg_id::RSA_PSS_SHA256,
            Self::RsaPssSha384 => alg_id::RSA_PSS_SHA384,
            Self::RsaPssSha512 => alg_id::RSA_PSS_SHA512,
        };
        ALL.into_iter().filter(move |algorithm| algorithm.signature == wanted)
    }
}
