//! The allocator of test programs that watch the heap, or have it run out. It
//! counts for each thread, since the tests of a program run side by side, and
//! fails only within [`limited`]. A program that uses anything of this crate
//! has it for its allocator.
//!
//! It is for tests alone. It is a crate of its own so that linking it installs it: if
//! each program had to install it, one that forgot to would count nothing, and its
//! tests would pass.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// What another thread allocated and this one freed counts as well.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static LIMITED: Cell<bool> = const { Cell::new(false) };
    static LIMIT: Cell<Limit> = const { Cell::new(Limit::None) };
    static RECORDED: Cell<bool> = const { Cell::new(false) };
    static FREED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What the heap fails for, within [`limited`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nothing.
    None,
    /// One allocation, after so many others.
    OneAfter(u32),
    /// Each for which so many bytes, less what was allocated since, have no
    /// room.
    Room(usize),
}

/// Sets what fails from now on, and says what was left of the limit before.
pub fn set_limit(limit: Limit) -> Limit {
    LIMIT.replace(limit)
}

/// What is left of the limit: [`Limit::None`] once the one allocation of
/// [`Limit::OneAfter`] has failed.
pub fn limit() -> Limit {
    LIMIT.get()
}

/// Runs what the limit is for.
pub fn limited<T>(run: impl FnOnce() -> T) -> T {
    LIMITED.set(true);
    let result = run();
    LIMITED.set(false);
    result
}

/// How many allocations this thread has made.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// How many bytes this thread holds.
pub fn live() -> isize {
    LIVE.get()
}

/// How many bytes more than before this thread holds at most while `run` runs.
pub fn peak_of<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = run();
    ((PEAK.get() - before).unsigned_abs(), result)
}

/// What was in the memory that this thread freed while `run` ran, one block behind the other.
pub fn freed_by<T>(run: impl FnOnce() -> T) -> (Vec<u8>, T) {
    FREED.take();
    RECORDED.set(true);
    let result = run();
    RECORDED.set(false);
    (FREED.take(), result)
}

/// Calls `run` again and again. In each call one allocation fails, first the first one, then
/// the second, until a run has no more allocations. `run` says whether it ended well.
///
/// # Panics
///
/// If a run ends badly in which no allocation failed, or if there are fewer than `least` or
/// more than a thousand allocations.
pub fn every_allocation_fails_once(least: usize, mut run: impl FnMut() -> bool) {
    let runs = (0..1000)
        .take_while(|&others| {
            set_limit(Limit::OneAfter(others));
            let ended_well = run();
            let failed = set_limit(Limit::None) == Limit::None;
            assert!(failed || ended_well);
            // Without failures it works again.
            assert!(run());
            failed
        })
        .count();
    assert!((least..1000).contains(&runs), "{runs} allocations");
}

/// Whether there is room; takes it.
fn take(size: usize) -> bool {
    if !LIMITED.get() {
        return true;
    }
    let (left, fits) = match LIMIT.get() {
        Limit::None => (Limit::None, true),
        Limit::OneAfter(0) => (Limit::None, false),
        Limit::OneAfter(others) => (Limit::OneAfter(others - 1), true),
        Limit::Room(room) => (Limit::Room(room.saturating_sub(size)), size <= room),
    };
    if fits || left == Limit::None {
        LIMIT.set(left);
    }
    fits
}

struct Heap;

// SAFETY: hands everything on to the system's allocator, which keeps the
// contract, or says that there is no memory; counting allocates nothing.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.set(LIVE.get() + layout.size() as isize);
        PEAK.set(PEAK.get().max(LIVE.get()));
        // SAFETY: the layout has a size above 0, by the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        if let (true, Limit::Room(room)) = (LIMITED.get(), LIMIT.get()) {
            LIMIT.set(Limit::Room(room + layout.size()));
        }
        if RECORDED.replace(false) {
            // SAFETY: the block has this length. What was never written to in it is some
            // value or other for this.
            let block = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
            FREED.with_borrow_mut(|freed| freed.extend_from_slice(block));
            RECORDED.set(true);
        }
        // SAFETY: the block is of `alloc` above, so of `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;
