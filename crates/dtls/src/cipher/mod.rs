//! Record protection: a [`Protection`] for each direction, made from the key block.
//! It works in place and never allocates.

mod aead;
#[cfg(feature = "cbc")]
mod cbc;
#[cfg(feature = "cbc")]
mod mac;

use aead::{Aead, EXPLICIT_NONCE_LEN};
#[cfg(feature = "cbc")]
use cbc::{Cbc, CbcKey, IV_LEN};
#[cfg(feature = "cbc")]
use mac::{Hash, MacKey};
use rand_core::TryCryptoRng;

use crate::error::Error;
use crate::record::{ContentType, Header, MAX_CONNECTION_ID_LEN};

/// The algorithm that protects records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Aes128Gcm,
    #[cfg(feature = "ccm")]
    Aes128Ccm8,
    #[cfg(feature = "cbc")]
    Aes128CbcSha1,
    #[cfg(feature = "cbc")]
    Aes256CbcSha1,
    #[cfg(feature = "cbc")]
    Aes128CbcSha256,
    #[cfg(feature = "cbc")]
    Aes256CbcSha256,
}

/// The keys of one direction, in the key block.
pub(crate) enum DirectionKeys<'b> {
    Gcm(&'b [u8; aead::KEY_LEN], &'b [u8; aead::SALT_LEN]),
    #[cfg(feature = "ccm")]
    Ccm8(&'b [u8; aead::KEY_LEN], &'b [u8; aead::SALT_LEN]),
    #[cfg(feature = "cbc")]
    Cbc(Hash, &'b [u8], CbcKey<'b>),
}

/// The length of the longest key block: the keys of both directions.
pub(crate) const MAX_KEY_BLOCK_LEN: usize = 2 * (32 + 32 + 4);

impl Algorithm {
    /// How many records may fail their authentication under one key (RFC 9147, section 4.5.3).
    ///
    /// A forged record of AES-GCM succeeds with a probability of about 2^-128 times its
    /// length. RFC 9147 allows 2^36 of them, more than are counted here. A tag of 8 bytes
    /// is guessed with a probability of 2^-64. With the 2^-57 of RFC 9147, only 2^7
    /// forgeries would be allowed, and anybody could end a session with that many
    /// datagrams. After 2^16 forgeries, the probability is 2^-48, and the attacker gains
    /// one message. An HMAC cannot be guessed, but timing attacks on the padding need many
    /// records. TLS over TCP prevents them by ending the session after the first bad
    /// record.
    pub(crate) fn forgery_limit(self) -> u32 {
        match self {
            Self::Aes128Gcm => 1 << 31,
            #[cfg(any(feature = "ccm", feature = "cbc"))]
            _ => 1 << 16,
        }
    }

    pub(crate) fn is_cbc(self) -> bool {
        match self {
            Self::Aes128Gcm => false,
            #[cfg(feature = "ccm")]
            Self::Aes128Ccm8 => false,
            #[cfg(feature = "cbc")]
            _ => true,
        }
    }

    /// The keys for the client's records, then the keys for the server's (RFC 5246, section
    /// 6.3); `None` if the block is too short.
    pub(crate) fn split_key_block(self, block: &[u8]) -> Option<[DirectionKeys<'_>; 2]> {
        match self {
            Self::Aes128Gcm => split_for_aead(block, DirectionKeys::Gcm),
            #[cfg(feature = "ccm")]
            Self::Aes128Ccm8 => split_for_aead(block, DirectionKeys::Ccm8),
            #[cfg(feature = "cbc")]
            Self::Aes128CbcSha1 => split_for_cbc(block, Hash::Sha1, CbcKey::Aes128),
            #[cfg(feature = "cbc")]
            Self::Aes256CbcSha1 => split_for_cbc(block, Hash::Sha1, CbcKey::Aes256),
            #[cfg(feature = "cbc")]
            Self::Aes128CbcSha256 => split_for_cbc(block, Hash::Sha256, CbcKey::Aes128),
            #[cfg(feature = "cbc")]
            Self::Aes256CbcSha256 => split_for_cbc(block, Hash::Sha256, CbcKey::Aes256),
        }
    }
}

fn split_for_aead<'b>(
    block: &'b [u8],
    keys: fn(&'b [u8; aead::KEY_LEN], &'b [u8; aead::SALT_LEN]) -> DirectionKeys<'b>,
) -> Option<[DirectionKeys<'b>; 2]> {
    let (client_key, rest) = block.split_first_chunk()?;
    let (server_key, rest) = rest.split_first_chunk()?;
    let (client_salt, rest) = rest.split_first_chunk()?;
    Some([keys(client_key, client_salt), keys(server_key, rest.first_chunk()?)])
}

#[cfg(feature = "cbc")]
fn split_for_cbc<'b, const KEY_LEN: usize>(
    block: &'b [u8],
    hash: Hash,
    key: fn(&'b [u8; KEY_LEN]) -> CbcKey<'b>,
) -> Option<[DirectionKeys<'b>; 2]> {
    let (client_mac, rest) = block.split_at_checked(hash.len())?;
    let (server_mac, rest) = rest.split_at_checked(hash.len())?;
    let (client_key, rest) = rest.split_first_chunk()?;
    let server_key = rest.first_chunk()?;
    Some([
        DirectionKeys::Cbc(hash, client_mac, key(client_key)),
        DirectionKeys::Cbc(hash, server_mac, key(server_key)),
    ])
}

