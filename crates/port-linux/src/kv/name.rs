//! Names of the store's files: a key in hexadecimal, so that every key is a safe file
//! name and differs from the name of an unfinished file.

use core::ffi::CStr;
use core::fmt::Write;

use crate::text::Text;

/// The longest key of the original's store, without its NUL. Its file name is
/// 254 bytes; `NAME_MAX` is 255.
const MAX_KEY_LEN: usize = 127;

/// How the name of an unfinished file begins.
const UNFINISHED: &[u8] = b".new-";

/// How the name of a lock begins. The longest keys have none: there is no room.
const LOCK: &[u8] = b".lock-";

pub(super) struct FileName(Text<256>);

impl FileName {
    /// `None` if the key is empty or too long.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        if key.is_empty() || key.len() > MAX_KEY_LEN {
            return None;
        }
        let mut name = Self(Text::new());
        name.push_key(key)?;
        Some(name)
    }

    /// For the lock on a key, which is no value of the store.
    pub(super) fn lock_of_key(key: &[u8]) -> Option<Self> {
        let mut name = Self(Text::new());
        name.0.push(LOCK)?;
        name.push_key(key)?;
        Some(name)
    }

    fn push_key(&mut self, key: &[u8]) -> Option<()> {
        for byte in key {
            write!(self.0, "{byte:02x}").ok()?;
        }
        Some(())
    }

    /// For a file that is renamed when it is complete.
    pub(super) fn unfinished(number: u32) -> Option<Self> {
        let mut name = Self(Text::new());
        name.0.push(UNFINISHED)?;
        write!(name.0, "{number:08x}").ok()?;
        Some(name)
    }

    /// Whether `name` is that of a value, whole or unfinished: nothing else in the
    /// directory is ours to erase.
    pub(super) fn is_ours(name: &[u8]) -> bool {
        let digits = |text: &[u8]| {
            !text.is_empty()
                && text.len().is_multiple_of(2)
                && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        digits(name.strip_prefix(UNFINISHED).unwrap_or(name))
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        self.0.as_c_str()
    }
}
