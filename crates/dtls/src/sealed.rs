//! Sealing what leaves the device's memory: encrypted and bound to a context,
//! so that a blob is of no use to who reads the flash, and cannot be made,
//! changed or moved to another device or server.

use alloc::vec::Vec;
use core::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit as _};
use aes_gcm::{Aes128Gcm, Nonce};
use hmac::{Hmac, Mac};
use rand_core::TryCryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::config::copy;
use crate::error::Error;

const SALT_LEN: usize = 16;
type Salt = [u8; SALT_LEN];
const TAG_LEN: usize = 16;
/// By how much a content gets longer.
pub(crate) const SEAL_LEN: usize = SALT_LEN + TAG_LEN;
const KEY_LEN: usize = 16;
/// Each content has a key of its own, so that one nonce does for all.
const NONCE: [u8; 12] = [0; 12];

/// The shortest secret of a [`SealingKey`].
pub const SHORTEST_SEALING_SECRET: usize = 16;

/// What blobs are sealed with: a secret of the device. Wiped when dropped.
pub struct SealingKey(Zeroizing<Vec<u8>>);

impl SealingKey {
    /// From a secret that only this device has, of at least
    /// [`SHORTEST_SEALING_SECRET`] bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if it is shorter; [`Error::OutOfMemory`].
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < SHORTEST_SEALING_SECRET {
            return Err(Error::Configuration("a sealing secret has at least 16 bytes"));
        }
        copy(secret).map(|secret| Self(Zeroizing::new(secret)))
    }

    /// What makes a blob's key its own. It is random, and depends on everything
    /// that is sealed besides: a source of randomness that repeats itself, as
    /// after a reset, gives the same key to nothing but the same blob.
    fn salt(&self, random: Salt, context: &[u8], content: &[u8]) -> Option<Salt> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"iot-coap-dtls salt");
        mac.update(&random);
        mac.update(&(context.len() as u64).to_be_bytes());
        mac.update(context);
        mac.update(content);
        mac.finalize().into_bytes().first_chunk().copied()
    }

    /// The key of one blob.
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

    /// Seals `content`, so that it can be opened by this key and with the same
    /// `context` only: for what a caller keeps beside its sessions, such as
    /// [`SavedSession::to_bytes`](crate::SavedSession::to_bytes). It gets 32
    /// bytes longer.
    ///
    /// # Errors
    ///
    /// [`Error::Random`], [`Error::OutOfMemory`].
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
        let place = sealed.get_mut(SALT_LEN..).unwrap_or_default();
        let tag = cipher
            .encrypt_inout_detached(&Nonce::from(NONCE), context, InOutBuf::from(place))
            .map_err(|_| Error::BadLength)?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// What was sealed; `None` if it was not by this key and for this context,
    /// or has been changed since, or if there is no memory for it.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let content_len = sealed.len().checked_sub(SEAL_LEN)?;
        let mut opened = Zeroizing::new(copy(sealed).ok()?);
        self.open_in_place(context, &mut opened)?;
        opened.drain(..SALT_LEN);
        opened.truncate(content_len);
        Some(opened)
    }

    /// The same in the memory of the blob.
    pub(crate) fn open_in_place<'s>(
        &self,
        context: &[u8],
        sealed: &'s mut [u8],
    ) -> Option<&'s [u8]> {
        let (salt, rest) = sealed.split_at_mut_checked(SALT_LEN)?;
        let (content, tag) = rest.split_last_chunk_mut::<TAG_LEN>()?;
        let cipher = self.cipher(salt)?;
        let place = InOutBuf::from(&mut *content);
        let nonce = Nonce::from(NONCE);
        cipher.decrypt_inout_detached(&nonce, context, place, (&*tag).into()).ok()?;
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

    /// As of a device whose source of randomness starts anew with each reset.
    struct Same;

    impl TryRng for Same {
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

    impl TryCryptoRng for Same {}

    /// Two contents under one key and nonce would give both away.
    #[test]
    fn randomness_that_repeats_itself_gives_no_key_twice() {
        let key = SealingKey::new(b"a secret of the device").unwrap();
        let other = SealingKey::new(b"a secret of another one").unwrap();
        let seal = |key: &SealingKey, context: &[u8], content: &[u8]| {
            let sealed = key.seal(context, content, &mut Same).unwrap();
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
