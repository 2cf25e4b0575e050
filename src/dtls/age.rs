//! How old a session is, and how old it may be. The longer a secret is used, the longer an
//! attacker who learns it can impersonate the peer (RFC 5246, section F.1.4).
//!
//! The calendar tells the age, if there is one; within one process, the uptime does. Over a
//! restart without a calendar neither does, so wakings are counted, ten minutes each.

use crate::port;
use crate::port::calendar::calendar_ms;

/// How many seconds a waking counts as without a calendar.
const WAKING_S: u32 = 600;

/// How far a moment may seem to lie in the future, in milliseconds: threads overtake each
/// other, and calendars are corrected.
const DISORDER_MS: u64 = 10_000;

/// How old a session may be, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The limit for resuming it by a ticket or a session id.
    resumed_s: u32,
    /// The limit for restoring it from the store.
    restored_s: u32,
}

impl Limits {
    /// A limit of 0 stands for the default: a day, and a week.
    pub(crate) const fn new(resumed_s: u32, restored_s: u32) -> Self {
        const DAY_S: u32 = 86_400;
        Self {
            resumed_s: if resumed_s == 0 { DAY_S } else { resumed_s },
            restored_s: if restored_s == 0 { 7 * DAY_S } else { restored_s },
        }
    }
}

/// A moment, as told by the clocks that the port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    /// Milliseconds since 1970; 0 if the date was not known.
    calendar_ms: u64,
    uptime_ms: u64,
}

impl Moment {
    fn now() -> Self {
        Self { calendar_ms: calendar_ms().unwrap_or(0), uptime_ms: port::uptime_ms() }
    }

    /// Whether less than `limit_s` has passed from this moment to `now`, as far as can be
    /// told. `wakings`: how many there were in between.
    fn is_within(self, limit_s: u32, wakings: u16, now: Self) -> bool {
        let limit_ms = u64::from(limit_s) * 1000;
        let is_short = |from: u64, to: u64| match to.checked_sub(from) {
            Some(elapsed) => elapsed < limit_ms,
            // After a clock was set back, the time that has passed is unknown.
            None => from - to <= DISORDER_MS,
        };
        is_short(self.uptime_ms, now.uptime_ms)
            && if self.calendar_ms != 0 && now.calendar_ms != 0 {
                is_short(self.calendar_ms, now.calendar_ms)
            } else {
                wakings == 0 || u32::from(wakings) < limit_s / WAKING_S
            }
    }
}

/// The length of an encoded age, in bytes.
pub(super) const AGE_LEN: usize = 8 + 8 + 2;

/// The age of a session and of the ticket that resumes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Age {
    /// When the full handshake was.
    made: Moment,
    /// When the ticket came.
    ticket: Moment,
    /// How often the session was taken from the store since.
    wakings: u16,
}

impl Age {
    /// The age of a session that was made now.
    pub(super) fn new() -> Self {
        let now = Moment::now();
        Self { made: now, ticket: now, wakings: 0 }
    }

    /// The age of this session after it was resumed and a new ticket came now.
    pub(super) fn with_new_ticket(self) -> Self {
        Self { ticket: Moment::now(), ..self }
    }

    /// Whether both sessions come from the same full handshake.
    pub(super) fn is_of_handshake_of(self, other: Self) -> bool {
        self.made == other.made
    }

    /// Whether the session may be resumed, with a ticket that the server accepts for
    /// `lifetime_s`.
    pub(super) fn allows_resumption(self, limits: Limits, lifetime_s: Option<u32>) -> bool {
        let now = Moment::now();
        let is_taken = |lifetime_s| self.ticket.is_within(lifetime_s, self.wakings, now);
        self.made.is_within(limits.resumed_s, self.wakings, now) && lifetime_s.is_none_or(is_taken)
    }

    /// Whether the session may be restored from the store.
    pub(super) fn allows_restoring(self, limits: Limits) -> bool {
        self.made.is_within(limits.restored_s, self.wakings, Moment::now())
    }

    /// Encodes the age for the store.
    pub(super) fn to_bytes(self) -> [u8; AGE_LEN] {
        let mut bytes = [0; AGE_LEN];
        let calendars = [self.made.calendar_ms, self.ticket.calendar_ms].map(u64::to_be_bytes);
        let parts = calendars.iter().flatten().copied().chain(self.wakings.to_be_bytes());
        for (place, byte) in bytes.iter_mut().zip(parts) {
            *place = byte;
        }
        bytes
    }

