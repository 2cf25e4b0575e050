//! HMAC (RFC 2104) whose running time does not depend on the length of the message.
//!
//! Where the MAC is inside the encryption, the length of the content is known only
//! once the padding is removed, and must stay secret until the MAC has been compared
//! (Lucky Thirteen). That needs control over each compression, hence the block
//! functions of `sha1` and `sha2`.

use sha1::block_api as sha1_block;
use sha2::block_api as sha2_block;
use subtle::{ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::{Zeroize, ZeroizeOnDrop};

const BLOCK_LEN: usize = 64;
/// The eight words of SHA-256. SHA-1 uses the first five.
type State = [u32; 8];
type Block = [u8; BLOCK_LEN];

/// The length of the longest MAC, HMAC-SHA-256.
pub(crate) const MAX_MAC_LEN: usize = 32;

/// The hash function of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// FIPS 180-4, sections 5.3.1 and 5.3.3.
    const fn initial(self) -> State {
        match self {
            Self::Sha1 => {
                [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0, 0, 0, 0]
            }
            Self::Sha256 => [
                0x6a09_e667,
                0xbb67_ae85,
                0x3c6e_f372,
                0xa54f_f53a,
                0x510e_527f,
                0x9b05_688c,
                0x1f83_d9ab,
                0x5be0_cd19,
            ],
        }
    }

    fn compress(self, state: &mut State, block: &Block) {
        match self {
            Self::Sha1 => {
                if let Some((words, _)) = state.split_first_chunk_mut() {
                    sha1_block::compress(words, core::slice::from_ref(block));
                }
            }
            Self::Sha256 => sha2_block::compress256(state, core::slice::from_ref(block)),
        }
    }
}

/// A key, stored as the states of the inner and outer hash after their first block.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MacKey {
    #[zeroize(skip)]
    hash: Hash,
    inner: State,
    outer: State,
}

impl MacKey {
    /// `key` has at most one block, as all MAC keys of TLS do.
    pub(crate) fn new(hash: Hash, key: &[u8]) -> Self {
        let keyed = |pad: u8| {
            let mut block = [pad; BLOCK_LEN];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = hash.initial();
            hash.compress(&mut state, &block);
            block.zeroize();
            state
        };
        Self { hash, inner: keyed(0x36), outer: keyed(0x5c) }
    }

    pub(crate) fn len(&self) -> usize {
        self.hash.len()
    }

    /// The MAC over `prefix` and `content`.
    pub(crate) fn mac(&self, prefix: &[u8], content: &[u8]) -> [u8; MAX_MAC_LEN] {
        self.mac_secret_len(prefix, content, content.len() as u32, 0)
    }

    /// The MAC over `prefix` and the first `len` bytes of `content`. `len` is secret,
    /// except that it is at most `spread` bytes less than the length of `content`.
    /// The 20 bytes of SHA-1 are followed by zeros.
    pub(crate) fn mac_secret_len(
        &self,
        prefix: &[u8],
        content: &[u8],
        len: u32,
        spread: usize,
    ) -> [u8; MAX_MAC_LEN] {
        let max_len = prefix.len() + content.len();
        let min_len = prefix.len() + content.len().saturating_sub(spread);
        let secret_len = prefix.len() as u32 + len;
        // Padding takes at least nine bytes: 0x80 and the length.
        let last_block = (secret_len + 8) / BLOCK_LEN as u32;
        let bits = (u64::from(secret_len) + BLOCK_LEN as u64) * 8;
        let byte_at = |position: usize| {
            let byte = match position.checked_sub(prefix.len()) {
                None => prefix.get(position),
                Some(position) => content.get(position),
            };
            byte.copied().unwrap_or(0)
        };

        let mut state = self.inner;
        let mut digest = State::default();
        for index in 0..=(max_len + 8) / BLOCK_LEN {
            let start = index * BLOCK_LEN;
            let mut block = [0; BLOCK_LEN];
            if start + BLOCK_LEN <= min_len {
                for (offset, byte) in block.iter_mut().enumerate() {
                    *byte = byte_at(start + offset);
                }
                self.hash.compress(&mut state, &block);
                continue;
            }
            for (offset, byte) in block.iter_mut().enumerate() {
                let position = (start + offset) as u32;
                let message = byte_at(start + offset);
                *byte = u8::conditional_select(&0, &message, position.ct_lt(&secret_len));
                byte.conditional_assign(&0x80, position.ct_eq(&secret_len));
            }
            let is_last = (index as u32).ct_eq(&last_block);
            for (byte, length) in block[BLOCK_LEN - 8..].iter_mut().zip(bits.to_be_bytes()) {
                *byte |= u8::conditional_select(&0, &length, is_last);
            }
            self.hash.compress(&mut state, &block);
            for (word, candidate) in digest.iter_mut().zip(&state) {
                word.conditional_assign(candidate, is_last);
            }
        }
        self.outer_hash(&digest)
    }

    fn outer_hash(&self, digest: &State) -> [u8; MAX_MAC_LEN] {
        let len = self.hash.len();
        let mut block = [0; BLOCK_LEN];
        for (bytes, word) in block.chunks_exact_mut(4).zip(&digest[..len / 4]) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        block[len] = 0x80;
        let bits = (BLOCK_LEN + len) as u64 * 8;
        block[BLOCK_LEN - 8..].copy_from_slice(&bits.to_be_bytes());
        let mut state = self.outer;
        self.hash.compress(&mut state, &block);
        let mut mac = [0; MAX_MAC_LEN];
        for (bytes, word) in mac.chunks_exact_mut(4).zip(&state[..len / 4]) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use hmac::{Hmac, KeyInit, Mac};

    use super::{Hash, MacKey};

    fn reference(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
        match hash {
            Hash::Sha1 => {
                let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key).unwrap();
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }
            Hash::Sha256 => {
                let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }

    #[test]
    fn every_secret_length_agrees_with_the_hmac_crate() {
        let content: Vec<u8> = (0..600_u32).map(|byte| (byte * 7) as u8).collect();
        let prefix = [9; 13];
        for hash in [Hash::Sha1, Hash::Sha256] {
            let key = MacKey::new(hash, &[0x5a; 32][..hash.len()]);
            for total in [0_usize, 1, 42, 43, 50, 51, 52, 63, 64, 115, 255, 256, 300, 600] {
                for len in total.saturating_sub(256)..=total {
                    let mut message = prefix.to_vec();
                    message.extend_from_slice(&content[..len]);
                    let expected = reference(hash, &[0x5a; 32][..hash.len()], &message);
                    let mac = key.mac_secret_len(&prefix, &content[..total], len as u32, 256);
                    assert_eq!(mac[..hash.len()], expected, "{hash:?} {total} {len}");
                }
            }
        }
    }
}
