//! What is at an address: at most two handshakes, and the session that was opened there last.
//! Records without a connection id belong to one of them.

use std::collections::HashMap;

use crate::transport::Route;

#[derive(Default)]
struct Place {
    session: Option<u64>,
    /// The older one first.
    handshakes: [Option<u64>; 2],
}

impl Place {
    fn is_empty(&self) -> bool {
        self.session.is_none() && self.handshakes == [None, None]
    }
}

/// What is where, by number.
#[derive(Default)]
pub(super) struct Places(HashMap<Route, Place>);

impl Places {
    /// Everything there.
    pub(super) fn at(&self, route: Route) -> impl Iterator<Item = u64> + use<> {
        let place = self.0.get(&route);
        let numbers = place.map(|Place { session, handshakes: [a, b] }| [*b, *a, *session]);
        numbers.into_iter().flatten().flatten()
    }

    /// A handshake begins there. Returns the one that makes room for it.
    pub(super) fn begin(&mut self, route: Route, number: u64) -> Option<u64> {
        let place = self.0.entry(route).or_default();
        let [older, newer] = place.handshakes;
        let (gone, kept) = if newer.is_some() { (older, newer) } else { (None, older) };
        place.handshakes = [kept, Some(number)];
        gone
    }

    /// A session is there from now on. Returns the one before.
    pub(super) fn settle(&mut self, route: Route, number: u64) -> Option<u64> {
        self.0.entry(route).or_default().session.replace(number)
    }

    /// A handshake or session is not there any more.
    pub(super) fn leave(&mut self, route: Route, number: u64) {
        let Some(place) = self.0.get_mut(&route) else { return };
        for each in place.handshakes.iter_mut().chain([&mut place.session]) {
            if *each == Some(number) {
                *each = None;
            }
        }
        if place.is_empty() {
            self.0.remove(&route);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_handshakes_at_most() {
        let route = Route { socket: 0, address: ([192, 0, 2, 1], 5684).into() };
        let mut places = Places::default();
        assert_eq!(places.begin(route, 1), None);
        assert_eq!(places.begin(route, 2), None);
        assert_eq!(places.begin(route, 3), Some(1));
        assert_eq!(places.begin(route, 4), Some(2));
        assert_eq!(places.at(route).collect::<Vec<_>>(), [4, 3]);
        assert_eq!(places.settle(route, 3), None);
        assert_eq!(places.settle(route, 5), Some(3));
        for number in [3, 4, 5] {
            places.leave(route, number);
        }
        assert!(places.0.is_empty());
    }
}
