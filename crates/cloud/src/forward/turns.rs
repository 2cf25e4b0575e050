//! Messages that wait to be published: in each device's own order, and the devices by turns,
//! so that one that posts a lot waits behind itself.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// A message on its way to the broker.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// Told apart by it, within this server; in the order of arrival.
    pub(crate) ticket: u64,
    /// When the device is told that it did not arrive, and nobody waits any more.
    pub(crate) due: Instant,
    /// Whose it is.
    pub(crate) device: Arc<str>,
    /// It was published before: the broker may have it.
    pub(crate) sent: bool,
    pub(crate) item: T,
}

/// What waits.
pub(super) struct Turns<T> {
    entries: BTreeMap<u64, Entry<T>>,
    /// The tickets of each device that has any, in order.
    by_device: HashMap<Arc<str>, VecDeque<u64>>,
    /// The devices that have any; the first is next.
    order: VecDeque<Arc<str>>,
}

impl<T> Turns<T> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), by_device: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn len_of(&self, device: &str) -> usize {
        self.by_device.get(device).map_or(0, VecDeque::len)
    }

    /// How many would be published before the next message of a device.
    pub(super) fn before(&self, device: &str) -> usize {
        let round = self.len_of(device) + 1;
        self.by_device.values().map(|tickets| tickets.len().min(round)).sum()
    }

    pub(super) fn push(&mut self, entry: Entry<T>) {
        let tickets = self.by_device.entry(Arc::clone(&entry.device)).or_default();
        if tickets.is_empty() {
            self.order.push_back(Arc::clone(&entry.device));
        }
        // One that comes back is older than those that wait.
        let place = tickets.partition_point(|ticket| *ticket < entry.ticket);
        tickets.insert(place, entry.ticket);
        self.entries.insert(entry.ticket, entry);
    }

    /// The message whose turn it is.
    pub(super) fn peek(&self) -> Option<&Entry<T>> {
        let tickets = self.by_device.get(self.order.front()?)?;
        self.entries.get(tickets.front()?)
    }

    /// Takes the message whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Entry<T>> {
        let device = self.order.pop_front()?;
        let tickets = self.by_device.get_mut(&device)?;
        let ticket = tickets.pop_front()?;
        if tickets.is_empty() {
            self.by_device.remove(&device);
        } else {
            self.order.push_back(device);
        }
        self.entries.remove(&ticket)
    }

    /// The message that is due first.
    pub(super) fn first_due(&self) -> Option<&Entry<T>> {
        self.entries.first_key_value().map(|(_, entry)| entry)
    }

    /// Takes out the newest message of the device that has most, if that has at least two
    /// more than this device.
    pub(super) fn push_out(&mut self, device: &str) -> Option<Entry<T>> {
        let ticket = self.longest_beyond(device)?;
        self.remove(ticket)
    }

    /// Whether [`Turns::push_out`] would find one.
    pub(super) fn can_push_out(&self, device: &str) -> bool {
        self.longest_beyond(device).is_some()
    }

    fn longest_beyond(&self, device: &str) -> Option<u64> {
        let longest = self.by_device.values().max_by_key(|each| (each.len(), each.back()))?;
        if longest.len() < self.len_of(device) + 2 {
            return None;
        }
        longest.back().copied()
    }

    pub(super) fn remove(&mut self, ticket: u64) -> Option<Entry<T>> {
        let entry = self.entries.remove(&ticket)?;
        if let Some(tickets) = self.by_device.get_mut(&entry.device) {
            tickets.retain(|each| *each != ticket);
            if tickets.is_empty() {
                self.by_device.remove(&entry.device);
                self.order.retain(|device| *device != entry.device);
            }
        }
        Some(entry)
    }
}
