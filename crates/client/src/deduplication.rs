//! Which separate responses were handled already (RFC 7252 section 4.5), so
//! that a copy is acknowledged again but not delivered again.

use alloc::vec::Vec;

/// How many message ids of the peer are remembered. More separate responses
/// than that within one lifetime, and a copy of the oldest would be refused
/// with a Reset, or found to match no token.
const REMEMBERED: usize = 64;

/// Message ids of separate responses that were handled. Takes no memory until
/// the first.
#[derive(Debug, Default)]
pub(crate) struct Handled {
    entries: Vec<Entry>,
    oldest: usize,
}

#[derive(Debug)]
struct Entry {
    id: u16,
    until: u64,
}

impl Handled {
    /// Whether the message with `id` was handled and can still be on its way.
    pub(crate) fn contains(&self, id: u16, now: u64) -> bool {
        self.entries.iter().any(|entry| entry.id == id && now < entry.until)
    }

    /// Remembers `id` until `until`. Where memory is short it is not
    /// remembered: a copy will then match no token.
    pub(crate) fn insert(&mut self, id: u16, until: u64) {
        let entry = Entry { id, until };
        if self.entries.len() < REMEMBERED {
            if self.entries.try_reserve(1).is_ok() {
                self.entries.push(entry);
            }
        } else {
            self.entries[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
    }
}
