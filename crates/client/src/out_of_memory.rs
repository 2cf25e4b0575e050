//! The error of functions that can fail only for lack of memory, and the copies that return
//! it.

use alloc::string::String;

/// The heap is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

impl From<alloc::collections::TryReserveError> for OutOfMemory {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Self
    }
}

/// A copy of `parts`, joined, in no more memory than needed.
pub(crate) fn joined(parts: &[&str]) -> Result<String, OutOfMemory> {
    let mut joined = String::new();
    joined.try_reserve_exact(parts.iter().map(|part| part.len()).sum())?;
    for part in parts {
        joined.push_str(part);
    }
    Ok(joined)
}
