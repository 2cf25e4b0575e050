//! Strings of C that may lack their end.

use core::ffi::c_char;

/// The string at `start` without its NUL, if it has at most `most` bytes.
///
/// # Safety
///
/// `start` points to bytes up to a NUL, or to more than `most`; they are not
/// changed during `'a`.
pub(crate) unsafe fn bounded<'a>(start: *const c_char, most: usize) -> Option<&'a [u8]> {
    // SAFETY: a string, or more than `most` bytes, by the contract; of a longer string one
    // byte more is read.
    let len = unsafe { length(start, most + 1) };
    // SAFETY: these bytes were just read.
    (len <= most).then(|| unsafe { core::slice::from_raw_parts(start.cast(), len) })
}

/// The length of a string, or `most` if it is not shorter. Nothing is read beyond the NUL,
/// or beyond `most` bytes.
///
/// # Safety
///
/// `start` points to bytes up to a NUL, or to at least `most`.
#[cfg(feature = "std")]
unsafe fn length(start: *const c_char, most: usize) -> usize {
    unsafe extern "C" {
        fn strnlen(start: *const c_char, most: usize) -> usize;
    }
    // SAFETY: a string, or at least `most` bytes, by the contract.
    unsafe { strnlen(start, most) }
}

/// # Safety
///
/// As with `std`.
#[cfg(not(feature = "std"))]
unsafe fn length(start: *const c_char, most: usize) -> usize {
    let mut len = 0;
    // SAFETY: a string, or at least `most` bytes, by the contract; nothing behind the first
    // NUL is read.
    while len < most && unsafe { start.add(len).read() } != 0 {
        len += 1;
    }
    len
}
