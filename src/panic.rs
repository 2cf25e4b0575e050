//! Panics end here, and never unwind into C. With `std`, they are caught; without, the
//! panic handler stops the program.

/// Runs `work`. Returns `None` if it panicked, and logs the panic.
#[cfg(feature = "std")]
pub(crate) fn catch<R>(name: &str, work: impl FnOnce() -> R) -> Option<R> {
    // A value may be left half changed. Unwinding releases its lock, and a client can go on
    // from every state that it can be in.
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
