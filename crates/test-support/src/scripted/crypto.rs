//! The cryptography of a server, by OpenSSL: RFC 5246, sections 5, 6.2.3 and
//! 6.3; RFC 7366; RFC 9146.

use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, Crypter, Mode};

const SALT_LEN: usize = 4;
const IV_LEN: usize = 16;
const BLOCK_LEN: usize = 16;

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// AES-128-GCM.
    Gcm,
    /// AES-128-CCM with a tag of 8 bytes.
    Ccm8,
    /// AES-CBC with an HMAC, by SHA-256 or else by SHA-1.
    Cbc {
        /// The length of AES's key in bytes.
        key_len: usize,
        /// Whether the HMAC is by SHA-256.
        sha256: bool,
    },
}

impl Algorithm {
    /// The length of the HMAC in bytes; 0 without one.
    pub fn mac_len(self) -> usize {
        match self {
            Self::Cbc { sha256: true, .. } => 32,
            Self::Cbc { .. } => 20,
            _ => 0,
        }
    }

    fn key_len(self) -> usize {
        match self {
            Self::Cbc { key_len, .. } => key_len,
            _ => 16,
        }
    }

    fn salt_len(self) -> usize {
        if self.mac_len() == 0 { SALT_LEN } else { 0 }
    }

    fn tag_len(self) -> usize {
        if self == Self::Ccm8 { 8 } else { 16 }
    }

    fn block_cipher(self) -> Cipher {
        if self.key_len() == 32 { Cipher::aes_256_cbc() } else { Cipher::aes_128_cbc() }
    }
}

/// An HMAC.
pub fn hmac(digest: MessageDigest, key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).unwrap();
    Signer::new(digest, &key).unwrap().sign_oneshot_to_vec(message).unwrap()
}

/// The pseudorandom function of TLS 1.2, by SHA-256 (RFC 5246, section 5).
pub fn prf(secret: &[u8], label: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let mac = |message: &[u8]| hmac(MessageDigest::sha256(), secret, message);
    let seed = [label, seed].concat();
    let mut a = seed.clone();
    let mut out = Vec::new();
    while out.len() < len {
        a = mac(&a);
        out.extend_from_slice(&mac(&[&a[..], &seed].concat()));
    }
    out.truncate(len);
    out
}

/// A hash by SHA-256.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    openssl::hash::hash(MessageDigest::sha256(), bytes).unwrap().to_vec()
}

/// What stands before the fragment of a record.
#[derive(Clone)]
pub struct Header {
    /// What the fragment is.
    pub content_type: u8,
    /// Of the keys that protect it; 0 without protection.
    pub epoch: u16,
    /// Its number within the epoch.
    pub sequence: u64,
    /// Empty where the record carries none.
    pub connection_id: Vec<u8>,
}

impl Header {
    fn number(&self) -> [u8; 8] {
        ((u64::from(self.epoch) << 48) | self.sequence).to_be_bytes()
    }

    /// With a fragment behind it.
    pub fn record(&self, fragment: &[u8]) -> Vec<u8> {
        let mut record = vec![self.content_type, 0xfe, 0xfd];
        record.extend_from_slice(&self.number());
        record.extend_from_slice(&self.connection_id);
        record.extend_from_slice(&(fragment.len() as u16).to_be_bytes());
        record.extend_from_slice(fragment);
        record
    }

    fn additional(&self, len: usize) -> Vec<u8> {
        let mut data = Vec::new();
        if self.connection_id.is_empty() {
            data.extend_from_slice(&self.number());
            data.extend_from_slice(&[self.content_type, 0xfe, 0xfd]);
        } else {
            data.extend_from_slice(&[0xff; 8]);
            let id_len = self.connection_id.len() as u8;
            data.extend_from_slice(&[self.content_type, id_len, self.content_type, 0xfe, 0xfd]);
            data.extend_from_slice(&self.number());
            data.extend_from_slice(&self.connection_id);
        }
        data.extend_from_slice(&(len as u16).to_be_bytes());
        data
    }
}

/// One direction's keys.
#[derive(Clone)]
pub struct Key {
    algorithm: Algorithm,
    encrypt_then_mac: bool,
    mac: Vec<u8>,
    cipher: Vec<u8>,
    salt: Vec<u8>,
}

/// The keys of the client's and of the server's records.
pub fn keys(
    algorithm: Algorithm,
    encrypt_then_mac: bool,
    master_secret: &[u8],
    randoms: [&[u8; 32]; 2],
) -> (Key, Key) {
    let [client, server] = randoms;
    let block = prf(master_secret, b"key expansion", &[&server[..], client].concat(), 136);
    let mut rest = &block[..];
    let mut take = |len: usize| {
        let (taken, left) = rest.split_at(len);
        rest = left;
        taken.to_vec()
    };
    let mut both = |len: usize| [take(len), take(len)];
    let [client_mac, server_mac] = both(algorithm.mac_len());
    let [client_cipher, server_cipher] = both(algorithm.key_len());
    let [client_salt, server_salt] = both(algorithm.salt_len());
    let key = |mac, cipher, salt| Key { algorithm, encrypt_then_mac, mac, cipher, salt };
    (key(client_mac, client_cipher, client_salt), key(server_mac, server_cipher, server_salt))
}

impl Key {
    /// The fragment of a record.
    pub fn seal(&self, header: &Header, content: &[u8]) -> Vec<u8> {
        if self.algorithm.mac_len() > 0 {
            let padding = (BLOCK_LEN - 1) - (content.len() + self.inner_mac_len()) % BLOCK_LEN;
            let blocks = self.blocks(header, content, padding);
            return self.seal_blocks(header, &blocks);
        }
        let explicit = header.number();
        let nonce = [&self.salt[..], &explicit].concat();
        let additional = header.additional(content.len());
        let sealed = self.aead(Mode::Encrypt, &nonce, &additional, content, &[]).unwrap();
        [&explicit[..], &sealed].concat()
    }

