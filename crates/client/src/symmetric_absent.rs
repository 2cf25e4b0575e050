//! Replaces `symmetric.rs` without the feature `symmetric`: there is no key, nothing is
//! encrypted, and no cipher is compiled in.

/// A key that cannot exist.
pub(crate) enum SymmetricKey {}

/// The error with the feature; it never occurs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UndecryptableError;

impl SymmetricKey {
    pub(crate) const fn encrypt(&self, _buffer: &mut [u8], _plain_len: usize) {
        match *self {}
    }

    pub(crate) const fn decrypt(&self, _cipher: &mut [u8]) -> Result<usize, UndecryptableError> {
        match *self {}
    }
}

/// No keys.
#[derive(Default)]
pub(crate) struct Keys {}

#[allow(clippy::unused_self, reason = "as with the feature")]
impl Keys {
    pub(crate) const fn renew(&mut self, _device_secret: &str, _random: &str, _generation: u32) {}

    pub(crate) const fn current(&self) -> Option<&SymmetricKey> {
        None
    }

    pub(crate) const fn of(&self, _generation: u32) -> Option<&SymmetricKey> {
        None
    }
}

/// `plain_len`, since nothing is encrypted.
pub(crate) const fn encrypted_len(plain_len: usize) -> usize {
    plain_len
}
