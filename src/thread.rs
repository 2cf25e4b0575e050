//! Tells one thread from another, without asking the board port, which has no
//! function for it.

use core::num::NonZero;

/// A thread, for as long as it runs: one that starts later may equal one that
/// has ended. Without `std` threads cannot be told apart, and all are equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread(NonZero<usize>);

/// The calling thread. Neither allocates nor enters the kernel.
pub(crate) fn current() -> Thread {
    #[cfg(feature = "std")]
    {
        use core::cell::Cell;

        std::thread_local! {
            /// Each thread has its own, at an address of its own.
            static MARK: Cell<u8> = const { Cell::new(0) };
        }
        let address = MARK.with(|mark| core::ptr::from_ref(mark).addr());
        Thread(NonZero::new(address).unwrap_or(NonZero::<usize>::MIN))
    }
    #[cfg(not(feature = "std"))]
    Thread(NonZero::<usize>::MIN)
}
