//! AES-CBC with HMAC for records, for servers without AEADs. The MAC is inside the
//! encryption (RFC 5246, section 6.2.3.2) or, with encrypt-then-MAC, outside it (RFC 7366).

use aes::{Aes128, Aes256};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

use super::mac::{MAX_MAC_LEN, MacKey};

pub(crate) const IV_LEN: usize = 16;
const BLOCK_LEN: usize = 16;
/// The padding length byte counts up to 255 further bytes.
const MAX_PADDING_LEN: usize = 256;

/// The cipher and the MAC of one direction.
pub(crate) struct Cbc {
    cipher: Cipher,
    mac: MacKey,
    encrypt_then_mac: bool,
}

enum Cipher {
    Aes128(Aes128),
    Aes256(Aes256),
}

impl Cipher {
    fn encrypt(&self, iv: &[u8; IV_LEN], blocks: &mut [u8]) -> Option<()> {
        let len = blocks.len();
        match self {
            Self::Aes128(cipher) => cbc::Encryptor::inner_iv_init(cipher, iv.into())
                .encrypt_padded::<NoPadding>(blocks, len)
                .ok()
                .map(drop),
            Self::Aes256(cipher) => cbc::Encryptor::inner_iv_init(cipher, iv.into())
                .encrypt_padded::<NoPadding>(blocks, len)
                .ok()
                .map(drop),
        }
    }

    fn decrypt(&self, iv: &[u8; IV_LEN], blocks: &mut [u8]) -> Option<()> {
        match self {
            Self::Aes128(cipher) => cbc::Decryptor::inner_iv_init(cipher, iv.into())
                .decrypt_padded::<NoPadding>(blocks)
                .ok()
                .map(drop),
            Self::Aes256(cipher) => cbc::Decryptor::inner_iv_init(cipher, iv.into())
                .decrypt_padded::<NoPadding>(blocks)
                .ok()
                .map(drop),
        }
    }
}

/// The additional data that the MAC covers before the content. Its last two bytes
/// are a length, filled in here because it depends on encrypt-then-MAC.
pub(crate) type Additional<'a> = &'a mut [u8];

fn put_length(additional: Additional<'_>, len: u32) {
    if let Some(field) = additional.last_chunk_mut() {
        *field = (len as u16).to_be_bytes();
    }
}

