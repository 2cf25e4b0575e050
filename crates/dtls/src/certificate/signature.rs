//! The signatures that are believed, in certificates and over a key exchange,
//! by RustCrypto: RSA PKCS #1 v1.5 with keys of 2048 bits and more, and ECDSA.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::PublicKey as RsaKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

const SHORTEST_RSA_MODULUS: usize = 256;
/// What a hostile server may make a device compute is bounded.
const LONGEST_RSA_MODULUS: usize = 512;

/// Checks the key as it stands in a certificate, the message and the signature.
type Verify = fn(&[u8], &[u8], &[u8]) -> Option<()>;

/// A key's kind and a signature's together, and how to check it.
#[derive(Debug)]
struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    verify: Verify,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        (self.verify)(public_key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

static RSA_SHA256: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA256,
    verify: |key, message, signature| {
        rsa_key(key)?.pkcs1v15_verify::<Sha256>(message, signature).ok()
    },
};
static RSA_SHA384: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA384,
    verify: |key, message, signature| {
        rsa_key(key)?.pkcs1v15_verify::<Sha384>(message, signature).ok()
    },
};
static RSA_SHA512: Algorithm = Algorithm {
    key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA512,
    verify: |key, message, signature| {
        rsa_key(key)?.pkcs1v15_verify::<Sha512>(message, signature).ok()
    },
};
static P256_SHA256: Algorithm = Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA256,
    verify: |key, message, signature| p256_verify(key, &Sha256::digest(message), signature),
};
static P256_SHA384: Algorithm = Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA384,
    verify: |key, message, signature| p256_verify(key, &Sha384::digest(message), signature),
};
#[cfg(feature = "p384")]
static P384_SHA256: Algorithm = Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA256,
    verify: |key, message, signature| p384_verify(key, &Sha256::digest(message), signature),
};
#[cfg(feature = "p384")]
static P384_SHA384: Algorithm = Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA384,
    verify: |key, message, signature| p384_verify(key, &Sha384::digest(message), signature),
};

/// A key of an acceptable size.
pub(super) fn rsa_key(der: &[u8]) -> Option<RsaKey> {
    use rsa::traits::PublicKeyParts;
    RsaKey::from_pkcs1_der(der)
        .ok()
        .filter(|key| (SHORTEST_RSA_MODULUS..=LONGEST_RSA_MODULUS).contains(&key.size()))
}

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

/// All that a certificate may be signed with.
pub(super) static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    &RSA_SHA256,
    &RSA_SHA384,
    &RSA_SHA512,
    &P256_SHA256,
    &P256_SHA384,
    #[cfg(feature = "p384")]
    &P384_SHA256,
    #[cfg(feature = "p384")]
    &P384_SHA384,
];

/// A signature scheme, as it is offered and as the server names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureScheme {
    EcdsaSha256,
    EcdsaSha384,
    RsaSha256,
    RsaSha384,
    RsaSha512,
}

impl SignatureScheme {
    /// In the order of preference.
    pub(crate) const ALL: [Self; 5] =
        [Self::EcdsaSha256, Self::RsaSha256, Self::EcdsaSha384, Self::RsaSha384, Self::RsaSha512];

    /// RFC 5246, section 7.4.1.4.1.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::EcdsaSha256 => 0x0403,
            Self::EcdsaSha384 => 0x0503,
            Self::RsaSha256 => 0x0401,
            Self::RsaSha384 => 0x0501,
            Self::RsaSha512 => 0x0601,
        }
    }

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.number() == number)
    }

    pub(crate) fn is_ecdsa(self) -> bool {
        matches!(self, Self::EcdsaSha256 | Self::EcdsaSha384)
    }

    /// One for each kind of key: in DTLS 1.2 a scheme does not name the curve.
    pub(super) fn algorithms(
        self,
    ) -> impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm> {
        let wanted = match self {
            Self::EcdsaSha256 => alg_id::ECDSA_SHA256,
            Self::EcdsaSha384 => alg_id::ECDSA_SHA384,
            Self::RsaSha256 => alg_id::RSA_PKCS1_SHA256,
            Self::RsaSha384 => alg_id::RSA_PKCS1_SHA384,
            Self::RsaSha512 => alg_id::RSA_PKCS1_SHA512,
        };
        ALL.iter().copied().filter(move |algorithm| algorithm.signature_alg_id() == wanted)
    }
}
