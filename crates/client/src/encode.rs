//! Writing a CoAP message (RFC 7252 section 3). Options must be written in the
//! order of their numbers. The encoder checks that and the room in the buffer,
//! and nothing else.

use core::fmt;

use crate::code::Code;
use crate::format::{Kind, MAX_TOKEN_LEN, PAYLOAD_MARKER, header};
use crate::option::OptionNumber;

/// The longest message that the cloud accepts, in bytes, header included.
pub const MAX_MESSAGE_LEN: usize = 1280;

/// The longest head of an option: one byte, and up to two of extension for each
/// of delta and length.
pub(crate) const MAX_OPTION_HEAD_LEN: usize = 5;

/// The smallest delta or length with an extension (RFC 7252 section 3.1).
const EXTENDED: u16 = 13;

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The message does not fit in its buffer, or its token is longer than 8
    /// bytes.
    TooLong,
    /// The option's number is below that of the option before it.
    OptionOrder,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "message longer than its buffer",
            Self::OptionOrder => "options out of order",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Writes one message to the start of a buffer. [`Encoder::payload`] or
/// [`Encoder::finish`] completes it and returns its length.
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
    buffer: &'b mut [u8],
    /// The length of what is written.
    len: usize,
    last_option: u16,
}

impl<'b> Encoder<'b> {
    /// Starts a message in `buffer`, at most [`MAX_MESSAGE_LEN`] bytes of which
    /// the cloud accepts.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if the token is longer than 8 bytes, or the
    /// buffer is too short for header and token.
    #[inline]
    pub fn new(
        buffer: &'b mut [u8],
        kind: Kind,
        code: Code,
        id: u16,
        token: &[u8],
    ) -> Result<Self, EncodeError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(EncodeError::TooLong);
        }
        let mut encoder = Self { buffer, len: 0, last_option: 0 };
        encoder.write(&header(kind, token.len() as u8, code, id))?;
        encoder.write(token)?;
        Ok(encoder)
    }

    /// Continues a message: the first `len` bytes of `buffer` are its header,
    /// its token and its options up to `last_option`.
    pub(crate) const fn resume(
        buffer: &'b mut [u8],
        len: usize,
        last_option: OptionNumber,
    ) -> Self {
        Self { buffer, len, last_option: last_option.0 }
    }

    /// Adds an option.
    ///
    /// # Errors
    ///
    /// [`EncodeError::OptionOrder`] if an option with a greater number was
    /// added before, [`EncodeError::TooLong`] if it does not fit.
    #[inline]
    pub fn option(&mut self, number: OptionNumber, value: &[u8]) -> Result<(), EncodeError> {
        let delta = number.0.checked_sub(self.last_option).ok_or(EncodeError::OptionOrder)?;
        self.last_option = number.0;
        // Most options have a head of one byte.
        if delta < EXTENDED && value.len() < EXTENDED.into() {
            if let [head, place @ ..] = self.take(1 + value.len())? {
                *head = (delta << 4) as u8 | value.len() as u8;
                place.copy_from_slice(value);
            }
            return Ok(());
        }
        self.long_option(delta, value)
    }

    /// Adds an option with an extension in its head.
    fn long_option(&mut self, delta: u16, value: &[u8]) -> Result<(), EncodeError> {
        let len = u16::try_from(value.len()).map_err(|_| EncodeError::TooLong)?;
        let mut head = [0; MAX_OPTION_HEAD_LEN];
        let (delta_nibble, head_len) = extend(delta, &mut head, 1);
        let (len_nibble, head_len) = extend(len, &mut head, head_len);
        head[0] = delta_nibble << 4 | len_nibble;
        self.write(&head[..head_len])?;
        self.write(value)
    }

    /// Ends the message with `payload`, or without one if that is empty, and
    /// returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if the payload does not fit.
    pub fn payload(mut self, payload: &[u8]) -> Result<usize, EncodeError> {
        self.payload_place(payload.len())?.copy_from_slice(payload);
        Ok(self.len)
    }

    /// Writes the marker of a payload of `len` bytes, if there is any, and
    /// returns where the payload goes.
    pub(crate) fn payload_place(&mut self, len: usize) -> Result<&mut [u8], EncodeError> {
        if len > 0 {
            self.write(&[PAYLOAD_MARKER])?;
        }
        self.take(len)
    }

    /// Ends the message without a payload and returns its length.
    pub fn finish(self) -> usize {
        self.len
    }

    /// The length of what is written.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.take(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// The next `len` bytes of the buffer.
    #[inline]
    fn take(&mut self, len: usize) -> Result<&mut [u8], EncodeError> {
        let start = self.len;
        let place = self.buffer.get_mut(start..start + len).ok_or(EncodeError::TooLong)?;
        self.len = start + len;
        Ok(place)
    }
}

/// Puts the extension of `value` at `head[at..]`; returns its nibble and where
/// the extension ends.
fn extend(value: u16, head: &mut [u8; MAX_OPTION_HEAD_LEN], at: usize) -> (u8, usize) {
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
