//! A map with a bound in bytes in which everybody has a share: where there is no more room, the
//! oldest entry goes of whoever has most.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// What an entry takes besides what its owner says, in bytes: keys, places in the indexes, and
/// the allocator's part.
const ENTRY: usize = 200;

struct Entry<O, V> {
    value: V,
    owner: O,
    /// Grows with each entry.
    number: u64,
    bytes: usize,
}

/// Entries of many owners. Nothing in it takes longer the more there are, but for a logarithm.
pub(crate) struct FairMap<K, O, V> {
    entries: HashMap<K, Entry<O, V>>,
    order: BTreeMap<u64, K>,
    owned: BTreeMap<(O, u64), K>,
    shares: HashMap<O, usize>,
    ranking: BTreeSet<(usize, O)>,
    bytes: usize,
    most_bytes: usize,
    next_number: u64,
}

impl<K: Copy + Eq + Hash, O: Copy + Ord + Hash, V> FairMap<K, O, V> {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            owned: BTreeMap::new(),
            shares: HashMap::new(),
            ranking: BTreeSet::new(),
            bytes: 0,
            most_bytes,
            next_number: 0,
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// The entry that was made first.
    pub(crate) fn oldest(&self) -> Option<(K, &V)> {
        let (_, key) = self.order.first_key_value()?;
        self.get(key).map(|value| (*key, value))
    }

    /// Puts in a value that takes so many bytes besides the entry itself. Returns what had to
    /// make room for it.
    pub(crate) fn insert(&mut self, key: K, owner: O, bytes: usize, value: V) -> Vec<(K, V)> {
        self.remove(&key);
        let (number, bytes) = (self.next_number, bytes + ENTRY);
        self.next_number += 1;
        self.order.insert(number, key);
        self.owned.insert((owner, number), key);
        self.entries.insert(key, Entry { value, owner, number, bytes });
        self.bytes += bytes;
        self.change_share(owner, |share| share + bytes);
        let mut gone = Vec::new();
        while self.bytes > self.most_bytes
            && let Some(&(_, greatest)) = self.ranking.last()
            && let Some((_, &key)) = self.owned.range((greatest, 0)..).next()
        {
            gone.extend(self.remove(&key).map(|value| (key, value)));
        }
        gone
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let Entry { value, owner, number, bytes } = self.entries.remove(key)?;
        self.order.remove(&number);
        self.owned.remove(&(owner, number));
        self.bytes -= bytes;
        self.change_share(owner, |share| share - bytes);
        Some(value)
    }

    fn change_share(&mut self, owner: O, change: impl Fn(usize) -> usize) {
        let before = self.shares.remove(&owner).unwrap_or(0);
        self.ranking.remove(&(before, owner));
        let after = change(before);
        if after > 0 {
            self.shares.insert(owner, after);
            self.ranking.insert((after, owner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for so many entries without bytes of their own.
    fn room_for(entries: usize) -> FairMap<u32, char, u32> {
        FairMap::new(entries * ENTRY)
    }

    #[test]
    fn whoever_has_most_makes_room() {
        let mut map = room_for(10);
        assert!((0..3).all(|key| map.insert(key, 'a', 0, key).is_empty()));
        assert!((10..17).all(|key| map.insert(key, 'b', 0, key).is_empty()));
        // The other's oldest go, until both have as much.
        assert_eq!(map.insert(3, 'a', 0, 3), [(10, 10)]);
        assert_eq!(map.insert(4, 'a', 0, 4), [(11, 11)]);
        for key in 100..1_000 {
            assert_eq!(map.insert(key, 'b', 0, key).len(), 1);
        }
        assert!((0..5).all(|key| map.get(&key) == Some(&key)));
    }

    #[test]
    fn bytes_count_and_go_with_their_entry() {
        let mut map = FairMap::new(1_000 + 4 * ENTRY);
        assert!(map.insert(1, 'a', 900, ()).is_empty());
        assert!(map.insert(2, 'b', 100, ()).is_empty());
        assert_eq!(map.insert(3, 'b', 100 + 2 * ENTRY, ()), [(1, ())]);
        assert_eq!(map.remove(&3), Some(()));
        assert_eq!(map.remove(&3), None);
        assert!(map.insert(1, 'a', 900, ()).is_empty());
        for key in 1..=2 {
            assert_eq!(map.remove(&key), Some(()));
        }
        assert_eq!((map.bytes, map.entries.len(), map.order.len()), (0, 0, 0));
        assert_eq!((map.owned.len(), map.shares.len(), map.ranking.len()), (0, 0, 0));
        // What is greater than the whole map is not kept.
        assert_eq!(map.insert(5, 'a', 5_000, ()), [(5, ())]);
    }

    #[test]
    fn the_oldest_is_known_and_a_new_value_is_new() {
        let mut map = room_for(10);
        for key in [1, 2, 3] {
            map.insert(key, 'a', 0, key);
        }
        assert_eq!(map.oldest(), Some((1, &1)));
        map.insert(1, 'b', 0, 7);
        assert_eq!(map.oldest(), Some((2, &2)));
        if let Some(value) = map.get_mut(&2) {
            *value = 5;
        }
        assert_eq!(map.get(&2), Some(&5));
    }
}
