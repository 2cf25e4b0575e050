//! How late the machine is with what is due, so that a test which measures a time measures the
//! library's and not that of whatever else runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the machine is asked.
const PERIOD: Duration = Duration::from_millis(1);

/// An answer takes so many threads that are woken one after another, each of them late: the
/// program's, the server's, the server's event loop, and the one that yields.
const WOKEN: u32 = 4;

/// A thread that wants to be woken every millisecond, and adds up how much later it was.
pub struct Lateness {
    microseconds: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A time that is being measured.
pub struct Stopwatch<'a> {
    lateness: &'a Lateness,
    start: Instant,
    late_before: Duration,
}

impl Lateness {
    /// Watches the machine until it is dropped.
    pub fn watch() -> Self {
        let (microseconds, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (told, ends) = (Arc::clone(&microseconds), Arc::clone(&over));
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let asked = Instant::now();
                thread::sleep(PERIOD);
                // A timer is late by less than that on an idle machine, too.
                let late = asked.elapsed().saturating_sub(2 * PERIOD);
                let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
                told.fetch_add(late, Ordering::Relaxed);
            }
        });
        Self { microseconds, over, thread: Some(thread) }
    }

    /// Begins to measure.
    pub fn stopwatch(&self) -> Stopwatch<'_> {
        Stopwatch { lateness: self, start: Instant::now(), late_before: self.so_far() }
    }

    fn so_far(&self) -> Duration {
        Duration::from_micros(self.microseconds.load(Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing that could panic.
            let _ = thread.join();
        }
    }
}

impl Stopwatch<'_> {
    /// How long it has taken, without what the machine was late meanwhile.
    pub fn took(&self) -> Duration {
        let late = self.lateness.so_far().saturating_sub(self.late_before);
        self.start.elapsed().saturating_sub(late * WOKEN)
    }
}
