//! How often somebody may do something: a bucket of tokens each, in a table with a bound. Time
//! is an argument.

use std::hash::Hash;
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use crate::random::{self, Sequence};

/// Seconds whose share an address may use up at once.
pub(crate) const BURST: u32 = 10;

/// The most buckets.
const BUCKETS: usize = 65_536;

/// Where there is no room for another bucket, so many are looked at for one that is full again.
const LOOKS: usize = 8;

/// Somebody does something too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften {
    /// Seconds after which it may go on: then half of the bucket is there again.
    pub(crate) retry_after: u16,
    /// It was not so before, and is worth telling.
    pub(crate) is_news: bool,
}

struct Bucket {
    tokens: f64,
    since: Instant,
    /// That it was empty has been told.
    told: bool,
}

/// The buckets of all who do it.
pub(crate) struct Rates<K> {
    per_second: f64,
    most: f64,
    buckets: IndexMap<K, Bucket>,
    room: usize,
    draws: Sequence,
}

impl<K: Eq + Hash> Rates<K> {
    /// So many a second, in bursts of what `burst` seconds allow. Without a limit for zero.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self::with_room(per_second, burst, BUCKETS)
    }

    fn with_room(per_second: u32, burst: u32, room: usize) -> Self {
        Self {
            per_second: f64::from(per_second),
            most: f64::from(per_second) * f64::from(burst),
            buckets: IndexMap::new(),
            room,
            draws: Sequence::new(u64::from_le_bytes(random::unpredictable())),
        }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Instant, key: K) -> Result<(), TooOften> {
        if self.per_second <= 0.0 {
            return Ok(());
        }
        if !self.buckets.contains_key(&key) {
            self.make_room(now);
        }
        let full = Bucket { tokens: self.most, since: now, told: false };
        let bucket = self.buckets.entry(key).or_insert(full);
        bucket.tokens = bucket.tokens_at(now, self.per_second, self.most);
        bucket.since = now.max(bucket.since);
        let half = (self.most / 2.0).max(1.0);
        if bucket.tokens >= half {
            bucket.told = false;
        }
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = ((half - bucket.tokens) / self.per_second).ceil();
        let retry_after = Duration::try_from_secs_f64(wait).unwrap_or_default().as_secs();
        Err(TooOften {
            retry_after: u16::try_from(retry_after).unwrap_or(u16::MAX).max(1),
            is_news: !std::mem::replace(&mut bucket.told, true),
        })
    }

    /// Whether there is a token.
    pub(crate) fn has_one(&self, now: Instant, key: &K) -> bool {
        let left = |bucket: &Bucket| bucket.tokens_at(now, self.per_second, self.most);
        self.buckets.get(key).is_none_or(|bucket| left(bucket) >= 1.0)
    }

    /// Where there are too many buckets, one goes that is full again, and says no more than none
    /// would. Where none is found, one that is drawn: whoever comes from many addresses cannot
    /// choose whose it is.
    fn make_room(&mut self, now: Instant) {
        if self.buckets.len() < self.room {
            return;
        }
        let mut gone = None;
        for _ in 0..LOOKS {
            let index = self.draws.below(self.buckets.len());
            gone = Some(index);
            let bucket = &self.buckets[index];
            if bucket.tokens_at(now, self.per_second, self.most) >= self.most {
                break;
            }
        }
        if let Some(index) = gone {
            self.buckets.swap_remove_index(index);
        }
    }
}

impl Bucket {
    fn tokens_at(&self, now: Instant, per_second: f64, most: f64) -> f64 {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        (self.tokens + passed * per_second).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_often(retry_after: u16, is_news: bool) -> Result<(), TooOften> {
        Err(TooOften { retry_after, is_news })
    }

    #[test]
    fn a_burst_is_limited_and_time_restores_it() {
        let mut rates = Rates::new(2, 1);
        let now = Instant::now();
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        assert_eq!(rates.take(now, 'a'), Ok(()));
        assert_eq!(rates.take(now, 'a'), Ok(()));
        assert_eq!(rates.take(now, 'a'), too_often(1, true));
        assert_eq!(rates.take(now, 'a'), too_often(1, false), "it is told once");
        assert_eq!(rates.take(now, 'b'), Ok(()), "another one");
        assert_eq!(rates.take(after(500), 'a'), Ok(()));
        assert_eq!(rates.take(after(501), 'a'), too_often(1, true), "it was half full");
        // Time that goes back takes nothing and gives nothing.
        assert_eq!(rates.take(after(400), 'a'), too_often(1, false));
        assert_eq!(rates.take(after(1_001), 'a'), Ok(()));
    }

    #[test]
    fn a_long_burst_says_when_half_of_it_is_there_again() {
        let mut rates = Rates::new(10, 20);
        let now = Instant::now();
        assert!((0..200).all(|_| rates.take(now, ()).is_ok()));
        assert_eq!(rates.take(now, ()), too_often(10, true));
    }

    #[test]
    fn to_look_takes_nothing() {
        let mut rates = Rates::new(1, 1);
        let now = Instant::now();
        assert!((0..9).all(|_| rates.has_one(now, &1)));
        assert_eq!(rates.take(now, 1), Ok(()));
        assert!(!rates.has_one(now, &1));
        assert_eq!(rates.take(now, 1), too_often(1, true));
    }

    #[test]
    fn zero_is_no_limit() {
        let mut rates = Rates::new(0, 1);
        let now = Instant::now();
        assert!((0..1_000).all(|_| rates.take(now, 1).is_ok()));
    }

    #[test]
    fn a_flood_of_addresses_has_a_bound_and_chooses_nobody_s_bucket() {
        let now = Instant::now();
        let mut forgotten = 0;
        for _ in 0..40 {
            let mut rates = Rates::with_room(1, 1, 100);
            assert_eq!(rates.take(now, 0), Ok(()));
            // As many others as there is room for.
            for other in 1..200 {
                assert_eq!(rates.take(now, other), Ok(()));
            }
            assert_eq!(rates.buckets.len(), 100);
            forgotten += u32::from(rates.take(now, 0).is_ok());
        }
        // Each is forgotten with a chance of 1 - 1/e; the oldest would always be.
        assert!((12..38).contains(&forgotten), "{forgotten} of 40");
        // Those that are full again go first.
        let mut rates = Rates::with_room(1, 1, 100);
        let later = now + Duration::from_secs(1);
        (0..50).for_each(|old| assert_eq!(rates.take(now, old), Ok(())));
        (50..120).for_each(|new| assert_eq!(rates.take(later, new), Ok(())));
        let kept = (50..120).filter(|new| !rates.has_one(later, new)).count();
        assert!(kept > 66, "{kept} of 70");
    }
}
