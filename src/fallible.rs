//! Boxes that say so where the heap is exhausted, which `Box::new` does not.

use alloc::boxed::Box;
use core::alloc::Layout;
use core::ptr::NonNull;

/// `value` on the heap; `None` where there is no room for it.
pub(crate) fn boxed<T>(value: T) -> Option<Box<T>> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        // What takes no room needs no box.
        return None;
    }
    // SAFETY: the layout is not of size zero.
    let memory = NonNull::new(unsafe { alloc::alloc::alloc(layout) })?.cast::<T>();
    // SAFETY: just allocated with the layout of a `T`, by the allocator that a
    // box is freed by.
    unsafe {
        memory.write(value);
        Some(Box::from_raw(memory.as_ptr()))
    }
}
