//! RSA with a server's public key: verifies signatures, and encrypts a premaster secret
//! (RFC 8017). Both need only one exponentiation with a public exponent; a crate that can
//! do more took 28 KB of flash on a Cortex-M3. No memory is allocated.

mod padding;
mod power;
#[cfg(test)]
mod tests;

#[cfg(feature = "static-rsa")]
use rand_core::TryCryptoRng;
use sha2::Digest;
#[cfg(feature = "static-rsa")]
use zeroize::Zeroizing;

#[cfg(feature = "static-rsa")]
use crate::error::Error;

use crate::der::{Der, SEQUENCE};
use power::MAX_MODULUS_LEN;

/// The shortest modulus, in bytes: 2048 bits.
const MIN_MODULUS_LEN: usize = 256;
/// The largest exponent, of 33 bits. No key in use has a larger one, which would only cost
/// time.
const MAX_EXPONENT: u64 = (1 << 33) - 1;

/// A public key.
#[derive(Clone, Copy)]
pub(crate) struct PublicKey<'k> {
    /// Big-endian, without leading zeros.
    modulus: &'k [u8],
    exponent: u64,
}

impl<'k> PublicKey<'k> {
    /// Reads an RSAPublicKey (RFC 8017, appendix A.1.1). `None` if it is malformed, or if
    /// its size or its exponent is not accepted.
    pub(crate) fn from_der(der: &'k [u8]) -> Option<Self> {
        let mut outer = Der::new(der);
        let mut key = outer.enter(SEQUENCE)?;
        let (modulus, exponent) = (key.unsigned()?, key.unsigned()?);
        key.finish().and(outer.finish())?;
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        let is_accepted = (MIN_MODULUS_LEN..=MAX_MODULUS_LEN).contains(&modulus.len())
            && is_odd(modulus)
            && is_odd(exponent)
            && exponent.len() <= 5;
        let exponent = exponent.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let is_accepted = is_accepted && (3..=MAX_EXPONENT).contains(&exponent);
        is_accepted.then_some(Self { modulus, exponent })
    }

    /// Whether `signature` is a valid signature by PKCS #1 v1.5 over `message` (RFC 8017,
    /// section 8.2.2).
    pub(crate) fn verify_pkcs1<D: Digest>(&self, message: &[u8], signature: &[u8]) -> bool {
        self.recover(signature, |encoded| padding::is_pkcs1_signature(encoded, &D::digest(message)))
    }

    /// Whether `signature` is a valid signature by PSS over `message`, with a salt as long
    /// as the hash (RFC 8017, section 8.1.2; RFC 8446, section 4.2.3).
    #[cfg(feature = "rsa-pss")]
    pub(crate) fn verify_pss<D: Digest>(&self, message: &[u8], signature: &[u8]) -> bool {
        let unused_bits = self.modulus.first().map_or(0, |first| first.leading_zeros()) + 1;
        self.recover(signature, |encoded| {
            padding::is_pss_signature::<D>(encoded, unused_bits, &D::digest(message))
        })
    }

    /// Raises a signature to the public exponent, and judges the result.
    fn recover(&self, signature: &[u8], judge: impl FnOnce(&mut [u8]) -> bool) -> bool {
        let mut encoded = [0; MAX_MODULUS_LEN];
        let Some(encoded) = encoded.get_mut(..self.modulus.len()) else { return false };
        power::power(self.modulus, signature, self.exponent, encoded)
            .is_some_and(|()| judge(encoded))
    }

    /// Encrypts a secret to the key by PKCS #1 v1.5 (RFC 8017, section 7.2.1), and passes
    /// the result to `write`.
    ///
    /// # Errors
    ///
    /// [`Error::Random`]; [`Error::BadLength`] if the secret is too long for the key.
    #[cfg(feature = "static-rsa")]
    pub(crate) fn encrypt_pkcs1<R: TryCryptoRng>(
        &self,
        random: &mut R,
        secret: &[u8],
        write: impl FnOnce(&[u8]),
    ) -> Result<(), Error> {
        let (mut encoded, mut encrypted) =
            (Zeroizing::new([0; MAX_MODULUS_LEN]), [0; MAX_MODULUS_LEN]);
        let len = self.modulus.len();
        let (Some(encoded), Some(encrypted)) = (encoded.get_mut(..len), encrypted.get_mut(..len))
        else {
            return Err(Error::BadLength);
        };
        padding::pad_secret(random, secret, encoded)?;
        power::power(self.modulus, encoded, self.exponent, encrypted).ok_or(Error::BadLength)?;
        write(encrypted);
        Ok(())
    }
}
