//! Writing a CoAP message (RFC 7252 section 3). Options must be written in the
//! order of their numbers; the encoder checks that and the message's length,
//! nothing else.

use alloc::vec::Vec;
use core::fmt;

use crate::code::Code;
use crate::message::{Kind, header};
use crate::option::OptionNumber;

/// The longest message that the cloud takes, in bytes, header included.
pub const MAX_MESSAGE_LEN: usize = 1280;

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// It would be longer than [`MAX_MESSAGE_LEN`], or its token than 8 bytes.
    TooLong,
    /// An option came after one with a greater number.
    OptionOrder,
    /// The heap is exhausted.
    OutOfMemory,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "message longer than 1280 bytes",
            Self::OptionOrder => "options out of order",
            Self::OutOfMemory => "out of memory",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Writes one message to the end of a buffer, which grows where it must and is
/// reused where it can be.
#[derive(Debug)]
pub struct Encoder<'b> {
    out: &'b mut Vec<u8>,
    last_option: u16,
}

impl<'b> Encoder<'b> {
    /// Empties `out` and starts a message in it. `capacity` is the length that
    /// the message is expected to have; more is no error.
    ///
    /// # Errors
    ///
    /// [`EncodeError::OutOfMemory`]; [`EncodeError::TooLong`] for a token of
    /// more than 8 bytes.
    pub fn new(
        out: &'b mut Vec<u8>,
        capacity: usize,
        kind: Kind,
        code: Code,
        id: u16,
        token: &[u8],
    ) -> Result<Self, EncodeError> {
        out.clear();
        let Ok(token_len @ 0..=8) = u8::try_from(token.len()) else {
            return Err(EncodeError::TooLong);
        };
        let header = header(kind, token_len, code, id);
        let capacity = capacity.clamp(header.len() + token.len(), MAX_MESSAGE_LEN);
        out.try_reserve_exact(capacity).map_err(|_| EncodeError::OutOfMemory)?;
        out.extend_from_slice(&header);
        out.extend_from_slice(token);
        Ok(Self { out, last_option: 0 })
    }

    /// Goes on with a message whose options up to `last_option` are in `out`.
    pub(crate) const fn resume(out: &'b mut Vec<u8>, last_option: OptionNumber) -> Self {
        Self { out, last_option: last_option.0 }
    }

    /// Adds an option.
    ///
    /// # Errors
    ///
    /// All of [`EncodeError`].
    pub fn option(&mut self, number: OptionNumber, value: &[u8]) -> Result<(), EncodeError> {
        let delta = number.0.checked_sub(self.last_option).ok_or(EncodeError::OptionOrder)?;
        let len = u16::try_from(value.len()).map_err(|_| EncodeError::TooLong)?;
        // One byte, and up to two of extension for each of delta and length.
        let mut head = [0; 5];
        let (delta_nibble, head_len) = extend(delta, &mut head, 1);
        let (len_nibble, head_len) = extend(len, &mut head, head_len);
        head[0] = delta_nibble << 4 | len_nibble;
        self.reserve(head_len + value.len())?;
        self.out.extend_from_slice(&head[..head_len]);
        self.out.extend_from_slice(value);
        self.last_option = number.0;
        Ok(())
    }

    /// Ends the message with `payload`; none where it is empty.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] and [`EncodeError::OutOfMemory`].
    pub fn payload(self, payload: &[u8]) -> Result<(), EncodeError> {
        if !payload.is_empty() {
            self.begin_payload(payload.len())?.extend_from_slice(payload);
        }
        Ok(())
    }

    /// Writes the payload marker and returns the buffer, with room for a
    /// payload of `len` bytes, which must not be 0.
    pub(crate) fn begin_payload(mut self, len: usize) -> Result<&'b mut Vec<u8>, EncodeError> {
        self.reserve(1 + len)?;
        self.out.push(0xFF);
        Ok(self.out)
    }

    fn reserve(&mut self, len: usize) -> Result<(), EncodeError> {
        if self.out.len() + len > MAX_MESSAGE_LEN {
            return Err(EncodeError::TooLong);
        }
        self.out.try_reserve(len).map_err(|_| EncodeError::OutOfMemory)
    }
}

/// Puts the extension of `value` at `head[at..]`; returns its nibble and where
/// the extension ends.
fn extend(value: u16, head: &mut [u8; 5], at: usize) -> (u8, usize) {
    match value {
        0..=12 => (value as u8, at),
        13..=268 => {
            head[at] = (value - 13) as u8;
            (13, at + 1)
        }
        _ => {
            let [high, low] = (value - 269).to_be_bytes();
            head[at] = high;
            head[at + 1] = low;
            (14, at + 2)
        }
    }
}
