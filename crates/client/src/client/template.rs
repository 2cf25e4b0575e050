//! The head of the message before. A device posts to one topic again and again,
//! so that the next message differs in message id, token and payload alone: the
//! path's options and the access token are copied instead of encoded. In
//! symmetric mode, where a sequence number follows them, there is none.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::Request;
use crate::code::Code;
use crate::message::{Kind, header};
use crate::option::ContentFormat;

/// What a message began with, up to its access token.
#[derive(Default)]
pub(super) struct Template {
    /// What the head was made from.
    path: Vec<u8>,
    content_format: Option<ContentFormat>,
    generation: u32,
    /// Holds the access token, so it is wiped.
    bytes: Zeroizing<Vec<u8>>,
    /// Where the options up to Accept end.
    head_len: usize,
}

impl Template {
    /// Begins a message as `request` and the access token of `generation` have
    /// it in `out`, which it empties before, and returns where the options up to
    /// Accept end; `None` if this head is another, or memory ran out.
    pub(super) fn begin(
        &self,
        out: &mut Vec<u8>,
        request: &Request<'_>,
        generation: u32,
        kind: Kind,
        id: u16,
        token: u32,
    ) -> Option<usize> {
        let fits = self.content_format == Some(request.content_format)
            && self.generation == generation
            && self.path == request.path;
        if !fits {
            return None;
        }
        out.clear();
        out.try_reserve(self.bytes.len() + 1 + request.payload.len()).ok()?;
        out.extend_from_slice(&self.bytes);
        out.get_mut(..4)?.copy_from_slice(&header(kind, 4, Code::POST, id));
        out.get_mut(4..8)?.copy_from_slice(&token.to_le_bytes());
        Some(self.head_len)
    }

    /// Takes the head from a message. Where there is no memory for it there is
    /// none.
    pub(super) fn take(
        &mut self,
        head: &[u8],
        head_len: usize,
        request: &Request<'_>,
        generation: u32,
    ) {
        self.forget();
        self.path.clear();
        let (path, bytes) = (&mut self.path, &mut self.bytes);
        if path.try_reserve_exact(request.path.len()).is_ok()
            && bytes.try_reserve_exact(head.len()).is_ok()
        {
            path.extend_from_slice(request.path);
            bytes.extend_from_slice(head);
            self.content_format = Some(request.content_format);
            self.generation = generation;
            self.head_len = head_len;
        }
    }

    /// The access token is not in force any more: nothing of it is kept.
    pub(super) fn forget(&mut self) {
        use zeroize::Zeroize;
        self.content_format = None;
        self.bytes.zeroize();
    }
}
