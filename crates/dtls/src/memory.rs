//! Allocation that can fail: a device must survive an empty heap.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::error::Error;

/// A value on the heap: what is large is moved there once, and not over the stack each time
/// that its owner is moved. `Box::new` would abort where memory is short.
pub(crate) struct Boxed<T>(Box<[T; 1]>);

impl<T> Boxed<T> {
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn new(value: T) -> Result<Self, Error> {
        let mut room = Vec::new();
        room.try_reserve_exact(1).map_err(|_| Error::OutOfMemory)?;
        room.push(value);
        room.into_boxed_slice().try_into().map(Self).map_err(|_| Error::OutOfMemory)
    }
}

impl<T> Deref for Boxed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let [value] = &*self.0;
        value
    }
}

impl<T> DerefMut for Boxed<T> {
    fn deref_mut(&mut self) -> &mut T {
        let [value] = &mut *self.0;
        value
    }
}

/// Copies `bytes`, or fails with [`Error::OutOfMemory`].
pub(crate) fn copy(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut copied = Vec::new();
    copied.try_reserve_exact(bytes.len()).map_err(|_| Error::OutOfMemory)?;
    copied.extend_from_slice(bytes);
    Ok(copied)
}

/// Whether the heap has room for `COUNT` blocks of `len` bytes each.
///
/// Call this before using a crate that allocates infallibly and would abort. If
/// others use the heap at the same time, the memory may be gone again afterwards.
#[cfg(feature = "certificates")]
pub(crate) fn can_allocate<const COUNT: usize>(len: usize) -> bool {
    let mut blocks: [Vec<u8>; COUNT] = core::array::from_fn(|_| Vec::new());
    let succeeded = blocks.iter_mut().all(|block| block.try_reserve_exact(len).is_ok());
    // Without this the compiler removes the unused allocations.
    drop(core::hint::black_box(blocks));
    succeeded
}
