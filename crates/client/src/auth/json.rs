//! JSON (RFC 8259) as far as sign-in needs it: a flat object of strings out,
//! an object of anything in.

use alloc::vec::Vec;

use picojson::{Event, PullParser, SliceParser};

use super::{BadReplyError, Reply};
use crate::encode::EncodeError;

/// The longest name of a field that can be one of ours, in bytes.
const NAME_MAX_LEN: usize = 16;

/// Appends an object of `fields` to `out`.
pub(super) fn write_object(out: &mut Vec<u8>, fields: &[(&str, &str)]) -> Result<(), EncodeError> {
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

fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
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

fn push(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    out.try_reserve(bytes.len()).map_err(|_| EncodeError::OutOfMemory)?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// Reads the fields of the object that `payload` is into `reply`.
pub(super) fn read_object(payload: &[u8], reply: &mut Reply) -> Result<(), BadReplyError> {
    // Where escapes are resolved; no text is longer without than with them.
    let mut unescaped = zeroize::Zeroizing::new(Vec::new());
    unescaped.try_reserve_exact(payload.len()).map_err(|_| BadReplyError)?;
    unescaped.resize(payload.len(), 0);
    let mut parser = SliceParser::with_buffer_from_slice(payload, &mut unescaped);

    if !matches!(parser.next_event(), Ok(Event::StartObject)) {
        return Err(BadReplyError);
    }
    let mut depth = 1_u32;
    // One bit for each level, 1 for an array: after a number, the parser takes
    // either bracket for the one that closes it. Beyond 32 levels it takes
    // objects for arrays.
    let mut arrays = 0_u32;
    let mut name_buffer = [0; NAME_MAX_LEN];
    let mut name = "";
    loop {
        match parser.next_event().map_err(|_| BadReplyError)? {
            Event::Key(key) => {
                // A name too long to be ours is as good as none.
                let len = if key.len() <= NAME_MAX_LEN { key.len() } else { 0 };
                name_buffer[..len].copy_from_slice(&key.as_bytes()[..len]);
                name = core::str::from_utf8(&name_buffer[..len]).unwrap_or_default();
            }
            Event::String(text) if depth == 1 => reply.set_text(name, &text)?,
            Event::Number(number) if depth == 1 => {
                if let Ok(number) = number.as_str().parse() {
                    reply.set_number(name, number);
                }
            }
            event @ (Event::StartObject | Event::StartArray) => {
                if depth == u32::BITS {
                    return Err(BadReplyError);
                }
                depth += 1;
                arrays = arrays << 1 | u32::from(event == Event::StartArray);
            }
            event @ (Event::EndObject | Event::EndArray) => {
                if (event == Event::EndArray) != (arrays & 1 == 1) {
                    return Err(BadReplyError);
                }
                depth = depth.saturating_sub(1);
                arrays >>= 1;
            }
            Event::EndDocument => return Ok(()),
            _ => {}
        }
    }
}
