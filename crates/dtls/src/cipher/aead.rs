//! AES-128-GCM (RFC 5288) and AES-128-CCM-8 (RFC 6655) for records. The nonce is a
//! salt from the key block followed by the record's epoch and sequence number, so
//! a nonce repeats only if a sequence number does.

#[cfg(feature = "ccm")]
use aes::Aes128;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, AesGcm};
#[cfg(feature = "ccm")]
use ccm::{
    Ccm,
    consts::{U8, U12},
};

pub(crate) const KEY_LEN: usize = 16;
pub(crate) const SALT_LEN: usize = 4;
pub(crate) const EXPLICIT_NONCE_LEN: usize = 8;
const GCM_TAG_LEN: usize = 16;
#[cfg(feature = "ccm")]
const CCM_8_TAG_LEN: usize = 8;

/// The cipher of one direction.
pub(crate) struct Aead {
    cipher: Cipher,
    salt: [u8; SALT_LEN],
}

enum Cipher {
    Gcm(Aes128Gcm),
    #[cfg(feature = "ccm")]
    Ccm8(Ccm<Aes128, U8, U12>),
}

impl Aead {
    pub(crate) fn gcm(key: &[u8; KEY_LEN], salt: [u8; SALT_LEN]) -> Self {
        Self { cipher: Cipher::Gcm(AesGcm::new(key.into())), salt }
    }

    #[cfg(feature = "ccm")]
    pub(crate) fn ccm_8(key: &[u8; KEY_LEN], salt: [u8; SALT_LEN]) -> Self {
        Self { cipher: Cipher::Ccm8(Ccm::new(key.into())), salt }
    }

    pub(crate) fn tag_len(&self) -> usize {
        match self.cipher {
            Cipher::Gcm(_) => GCM_TAG_LEN,
            #[cfg(feature = "ccm")]
            Cipher::Ccm8(_) => CCM_8_TAG_LEN,
        }
    }

    fn nonce(&self, explicit: [u8; EXPLICIT_NONCE_LEN]) -> [u8; SALT_LEN + EXPLICIT_NONCE_LEN] {
        let mut nonce = [0; SALT_LEN + EXPLICIT_NONCE_LEN];
        nonce[..SALT_LEN].copy_from_slice(&self.salt);
        nonce[SALT_LEN..].copy_from_slice(&explicit);
        nonce
    }

    /// Encrypts `content` in place and writes the authentication tag into `tag`,
    /// which has [`tag_len`](Self::tag_len) bytes.
    pub(crate) fn seal(
        &self,
        explicit: [u8; EXPLICIT_NONCE_LEN],
        additional: &[u8],
        content: &mut [u8],
        tag: &mut [u8],
    ) -> Option<()> {
        let nonce = self.nonce(explicit);
        let content = InOutBuf::from(content);
        match &self.cipher {
            Cipher::Gcm(cipher) => {
                let computed = cipher.encrypt_inout_detached(&nonce.into(), additional, content);
                tag.copy_from_slice(&computed.ok()?);
            }
            #[cfg(feature = "ccm")]
            Cipher::Ccm8(cipher) => {
                let computed = cipher.encrypt_inout_detached(&nonce.into(), additional, content);
                tag.copy_from_slice(&computed.ok()?);
            }
        }
        Some(())
    }

    /// Decrypts `content` in place; `None` if the tag does not match.
    pub(crate) fn open(
        &self,
        explicit: [u8; EXPLICIT_NONCE_LEN],
        additional: &[u8],
        content: &mut [u8],
        tag: &[u8],
    ) -> Option<()> {
        let nonce = self.nonce(explicit);
        let content = InOutBuf::from(content);
        match &self.cipher {
            Cipher::Gcm(cipher) => {
                let tag = <&[u8; GCM_TAG_LEN]>::try_from(tag).ok()?;
                cipher.decrypt_inout_detached(&nonce.into(), additional, content, tag.into()).ok()
            }
            #[cfg(feature = "ccm")]
            Cipher::Ccm8(cipher) => {
                let tag = <&[u8; CCM_8_TAG_LEN]>::try_from(tag).ok()?;
                cipher.decrypt_inout_detached(&nonce.into(), additional, content, tag.into()).ok()
            }
        }
    }
}
