//! Remembers the message ids of separate responses that were handled (RFC 7252 section
//! 4.5), so that a copy is acknowledged again but not delivered again.

use alloc::vec::Vec;

use iot_coap_time::Instant;

/// The most message ids that are remembered. If the peer sends more separate responses
/// within one lifetime, a copy of the oldest is rejected with a Reset, or matches no token.
const MAX_REMEMBERED: usize = 64;

/// The message ids of the latest separate responses. Takes no memory until the first one.
#[derive(Debug, Default)]
pub(crate) struct RecentResponses {
    entries: Vec<Entry>,
    oldest: usize,
}

#[derive(Debug)]
struct Entry {
    id: u16,
    until: Instant,
}

impl RecentResponses {
    /// Whether a message with `id` was handled, and copies of it may still be on their way.
    pub(crate) fn contains(&self, id: u16, now: Instant) -> bool {
        self.entries.iter().any(|entry| entry.id == id && now < entry.until)
    }

    /// Remembers `id` until `until`. If the heap is exhausted, it does not; a copy then
    /// matches no token.
    pub(crate) fn insert(&mut self, id: u16, until: Instant) {
        let entry = Entry { id, until };
        if self.entries.len() < MAX_REMEMBERED {
            if self.entries.try_reserve(1).is_ok() {
                self.entries.push(entry);
            }
        } else if let Some(place) = self.entries.get_mut(self.oldest) {
            *place = entry;
            self.oldest = (self.oldest + 1) % MAX_REMEMBERED;
        }
    }
}
