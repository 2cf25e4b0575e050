//! The part of JSON (RFC 8259) that a sign-in needs: writes a flat object of strings, and
//! reads an object of anything. (The crates that read JSON without an allocator take four
//! times as much flash.)

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::reply::{ReplyError, SignInReply};
use crate::access_token::MAX_ACCESS_TOKEN_LEN;
use crate::out_of_memory::OutOfMemory;

/// Appends an object of `fields` to `out`.
pub(super) fn write_object(out: &mut Vec<u8>, fields: &[(&str, &str)]) -> Result<(), OutOfMemory> {
    // Allocate enough for text without escapes at once.
    let len = fields.iter().map(|(name, value)| name.len() + value.len() + 6).sum::<usize>() + 1;
    out.try_reserve_exact(len).map_err(OutOfMemory::from)?;
    let mut separator = b'{';
    for (name, value) in fields {
        push(out, &[separator])?;
        write_string(out, name)?;
        push(out, b":")?;
        write_string(out, value)?;
        separator = b',';
    }
    push(out, b"}")
}

fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), OutOfMemory> {
    push(out, b"\"")?;
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => push(out, &[b'\\', byte])?,
            0..=0x1F => {
                let mut digits = [0; 2];
                let _ = base16ct::lower::encode(&[byte], &mut digits);
                push(out, b"\\u00")?;
                push(out, &digits)?;
            }
            _ => push(out, &[byte])?,
        }
    }
    push(out, b"\"")
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), OutOfMemory> {
    out.try_reserve(bytes.len()).map_err(OutOfMemory::from)?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// Reads the fields of the object in `payload` into `reply`.
pub(super) fn read_object(payload: &[u8], reply: &mut SignInReply) -> Result<(), ReplyError> {
    core::str::from_utf8(payload).map_err(|_| ReplyError::Bad)?;
    let mut reader = Reader { rest: payload };
    let mut levels = Levels::NONE;
    let mut name = Text::new();
    let mut text = Text::new();
    let mut byte = reader.token()?;
    if byte != b'{' {
        return Err(ReplyError::Bad);
    }
    loop {
        // `byte` begins a value.
        match byte {
            b'"' => {
                reader.string(&mut text)?;
                if levels == Levels::OBJECT {
                    reply.set_text(name.as_str().unwrap_or_default(), text.as_str())?;
                }
            }
            b'-' | b'0'..=b'9' => {
                let number = reader.number(byte)?;
                if levels == Levels::OBJECT
                    && let Some(number) = number
                {
                    reply.set_number(name.as_str().unwrap_or_default(), number);
                }
            }
            b'{' | b'[' => {
                levels = levels.enter(byte == b'[')?;
                byte = reader.token()?;
                if byte != levels.closing() {
                    byte = reader.name_before(byte, levels, &mut name)?;
                    continue;
                }
                levels = levels.leave();
            }
            b't' => reader.literal(b"rue")?,
            b'f' => reader.literal(b"alse")?,
            b'n' => reader.literal(b"ull")?,
            _ => return Err(ReplyError::Bad),
        }
        // The value has ended, and perhaps the objects and arrays around it.
        loop {
            let next = reader.token();
            match next {
                _ if levels == Levels::NONE => {
                    return next.map_or(Ok(()), |_| Err(ReplyError::Bad));
                }
                Ok(b',') => break,
                Ok(byte) if byte == levels.closing() => levels = levels.leave(),
                _ => return Err(ReplyError::Bad),
            }
        }
        byte = reader.token()?;
        byte = reader.name_before(byte, levels, &mut name)?;
    }
}

/// The objects and arrays around a value: one bit each, 1 for an array, below
/// a 1 that marks where they begin.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Levels(u64);

impl Levels {
    const NONE: Self = Self(0b1);
    /// Only the reply's own object.
    const OBJECT: Self = Self(0b10);

    fn enter(self, array: bool) -> Result<Self, ReplyError> {
        if self.0.leading_zeros() == 0 {
            return Err(ReplyError::Bad);
        }
        Ok(Self(self.0 << 1 | u64::from(array)))
    }

    const fn leave(self) -> Self {
        Self(self.0 >> 1)
    }

    const fn is_array(self) -> bool {
        self.0 & 1 == 1
    }

    const fn closing(self) -> u8 {
        if self.is_array() { b']' } else { b'}' }
    }
}

/// A text with its escapes resolved. Of a text that is too long for any known field, only
/// the beginning is kept.
struct Text {
    /// The text may be the access token, so it is wiped.
    bytes: Zeroizing<[u8; MAX_ACCESS_TOKEN_LEN]>,
    len: usize,
}

impl Text {
    fn new() -> Self {
        Self { bytes: Zeroizing::new([0; MAX_ACCESS_TOKEN_LEN]), len: 0 }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    /// The text, or `None` if it is too long for any known field.
    fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(self.bytes.get(..self.len)?).ok()
    }
}

/// The rest of a payload, which is UTF-8.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn next(&mut self) -> Result<u8, ReplyError> {
        let (&byte, rest) = self.rest.split_first().ok_or(ReplyError::Bad)?;
        self.rest = rest;
        Ok(byte)
    }

    /// The next byte, if it is one of `wanted`.
    #[allow(clippy::manual_contains, reason = "brings a search that is fast in long texts")]
    fn next_if(&mut self, wanted: &[u8]) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        wanted.iter().any(|&other| other == byte).then(|| {
            self.rest = rest;
            byte
        })
    }

    /// The next byte that is not white space.
    fn token(&mut self) -> Result<u8, ReplyError> {
        while self.next_if(b" \t\r\n").is_some() {}
        self.next()
    }

    /// `byte` begins an element of the innermost object or array. In an object, reads the
    /// element's name. Returns the first byte of its value.
    fn name_before(&mut self, byte: u8, levels: Levels, name: &mut Text) -> Result<u8, ReplyError> {
        if levels.is_array() {
            return Ok(byte);
        }
        if byte != b'"' {
            return Err(ReplyError::Bad);
        }
        self.string(name)?;
        if self.token()? == b':' { self.token() } else { Err(ReplyError::Bad) }
    }

    /// Reads a string, after its opening quote.
    fn string(&mut self, text: &mut Text) -> Result<(), ReplyError> {
        text.len = 0;
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => self.escape(text)?,
                0..=0x1F => return Err(ReplyError::Bad),
                byte => text.push(byte),
            }
        }
    }

    /// Reads an escape, after its backslash.
    fn escape(&mut self, text: &mut Text) -> Result<(), ReplyError> {
        text.push(match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = self.character()?;
                for &byte in character.encode_utf8(&mut [0; 4]).as_bytes() {
                    text.push(byte);
                }
                return Ok(());
            }
            _ => return Err(ReplyError::Bad),
        });
        Ok(())
    }

    /// Reads the digits after `\u`. If they are the first half of a surrogate pair, reads
    /// the second escape too.
    fn character(&mut self) -> Result<char, ReplyError> {
        let mut code = self.hex()?;
        if let 0xD800..0xDC00 = code {
            self.literal(b"\\u")?;
            let low = self.hex()?.wrapping_sub(0xDC00);
            if low >= 0x400 {
                return Err(ReplyError::Bad);
            }
            code = 0x1_0000 + ((code - 0xD800) << 10) + low;
        }
        char::from_u32(code).ok_or(ReplyError::Bad)
    }

    /// Four hexadecimal digits.
    fn hex(&mut self) -> Result<u32, ReplyError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(ReplyError::Bad)?;
            code = code << 4 | digit;
        }
        Ok(code)
    }

    /// Reads a number that starts with `first`. Returns it if a field may have it: if it is
    /// whole, not negative, and not too great.
    fn number(&mut self, first: u8) -> Result<Option<u64>, ReplyError> {
        let negative = first == b'-';
        let first = if negative { self.next()? } else { first };
        let mut number = match first {
            b'0'..=b'9' => Some(u64::from(first - b'0')),
            _ => return Err(ReplyError::Bad),
        };
        if first != b'0' {
            while let Some(byte) = self.digit() {
                let digit = u64::from(byte - b'0');
                number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit));
            }
        }
        if negative {
            number = None;
        }
        if self.next_if(b".").is_some() {
            number = None;
            self.digits()?;
        }
        if self.next_if(b"eE").is_some() {
            number = None;
            let _sign = self.next_if(b"+-");
            self.digits()?;
        }
        Ok(number)
    }

    fn digit(&mut self) -> Option<u8> {
        self.next_if(b"0123456789")
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), ReplyError> {
        self.digit().ok_or(ReplyError::Bad)?;
        while self.digit().is_some() {}
        Ok(())
    }

    fn literal(&mut self, expected: &[u8]) -> Result<(), ReplyError> {
        self.rest = self.rest.strip_prefix(expected).ok_or(ReplyError::Bad)?;
        Ok(())
    }
}