    /// Content and tag of an AEAD, or the content of both. The lengths must be
    /// set before the key, or CCM takes others.
    fn aead(
        &self,
        mode: Mode,
        nonce: &[u8],
        additional: &[u8],
        content: &[u8],
        tag: &[u8],
    ) -> Result<Vec<u8>, ErrorStack> {
        let ccm = self.algorithm == Algorithm::Ccm8;
        let cipher = if ccm {
            openssl::cipher::Cipher::aes_128_ccm()
        } else {
            openssl::cipher::Cipher::aes_128_gcm()
        };
        let mut context = CipherCtx::new()?;
        let encrypt = matches!(mode, Mode::Encrypt);
        if encrypt {
            context.encrypt_init(Some(cipher), None, None)?;
        } else {
            context.decrypt_init(Some(cipher), None, None)?;
        }
        context.set_iv_length(nonce.len())?;
        match (encrypt, ccm) {
            (true, true) => context.set_tag_length(self.algorithm.tag_len())?,
            (true, false) => {}
            (false, _) => context.set_tag(tag)?,
        }
        if encrypt {
            context.encrypt_init(None, Some(&self.cipher), Some(nonce))?;
        } else {
            context.decrypt_init(None, Some(&self.cipher), Some(nonce))?;
        }
        if ccm {
            context.set_data_len(content.len())?;
        }
        let mut out = Vec::new();
        context.cipher_update(additional, None)?;
        context.cipher_update_vec(content, &mut out)?;
        if encrypt || !ccm {
            context.cipher_final_vec(&mut out)?;
        }
        if encrypt {
            let mut tag = vec![0; self.algorithm.tag_len()];
            context.tag(&mut tag)?;
            out.extend_from_slice(&tag);
        }
        Ok(out)
    }

    /// Whether it takes no MAC of its own.
    pub fn is_aead(&self) -> bool {
        self.algorithm.mac_len() == 0
    }

    /// Whether the MAC covers what was encrypted (RFC 7366).
    pub fn encrypt_then_mac(&self) -> bool {
        self.encrypt_then_mac
    }

    fn inner_mac_len(&self) -> usize {
        if self.encrypt_then_mac { 0 } else { self.algorithm.mac_len() }
    }

    /// The MAC of a record by this key.
    pub fn mac(&self, message: &[u8]) -> Vec<u8> {
        let digest = match self.algorithm {
            Algorithm::Cbc { sha256: true, .. } => MessageDigest::sha256(),
            _ => MessageDigest::sha1(),
        };
        hmac(digest, &self.mac, message)
    }

    /// What a block cipher encrypts: content, MAC and `padding` bytes and one.
    pub fn blocks(&self, header: &Header, content: &[u8], padding: usize) -> Vec<u8> {
        let mut blocks = content.to_vec();
        if !self.encrypt_then_mac {
            blocks.extend(self.mac(&[&header.additional(content.len())[..], content].concat()));
        }
        blocks.extend(std::iter::repeat_n(padding as u8, padding + 1));
        blocks
    }

    /// The fragment of a record of a block cipher, whatever is in the blocks.
    pub fn seal_blocks(&self, header: &Header, blocks: &[u8]) -> Vec<u8> {
        self.seal_blocks_by(header, &[0x5a; IV_LEN], blocks)
    }

    fn seal_blocks_by(&self, header: &Header, iv: &[u8], blocks: &[u8]) -> Vec<u8> {
        let mut fragment = [iv, &self.crypt(Mode::Encrypt, iv, blocks)].concat();
        if self.encrypt_then_mac {
            let message = [&header.additional(fragment.len())[..], &fragment].concat();
            fragment.extend(self.mac(&message));
        }
        fragment
    }

    fn crypt(&self, mode: Mode, iv: &[u8], blocks: &[u8]) -> Vec<u8> {
        let cipher = self.algorithm.block_cipher();
        let mut crypter = Crypter::new(cipher, mode, &self.cipher, Some(iv)).unwrap();
        crypter.pad(false);
        let mut out = vec![0; blocks.len() + BLOCK_LEN];
        let len = crypter.update(blocks, &mut out).unwrap();
        out.truncate(len);
        out
    }

    /// The content of a record of a client that does nothing wrong.
    pub fn open(&self, header: &Header, fragment: &[u8]) -> Option<Vec<u8>> {
        let mac_len = self.algorithm.mac_len();
        if mac_len == 0 {
            let (explicit, rest) = fragment.split_at_checked(8)?;
            let len = rest.len().checked_sub(self.algorithm.tag_len())?;
            let (content, tag) = rest.split_at(len);
            let nonce = [&self.salt[..], explicit].concat();
            let additional = header.additional(len);
            return self.aead(Mode::Decrypt, &nonce, &additional, content, tag).ok();
        }
        let outer = if self.encrypt_then_mac { mac_len } else { 0 };
        let (covered, _) = fragment.split_at_checked(fragment.len().checked_sub(outer)?)?;
        let (iv, blocks) = covered.split_at_checked(IV_LEN)?;
        let mut content = self.crypt(Mode::Decrypt, iv, blocks);
        let padding = usize::from(*content.last()?) + 1;
        content.truncate(content.len().checked_sub(padding + self.inner_mac_len())?);
        let blocks = self.blocks(header, &content, padding - 1);
        (self.seal_blocks_by(header, iv, &blocks) == fragment).then_some(content)
    }
}
