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
const TAG_LEN: usize = 16;
const KEY_LEN: usize = 16;
/// Each blob has a key of its own, so that one nonce does for all.
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
        sealed
            .try_reserve_exact(SALT_LEN + content.len() + TAG_LEN)
            .map_err(|_| Error::OutOfMemory)?;
        let mut salt = [0; SALT_LEN];
        random.try_fill_bytes(&mut salt).map_err(|_| Error::Random)?;
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
    /// or has been changed since.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (salt, rest) = sealed.split_at_checked(SALT_LEN)?;
        let (content, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        let mut content = Zeroizing::new(copy(content).ok()?);
        self.cipher(salt)?
            .decrypt_inout_detached(
                &Nonce::from(NONCE),
                context,
                InOutBuf::from(content.as_mut_slice()),
                tag.into(),
            )
            .ok()?;
        Some(content)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").finish_non_exhaustive()
    }
}
