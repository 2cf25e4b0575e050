//! Reads and writes the integers and length-prefixed vectors of RFC 5246,
//! section 4.

use alloc::vec::Vec;

use crate::error::Error;

/// Reads fields from the front of a message. Every method returns `None` if the
/// message is too short.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    pub(crate) fn new(bytes: &'m [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn rest(&self) -> &'m [u8] {
        self.0
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Option<usize> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]) as usize)
    }

    pub(crate) fn u48(&mut self) -> Option<u64> {
        self.array().map(|[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A vector with a length prefix of one byte.
    pub(crate) fn vector8(&mut self) -> Option<&'m [u8]> {
        let len = self.u8()?;
        self.bytes(len.into())
    }

    /// A vector with a length prefix of two bytes.
    pub(crate) fn vector16(&mut self) -> Option<&'m [u8]> {
        let len = self.u16()?;
        self.bytes(len.into())
    }

    /// A vector with a length prefix of three bytes.
    pub(crate) fn vector24(&mut self) -> Option<&'m [u8]> {
        let len = self.u24()?;
        self.bytes(len)
    }
}

/// Appends fields to a message. It remembers a failure until
/// [`finish`](Self::finish), so that callers need not check every field.
pub(crate) struct Writer<'m> {
    out: &'m mut Vec<u8>,
    failed: Option<Error>,
}

impl<'m> Writer<'m> {
    pub(crate) fn new(out: &'m mut Vec<u8>) -> Self {
        Self { out, failed: None }
    }

    /// # Errors
    ///
    /// [`Error::OutOfMemory`], or [`Error::BadLength`] if the content of a vector is
    /// longer than its length prefix allows.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.failed.map_or(Ok(()), Err)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if self.out.try_reserve(bytes.len()).is_ok() {
            self.out.extend_from_slice(bytes);
        } else {
            self.failed = Some(Error::OutOfMemory);
        }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a length prefix of one byte, then what `content` writes.
    pub(crate) fn vector8(&mut self, content: impl FnOnce(&mut Self)) {
        self.vector(1, content);
    }

    /// Writes a length prefix of two bytes, then what `content` writes.
    pub(crate) fn vector16(&mut self, content: impl FnOnce(&mut Self)) {
        self.vector(2, content);
    }

    fn vector(&mut self, width: usize, content: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.bytes(&[0; 2][..width]);
        content(self);
        let len = self.out.len().saturating_sub(start + width);
        if len >> (8 * width) != 0 {
            self.failed = Some(Error::BadLength);
        }
        let len = (len as u16).to_be_bytes();
        if let Some(prefix) = self.out.get_mut(start..start + width) {
            prefix.copy_from_slice(&len[2 - width..]);
        }
    }
}
