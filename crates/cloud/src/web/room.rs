//! Room for connections: so many at once, and not all of one address. A connection whose browser
//! asks nothing at the moment makes room for a new one, so that nobody keeps others out by
//! connections that he does not use.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A browser opens up to six.
const MOST: usize = 64;

/// Of one address, where browsers share one.
const MOST_OF_ADDRESS: usize = 24;

/// Whether a request of a connection is being answered.
#[derive(Clone, Default)]
pub(super) struct Use(Arc<AtomicBool>);

/// A connection is in use until this is dropped.
pub(super) struct InUse(Use);

impl Use {
    pub(super) fn begin(&self) -> InUse {
        self.0.store(true, Ordering::Relaxed);
        InUse(self.clone())
    }

    fn is_idle(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let Self(Use(is_used)) = self;
        is_used.store(false, Ordering::Relaxed);
    }
}

struct Connection {
    address: IpAddr,
    usage: Use,
    /// Dropping it ends the connection.
    _stays: oneshot::Sender<()>,
}

#[derive(Default)]
struct Open {
    /// By age, the oldest first.
    connections: BTreeMap<u64, Connection>,
    next: u64,
}

impl Open {
    fn count(&self, address: IpAddr) -> usize {
        self.connections.values().filter(|each| each.address == address).count()
    }

    /// Ends the oldest idle connection of an address; false if there is none.
    fn end_idle(&mut self, address: IpAddr) -> bool {
        let mut idle = self.connections.iter();
        let idle = idle.find(|(_, each)| each.address == address && each.usage.is_idle());
        let Some(number) = idle.map(|(number, _)| *number) else { return false };
        self.connections.remove(&number).is_some()
    }

    /// Ends one of the address that has most of them, if it can.
    fn end_any_idle(&mut self) -> bool {
        let mut counts = HashMap::<_, usize>::new();
        for each in self.connections.values() {
            *counts.entry(each.address).or_default() += 1;
        }
        let mut addresses: Vec<_> = counts.into_iter().collect();
        addresses.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        addresses.into_iter().any(|(address, _)| self.end_idle(address))
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Room(Mutex<Open>);

/// The place of a connection, until it is dropped.
pub(super) struct Place {
    room: Arc<Room>,
    number: u64,
    pub(super) usage: Use,
    /// Ends when the connection shall.
    pub(super) told_to_leave: oneshot::Receiver<()>,
}

impl Room {
    /// `None` if all others are in use.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut open = self.open();
        if open.count(address) >= MOST_OF_ADDRESS && !open.end_idle(address)
            || open.connections.len() >= MOST && !open.end_any_idle()
        {
            return None;
        }
        let (stays, told_to_leave) = oneshot::channel();
        let (number, usage) = (open.next, Use::default());
        open.next += 1;
        let connection = Connection { address, usage: usage.clone(), _stays: stays };
        open.connections.insert(number, connection);
        Some(Place { room: Arc::clone(self), number, usage, told_to_leave })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.open().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(place: &mut Place) -> bool {
        place.told_to_leave.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn an_idle_connection_makes_room_and_one_in_use_does_not() {
        let room = Arc::new(Room::default());
        let (here, there) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let mut places: Vec<_> =
            (0..MOST_OF_ADDRESS).map(|_| room.enter(here).expect("there is room")).collect();
        let mut used: Vec<_> = places.iter().map(|place| place.usage.begin()).collect();
        assert!(room.enter(here).is_none(), "all are in use");
        let other = room.enter(there).expect("that is another address");
        used.remove(3);
        let newest = room.enter(here).expect("one was idle");
        assert_eq!(places.iter_mut().map(is_told).position(|told| told), Some(3));
        drop((places, newest, other));
        assert!(room.open().connections.is_empty());
    }

    #[test]
    fn who_has_most_connections_makes_room_for_others() {
        let room = Arc::new(Room::default());
        let enter = |last: usize| {
            let last = u8::try_from(last).expect("small");
            room.enter([127, 0, 0, last].into()).expect("there is room")
        };
        let mut lone = enter(9);
        let mut many: Vec<_> = (0..MOST - 1).map(|number| enter(1 + number / 22)).collect();
        let _newest = enter(10);
        assert!(!is_told(&mut lone));
        assert_eq!(many.iter_mut().filter_map(|each| is_told(each).then_some(())).count(), 1);
        // However many come.
        for number in 0..200 {
            let _place = enter(20 + number);
        }
        assert!(!is_told(&mut lone));
    }
}
