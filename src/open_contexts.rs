//! Counts the contexts that are open.

use core::sync::atomic::{AtomicUsize, Ordering};

/// On a core with atomic loads and stores but no atomic addition, two threads that open or
/// close contexts at the same moment may count as one.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// How many contexts are open.
pub(crate) fn count() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// Counts a context that is opened.
pub(crate) fn count_opened() {
    #[cfg(target_has_atomic = "ptr")]
    OPEN.fetch_add(1, Ordering::Relaxed);
    #[cfg(not(target_has_atomic = "ptr"))]
    OPEN.store(count().wrapping_add(1), Ordering::Relaxed);
}

/// Counts a context that is closed. Returns whether it was the last one.
pub(crate) fn count_closed() -> bool {
    #[cfg(target_has_atomic = "ptr")]
    return OPEN.fetch_sub(1, Ordering::Relaxed) == 1;
    #[cfg(not(target_has_atomic = "ptr"))]
    {
        OPEN.store(count().saturating_sub(1), Ordering::Relaxed);
        count() == 0
    }
}
