//! Derives the keys of both directions from a premaster secret: RFC 5246, sections
//! 5, 6.3 and 8.1; RFC 7627 for the extended master secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cipher::MAX_KEY_BLOCK_LEN;
use crate::error::Error;
use crate::memory::Boxed;

pub(crate) const MASTER_SECRET_LEN: usize = 48;
pub(crate) const RANDOM_LEN: usize = 32;
pub(crate) const VERIFY_DATA_LEN: usize = 12;
pub(crate) const HASH_LEN: usize = 32;

/// The hash over all handshake messages so far.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Sha256);

impl Transcript {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn hash(&self) -> [u8; HASH_LEN] {
        self.0.clone().finalize().into()
    }
}

/// The random values of both hellos.
#[derive(Clone, Copy)]
pub(crate) struct Randoms {
    pub(crate) client: [u8; RANDOM_LEN],
    pub(crate) server: [u8; RANDOM_LEN],
}

/// The secret behind all keys of a session and of sessions resumed from it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct MasterSecret([u8; MASTER_SECRET_LEN]);

/// The sender of a Finished.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Client,
    Server,
}

impl MasterSecret {
    pub(crate) fn from_bytes(bytes: [u8; MASTER_SECRET_LEN]) -> Self {
        Self(bytes)
    }

    /// Puts the secret into a box, which is wiped when it is dropped. A secret inside an
    /// owner would leave copies behind when the owner is moved.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn boxed(bytes: &[u8; MASTER_SECRET_LEN]) -> Result<Boxed<Self>, Error> {
        let mut secret = Boxed::new(Self([0; MASTER_SECRET_LEN]))?;
        secret.0.copy_from_slice(bytes);
        Ok(secret)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; MASTER_SECRET_LEN] {
        &self.0
    }

    /// RFC 5246, section 8.1.
    pub(crate) fn derive(premaster: &[u8], randoms: &Randoms) -> Self {
        let mut secret = Self([0; MASTER_SECRET_LEN]);
        let seed = [&randoms.client[..], &randoms.server];
        prf(premaster, b"master secret", seed, &mut secret.0);
        secret
    }

    /// RFC 7627, section 4: bound to the handshake messages so far.
    pub(crate) fn derive_extended(premaster: &[u8], session_hash: &[u8; HASH_LEN]) -> Self {
        let mut secret = Self([0; MASTER_SECRET_LEN]);
        prf(premaster, b"extended master secret", [session_hash, &[]], &mut secret.0);
        secret
    }

    /// The content of the Finished of `side`.
    pub(crate) fn verify_data(&self, side: Side, transcript: &Transcript) -> [u8; VERIFY_DATA_LEN] {
        let label: &[u8] = match side {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        };
        let mut data = [0; VERIFY_DATA_LEN];
        prf(&self.0, label, [&transcript.hash(), &[]], &mut data);
        data
    }

    /// The keys of both directions, one behind the other (RFC 5246, section 6.3).
    pub(crate) fn key_block(&self, randoms: &Randoms) -> Zeroizing<[u8; MAX_KEY_BLOCK_LEN]> {
        let mut block = Zeroizing::new([0; MAX_KEY_BLOCK_LEN]);
        let seed = [&randoms.server[..], &randoms.client];
        prf(&self.0, b"key expansion", seed, &mut *block);
        block
    }
}

/// The pseudorandom function of RFC 5246, section 5, with SHA-256.
#[inline(never)]
fn prf(secret: &[u8], label: &[u8], seed: [&[u8]; 2], out: &mut [u8]) {
    // This cannot fail: HMAC accepts keys of any length.
    let Ok(keyed) = Hmac::<Sha256>::new_from_slice(secret) else { return };
    let [first, second] = seed;
    let mut a = mac(&keyed, [label, first, second, &[]]);
    for chunk in out.chunks_mut(HASH_LEN) {
        let mut block = mac(&keyed, [&a, label, first, second]);
        chunk.copy_from_slice(&block[..chunk.len()]);
        block.zeroize();
        a = mac(&keyed, [&a, &[], &[], &[]]);
    }
    a.zeroize();
}

// Not inlined, or each call would take a kilobyte of its own on a small stack.
#[inline(never)]
fn mac(keyed: &Hmac<Sha256>, parts: [&[u8]; 4]) -> [u8; HASH_LEN] {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::prf;

    /// The test vector for P_SHA256 published on the mailing list of the TLS
    /// working group (M. Pettersson, 2008).
    #[test]
    fn published_vector() {
        let secret = [
            0x9b, 0xbe, 0x43, 0x6b, 0xa9, 0x40, 0xf0, 0x17, 0xb1, 0x76, 0x52, 0x84, 0x9a, 0x71,
            0xdb, 0x35,
        ];
        let seed = [
            0xa0, 0xba, 0x9f, 0x93, 0x6c, 0xda, 0x31, 0x18, 0x27, 0xa6, 0xf7, 0x96, 0xff, 0xd5,
            0x19, 0x8c,
        ];
        let mut out = [0; 100];
        prf(&secret, b"test label", [&seed[..7], &seed[7..]], &mut out);
        assert_eq!(out[..8], [0xe3, 0xf2, 0x29, 0xba, 0x72, 0x7b, 0xe1, 0x7b]);
        assert_eq!(out[93..], [0xff, 0xf7, 0x01, 0x87, 0x34, 0x7b, 0x66][..]);
    }
}
