//! Handshakes or sessions by number, and which of them makes room when there are too many:
//! one of the network and source that have most of them, so that one host pushes out its own
//! alone, and who has the addresses of a few networks pushes out theirs.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use indexmap::IndexMap;

use crate::random::{self, Sequence};
use crate::source::Source;

/// Of so many, drawn at random, the least deserving makes room. To look at all of them would
/// take longer the more there are.
const SAMPLE: usize = 64;

/// One of a [`Crowd`].
pub(super) trait Member {
    fn address(&self) -> SocketAddr;

    /// Its device has shown who it is.
    fn is_proven(&self) -> bool;

    /// When its client was last heard.
    fn heard(&self) -> Instant;
}

/// Members by number.
pub(super) struct Crowd<T> {
    members: IndexMap<u64, T>,
    /// How many are from where, by source and by its network.
    sources: HashMap<Source, u32>,
    networks: HashMap<Source, u32>,
}

impl<T: Member> Crowd<T> {
    pub(super) fn new() -> Self {
        Self { members: IndexMap::new(), sources: HashMap::new(), networks: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.members.contains_key(&number)
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.members.get(&number)
    }

    /// Whoever changes its address says so by [`Crowd::has_moved`].
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.members.get_mut(&number)
    }

    /// The number of the member that a random number picks.
    pub(super) fn pick(&self, random: u64) -> Option<u64> {
        let index = Sequence::new(random).below(self.members.len());
        self.members.get_index(index).map(|(number, _)| *number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.members.iter().map(|(number, member)| (*number, member))
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.members.keys().copied().collect()
    }

    pub(super) fn insert(&mut self, number: u64, member: T) {
        self.count_in(member.address());
        self.members.insert(number, member);
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let member = self.members.swap_remove(&number)?;
        self.count_out(member.address());
        Some(member)
    }

    pub(super) fn has_moved(&mut self, from: SocketAddr, to: SocketAddr) {
        self.count_out(from);
        self.count_in(to);
    }

    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.sources.clear();
        self.networks.clear();
    }

    /// The one that makes room, and is not the newest one: of a device that has not shown who
    /// it is if there is one, of the network that has most of them, of the source there that has
    /// most, silent for longest.
    pub(super) fn least_deserving(&self, newest: u64) -> Option<u64> {
        let len = self.members.len();
        let mut draws = Sequence::new(u64::from_le_bytes(random::unpredictable()));
        let looks_at_all = len <= SAMPLE;
        (0..len.min(SAMPLE))
            .map(|index| if looks_at_all { index } else { draws.below(len) })
            .filter_map(|index| self.members.get_index(index))
            .filter(|(number, _)| **number != newest)
            .min_by_key(|(number, member)| {
                let source = Source::of(member.address());
                let share = |counts: &HashMap<_, u32>, key| counts.get(&key).copied().unwrap_or(0);
                let shares =
                    [share(&self.networks, source.network()), share(&self.sources, source)];
                (member.is_proven(), Reverse(shares), member.heard(), **number)
            })
            .map(|(number, _)| *number)
    }

    fn count_in(&mut self, address: SocketAddr) {
        let source = Source::of(address);
        *self.sources.entry(source).or_default() += 1;
        *self.networks.entry(source.network()).or_default() += 1;
    }

    fn count_out(&mut self, address: SocketAddr) {
        let source = Source::of(address);
        for (counts, key) in [(&mut self.sources, source), (&mut self.networks, source.network())] {
            match counts.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(counts.remove(&key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Visitor(&'static str, bool, Instant);

    impl Member for Visitor {
        fn address(&self) -> SocketAddr {
            self.0.parse().expect("an address")
        }

        fn is_proven(&self) -> bool {
            self.1
        }

        fn heard(&self) -> Instant {
            self.2
        }
    }

    #[test]
    fn a_host_pushes_out_its_own() {
        let start = Instant::now();
        let mut crowd = Crowd::new();
        crowd.insert(1, Visitor("192.0.2.1:1", false, start));
        for number in 2..1_000 {
            let later = start + Duration::from_secs(number);
            crowd.insert(number, Visitor("198.51.100.1:1", number % 2 == 0, later));
        }
        for _ in 0..400 {
            let number = crowd.least_deserving(999).expect("there are many");
            let gone = crowd.remove(number).expect("it is there");
            assert!(gone.0.starts_with("198.51"), "{number}");
        }
        let proven = crowd.numbers().into_iter().filter(|number| number % 2 == 0).count();
        // None goes before the last of the others, unless a sample has none of those.
        assert!(proven > 490, "{proven} of 499");
    }

    #[test]
    fn among_equals_it_is_the_most_silent() {
        let start = Instant::now();
        let mut crowd = Crowd::new();
        for (number, second) in [(1, 5), (2, 3), (3, 4)] {
            let heard = start + Duration::from_secs(second);
            crowd.insert(number, Visitor("192.0.2.1:1", false, heard));
        }
        assert_eq!(crowd.least_deserving(3), Some(2));
        assert_eq!(crowd.least_deserving(2), Some(3));
        crowd.remove(2);
        crowd.remove(1);
        assert_eq!(crowd.least_deserving(3), None);
    }

    #[test]
    fn many_addresses_of_few_networks_push_out_their_own() {
        let start = Instant::now();
        let mut crowd = Crowd::new();
        // Two of one host, which began first.
        crowd.insert(1, Visitor("192.0.2.1:1", false, start));
        crowd.insert(2, Visitor("192.0.2.1:2", false, start));
        let flood: Vec<String> =
            (0..60).map(|host| format!("198.51.{}.{host}:1", 100 + host % 4)).collect();
        for (number, address) in (3..).zip(flood) {
            crowd.insert(number, Visitor(String::leak(address), false, start));
        }
        for _ in 0..50 {
            let number = crowd.least_deserving(62).expect("there are many");
            assert!(number > 2, "{number}");
            crowd.remove(number);
        }
    }
}
