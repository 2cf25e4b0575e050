//! Messages that were displaced by newer ones, until the application is told.
//!
//! An application that sends but never polls for events must not fill the heap. So at most
//! as many displaced messages are kept as may be outstanding, and the oldest are forgotten.
//! An application that sends a displaced message again displaces another message by that.
//! So it is told a little later, or its loop over the events would never end.

use alloc::vec::Vec;

use iot_coap_time::{Duration, Instant};

use crate::timing::NEVER;

/// How long after a message was displaced the application is told, together with messages
/// that are displaced meanwhile.
const DELAY: Duration = Duration::from_millis(100);

/// The application's data and the tokens of displaced messages, the oldest first. (A
/// vector, since a ring buffer takes 600 bytes of flash, and there are few entries.)
pub(crate) struct Displaced<A> {
    list: Vec<(A, u32)>,
    /// How many entries at the front the application can be told.
    ready: u32,
    /// How many messages were forgotten since the application last asked.
    forgotten: u32,
    /// When all entries are ready.
    ready_at: Instant,
}

impl<A> Displaced<A> {
    pub(crate) const fn new() -> Self {
        Self { list: Vec::new(), ready: 0, forgotten: 0, ready_at: NEVER }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether [`pop`](Self::pop) has a message.
    pub(crate) const fn any_ready(&self) -> bool {
        self.ready != 0
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) const fn next_timeout(&self) -> Instant {
        self.ready_at
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if now >= self.ready_at {
            self.ready = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
            self.ready_at = NEVER;
        }
    }

    /// Adds a message. Returns true if a message is forgotten: the oldest, since there are
    /// `most` already, or this one, since the heap is exhausted.
    pub(crate) fn push(&mut self, now: Instant, application: A, token: u32, most: usize) -> bool {
        let is_full = self.list.len() >= most;
        if is_full {
            self.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        } else if self.list.try_reserve(1).is_err() {
            self.forgotten = self.forgotten.saturating_add(1);
            return true;
        }
        self.list.push((application, token));
        self.ready_at = self.ready_at.min(now + DELAY);
        is_full
    }

    /// The next message that the application is told of.
    pub(crate) fn pop(&mut self) -> Option<(A, u32)> {
        if self.ready == 0 { None } else { self.pop_front() }
    }

    /// How many messages were forgotten since the last call.
    pub(crate) fn take_forgotten(&mut self) -> u32 {
        core::mem::take(&mut self.forgotten)
    }

    /// Removes the message with this token.
    pub(crate) fn take(&mut self, token: u32) -> Option<A> {
        let index = self.list.iter().position(|(_, other)| *other == token)?;
        self.ready -= u32::from(index < self.ready as usize);
        Some(self.list.remove(index).0)
    }

    fn pop_front(&mut self) -> Option<(A, u32)> {
        if self.list.is_empty() {
            return None;
        }
        self.ready = self.ready.saturating_sub(1);
        Some(self.list.remove(0))
    }
}
