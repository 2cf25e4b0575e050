//! A clock that never goes back, made from an uptime that may. Some ports have a
//! `HAL_UptimeMs` of 32 bits, which starts over after 49.7 days. If it counts in a signed
//! integer, its results have the upper 32 bits set from day 24.9 on.

use iot_coap_client::{Duration, Instant};

/// Joins readings of an uptime into one time that never goes back.
#[derive(Debug)]
pub(crate) struct Clock {
    last: u64,
    now: u64,
    /// How far the time is ahead of the uptime, which stood still while time passed.
    ahead: u64,
}

/// How much older than the last reading a reading may be without being a wrap: two threads
/// may read the uptime in one order and get here in the other.
const DISORDER_MS: u64 = 10_000;

/// The upper 32 bits after sign extension. A true uptime takes half a billion years to get
/// there.
const SIGN: u64 = 0xFFFF_FFFF_0000_0000;

/// Undoes the sign extension of a reading.
const fn unsigned(uptime_ms: u64) -> u64 {
    if uptime_ms & SIGN == SIGN { uptime_ms & !SIGN } else { uptime_ms }
}

impl Clock {
    pub(crate) const fn new(uptime_ms: u64) -> Self {
        let uptime_ms = unsigned(uptime_ms);
        Self { last: uptime_ms, now: uptime_ms, ahead: 0 }
    }

    /// The time at a reading of the uptime, in milliseconds.
    pub(crate) const fn at(&mut self, uptime_ms: u64) -> Instant {
        Instant::from_millis(self.millis_at(uptime_ms))
    }

    /// Lets time pass while the uptime stands still. If the uptime catches up later, that
    /// time is not counted again.
    pub(crate) const fn pass(&mut self, time: Duration) {
        self.now += time.as_millis();
        self.ahead += time.as_millis();
    }

    const fn advance(&mut self, elapsed: u64) {
        let counted = if elapsed < self.ahead { elapsed } else { self.ahead };
        self.ahead -= counted;
        self.now += elapsed - counted;
    }

    const fn millis_at(&mut self, uptime_ms: u64) -> u64 {
        let uptime_ms = unsigned(uptime_ms);
        if let Some(elapsed) = uptime_ms.checked_sub(self.last) {
            self.advance(elapsed);
        } else if self.last - uptime_ms <= DISORDER_MS {
            return self.now;
        } else if self.last <= u32::MAX as u64 {
            let elapsed = (uptime_ms as u32).wrapping_sub(self.last as u32);
            // Otherwise the uptime was set back.
            if elapsed < u32::MAX / 2 {
                self.advance(elapsed as u64);
            }
        }
        self.last = uptime_ms;
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Duration};

    #[test]
    fn follows_an_uptime() {
        let mut clock = Clock::new(5);
        assert_eq!(clock.millis_at(5), 5);
        assert_eq!(clock.millis_at(1005), 1005);
    }

    #[test]
    fn goes_on_over_a_wrap_of_32_bits() {
        let start = u64::from(u32::MAX) - 999;
        let mut clock = Clock::new(start);
        assert_eq!(clock.millis_at(500), start + 1500);
        assert_eq!(clock.millis_at(2500), start + 3500);
    }

    #[test]
    fn wraps_again_and_again() {
        let mut clock = Clock::new(0);
        let step = 1_u64 << 30;
        for reading in 1..20 {
            assert_eq!(clock.millis_at((step * reading) & u64::from(u32::MAX)), step * reading);
        }
    }

    #[test]
    fn time_passes_over_an_uptime_that_stands_still() {
        let mut clock = Clock::new(50);
        clock.pass(Duration::from_millis(30));
        assert_eq!(clock.millis_at(50), 80);
        clock.pass(Duration::from_millis(5));
        assert_eq!(clock.millis_at(50), 85);
        // A clock that ticks every second.
        assert_eq!(clock.millis_at(70), 85, "counted already");
        assert_eq!(clock.millis_at(1070), 1070);
    }

    #[test]
    fn follows_a_tick_whose_sign_was_extended() {
        let extended = |tick: u32| i64::from(tick.cast_signed()).cast_unsigned();
        let start = u64::from(u32::MAX / 2) - 99;
        let mut clock = Clock::new(start);
        let step = 1_u64 << 29;
        for reading in 1..20 {
            let now = start + reading * step;
            assert_eq!(clock.millis_at(extended(now as u32)), now);
        }
        let mut late = Clock::new(extended(u32::MAX - 9));
        assert_eq!(late.millis_at(0), u64::from(u32::MAX) + 1);
    }

    #[test]
    fn never_goes_back() {
        let mut clock = Clock::new(100_000);
        assert_eq!(clock.millis_at(99_999), 100_000);
        assert_eq!(clock.millis_at(100_010), 100_010);
        let before = clock.millis_at(1 << 40);
        assert_eq!(clock.millis_at(7), before, "an uptime that starts over loses no time");
        assert_eq!(clock.millis_at(8), before + 1);
    }
}
