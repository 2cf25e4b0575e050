//! What every exported function goes through: a panic inside must not unwind
//! into C. With `std` it is caught and becomes an error code; without, a panic
//! is the panic handler's.

/// Runs `call`; `fallback` stands for its result if it panics.
#[cfg(feature = "std")]
pub(crate) fn guard<T>(name: &str, fallback: T, call: impl FnOnce() -> T) -> T {
    // A context that was being changed may be left half changed: its own lock
    // is released by unwinding, and every state that a client can be in is one
    // it can go on from.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_or_else(|_| {
        crate::log::log!(Error, "{name}: internal error (panic); please report it");
        fallback
    })
}

/// Runs `call`.
#[cfg(not(feature = "std"))]
pub(crate) fn guard<T>(_name: &str, _fallback: T, call: impl FnOnce() -> T) -> T {
    call()
}
