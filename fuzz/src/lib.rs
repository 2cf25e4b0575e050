//! What the targets share: short bytes for a sequence of inputs, changes of records, and the
//! cloud's side of symmetric mode.

mod change;
mod symmetric;

use std::ops::Deref;

use arbitrary::{Arbitrary, Result, Unstructured};

pub use change::Change;
pub use symmetric::encrypted;

/// 0 to 63 bytes, mostly few: `arbitrary`'s own take half of all that is left each time,
/// and leave nothing for the inputs that follow.
#[derive(Clone, Copy, Debug)]
pub struct Short<'a>(pub &'a [u8]);

impl<'a> Arbitrary<'a> for Short<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let len = match u.arbitrary::<u8>()? {
            len @ 192.. => usize::from(len - 192),
            len => usize::from(len % 12),
        };
        let len = len.min(u.len());
        Ok(Self(u.bytes(len)?))
    }
}

impl Deref for Short<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl<'a> Short<'a> {
    /// As much of it as is UTF-8.
    #[must_use]
    pub fn text(&self) -> &'a str {
        match std::str::from_utf8(self.0) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&self.0[..error.valid_up_to()]).unwrap_or_default(),
        }
    }
}
