//! The cloud's side of symmetric mode, by OpenSSL.

use openssl::hash::{MessageDigest, hash};
use openssl::symm::{Cipher, encrypt};

/// Encrypts `plain` under the key that device and cloud derive from these.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "no input makes it panic")]
pub fn encrypted(device_secret: &str, random: &str, plain: &[u8]) -> Vec<u8> {
    let text = format!("{device_secret},{random}");
    let digest = hash(MessageDigest::sha256(), text.as_bytes()).expect("a hash");
    let vector = b"543yhjy97ae7fyfg";
    encrypt(Cipher::aes_128_cbc(), &digest[8..24], Some(vector), plain).expect("a cipher")
}
