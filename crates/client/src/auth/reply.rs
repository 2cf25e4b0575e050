//! The content of the reply to a sign-in, whatever its encoding.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::access_token::MAX_ACCESS_TOKEN_LEN;
use crate::out_of_memory::{OutOfMemory, joined};

/// The longest random text in a reply in symmetric mode, in bytes.
const MAX_RANDOM_LEN: usize = 64;

/// The content of the reply to a sign-in.
#[derive(Default, PartialEq)]
pub(crate) struct SignInReply {
    pub(crate) access_token: Zeroizing<Vec<u8>>,
    /// In symmetric mode, the text from which the key is derived.
    pub(crate) random: Option<String>,
    /// In symmetric mode, the number that the next sequence number must exceed.
    pub(crate) sequence_offset: Option<u64>,
}

/// Why a reply cannot be used.
#[derive(Debug, PartialEq)]
pub(crate) enum ReplyError {
    /// It is not a valid reply.
    Bad,
    /// The heap is exhausted.
    OutOfMemory,
}

impl From<OutOfMemory> for ReplyError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl SignInReply {
    /// Whether there is an access token.
    pub(super) fn is_complete(&self) -> bool {
        !self.access_token.is_empty()
    }

    /// Stores a field with a text; `None` stands for a text that is too long for any known
    /// field. Unknown fields are ignored.
    pub(super) fn set_text(&mut self, name: &str, value: Option<&str>) -> Result<(), ReplyError> {
        match (name, value) {
            ("token", Some(value)) if value.len() <= MAX_ACCESS_TOKEN_LEN => {
                // Within its capacity a vector does not move, so no copy of
                // the token is left behind.
                let mut token = Zeroizing::new(Vec::new());
                token.try_reserve_exact(value.len()).map_err(OutOfMemory::from)?;
                token.extend_from_slice(value.as_bytes());
                self.access_token = token;
            }
            // Only symmetric mode has the other fields.
            ("random", _) if cfg!(not(feature = "symmetric")) => {}
            ("random", Some(value)) if value.len() <= MAX_RANDOM_LEN => {
                self.random = Some(joined(&[value])?);
            }
            ("token" | "random", _) => return Err(ReplyError::Bad),
            _ => {}
        }
        Ok(())
    }

    /// Stores a field with a number. Unknown fields are ignored.
    pub(super) fn set_number(&mut self, name: &str, value: u64) {
        if cfg!(feature = "symmetric") && name == "seqOffset" {
            self.sequence_offset = Some(value);
        }
    }
}
