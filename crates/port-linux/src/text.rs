//! NUL-terminated text in fixed buffers, for callers that may not allocate.

use core::ffi::{CStr, c_char};
use core::fmt::Write;

/// Text of at most `N - 1` bytes, always with a NUL behind it.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Adds bytes. Returns `None`, and adds nothing, if they do not fit or contain a NUL.
    pub(crate) fn push(&mut self, more: &[u8]) -> Option<()> {
        let end = self.len.checked_add(more.len())?;
        if end >= N || more.contains(&0) {
            return None;
        }
        self.bytes.get_mut(self.len..end)?.copy_from_slice(more);
        self.len = end;
        Some(())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes()).ok_or(core::fmt::Error)
    }
}

/// Borrows a C string; `None` for NULL.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string that outlives `'a` unchanged.
pub(crate) unsafe fn borrow<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, so by the contract it is a NUL-terminated string that outlives
    // `'a`.
    Some(unsafe { CStr::from_ptr(text) })
}

/// Passes an environment variable to `read`, if it is set and not empty.
pub(crate) fn with_environment<R>(name: &CStr, read: impl FnOnce(&CStr) -> R) -> Option<R> {
    // SAFETY: `name` ends in NUL. The result lives until the environment is changed, which
    // POSIX forbids in a program with threads. It is not kept beyond this call.
    let value = unsafe { borrow(libc::getenv(name.as_ptr())) }?;
    (!value.is_empty()).then(|| read(value))
}
