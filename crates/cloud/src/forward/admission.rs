//! Which messages are published, and when: no more than the broker acknowledges before
//! their devices are answered without it, and none that it no longer can. The time is an
//! argument; nothing here waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::turns::{Entry, Turns};

/// The part of the time that is left to what cannot be foreseen, of a message that is
/// published and of one that has yet to wait.
const SLACK: u32 = 16;
const SLACK_OF_ADMISSION: u32 = 8;

/// Why a message is not published, or no longer waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no connection.
    Down,
    /// There is no room for it.
    Full,
    /// The broker would not acknowledge it in time.
    Behind,
}

/// What waits, what is in flight, and what becomes of the next message.
pub(super) struct Admission<T> {
    deadline: Duration,
    /// The most messages that wait or are in flight.
    window: usize,
    /// The most that the broker takes in flight; none without a connection.
    takes: usize,
    progress: Progress,
    turns: Turns<T>,
    given_up: VecDeque<(Entry<T>, Refusal)>,
    next_ticket: u64,
}

impl<T> Admission<T> {
    /// A message is of no use after the deadline.
    pub(super) fn new(window: usize, deadline: Duration) -> Self {
        Self {
            deadline,
            window,
            takes: 0,
            progress: Progress::new(without(deadline, SLACK)),
            turns: Turns::new(),
            given_up: VecDeque::new(),
            next_ticket: 1,
        }
    }

    /// There is a connection to a broker that takes so many messages in flight.
    pub(super) fn handle_connected(&mut self, takes: usize) {
        // A part of the window is kept from what is in flight: if the broker falls silent,
        // devices that have nothing there can wait their turn still.
        self.takes = takes.min(self.window - self.window / 4);
        self.progress.forget();
    }

    pub(super) fn handle_disconnected(&mut self) {
        self.takes = 0;
    }

    /// Whether a message of a device may be submitted now.
    pub(super) fn check(&self, now: Instant, device: &str) -> Result<(), Refusal> {
        if self.takes == 0 {
            return Err(Refusal::Down);
        }
        // With nothing under way, a message is how it is found out how quick the broker is.
        if self.held() == 0 {
            return Ok(());
        }
        let left = without(self.deadline, SLACK_OF_ADMISSION);
        let delay = self.progress.delay(now);
        if self.progress.is_too_late() || delay > left {
            return Err(Refusal::Behind);
        }
        // All that wait, before it is looked who they are.
        let late = |before| {
            let wait = self.progress.time_for_queued(before);
            wait.is_some_and(|wait| wait.saturating_add(delay) > left)
        };
        if late(self.turns.len()) && late(self.turns.before(device)) {
            return Err(Refusal::Behind);
        }
        if self.held() >= self.window && !self.turns.can_push_out(device) {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// Takes a message of a device; says by which ticket its fate will be told, and when
    /// it is too late for that.
    pub(super) fn submit(&mut self, now: Instant, device: &str, item: T) -> (u64, Instant) {
        if self.held() >= self.window
            && let Some(newest) = self.turns.push_out(device)
        {
            self.given_up.push_back((newest, Refusal::Full));
        }
        let (ticket, due) = (self.next_ticket, now + self.deadline);
        self.next_ticket += 1;
        self.turns.push(Entry { ticket, due, device: Arc::from(device), sent: false, item });
        (ticket, due)
    }

    /// The broker has answered a message.
    pub(super) fn handle_acknowledged(&mut self, now: Instant, ticket: u64) {
        self.progress.acknowledged(now, ticket);
    }

    /// A message is neither in flight nor of use.
    pub(super) fn handle_unpublished(&mut self, ticket: u64) {
        self.progress.returned(ticket);
    }

    /// A message is not in flight after all: it waits again.
    pub(super) fn handle_returned(&mut self, entry: Entry<T>) {
        self.progress.returned(entry.ticket);
        self.turns.push(entry);
    }

    /// The next message to publish; its fate is told by [`Self::handle_acknowledged`],
    /// [`Self::handle_unpublished`] or [`Self::handle_returned`].
    pub(super) fn poll_publish(&mut self, now: Instant) -> Option<Entry<T>> {
        self.give_up(now);
        let limit = self.progress.limit(self.takes);
        if self.progress.in_flight() >= limit {
            return None;
        }
        let next = self.turns.peek()?;
        // What is in flight comes first.
        let left = next.due.saturating_duration_since(now);
        if left < self.progress.turn() && self.progress.in_flight() > 0 {
            return None;
        }
        let mut entry = self.turns.pop()?;
        entry.sent = true;
        let full = self.progress.in_flight() + 1 >= limit || self.turns.len() > 0;
        self.progress.published(now, entry.ticket, full);
        Some(entry)
    }

    /// The next message that is not waited for any more.
    pub(super) fn poll_given_up(&mut self) -> Option<(Entry<T>, Refusal)> {
        self.given_up.pop_front()
    }

    /// When [`Self::poll_publish`] has something to give up, at the latest.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let first = self.turns.first_due()?;
        Some(first.due.checked_sub(self.needed(now)).unwrap_or(now))
    }

    /// How much time a message needs that is published now.
    fn needed(&self, now: Instant) -> Duration {
        let needed = self.progress.delay(now).saturating_add(self.deadline / SLACK);
        // With nothing in flight the broker may be quicker than it was: worth a try.
        if self.progress.in_flight() == 0 { needed.min(self.deadline / 2) } else { needed }
    }

    /// Gives up what the broker can no longer acknowledge in time.
    fn give_up(&mut self, now: Instant) {
        let needed = self.needed(now);
        while let Some(first) = self.turns.first_due()
            && first.due <= now + needed
        {
            let ticket = first.ticket;
            let entry = self.turns.remove(ticket);
            self.given_up.extend(entry.map(|entry| (entry, Refusal::Behind)));
        }
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.turns.len()
    }

    /// Messages in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.progress.in_flight()
    }

    fn held(&self) -> usize {
        self.waiting() + self.in_flight()
    }
}

/// A time without that part of it.
fn without(time: Duration, part: u32) -> Duration {
    time.saturating_sub(time / part)
}

#[cfg(test)]
mod tests;
