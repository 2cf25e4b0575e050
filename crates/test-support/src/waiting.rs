//! How long something takes, and whether something happens.

use std::thread;
use std::time::{Duration, Instant};

/// How long something took, with its result.
pub fn timed<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Whether something becomes so within two seconds.
pub fn becomes_so(is_so: impl FnMut() -> bool) -> bool {
    becomes_so_within(Duration::from_secs(2), is_so)
}

/// Whether something becomes so in that time.
pub fn becomes_so_within(time: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > time {
            return false;
        }
        // A pause between two looks; nothing relies on its length.
        thread::sleep(Duration::from_millis(1));
    }
    true
}