impl DirectionKeys<'_> {
    /// Makes the protection with these keys.
    #[inline(never)]
    pub(crate) fn protection(&self, encrypt_then_mac: bool) -> Protection {
        #[cfg(not(feature = "cbc"))]
        let _ = encrypt_then_mac;
        match *self {
            Self::Gcm(key, salt) => Protection::Aead(Aead::gcm(key, *salt)),
            #[cfg(feature = "ccm")]
            Self::Ccm8(key, salt) => Protection::Aead(Aead::ccm_8(key, *salt)),
            #[cfg(feature = "cbc")]
            Self::Cbc(hash, mac, key) => {
                Protection::Cbc(Cbc::new(key, MacKey::new(hash, mac), encrypt_then_mac))
            }
        }
    }
}

/// The keyed ciphers of one direction. They are wiped when dropped.
pub(crate) enum Protection {
    Aead(Aead),
    #[cfg(feature = "cbc")]
    Cbc(Cbc),
}

impl Protection {
    /// The offset of the content in a fragment.
    pub(crate) fn content_start(&self) -> usize {
        match self {
            Self::Aead(_) => EXPLICIT_NONCE_LEN,
            #[cfg(feature = "cbc")]
            Self::Cbc(_) => IV_LEN,
        }
    }

    /// The length of the fragment for `len` bytes of content.
    pub(crate) fn sealed_len(&self, len: usize) -> usize {
        match self {
            Self::Aead(aead) => EXPLICIT_NONCE_LEN + len + aead.tag_len(),
            #[cfg(feature = "cbc")]
            Self::Cbc(cbc) => cbc.sealed_len(len),
        }
    }

    /// Encrypts in place the `len` bytes at [`content_start`](Self::content_start) in
    /// `fragment`, which has [`sealed_len`](Self::sealed_len) bytes.
    ///
    /// # Errors
    ///
    /// [`Error::BadLength`] if the lengths do not fit; [`Error::Random`].
    pub(crate) fn seal<R: TryCryptoRng>(
        &self,
        header: &Header,
        fragment: &mut [u8],
        len: usize,
        random: &mut R,
    ) -> Result<(), Error> {
        #[cfg(not(feature = "cbc"))]
        let _ = random;
        let mut buffer = AdditionalBuffer::default();
        let additional = additional_data(header, len, &mut buffer);
        let sealed = match self {
            Self::Aead(aead) => {
                let explicit = header.number();
                fragment
                    .split_first_chunk_mut()
                    .and_then(|(nonce, rest)| Some((nonce, rest.split_at_mut_checked(len)?)))
                    .and_then(|(nonce, (content, tag))| {
                        *nonce = explicit;
                        aead.seal(explicit, additional, content, tag)
                    })
            }
            #[cfg(feature = "cbc")]
            Self::Cbc(cbc) => {
                let mut iv = [0; IV_LEN];
                random.try_fill_bytes(&mut iv).map_err(|_| Error::Random)?;
                cbc.seal(&iv, additional, fragment, len)
            }
        };
        sealed.ok_or(Error::BadLength)
    }

    /// Decrypts a fragment in place; `None` if it is too short or not authentic.
    pub(crate) fn open<'d>(&self, header: &Header, fragment: &'d mut [u8]) -> Option<&'d mut [u8]> {
        let mut buffer = AdditionalBuffer::default();
        match self {
            Self::Aead(aead) => {
                let (nonce, rest) = fragment.split_first_chunk_mut()?;
                let len = rest.len().checked_sub(aead.tag_len())?;
                let (content, tag) = rest.split_at_mut_checked(len)?;
                let additional = additional_data(header, len, &mut buffer);
                aead.open(*nonce, additional, content, tag)?;
                Some(content)
            }
            #[cfg(feature = "cbc")]
            Self::Cbc(cbc) => cbc.open(additional_data(header, 0, &mut buffer), fragment),
        }
    }
}

/// A buffer for the longest additional data, which contain a connection id.
struct AdditionalBuffer([u8; 23 + MAX_CONNECTION_ID_LEN]);

impl Default for AdditionalBuffer {
    fn default() -> Self {
        Self([0; 23 + MAX_CONNECTION_ID_LEN])
    }
}

/// The additional authenticated data: RFC 5246, section 6.2.3.3, with epoch and
/// sequence number as in RFC 6347, section 4.1.2.1; with a connection id RFC 9146,
/// section 5.
fn additional_data<'b>(
    header: &Header,
    len: usize,
    buffer: &'b mut AdditionalBuffer,
) -> &'b mut [u8] {
    let content_type = header.content_type.byte();
    let [major, minor] = crate::record::VERSION;
    let length = (len as u16).to_be_bytes();
    let end = if header.content_type == ContentType::Tls12Cid {
        let id = header.connection_id.as_bytes();
        let (placeholder, rest) = buffer.0.split_at_mut(8);
        placeholder.fill(0xff);
        rest[..5].copy_from_slice(&[content_type, id.len() as u8, content_type, major, minor]);
        rest[5..13].copy_from_slice(&header.number());
        rest[13..13 + id.len()].copy_from_slice(id);
        rest[13 + id.len()..15 + id.len()].copy_from_slice(&length);
        23 + id.len()
    } else {
        buffer.0[..8].copy_from_slice(&header.number());
        buffer.0[8..11].copy_from_slice(&[content_type, major, minor]);
        buffer.0[11..13].copy_from_slice(&length);
        13
    };
    &mut buffer.0[..end]
}
