//! C strings that may lack their NUL.

use core::ffi::c_char;

/// The string at `start`, without its NUL, if it has at most `most` bytes.
///
/// # Safety
///
/// `start` points to bytes that end with a NUL, or to more than `most` bytes; they do not
/// change during `'a`.
pub(crate) unsafe fn bounded<'a>(start: *const c_char, most: usize) -> Option<&'a [u8]> {
    // SAFETY: by the contract, a string or more than `most` bytes; at most `most + 1` bytes
    // are read.
    let len = unsafe { length(start, most + 1) };
    // SAFETY: `length` has just read these bytes.
    (len <= most).then(|| unsafe { core::slice::from_raw_parts(start.cast(), len) })
}

/// The length of a string, or `most` if it is not shorter. Reads nothing beyond the NUL or
/// beyond `most` bytes.
///
/// # Safety
///
/// `start` points to bytes that end with a NUL, or to at least `most` bytes.
#[cfg(feature = "std")]
unsafe fn length(start: *const c_char, most: usize) -> usize {
    unsafe extern "C" {
        fn strnlen(start: *const c_char, most: usize) -> usize;
    }
    // SAFETY: a string or at least `most` bytes, by the contract.
    unsafe { strnlen(start, most) }
}

/// # Safety
///
/// As with `std`.
#[cfg(not(feature = "std"))]
unsafe fn length(start: *const c_char, most: usize) -> usize {
    let mut len = 0;
    // SAFETY: a string or at least `most` bytes, by the contract; nothing behind the first
    // NUL is read.
    while len < most && unsafe { start.add(len).read() } != 0 {
        len += 1;
    }
    len
}
