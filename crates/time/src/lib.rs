#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A point in time: milliseconds since a start that the caller chose.
///
/// Sums saturate instead of wrapping, so that an odd duration makes a timer late, not
/// early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The point that lies this many milliseconds after the start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this point; zero if `earlier` is later.
    #[must_use]
    pub const fn duration_since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    // On a 32-bit machine each copy is larger than a call.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    #[cfg_attr(not(target_pointer_width = "32"), inline)]
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.0))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Like [`duration_since`](Self::duration_since): zero if `earlier` is later, as when a
    /// deadline has passed.
    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// The longest duration.
    pub const MAX: Self = Self(u64::MAX);

    /// This many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// This many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Its length in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Its length in milliseconds, or the greatest `u32` if it is longer, for functions
    /// that take 32 bits.
    #[must_use]
    pub const fn as_millis_u32(self) -> u32 {
        if self.0 > u32::MAX as u64 { u32::MAX } else { self.0 as u32 }
    }

    /// Whether it is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This many times as long, at most [`MAX`](Self::MAX).
    #[must_use]
    pub const fn saturating_mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// The time that is left after `other`; zero if `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Duration {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// For the time-outs of sockets and timers.
impl From<Duration> for core::time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_millis(duration.0)
    }
}

/// For what a clock of `std` has measured. Parts of a millisecond are dropped; what is too
/// long becomes [`MAX`](Duration::MAX).
impl From<core::time::Duration> for Duration {
    fn from(duration: core::time::Duration) -> Self {
        let millis = duration.as_secs().saturating_mul(1000);
        Self(millis.saturating_add(duration.subsec_millis().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant};

    #[test]
    fn sums_and_differences_saturate() {
        let late = Instant::from_millis(u64::MAX - 1);
        assert_eq!((late + Duration::from_secs(1)).as_millis(), u64::MAX);
        assert_eq!(Instant::from_millis(3) - late, Duration::ZERO);
        assert_eq!(late - Instant::from_millis(1), Duration::from_millis(u64::MAX - 2));
        assert_eq!(Duration::MAX + Duration::from_millis(1), Duration::MAX);
        assert_eq!(Duration::from_secs(u64::MAX), Duration::MAX);
        assert_eq!(
            Duration::from_millis(5).saturating_sub(Duration::from_millis(7)),
            Duration::ZERO
        );
    }

    #[test]
    fn a_duration_for_32_bits_is_cut_rather_than_wrapped() {
        assert_eq!(Duration::from_millis(7).as_millis_u32(), 7);
        assert_eq!(Duration::from_millis(1 << 32).as_millis_u32(), u32::MAX);
    }
    #[test]
    fn a_duration_of_core_is_cut_to_milliseconds() {
        use core::time::Duration as Core;

        assert_eq!(Duration::from(Core::new(3, 4_999_999)), Duration::from_millis(3004));
        assert_eq!(Duration::from(Core::from_nanos(999_999)), Duration::ZERO);
        let longest = Core::from_millis(u64::MAX);
        assert_eq!(Duration::from(longest), Duration::MAX);
        assert_eq!(Core::from(Duration::MAX), longest);
        assert_eq!(Duration::from(Core::from_millis(u64::MAX - 1)).as_millis(), u64::MAX - 1);
        assert_eq!(Duration::from(longest + Core::from_millis(1)), Duration::MAX);
        assert_eq!(Duration::from(Core::MAX), Duration::MAX);
    }
}
