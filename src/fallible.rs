//! Allocates boxes, and returns `None` if the heap is exhausted, where `Box::new` would
//! abort.

use alloc::boxed::Box;
use core::alloc::Layout;
use core::mem::MaybeUninit;

/// An uninitialised box; `None` if the heap is exhausted.
pub(crate) fn room<T>() -> Option<Box<MaybeUninit<T>>> {
    const { assert!(size_of::<T>() != 0) };
    let layout = Layout::new::<T>();
    // SAFETY: the size is not zero; a box of that layout owns the allocation, whose content
    // need not be initialised.
    unsafe {
        let memory = alloc::alloc::alloc(layout).cast::<MaybeUninit<T>>();
        (!memory.is_null()).then(|| Box::from_raw(memory))
    }
}

/// Moves `value` to the heap; `None` if the heap is exhausted.
pub(crate) fn boxed<T>(value: T) -> Option<Box<T>> {
    Some(Box::write(room()?, value))
}
