//! Allocations that can fail: a device must survive an exhausted heap.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::error::Error;

/// A value on the heap. A large value is moved there once, instead of over the stack with
/// each move of its owner. `Box::new` would abort if the heap is exhausted.
#[derive(Clone)]
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
