//! Messages that gave way to newer ones, until the application is told of them.
//!
//! An application that sends and never asks what became of it must not fill the heap:
//! no more wait than may be outstanding, and of more the oldest are forgotten. One that
//! sends again what was displaced, whenever it is told of it, displaces another message
//! by that: it is told a little later, in its next turn, or its turn would never end.

use alloc::vec::Vec;

use iot_coap_time::{Duration, Instant};

use crate::timing::NEVER;

/// How long after a message was displaced the application is told, together with what
/// is displaced meanwhile.
const DELAY: Duration = Duration::from_millis(100);

/// What the application tied to messages that were displaced, and their tokens, the
/// oldest first. (A list, since a ring takes 600 bytes of flash, and this one is short.)
pub(crate) struct Displaced<A> {
    list: Vec<(A, u32)>,
    /// How many of them, from the front, the application can be told.
    ready: u32,
    /// How many were forgotten since the application last asked.
    forgotten: u32,
    /// When all of them are ready.
    ready_at: Instant,
}

impl<A> Displaced<A> {
    pub(crate) const fn new() -> Self {
        Self { list: Vec::new(), ready: 0, forgotten: 0, ready_at: NEVER }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether [`pop`](Self::pop) has one.
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

    /// Adds one. Returns whether the application will not be told of all of them: there
    /// are `most` already, and the oldest is forgotten; or the heap is exhausted.
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

    /// The next one to tell the application of.
    pub(crate) fn pop(&mut self) -> Option<(A, u32)> {
        if self.ready == 0 { None } else { self.pop_front() }
    }

    /// How many were forgotten since the last call.
    pub(crate) fn take_forgotten(&mut self) -> u32 {
        core::mem::take(&mut self.forgotten)
    }

    /// Takes out the one with this token.
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
