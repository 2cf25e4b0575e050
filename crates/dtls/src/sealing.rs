//! Seals data for storage outside the device's memory: encrypts it and binds it to a
//! context. A reader of the flash learns nothing from the blob, and nobody without the
//! key can make or modify one, or use it for another device or server.

use alloc::vec::Vec;
use core::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit as _};
use aes_gcm::{Aes128Gcm, Nonce};
use hmac::{Hmac, Mac};
use rand_core::TryCryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;
use crate::memory::copy;

const SALT_LEN: usize = 16;
type Salt = [u8; SALT_LEN];
const TAG_LEN: usize = 16;
/// The number of bytes that sealing adds.
pub(crate) const SEAL_LEN: usize = SALT_LEN + TAG_LEN;
const KEY_LEN: usize = 16;
/// Constant, since every blob has its own key.
const NONCE: [u8; 12] = [0; 12];

/// The minimum length of the secret of a [`SealingKey`], in bytes.
pub const MIN_SEALING_SECRET_LEN: usize = 16;

/// Seals blobs with a secret of the device. The secret is wiped when dropped.
pub struct SealingKey(Zeroizing<Vec<u8>>);

impl SealingKey {
    /// Makes a key from a secret that only this device knows.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if `secret` is shorter than [`MIN_SEALING_SECRET_LEN`];
    /// [`Error::OutOfMemory`].
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < MIN_SEALING_SECRET_LEN {
            return Err(Error::Configuration("a sealing secret must have at least 16 bytes"));
        }
        copy(secret).map(|secret| Self(Zeroizing::new(secret)))
    }

    /// The salt from which a blob's key is derived. It depends on the context and the
    /// content as well as on randomness. So if the source of randomness repeats itself,
    /// as after a reset, only identical blobs get the same key.
    fn salt(&self, random: Salt, context: &[u8], content: &[u8]) -> Option<Salt> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"iot-coap-dtls salt");
        mac.update(&random);
        mac.update(&(context.len() as u64).to_be_bytes());
        mac.update(context);
        mac.update(content);
        mac.finalize().into_bytes().first_chunk().copied()
    }

    /// The cipher with the key of one blob.
    fn cipher(&self, salt: &[u8]) -> Option<Aes128Gcm> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"iot-coap-dtls sealed session");
        mac.update(salt);
        let mut derived = mac.finalize().into_bytes();
        let key = derived.first_chunk::<KEY_LEN>()?;
        let cipher = Aes128Gcm::new(key.into());
        derived.zeroize();
        Some(cipher)
    }

    /// Seals `content`. Only this key and the same `context` can open it. The blob is
    /// 32 bytes longer than `content`.
    ///
    /// [`Client::checkpoint`](crate::Client::checkpoint) seals its blob itself; use this
    /// for other secrets, such as [`SavedSession::to_bytes`].
    ///
    /// [`SavedSession::to_bytes`]: crate::SavedSession::to_bytes
    ///
    /// # Errors
    ///
    /// [`Error::Random`]; [`Error::OutOfMemory`]; [`Error::BadLength`] for contents of
    /// 64 GiB and more.
    pub fn seal<R: TryCryptoRng>(
        &self,
        context: &[u8],
        content: &[u8],
        random: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let mut sealed = Vec::new();
        sealed.try_reserve_exact(content.len() + SEAL_LEN).map_err(|_| Error::OutOfMemory)?;
        let mut salt = [0; SALT_LEN];
        random.try_fill_bytes(&mut salt).map_err(|_| Error::Random)?;
        let salt = self.salt(salt, context, content).ok_or(Error::BadLength)?;
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(content);
        let cipher = self.cipher(&salt).ok_or(Error::BadLength)?;
        let content = sealed.get_mut(SALT_LEN..).unwrap_or_default();
        let tag = cipher
            .encrypt_inout_detached(&Nonce::from(NONCE), context, InOutBuf::from(content))
            .map_err(|_| Error::BadLength)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Returns the sealed content. `None` if the blob was sealed with another key or for
    /// another context, or was modified, or for lack of memory.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let content_len = sealed.len().checked_sub(SEAL_LEN)?;
        let mut opened = Zeroizing::new(copy(sealed).ok()?);
        self.open_in_place(context, &mut opened)?;
        opened.drain(..SALT_LEN);
        opened.truncate(content_len);
        Some(opened)
    }

    /// Like [`open`](Self::open), but decrypts in place.
    pub(crate) fn open_in_place<'s>(
        &self,
        context: &[u8],
        sealed: &'s mut [u8],
    ) -> Option<&'s [u8]> {
        let (salt, rest) = sealed.split_at_mut_checked(SALT_LEN)?;
        let (content, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        let cipher = self.cipher(salt)?;
        let buffer = InOutBuf::from(&mut *content);
        let nonce = Nonce::from(NONCE);
        cipher.decrypt_inout_detached(&nonce, context, buffer, (&*tag).into()).ok()?;
        Some(content)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use rand_core::{TryCryptoRng, TryRng};

    use super::{SALT_LEN, SealingKey};

    /// A source of randomness that repeats itself, as after a reset.
    struct RepeatingRandom;

    impl TryRng for RepeatingRandom {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(7)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(7)
        }

        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
            out.fill(7);
            Ok(())
        }
    }

    impl TryCryptoRng for RepeatingRandom {}

    /// Two contents under the same key and nonce would reveal both.
    #[test]
    fn repeated_randomness_does_not_repeat_keys() {
        let key = SealingKey::new(b"a secret of the device").unwrap();
        let other = SealingKey::new(b"a secret of another one").unwrap();
        let seal = |key: &SealingKey, context: &[u8], content: &[u8]| {
            let sealed = key.seal(context, content, &mut RepeatingRandom).unwrap();
            assert_eq!(key.open(context, &sealed).unwrap()[..], *content);
            sealed
        };
        let first = seal(&key, b"here", b"number 1");
        let others = [
            seal(&key, b"here", b"number 2"),
            seal(&key, b"her", b"enumber 1"),
            seal(&key, b"", b"herenumber 1"),
            seal(&other, b"here", b"number 1"),
        ];
        for sealed in others {
            assert_ne!(sealed[..SALT_LEN], first[..SALT_LEN]);
        }
        assert_eq!(seal(&key, b"here", b"number 1"), first);
    }
}
