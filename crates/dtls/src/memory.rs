//! Allocation that can fail: a device must survive an empty heap.

use alloc::vec::Vec;

use crate::error::Error;

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
