//! Writes CoAP messages (RFC 7252 section 3). Options must be written in the order of their
//! numbers. The encoder checks that order and the room in the buffer, and nothing else.

use core::fmt;

use crate::code::Code;
use crate::format::{Kind, MAX_TOKEN_LEN, PAYLOAD_MARKER, header};
use crate::option::OptionNumber;

/// The longest message that the cloud accepts, in bytes, including its header.
pub const MAX_MESSAGE_LEN: usize = 1280;

/// The longest head of an option: one byte, and up to two extension bytes each for delta
/// and length.
pub(crate) const MAX_OPTION_HEAD_LEN: usize = 5;

/// The smallest delta or length with an extension (RFC 7252 section 3.1).
const EXTENDED: u16 = 13;

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The message does not fit in its buffer, or its token is longer than 8
    /// bytes.
    TooLong,
    /// The option's number is less than the previous option's number.
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
    /// How many bytes are written.
    len: usize,
    last_option: u16,
}

impl<'b> Encoder<'b> {
    /// Starts a message in `buffer`. The cloud accepts at most [`MAX_MESSAGE_LEN`] bytes.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if the token is longer than 8 bytes, or the buffer is too
    /// short for the header and the token.
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

    /// Continues a message whose header, token and options up to `last_option` are the
    /// first `len` bytes of `buffer`.
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

    /// Ends the message with `payload`, if that is not empty, and returns the message's
    /// length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if the payload does not fit.
    pub fn payload(mut self, payload: &[u8]) -> Result<usize, EncodeError> {
        self.payload_place(payload.len())?.copy_from_slice(payload);
        Ok(self.len)
    }

    /// Writes the payload marker, unless `len` is 0, and returns room for a payload of
    /// `len` bytes.
    pub(crate) fn payload_place(&mut self, len: usize) -> Result<&mut [u8], EncodeError> {
        if len > 0 {
            self.write(&[PAYLOAD_MARKER])?;
        }
        self.take(len)
    }

    /// Ends the message without a payload and returns the message's length.
    pub fn finish(self) -> usize {
        self.len
    }

    /// How many bytes are written.
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

/// Writes the extension of `value` to `head[at..]`. Returns the nibble of `value`, and
/// where the extension ends.
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
