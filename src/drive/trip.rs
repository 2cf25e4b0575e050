//! Lets a test panic at the points where a wait holds most.

use std::cell::Cell;

std::thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Makes the calling thread panic after it has passed `points` points.
pub(crate) fn after(points: u32) {
    LEFT.set(Some(points));
}

/// Returns whether the thread has not panicked yet, and keeps it from doing so.
pub(crate) fn disarm() -> bool {
    LEFT.take().is_some()
}

/// A point at which the thread may panic.
pub(super) fn point() {
    match LEFT.get() {
        Some(0) => {
            LEFT.set(None);
            panic!("on purpose");
        }
        Some(left) => LEFT.set(Some(left - 1)),
        None => {}
    }
}
