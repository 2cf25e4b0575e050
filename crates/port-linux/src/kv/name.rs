//! Names of the store's files: a key in hexadecimal, so that every key is a safe file
//! name and differs from the name of an unfinished file.

use core::ffi::CStr;
use core::fmt::Write;

use crate::text::Text;

/// The longest key of the original's store, without its NUL. Its file name is
/// 254 bytes; `NAME_MAX` is 255.
const MAX_KEY_LEN: usize = 127;

/// The start of the name of an unfinished file.
const UNFINISHED: &[u8] = b".new-";

/// The start of the name of a lock file. The longest keys have no lock, since their names
/// have no room for it.
const LOCK: &[u8] = b".lock-";

pub(super) struct FileName(Text<256>);

impl FileName {
    /// The file name of a key; `None` if the key is empty or too long.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        if key.is_empty() || key.len() > MAX_KEY_LEN {
            return None;
        }
        let mut name = Self(Text::new());
        name.push_key(key)?;
        Some(name)
    }

    /// The name of the lock file of a key, which is not a value of the store.
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

    /// The name of a file that is renamed when it is complete.
    pub(super) fn unfinished(number: u32) -> Option<Self> {
        let mut name = Self(Text::new());
        name.0.push(UNFINISHED)?;
        write!(name.0, "{number:08x}").ok()?;
        Some(name)
    }

    /// Whether `name` belongs to a value, complete or unfinished. Nothing else in the
    /// directory may be erased.
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
