//! A map that forgets its oldest entries: what a peer can make the server
//! remember has a bound.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map of at most `capacity` entries; inserting into a full one drops the
/// entry that was inserted first.
pub(crate) struct BoundedMap<K, V> {
    /// Each with its place in `order`.
    entries: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next_place: u64,
    capacity: usize,
}

impl<K: Clone + Eq + Hash, V> BoundedMap<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), next_place: 0, capacity }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if let Some(old) = self.get_mut(&key) {
            *old = value;
            return;
        }
        self.order.insert(self.next_place, key.clone());
        self.entries.insert(key, (self.next_place, value));
        self.next_place += 1;
        if self.order.len() > self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (place, value) = self.entries.remove(key)?;
        self.order.remove(&place);
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, (_, value))| (key, value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().map(|(_, value)| value)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::BoundedMap;

    #[test]
    fn the_oldest_entry_makes_room() {
        let mut map = BoundedMap::new(2);
        for number in 0..3 {
            map.insert(number, number * 10);
        }
        assert_eq!(map.get(&0), None);
        assert_eq!(map.get(&1), Some(&10));
        assert_eq!(map.get(&2), Some(&20));
        assert_eq!(map.values().count(), 2);
    }

    #[test]
    fn replacing_a_value_takes_no_room() {
        let mut map = BoundedMap::new(2);
        for key in [1, 2, 2, 2] {
            map.insert(key, key);
        }
        assert_eq!(map.get(&1), Some(&1));
    }

    #[test]
    fn what_is_taken_out_leaves_room() {
        let mut map = BoundedMap::new(2);
        map.insert(1, 10);
        map.insert(2, 20);
        assert_eq!(map.remove(&1), Some(10));
        assert_eq!(map.remove(&1), None);
        map.insert(3, 30);
        assert_eq!((map.get(&2), map.get(&3)), (Some(&20), Some(&30)));
    }
}
