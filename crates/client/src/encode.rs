//! Writing a CoAP message (RFC 7252 section 3). Options must be written in the
//! order of their numbers; the encoder checks that and the room that there is,
//! nothing else.

use alloc::vec::Vec;
use core::{fmt, mem};

use crate::code::Code;
use crate::message::{Kind, PAYLOAD_MARKER, header};
use crate::option::OptionNumber;

/// The longest message that the cloud takes, in bytes, header included.
pub const MAX_MESSAGE_LEN: usize = 1280;

/// From here on a delta or a length has an extension (RFC 7252 section 3.1).
const EXTENDED: u16 = 13;

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// It is longer than the buffer, or its token than 8 bytes.
    TooLong,
    /// An option came after one with a greater number.
    OptionOrder,
    /// The heap is exhausted. An [`Encoder`] takes nothing of it.
    OutOfMemory,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "message longer than its buffer",
            Self::OptionOrder => "options out of order",
            Self::OutOfMemory => "out of memory",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Writes one message to the start of a buffer. [`Encoder::payload`] or
/// [`Encoder::finish`] completes it and tells its length.
///
/// ```
/// use iot_coap_client::{Code, Encoder, Kind, OptionNumber};
///
/// let mut buffer = [0; 64];
/// let mut encoder = Encoder::new(&mut buffer, Kind::Confirmable, Code::POST, 7, &[0xAB])?;
/// encoder.option(OptionNumber::URI_PATH, b"topic")?;
/// let len = encoder.payload(b"21.5")?;
/// assert_eq!(buffer[..len], *b"\x41\x02\x00\x07\xab\xb5topic\xff21.5");
/// # Ok::<(), iot_coap_client::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'b> {
    /// What is still to be written to.
    rest: &'b mut [u8],
    buffer_len: usize,
    last_option: u16,
}

impl<'b> Encoder<'b> {
    /// Starts a message in `buffer`. To the cloud it may have
    /// [`MAX_MESSAGE_LEN`] bytes.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`].
    pub fn new(
        buffer: &'b mut [u8],
        kind: Kind,
        code: Code,
        id: u16,
        token: &[u8],
    ) -> Result<Self, EncodeError> {
        let Ok(token_len @ 0..=8) = u8::try_from(token.len()) else {
            return Err(EncodeError::TooLong);
        };
        let mut encoder = Self { buffer_len: buffer.len(), rest: buffer, last_option: 0 };
        encoder.write(&header(kind, token_len, code, id))?;
        encoder.write(token)?;
        Ok(encoder)
    }

    /// Goes on with a message whose options up to `last_option` are the first
    /// `len` bytes of `buffer`.
    pub(crate) fn resume(
        buffer: &'b mut [u8],
        len: usize,
        last_option: OptionNumber,
    ) -> Result<Self, EncodeError> {
        let buffer_len = buffer.len();
        let rest = buffer.get_mut(len..).ok_or(EncodeError::TooLong)?;
        Ok(Self { rest, buffer_len, last_option: last_option.0 })
    }

    /// Adds an option.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] and [`EncodeError::OptionOrder`].
    #[inline]
    pub fn option(&mut self, number: OptionNumber, value: &[u8]) -> Result<(), EncodeError> {
        let delta = number.0.checked_sub(self.last_option).ok_or(EncodeError::OptionOrder)?;
        self.last_option = number.0;
        // Most options have a short head; where flash counts, one way is enough.
        if cfg!(feature = "fast") && delta < EXTENDED && value.len() < EXTENDED.into() {
            let [head, place @ ..] = self.take(1 + value.len())? else {
                return Err(EncodeError::TooLong);
            };
            *head = (delta << 4) as u8 | value.len() as u8;
            place.copy_from_slice(value);
            Ok(())
        } else {
            self.any_option(delta, value)
        }
    }

    /// Adds an option whose head may have an extension.
    #[inline(never)]
    fn any_option(&mut self, delta: u16, value: &[u8]) -> Result<(), EncodeError> {
        let len = u16::try_from(value.len()).map_err(|_| EncodeError::TooLong)?;
        // One byte, and up to two of extension for each of delta and length.
        let mut head = [0; 5];
        let (delta_nibble, head_len) = extend(delta, &mut head, 1);
        let (len_nibble, head_len) = extend(len, &mut head, head_len);
        head[0] = delta_nibble << 4 | len_nibble;
        self.write(&head[..head_len])?;
        self.write(value)
    }

    /// Ends the message with `payload`, or without one where that is empty, and
    /// returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`].
    pub fn payload(mut self, payload: &[u8]) -> Result<usize, EncodeError> {
        if !payload.is_empty() {
            self.write(&[PAYLOAD_MARKER])?;
            self.write(payload)?;
        }
        Ok(self.len())
    }

    /// Ends the message without a payload and returns its length.
    pub fn finish(self) -> usize {
        self.len()
    }

    /// The length of what is written.
    pub(crate) const fn len(&self) -> usize {
        self.buffer_len - self.rest.len()
    }

    #[cfg_attr(feature = "fast", inline)]
    #[cfg_attr(not(feature = "fast"), inline(never))]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.take(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// The next `len` bytes of the buffer.
    #[inline]
    fn take(&mut self, len: usize) -> Result<&'b mut [u8], EncodeError> {
        if len > self.rest.len() {
            return Err(EncodeError::TooLong);
        }
        let (place, rest) = mem::take(&mut self.rest).split_at_mut(len);
        self.rest = rest;
        Ok(place)
    }
}

/// Gives a buffer `len` bytes, or as many as a message may have, for a message to
/// be written to. What it holds stays, up to there.
pub(crate) fn make_room(buffer: &mut Vec<u8>, len: usize) -> Result<(), EncodeError> {
    let len = len.min(MAX_MESSAGE_LEN);
    let missing = len.saturating_sub(buffer.len());
    buffer.try_reserve_exact(missing).map_err(|_| EncodeError::OutOfMemory)?;
    buffer.resize(len, 0);
    Ok(())
}

/// Ends a message whose options are complete with `payload`; with nothing where
/// that is empty.
pub(crate) fn append_payload(message: &mut Vec<u8>, payload: &[u8]) -> Result<(), EncodeError> {
    if !payload.is_empty() {
        begin_payload(message, payload.len())?;
        message.extend_from_slice(payload);
    }
    Ok(())
}

/// Appends the payload marker, and makes room for a payload of `len` bytes,
/// which must not be 0.
pub(crate) fn begin_payload(message: &mut Vec<u8>, len: usize) -> Result<(), EncodeError> {
    if message.len() + 1 + len > MAX_MESSAGE_LEN {
        return Err(EncodeError::TooLong);
    }
    message.try_reserve_exact(1 + len).map_err(|_| EncodeError::OutOfMemory)?;
    message.push(PAYLOAD_MARKER);
    Ok(())
}

/// Puts the extension of `value` at `head[at..]`; returns its nibble and where
/// the extension ends.
fn extend(value: u16, head: &mut [u8; 5], at: usize) -> (u8, usize) {
    match value {
        0..EXTENDED => (value as u8, at),
        EXTENDED..=268 => {
            head[at] = (value - EXTENDED) as u8;
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
