//! The monotonic clock, sleeping, and time limits. Reading the clock needs no system call
//! (vDSO), so it is read whenever a limit is computed.

use core::ffi::c_int;

/// Milliseconds on `CLOCK_MONOTONIC`: since the start of the machine.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn iotx_linux_uptime_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writing the result. The call fails only for an unknown
    // clock or a bad pointer; `now` then stays zero.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // Neither field is negative on this clock, and the nanoseconds fit 32 bits. The widths
    // of the fields differ between machines.
    #[allow(clippy::cast_sign_loss)]
    let (seconds, nanoseconds) = (now.tv_sec as u64, now.tv_nsec as u32);
    seconds * 1000 + u64::from(nanoseconds / 1_000_000)
}

/// Seconds since 1970; 0 if the clock shows an earlier date.
pub fn calendar_seconds() -> u64 {
    // SAFETY: time accepts NULL, for which it stores no result.
    let now = unsafe { libc::time(core::ptr::null_mut()) };
    u64::try_from(now).unwrap_or(0)
}

/// Sleeps the whole time, even if signals arrive.
#[unsafe(no_mangle)]
extern "C-unwind" fn iotx_linux_sleep_ms(ms: u32) {
    unsafe extern "C-unwind" {
        /// A thread may be cancelled in this function, which unwinds it.
        fn nanosleep(asked: *const libc::timespec, left: *mut libc::timespec) -> c_int;
    }
    // Both parts fit every `time_t` and `c_long`: at most 4,294,967 seconds.
    let mut left = libc::timespec {
        tv_sec: (ms / 1000).cast_signed().into(),
        tv_nsec: ((ms % 1000) * 1_000_000).cast_signed().into(),
    };
    loop {
        let asked = left;
        // SAFETY: both pointers are to valid timespecs. `left` is written only if a signal
        // interrupts.
        if unsafe { nanosleep(&raw const asked, &raw mut left) } == 0 {
            return;
        }
        if crate::fd::errno() != libc::EINTR {
            return;
        }
    }
}

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Until something arrives.
    Forever,
    /// At most this many milliseconds; 0 does not wait.
    For(u32),
}

impl Wait {
    /// The rest of the wait after `ms` milliseconds.
    pub(crate) const fn less(self, ms: u32) -> Self {
        match self {
            Self::Forever => Self::Forever,
            Self::For(all) => Self::For(all.saturating_sub(ms)),
        }
    }
}

/// The point in time at which a [`Wait`] is over.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<u64>);

impl Deadline {
    pub(crate) fn after(wait: Wait) -> Self {
        Self(match wait {
            Wait::Forever => None,
            Wait::For(ms) => Some(iotx_linux_uptime_ms().saturating_add(u64::from(ms))),
        })
    }

    /// The rest of the wait.
    pub(crate) fn left(self) -> Wait {
        match self.0 {
            None => Wait::Forever,
            Some(end) => {
                let left = end.saturating_sub(iotx_linux_uptime_ms());
                Wait::For(u32::try_from(left).unwrap_or(u32::MAX))
            }
        }
    }

    pub(crate) fn is_over(self) -> bool {
        matches!(self.left(), Wait::For(0))
    }
}
