//! The part of CBOR (RFC 8949) that a sign-in needs: writes a flat map of strings, and
//! reads a map of anything.

use alloc::vec::Vec;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use zeroize::Zeroizing;

use super::reply::{ReplyError, SignInReply};
use crate::out_of_memory::OutOfMemory;

/// Appends a map of `fields` to `out`.
pub(super) fn write_map(out: &mut Vec<u8>, fields: &[(&str, &str)]) -> Result<(), OutOfMemory> {
    // The head of a string this short takes at most 3 bytes.
    let len = fields.iter().map(|(name, value)| name.len() + value.len() + 6).sum::<usize>() + 3;
    out.try_reserve(len).map_err(OutOfMemory::from)?;
    // Writing to a vector cannot fail.
    let mut encoder = Encoder::new(out);
    let _ = encoder.map(fields.len() as u64);
    for (name, value) in fields {
        let _ = encoder.str(name).and_then(|encoder| encoder.str(value));
    }
    Ok(())
}

/// Reads the fields of the map in `payload` into `reply`.
pub(super) fn read_map(payload: &[u8], reply: &mut SignInReply) -> Result<(), ReplyError> {
    let mut decoder = Decoder::new(payload);
    read(&mut decoder, reply)?;
    if decoder.position() == payload.len() { Ok(()) } else { Err(ReplyError::Bad) }
}

fn read(decoder: &mut Decoder<'_>, reply: &mut SignInReply) -> Result<(), ReplyError> {
    let pairs = decoder.map().map_err(|_| ReplyError::Bad)?;
    let mut done = 0;
    loop {
        match pairs {
            Some(pairs) if done == pairs => return Ok(()),
            None if decoder.datatype().map_err(|_| ReplyError::Bad)? == Type::Break => {
                return decoder.skip().map_err(|_| ReplyError::Bad);
            }
            _ => {}
        }
        read_pair(decoder, reply)?;
        done += 1;
    }
}

fn read_pair(decoder: &mut Decoder<'_>, reply: &mut SignInReply) -> Result<(), ReplyError> {
    let (mut name_pieces, mut value_pieces) = (Zeroizing::default(), Zeroizing::default());
    let name = if matches!(decoder.datatype(), Ok(Type::String | Type::StringIndef)) {
        read_text(decoder, &mut name_pieces)?
    } else {
        decoder.skip().map_err(|_| ReplyError::Bad)?;
        ""
    };
    match decoder.datatype().map_err(|_| ReplyError::Bad)? {
        Type::String | Type::StringIndef => {
            reply.set_text(name, Some(read_text(decoder, &mut value_pieces)?))
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            reply.set_number(name, decoder.u64().map_err(|_| ReplyError::Bad)?);
            Ok(())
        }
        _ => decoder.skip().map_err(|_| ReplyError::Bad),
    }
}

/// Reads a text. If it comes in pieces (RFC 8949 section 3.2.3), they are joined in
/// `joined`.
fn read_text<'t, 'p: 't>(
    decoder: &mut Decoder<'p>,
    joined: &'t mut Zeroizing<Vec<u8>>,
) -> Result<&'t str, ReplyError> {
    if matches!(decoder.datatype(), Ok(Type::String)) {
        return decoder.str().map_err(|_| ReplyError::Bad);
    }
    // All pieces fit, so that the vector does not move and leave a copy behind.
    joined.try_reserve_exact(decoder.input().len()).map_err(OutOfMemory::from)?;
    for piece in decoder.str_iter().map_err(|_| ReplyError::Bad)? {
        joined.extend_from_slice(piece.map_err(|_| ReplyError::Bad)?.as_bytes());
    }
    core::str::from_utf8(joined).map_err(|_| ReplyError::Bad)
}
