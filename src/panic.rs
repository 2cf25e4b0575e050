//! Panics end here: none unwinds into C. With `std` they are caught; without it the
//! panic handler stops.

/// Runs `work`; `None` if it panicked, which is logged.
#[cfg(feature = "std")]
pub(crate) fn catch<R>(name: &str, work: impl FnOnce() -> R) -> Option<R> {
    // What was being changed may be left half changed: its lock is released by
    // unwinding, and every state that a client can be in is one it can go on from.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .inspect_err(|_| {
            crate::log::log!(Error, "{name}: internal error (panic); please report it");
        })
        .ok()
}

/// Runs `work`.
#[cfg(not(feature = "std"))]
pub(crate) fn catch<R>(_name: &str, work: impl FnOnce() -> R) -> Option<R> {
    Some(work())
}