/// The key of the cipher.
#[derive(Clone, Copy)]
pub(crate) enum CbcKey<'b> {
    Aes128(&'b [u8; 16]),
    Aes256(&'b [u8; 32]),
}

impl Cbc {
    pub(crate) fn new(key: CbcKey<'_>, mac: MacKey, encrypt_then_mac: bool) -> Self {
        let cipher = match key {
            CbcKey::Aes128(key) => Cipher::Aes128(Aes128::new(key.into())),
            CbcKey::Aes256(key) => Cipher::Aes256(Aes256::new(key.into())),
        };
        Self { cipher, mac, encrypt_then_mac }
    }

    /// The length of the fragment for `len` bytes of content.
    pub(crate) fn sealed_len(&self, len: usize) -> usize {
        let mac_len = self.mac.len();
        let (inside, outside) = if self.encrypt_then_mac { (0, mac_len) } else { (mac_len, 0) };
        IV_LEN + padded_len(len + inside) + outside
    }

    /// Encrypts in place the `len` bytes of content that follow the room for the IV
    /// in `fragment`, which has [`sealed_len`](Self::sealed_len) bytes.
    pub(crate) fn seal(
        &self,
        iv: &[u8; IV_LEN],
        additional: Additional<'_>,
        fragment: &mut [u8],
        len: usize,
    ) -> Option<()> {
        let mac_len = self.mac.len();
        fragment.get_mut(..IV_LEN)?.copy_from_slice(iv);
        if self.encrypt_then_mac {
            let (covered, tag) = fragment.split_at_mut_checked(IV_LEN + padded_len(len))?;
            let blocks = covered.get_mut(IV_LEN..)?;
            pad(blocks, len)?;
            self.cipher.encrypt(iv, blocks)?;
            put_length(additional, covered.len() as u32);
            tag.copy_from_slice(self.mac.mac(additional, covered).get(..mac_len)?);
        } else {
            let blocks = fragment.get_mut(IV_LEN..)?;
            let (content, behind) = blocks.split_at_mut_checked(len)?;
            put_length(additional, len as u32);
            let mac = self.mac.mac(additional, content);
            behind.get_mut(..mac_len)?.copy_from_slice(mac.get(..mac_len)?);
            pad(blocks, len + mac_len)?;
            self.cipher.encrypt(iv, blocks)?;
        }
        Some(())
    }

    /// Decrypts a fragment in place; `None` if it is not authentic. The time taken
    /// does not depend on why.
    pub(crate) fn open<'d>(
        &self,
        additional: Additional<'_>,
        fragment: &'d mut [u8],
    ) -> Option<&'d mut [u8]> {
        if self.encrypt_then_mac {
            self.open_encrypt_then_mac(additional, fragment)
        } else {
            self.open_mac_then_encrypt(additional, fragment)
        }
    }

    fn open_encrypt_then_mac<'d>(
        &self,
        additional: Additional<'_>,
        fragment: &'d mut [u8],
    ) -> Option<&'d mut [u8]> {
        let mac_len = self.mac.len();
        let covered_len = fragment.len().checked_sub(mac_len)?;
        if covered_len < IV_LEN + BLOCK_LEN || covered_len % BLOCK_LEN != 0 {
            return None;
        }
        let (covered, tag) = fragment.split_at_mut_checked(covered_len)?;
        put_length(additional, covered_len as u32);
        let mac = self.mac.mac(additional, covered);
        if !bool::from(mac.get(..mac_len)?.ct_eq(tag)) {
            return None;
        }
        let (iv, blocks) = covered.split_first_chunk_mut()?;
        self.cipher.decrypt(iv, blocks)?;
        // The content is authenticated, so branching on it leaks nothing.
        let (padding, padding_is_good) = read_padding(blocks, 0);
        let len = blocks.len().checked_sub(padding as usize + 1)?;
        if !bool::from(padding_is_good) {
            return None;
        }
        blocks.get_mut(..len)
    }

    fn open_mac_then_encrypt<'d>(
        &self,
        additional: Additional<'_>,
        fragment: &'d mut [u8],
    ) -> Option<&'d mut [u8]> {
        let mac_len = self.mac.len();
        let (iv, blocks) = fragment.split_first_chunk_mut()?;
        let max_len = blocks.len().checked_sub(mac_len + 1)?;
        if blocks.len() % BLOCK_LEN != 0 {
            return None;
        }
        self.cipher.decrypt(iv, blocks)?;
        let (padding, padding_is_good) = read_padding(blocks, mac_len);
        // With bad padding, go on as if there were none, so that a MAC is computed
        // and compared in any case.
        let padding = u32::conditional_select(&0, &padding, padding_is_good);
        let len = max_len as u32 - padding;
        put_length(additional, len);
        let mac = self.mac.mac_secret_len(
            additional,
            blocks.get(..max_len)?,
            len,
            MAX_PADDING_LEN.min(max_len),
        );
        let received = extract_mac(blocks, len, mac_len);
        let mac_is_good = mac.get(..mac_len)?.ct_eq(received.get(..mac_len)?);
        if !bool::from(mac_is_good & padding_is_good) {
            return None;
        }
        blocks.get_mut(..len as usize)
    }
}

/// The length of content with padding: whole blocks, at least one byte of padding.
fn padded_len(len: usize) -> usize {
    (len / BLOCK_LEN + 1) * BLOCK_LEN
}

fn pad(blocks: &mut [u8], len: usize) -> Option<()> {
    let padding = blocks.get_mut(len..)?;
    let value = padding.len().checked_sub(1)? as u8;
    padding.fill(value);
    Some(())
}

/// The value of the padding length byte, and whether the padding is correct and
/// leaves at least `reserved` bytes before it. Takes constant time.
fn read_padding(blocks: &[u8], reserved: usize) -> (u32, Choice) {
    let padding = u32::from(blocks.last().copied().unwrap_or(0));
    let max = blocks.len().saturating_sub(reserved + 1) as u32;
    let mut good = !padding.ct_gt(&max);
    for (index, byte) in blocks.iter().rev().take(MAX_PADDING_LEN).enumerate() {
        let is_padding = !(index as u32).ct_gt(&padding);
        good &= u32::from(*byte).ct_eq(&padding) | !is_padding;
    }
    (padding, good)
}

/// Copies the `mac_len` bytes at `position`, which is secret, in constant time.
fn extract_mac(blocks: &[u8], position: u32, mac_len: usize) -> [u8; MAX_MAC_LEN] {
    let mut mac = [0; MAX_MAC_LEN];
    let first = blocks.len().saturating_sub(mac_len + MAX_PADDING_LEN);
    for (index, byte) in blocks.iter().enumerate().skip(first) {
        for (offset, out) in mac.iter_mut().take(mac_len).enumerate() {
            let is_here = (index as u32).ct_eq(&(position + offset as u32));
            out.conditional_assign(byte, is_here);
        }
    }
    mac
}
