//! Symmetric mode (`coap-psk://`): the key that device and cloud derive at
//! sign-in, and the encryption of payloads and sequence numbers under it.
//!
//! The cloud defines the scheme: AES-128-CBC with one fixed initialisation vector and no
//! authentication. It hides content from a casual listener, and does nothing else.

use aes::Aes128;
use cbc::cipher::block_padding::{Padding, Pkcs7};
use cbc::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const BLOCK_LEN: usize = 16;
const INITIALISATION_VECTOR: [u8; BLOCK_LEN] = *b"543yhjy97ae7fyfg";

/// The key of one sign-in, which is wiped when dropped.
pub(crate) struct SymmetricKey(Zeroizing<[u8; BLOCK_LEN]>);

/// A payload is not a whole number of blocks, or its padding is wrong: it was encrypted
/// with another key, or not at all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UndecryptableError;

impl SymmetricKey {
    /// `SHA-256(device_secret + "," + random)[8..24]`.
    fn derive(device_secret: &str, random: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(device_secret.as_bytes());
        hash.update(b",");
        hash.update(random.as_bytes());
        let digest = Zeroizing::new(<[u8; 32]>::from(hash.finalize()));
        let mut key = Zeroizing::new([0; BLOCK_LEN]);
        key.copy_from_slice(&digest[8..24]);
        Self(key)
    }

    /// Pads and encrypts the first `plain_len` bytes of `buffer`, which is exactly
    /// [`encrypted_len`] bytes long.
    pub(crate) fn encrypt(&self, buffer: &mut [u8], plain_len: usize) {
        let mut encryptor =
            cbc::Encryptor::<Aes128>::new(&(*self.0).into(), &INITIALISATION_VECTOR.into());
        let padding = buffer.get_mut(plain_len..).unwrap_or_default();
        // PKCS #7: each byte of the padding is the padding's length.
        let padding_len = padding.len() as u8;
        padding.fill(padding_len);
        let (blocks, _) = Block::<Aes128>::slice_as_chunks_mut(buffer);
        for block in blocks {
            encryptor.encrypt_block(block);
        }
    }

    /// Decrypts in place. Returns the length of the plaintext, which is at the start of
    /// `cipher`. After an error, the content of `cipher` is undefined.
    pub(crate) fn decrypt(&self, cipher: &mut [u8]) -> Result<usize, UndecryptableError> {
        let mut decryptor =
            cbc::Decryptor::<Aes128>::new(&(*self.0).into(), &INITIALISATION_VECTOR.into());
        let (blocks, rest) = Block::<Aes128>::slice_as_chunks_mut(cipher);
        if !rest.is_empty() {
            return Err(UndecryptableError);
        }
        // Decrypt one block at a time: decrypting several at once would double the code,
        // and an answer has few blocks.
        for block in &mut *blocks {
            decryptor.decrypt_block(block);
        }
        Pkcs7::unpad_blocks(blocks).map(<[u8]>::len).map_err(|_| UndecryptableError)
    }
}

/// The keys of the last two sign-ins, since an answer may arrive after the next sign-in.
#[derive(Default)]
pub(crate) struct Keys {
    token_number: u32,
    current: Option<SymmetricKey>,
    previous: Option<SymmetricKey>,
}

impl Keys {
    /// Derives the key of the sign-in that brought the access token with this number.
    pub(crate) fn renew(&mut self, device_secret: &str, random: &str, token_number: u32) {
        self.token_number = token_number;
        self.previous = self.current.replace(SymmetricKey::derive(device_secret, random));
    }

    pub(crate) const fn current(&self) -> Option<&SymmetricKey> {
        self.current.as_ref()
    }

    /// The key that encrypts messages with this token number.
    pub(crate) const fn of(&self, token_number: u32) -> Option<&SymmetricKey> {
        match self.token_number.wrapping_sub(token_number) {
            0 => self.current.as_ref(),
            1 => self.previous.as_ref(),
            _ => None,
        }
    }
}

/// The length of `plain_len` bytes once they are padded and encrypted.
pub(crate) const fn encrypted_len(plain_len: usize) -> usize {
    (plain_len / BLOCK_LEN + 1) * BLOCK_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `plain` with room for its padding, encrypted.
    fn encrypted(key: &SymmetricKey, plain: &[u8]) -> alloc::vec::Vec<u8> {
        let mut buffer = plain.to_vec();
        buffer.resize(encrypted_len(plain.len()), 0xA5);
        key.encrypt(&mut buffer, plain.len());
        buffer
    }

    #[test]
    fn derives_and_encrypts_as_published() {
        let key = SymmetricKey::derive("i6Ad04DyBcF9GD9mQ5lpKh2oubErhjAV", "915ede6cbc8a059f");
        let expected = [
            0x29, 0xd6, 0x5b, 0x27, 0x6b, 0x8c, 0x15, 0xa0, 0xa0, 0x2f, 0x6d, 0x3a, 0xa4, 0xf2,
            0x6c, 0x70,
        ];
        assert_eq!(*key.0, expected);
        let expected = [
            0x1e, 0xa3, 0x75, 0x6c, 0x2c, 0xff, 0x52, 0x1d, 0x23, 0x53, 0x0a, 0x18, 0xdd, 0x9c,
            0xb8, 0x40,
        ];
        assert_eq!(encrypted(&key, b"1"), expected);
    }

    #[test]
    fn decrypts_what_it_encrypts() {
        let key = SymmetricKey::derive("secret", "random");
        for len in 0..70 {
            let plain = alloc::vec![7; len];
            let mut cipher = encrypted(&key, &plain);
            assert!(
                (len + 1..=len + 16).contains(&cipher.len()) && cipher.len().is_multiple_of(16)
            );
            let plain_len = key.decrypt(&mut cipher).unwrap();
            assert_eq!(cipher[..plain_len], plain);
        }
    }

    #[test]
    fn refuses_what_is_not_whole_or_padded_wrongly() {
        let key = SymmetricKey::derive("secret", "random");
        assert_eq!(key.decrypt(&mut []), Err(UndecryptableError));
        assert_eq!(key.decrypt(&mut [0; 15]), Err(UndecryptableError));
        assert_eq!(key.decrypt(&mut [0; 16]), Err(UndecryptableError));
    }
}
