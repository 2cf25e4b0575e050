//! Whether another thread of this process waits: what a test looks at instead
//! of sleeping for a while.

use std::fs;
use std::path::{Path, PathBuf};

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
