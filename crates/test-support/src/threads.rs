//! Threads of tests: many cases at the same time, and whether another thread waits, which a
//! test looks at instead of sleeping for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs the cases from 0 up to `count`, at most `most` at the same time.
pub fn in_parallel(count: usize, most: usize, run: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..most.min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    if index >= count {
                        break;
                    }
                    run(index);
                }
            });
        }
    });
}

/// The calling thread, for another to look at.
pub fn this_thread() -> PathBuf {
    let thread = fs::read_link("/proc/thread-self").expect("a thread knows itself");
    Path::new("/proc").join(thread)
}

/// Whether a thread waits in the kernel.
pub fn is_waiting(thread: &Path) -> bool {
    let stat = fs::read_to_string(thread.join("stat")).expect("the thread lives");
    // Its name, in parentheses, may hold anything; its state follows.
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}
