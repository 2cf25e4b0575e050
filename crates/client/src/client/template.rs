//! The head of the messages before. A device posts to one topic again and again,
//! so that the next message differs in message id, token and payload alone: where
//! the buffer that it is encoded in still holds such a head, the path's options
//! and the access token stay as they are. In symmetric mode, where a sequence
//! number follows them, no head stays.

use alloc::vec::Vec;

use super::Request;
use crate::option::ContentFormat;

/// What the newest head was made from, but for the access token.
#[derive(Default)]
pub(super) struct Template {
    path: Vec<u8>,
    content_format: Option<ContentFormat>,
    newest: HeadName,
}

/// Names what a head was made from; the default names nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadName(u64);

impl HeadName {
    pub(super) fn is_some(self) -> bool {
        self != Self::default()
    }
}

impl Template {
    /// The name of the head of `request`, if it is the newest.
    pub(super) fn find(&self, request: &Request<'_>) -> HeadName {
        if self.content_format == Some(request.content_format) && self.path == request.path {
            self.newest
        } else {
            HeadName::default()
        }
    }

    /// Makes the head of `request` the newest, and names it. Without memory for
    /// that it has no name.
    pub(super) fn take(&mut self, request: &Request<'_>) -> HeadName {
        self.content_format = None;
        self.path.clear();
        if self.path.try_reserve_exact(request.path.len()).is_err() {
            return HeadName::default();
        }
        self.path.extend_from_slice(request.path);
        self.content_format = Some(request.content_format);
        self.newest = HeadName(self.newest.0 + 1);
        self.newest
    }
}
