//! Random pauses between attempts that fail. The pauses may grow, and they are random, so
//! that a fleet that lost its cloud in one second does not come back in one second.

use iot_coap_time::Duration;

/// A random time from `shortest` to `longest` milliseconds; `shortest` if `longest` is
/// less. `random`: 32 random bits.
#[must_use]
pub fn jittered(shortest: u32, longest: u32, random: u32) -> Duration {
    let span = longest.saturating_sub(shortest);
    // The upper bits decide. There is no division, which takes much code on a processor of
    // 32 bits.
    let drawn = (u64::from(random) * (u64::from(span) + 1)) >> 32;
    Duration::from_millis(u64::from(shortest) + drawn)
}

/// Random pauses between attempts that fail.
///
/// Pause number `n`, counted from 1, is uniform between the first pause and the first pause
/// doubled `n` times, but never longer than the longest pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// How many pauses there were since the last [`reset`](Self::reset).
    pauses: u8,
}

impl Backoff {
    /// No pause yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { pauses: 0 }
    }

    /// Whether there was no pause since the last [`reset`](Self::reset).
    #[must_use]
    pub const fn is_reset(&self) -> bool {
        self.pauses == 0
    }

    /// How long to pause after another failed attempt: from `first` to `longest`, 49 days
    /// at most; `first` if `longest` is shorter. `random`: 32 random bits.
    pub fn next_pause(&mut self, first: Duration, longest: Duration, random: u32) -> Duration {
        self.pauses = self.pauses.saturating_add(1).min(31);
        let [first, longest] = [first, longest].map(Duration::as_millis_u32);
        let longest = first.saturating_mul(1 << self.pauses).min(longest);
        jittered(first, longest, random)
    }

    /// An attempt succeeded: the next pause is a first one again.
    pub const fn reset(&mut self) {
        self.pauses = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(2);
    const MAX_PAUSE: Duration = Duration::from_secs(300);

    #[test]
    fn each_pause_is_between_the_first_and_its_doubling() {
        let mut shortest = Backoff::new();
        let mut longest = shortest;
        for most in [4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            assert_eq!(shortest.next_pause(FIRST, MAX_PAUSE, 0), FIRST);
            assert_eq!(longest.next_pause(FIRST, MAX_PAUSE, u32::MAX), Duration::from_secs(most));
        }
        longest.reset();
        assert!(longest.is_reset());
        assert_eq!(longest.next_pause(FIRST, MAX_PAUSE, u32::MAX), Duration::from_secs(4));
    }

    #[test]
    fn the_pauses_are_spread_evenly() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            backoff.next_pause(FIRST, MAX_PAUSE, 0);
        }
        let mut tenths = [0; 10];
        for step in 0..10_000_u32 {
            let random = step * (u32::MAX / 10_000);
            let pause = backoff.next_pause(FIRST, MAX_PAUSE, random).as_millis() - 2000;
            tenths[(pause * 10 / 298_001) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (990..=1010).contains(count)), "{tenths:?}");
    }

    #[test]
    fn odd_bounds_are_survived() {
        for (first, longest) in [
            (Duration::ZERO, Duration::ZERO),
            (MAX_PAUSE, FIRST),
            (Duration::MAX, Duration::MAX),
            (Duration::ZERO, Duration::MAX),
        ] {
            let mut backoff = Backoff::new();
            for _ in 0..300 {
                let pause = backoff.next_pause(first, longest, u32::MAX);
                assert!(pause.as_millis() >= first.as_millis().min(u32::MAX.into()));
                assert!(pause.as_millis() <= first.max(longest).as_millis());
            }
        }
    }
}
