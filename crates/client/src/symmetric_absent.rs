//! In the place of `symmetric.rs` where the feature `symmetric` is off: there
//! is no key, so nothing is ever encrypted, and none of it is compiled in.

use alloc::vec::Vec;

use crate::encode::EncodeError;

/// A key that cannot be.
#[derive(Debug)]
pub(crate) enum SymmetricKey {}

/// See the feature's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UndecryptableError;

impl SymmetricKey {
    pub(crate) const fn encrypt(
        &self,
        _plain: &[u8],
        _out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        match *self {}
    }

    pub(crate) const fn encrypt_in_place<'b>(
        &self,
        _buffer: &'b mut [u8],
        _plain_len: usize,
    ) -> Option<&'b [u8]> {
        match *self {}
    }

    pub(crate) const fn decrypt(&self, _cipher: &mut [u8]) -> Result<usize, UndecryptableError> {
        match *self {}
    }
}

/// No keys.
#[derive(Debug, Default)]
pub(crate) struct Keys {}

#[allow(clippy::unused_self, reason = "as the feature's own")]
impl Keys {
    pub(crate) const fn renew(&mut self, _device_secret: &str, _random: &str, _generation: u32) {}

    pub(crate) const fn current(&self) -> Option<&SymmetricKey> {
        None
    }

    pub(crate) const fn of(&self, _generation: u32) -> Option<&SymmetricKey> {
        None
    }
}

/// The length of `plain_len` bytes once padded.
pub(crate) const fn encrypted_len(plain_len: usize) -> usize {
    plain_len
}
