//! Lets a test panic where a wait holds most.

use std::cell::Cell;

std::thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The calling thread panics when it has passed so many points.
pub(crate) fn after(points: u32) {
    LEFT.set(Some(points));
}

/// Whether it has not panicked yet; it will not any more.
pub(crate) fn disarm() -> bool {
    LEFT.take().is_some()
}

/// A point at which it may.
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