    /// Decodes the age of a session that is taken from the store now, and counts one more
    /// waking.
    pub(super) fn from_bytes([bytes @ .., high, low]: &[u8; AGE_LEN]) -> Self {
        let (calendars, _) = bytes.as_chunks::<8>();
        let uptime_ms = port::uptime_ms();
        let moment = |calendar_ms| Moment { calendar_ms, uptime_ms };
        let [made, ticket] = [calendars.first(), calendars.last()]
            .map(|calendar| moment(calendar.copied().map_or(0, u64::from_be_bytes)));
        let wakings = u16::from_be_bytes([*high, *low]).saturating_add(1);
        Self { made, ticket, wakings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 3600;
    const NOW: Moment = Moment { calendar_ms: 1_900_000_000_000, uptime_ms: 500_000_000 };

    /// A moment that lies this many seconds before now, by each clock.
    fn before(calendar_s: Option<u64>, uptime_s: u64) -> Moment {
        Moment {
            calendar_ms: calendar_s.map_or(0, |seconds| NOW.calendar_ms - 1000 * seconds),
            uptime_ms: NOW.uptime_ms - 1000 * uptime_s,
        }
    }

    #[test]
    fn any_clock_that_tells_bounds_a_session() {
        for (calendar_s, uptime_s, is_within) in [
            (Some(3599), 3599, true),
            (Some(3600), 0, false),
            (Some(0), 3600, false),
            (None, 3599, true),
            (None, 3600, false),
        ] {
            let moment = before(calendar_s, uptime_s);
            assert_eq!(moment.is_within(HOUR, 0, NOW), is_within, "{moment:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_bounds_it_too() {
        let later = |calendar_s: u64, uptime_s: u64| Moment {
            calendar_ms: NOW.calendar_ms + 1000 * calendar_s,
            uptime_ms: NOW.uptime_ms + 1000 * uptime_s,
        };
        assert!(later(10, 10).is_within(HOUR, 0, NOW));
        assert!(!later(11, 0).is_within(HOUR, 0, NOW));
        assert!(!later(0, 11).is_within(HOUR, 0, NOW));
    }

    #[test]
    fn wakings_are_counted_only_where_the_calendar_does_not_tell() {
        let without_calendar = Moment { calendar_ms: 0, ..NOW };
        for wakings in [0, 1, 5, 6, 7, u16::MAX] {
            assert!(before(Some(9), 0).is_within(HOUR, wakings, NOW));
            for (moment, now) in [
                (before(None, 0), NOW),
                (before(Some(9), 0), without_calendar),
                (before(None, 0), without_calendar),
            ] {
                assert_eq!(moment.is_within(HOUR, wakings, now), wakings < 6, "{wakings}");
            }
        }
        // Within one process, a limit may be shorter than the ten minutes of a waking.
        assert!(before(None, 9).is_within(60, 0, NOW));
        assert!(!before(None, 9).is_within(60, 1, NOW));
    }

    #[test]
    fn limits_have_defaults() {
        assert_eq!(Limits::new(0, 0), Limits::new(86_400, 604_800));
    }

    #[test]
    fn a_ticket_has_its_own_lifetime_too() {
        let limits = Limits::new(24 * HOUR, 0);
        let now = Moment::now();
        let ago = |seconds: u64| Moment { calendar_ms: now.calendar_ms - 1000 * seconds, ..now };
        let age = Age { made: ago(20 * 3600), ticket: ago(7199), wakings: 0 };
        assert!(age.allows_resumption(limits, None));
        assert!(!age.allows_resumption(Limits::new(19 * HOUR, 0), None));
        // Some seconds may pass while the test runs.
        assert!(age.allows_resumption(limits, Some(7300)));
        assert!(!age.allows_resumption(limits, Some(7199)));
        assert!(age.with_new_ticket().allows_resumption(limits, Some(60)));
        assert!(age.allows_restoring(limits));
        assert!(!age.allows_restoring(Limits::new(0, 20 * HOUR)));
    }

    #[test]
    fn an_age_is_kept_but_for_the_uptime() {
        let age = Age { made: before(Some(100), 0), ticket: before(Some(50), 0), wakings: 6 };
        let kept = Age::from_bytes(&age.to_bytes());
        assert_eq!(kept.made.calendar_ms, age.made.calendar_ms);
        assert_eq!(kept.ticket.calendar_ms, age.ticket.calendar_ms);
        assert_eq!(kept.wakings, 7);
        let most = Age { wakings: u16::MAX, ..age };
        assert_eq!(Age::from_bytes(&most.to_bytes()).wakings, u16::MAX);
    }
}
