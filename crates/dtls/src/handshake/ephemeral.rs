//! Ephemeral keys on X25519 and P-256 (RFC 8422), and the secret that two sides compute
//! from them.

#[cfg(feature = "p256")]
use p256::{ecdh::EphemeralSecret, elliptic_curve::Generate};
#[cfg(any(feature = "p256", feature = "server"))]
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

#[cfg(feature = "server")]
use super::extension::group;
use super::premaster::{Premaster, secret_copy};
use crate::error::{Error, Violation};
#[cfg(feature = "p256")]
use crate::point;
use crate::wire::Writer;

pub(super) const X25519_LEN: usize = 32;
/// The length of an uncompressed point on P-256.
#[cfg(feature = "p256")]
pub(super) const P256_POINT_LEN: usize = 65;

/// Writes the public key behind its length.
#[inline]
pub(super) fn write_x25519(private: &[u8; X25519_LEN], writer: &mut Writer<'_>) {
    #[cfg(not(feature = "server"))]
    let public = x25519_dalek::x25519(*private, x25519_dalek::X25519_BASEPOINT_BYTES);
    // This uses a table of 30 KB, for which a server has room.
    #[cfg(feature = "server")]
    let public = {
        let private = x25519_dalek::StaticSecret::from(*private);
        x25519_dalek::PublicKey::from(&private).to_bytes()
    };
    writer.vector8(|writer| writer.bytes(&public));
}

/// The secret; `message` is what the peer's key came in.
#[inline]
pub(super) fn agree_x25519(
    private: &[u8; X25519_LEN],
    theirs: &[u8; X25519_LEN],
    message: &'static str,
) -> Result<Premaster, Error> {
    let shared = Zeroizing::new(x25519_dalek::x25519(*private, *theirs));
    // The point has small order (RFC 8422, section 5.11).
    if shared.iter().fold(0, |sum, byte| sum | byte) == 0 {
        return Err(Violation::Malformed(message).into());
    }
    secret_copy(&*shared)
}

#[cfg(feature = "p256")]
#[inline]
pub(super) fn p256<R: TryCryptoRng>(random: &mut R) -> Result<EphemeralSecret, Error> {
    EphemeralSecret::try_generate_from_rng(random).map_err(|_| Error::Random)
}

/// Writes the public key behind its length.
#[cfg(feature = "p256")]
#[inline]
pub(super) fn write_p256(private: &EphemeralSecret, writer: &mut Writer<'_>) {
    let public = p256::Sec1Point::from(private.public_key());
    writer.vector8(|writer| writer.bytes(public.as_bytes()));
}

/// The secret; `message` is what the peer's key came in.
#[cfg(feature = "p256")]
#[inline]
pub(super) fn agree_p256(
    private: &EphemeralSecret,
    theirs: &[u8; P256_POINT_LEN],
    message: &'static str,
) -> Result<Premaster, Error> {
    let theirs = point::p256(theirs).ok_or(Violation::Malformed(message))?;
    secret_copy(private.diffie_hellman(&theirs).raw_secret_bytes())
}

/// The server's key, which is kept until the client's key arrives. It is wiped when
/// dropped.
#[cfg(feature = "server")]
pub(crate) enum Ephemeral {
    X25519(Zeroizing<[u8; X25519_LEN]>),
    #[cfg(feature = "p256")]
    P256(EphemeralSecret),
}

#[cfg(feature = "server")]
impl Ephemeral {
    /// Makes a key of this group.
    ///
    /// # Errors
    ///
    /// [`Error::Random`]; [`Violation::NotOffered`] for a group that is not known.
    pub(crate) fn generate<R: TryCryptoRng>(group: u16, random: &mut R) -> Result<Self, Error> {
        match group {
            group::X25519 => {
                let mut private = Zeroizing::new([0; X25519_LEN]);
                random.try_fill_bytes(&mut *private).map_err(|_| Error::Random)?;
                Ok(Self::X25519(private))
            }
            #[cfg(feature = "p256")]
            group::SECP256R1 => p256(random).map(Self::P256),
            _ => Err(Violation::NotOffered("a group").into()),
        }
    }

    /// Writes the public key behind its length.
    pub(crate) fn write_public(&self, writer: &mut Writer<'_>) {
        match self {
            Self::X25519(private) => write_x25519(private, writer),
            #[cfg(feature = "p256")]
            Self::P256(private) => write_p256(private, writer),
        }
    }

    /// Computes the secret from this key and the key in a ClientKeyExchange.
    ///
    /// # Errors
    ///
    /// [`Violation::Malformed`]; [`Error::OutOfMemory`].
    pub(crate) fn agree(&self, theirs: &[u8]) -> Result<Premaster, Error> {
        const MESSAGE: &str = "ClientKeyExchange";
        let malformed = |_| Error::from(Violation::Malformed(MESSAGE));
        match self {
            Self::X25519(private) => {
                agree_x25519(private, theirs.try_into().map_err(malformed)?, MESSAGE)
            }
            #[cfg(feature = "p256")]
            Self::P256(private) => {
                agree_p256(private, theirs.try_into().map_err(malformed)?, MESSAGE)
            }
        }
    }
}
