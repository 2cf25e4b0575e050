//! The application's own duplicates: the same message again, under another message id.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use crate::bounded::BoundedMap;
use crate::events::Message;
use crate::replies::EXCHANGE_LIFETIME;

/// Messages remembered.
const REMEMBERED: usize = 65_536;

/// When messages were taken, by a digest of what makes them the same one.
pub(crate) struct Repeated {
    seen: BoundedMap<u64, Instant>,
    hasher: RandomState,
}

impl Repeated {
    pub(crate) fn new() -> Self {
        Self { seen: BoundedMap::new(REMEMBERED), hasher: RandomState::new() }
    }

    /// Whether a message was taken before; from now on it was.
    pub(crate) fn seen_before(&mut self, now: Instant, message: &Message) -> bool {
        // Without a token two messages with the same text cannot be told apart.
        if message.token.is_empty() {
            return false;
        }
        let same = (message.peer, &message.token, &message.topic, &message.payload);
        let digest = self.hasher.hash_one(same);
        let before = self
            .seen
            .get(&digest)
            .is_some_and(|seen| now.saturating_duration_since(*seen) < EXCHANGE_LIFETIME);
        self.seen.insert(digest, now);
        before
    }
}
