//! CBOR (RFC 8949) as far as sign-in needs it: a flat map of strings out, a
//! map of anything in.

use alloc::vec::Vec;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::{BadReplyError, Reply};
use crate::encode::EncodeError;

/// Appends a map of `fields` to `out`.
pub(super) fn write_map(out: &mut Vec<u8>, fields: &[(&str, &str)]) -> Result<(), EncodeError> {
    // A head takes at most 3 bytes for what is this short.
    let len = fields.iter().map(|(name, value)| name.len() + value.len() + 6).sum::<usize>() + 3;
    out.try_reserve(len).map_err(|_| EncodeError::OutOfMemory)?;
    // Writing to a vector cannot fail.
    let mut encoder = Encoder::new(out);
    let _ = encoder.map(fields.len() as u64);
    for (name, value) in fields {
        let _ = encoder.str(name).and_then(|encoder| encoder.str(value));
    }
    Ok(())
}

/// Reads the fields of the map that `payload` is into `reply`.
pub(super) fn read_map(payload: &[u8], reply: &mut Reply) -> Result<(), BadReplyError> {
    let mut decoder = Decoder::new(payload);
    read(&mut decoder, reply)?;
    if decoder.position() == payload.len() { Ok(()) } else { Err(BadReplyError) }
}

fn read(decoder: &mut Decoder<'_>, reply: &mut Reply) -> Result<(), BadReplyError> {
    let pairs = decoder.map().map_err(|_| BadReplyError)?;
    let mut done = 0;
    loop {
        match pairs {
            Some(pairs) if done == pairs => return Ok(()),
            None if decoder.datatype().map_err(|_| BadReplyError)? == Type::Break => {
                return decoder.skip().map_err(|_| BadReplyError);
            }
            _ => {}
        }
        read_pair(decoder, reply)?;
        done += 1;
    }
}

fn read_pair(decoder: &mut Decoder<'_>, reply: &mut Reply) -> Result<(), BadReplyError> {
    let name = if matches!(decoder.datatype(), Ok(Type::String)) {
        decoder.str().map_err(|_| BadReplyError)?
    } else {
        decoder.skip().map_err(|_| BadReplyError)?;
        ""
    };
    match decoder.datatype().map_err(|_| BadReplyError)? {
        Type::String => reply.set_text(name, decoder.str().map_err(|_| BadReplyError)?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            reply.set_number(name, decoder.u64().map_err(|_| BadReplyError)?);
            Ok(())
        }
        _ => decoder.skip().map_err(|_| BadReplyError),
    }
}
