//! Handshakes or sessions by number, and which of them makes room when there are too many:
//! one of the source that has most of them, so that one host pushes out its own alone.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use indexmap::IndexMap;

use crate::random::{self, Sequence};

/// Of so many, drawn at random, the least deserving makes room. To look at all of them would
/// take longer the more there are.
const SAMPLE: usize = 64;

/// Where clients come from: an IPv4 address, or an IPv6 network of 64 bits, which is what one
/// subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4(u32),
    V6(u64),
}

impl Source {
    fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.into()),
            IpAddr::V6(ip) => Self::V6((u128::from(ip) >> 64) as u64),
        }
    }
}

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
    sources: HashMap<Source, u32>,
}

impl<T: Member> Crowd<T> {
    pub(super) fn new() -> Self {
        Self { members: IndexMap::new(), sources: HashMap::new() }
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

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.members.values()
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
    }

    /// The one that makes room, and is not the newest one: of a device that has not shown who
    /// it is if there is one, of the source that has most of them, silent for longest.
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
                let share = self.sources.get(&source).copied().unwrap_or(0);
                (member.is_proven(), Reverse(share), member.heard(), **number)
            })
            .map(|(number, _)| *number)
    }

    fn count_in(&mut self, address: SocketAddr) {
        *self.sources.entry(Source::of(address)).or_default() += 1;
    }

    fn count_out(&mut self, address: SocketAddr) {
        let source = Source::of(address);
        match self.sources.get_mut(&source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.sources.remove(&source)),
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
    fn an_ipv6_network_is_one_source() {
        let source = |text: &str| Source::of(text.parse().expect("an address"));
        assert_eq!(source("[2001:db8::1]:5"), source("[2001:db8::ffff:1]:6"));
        assert_ne!(source("[2001:db8::1]:5"), source("[2001:db8:0:1::1]:5"));
        assert_eq!(source("[::ffff:192.0.2.1]:5"), source("192.0.2.1:7"));
    }
}
