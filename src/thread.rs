//! Tells one thread from another. The board port has no function for that.

/// A thread, for as long as it runs: one that starts later may equal one that
/// has ended. Without `std` threads cannot be told apart, and all are equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread(usize);

/// The calling thread. Neither allocates nor enters the kernel.
#[cfg(feature = "std")]
pub(crate) fn current() -> Thread {
    use core::cell::Cell;

    std::thread_local! {
        /// Each thread has its own, at an address of its own.
        static MARK: Cell<u8> = const { Cell::new(0) };
    }
    Thread(MARK.with(|mark| core::ptr::from_ref(mark).addr()))
}

/// The calling thread.
#[cfg(not(feature = "std"))]
pub(crate) const fn current() -> Thread {
    Thread(0)
}
