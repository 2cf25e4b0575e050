//! The last reply: an acknowledgement, a Reset, or the answer to a request from the server.
//! Only the newest reply is kept; a peer that misses one asks again.

use crate::code::Code;
use crate::format::{HEADER_LEN, Kind, MAX_TOKEN_LEN, header};

/// A message without options and payload.
#[derive(Debug)]
pub(crate) struct PendingReply {
    bytes: [u8; HEADER_LEN + MAX_TOKEN_LEN],
    len: usize,
    is_due: bool,
}

impl PendingReply {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; HEADER_LEN + MAX_TOKEN_LEN], len: 0, is_due: false }
    }

    /// Replaces the reply by another one, which is then due.
    pub(crate) fn set(&mut self, kind: Kind, code: Code, id: u16, token: &[u8]) {
        // A message with a longer token is malformed, and gets no reply.
        let token_len = token.len().min(MAX_TOKEN_LEN);
        let (start, rest) = self.bytes.split_at_mut(HEADER_LEN);
        start.copy_from_slice(&header(kind, token_len as u8, code, id));
        rest[..token_len].copy_from_slice(&token[..token_len]);
        self.len = HEADER_LEN + token_len;
        self.is_due = true;
    }

    pub(crate) const fn is_due(&self) -> bool {
        self.is_due
    }

    /// Returns whether the reply was due. From now on it is not.
    pub(crate) const fn take_due(&mut self) -> bool {
        core::mem::replace(&mut self.is_due, false)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
