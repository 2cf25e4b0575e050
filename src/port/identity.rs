//! The device's identity. The port's `HAL_Set*` and `HAL_Get*` store it. If the port lacks
//! one function of a pair, this library stores that text itself; the ports of v3.1.0 and
//! v3.2.0 lack all of them.

use core::ffi::{c_char, c_int};

unsafe extern "C" {
    fn iotx_port_identity(function: c_int, text: *mut c_char) -> c_int;
}

/// A text of the identity, numbered as in `c/edges.c`.
#[derive(Clone, Copy)]
pub(crate) enum Identity {
    ProductKey = 0,
    ProductSecret = 1,
    DeviceName = 2,
    DeviceSecret = 3,
}

/// How many texts there are. The numbers of the getters follow the numbers of the setters.
const COUNT: c_int = 4;

impl Identity {
    /// Sets the text. Returns a negative number if it is too long or the port refuses it.
    ///
    /// # Safety
    ///
    /// `text` is a string.
    pub(crate) unsafe fn set(self, text: *const c_char) -> c_int {
        #[cfg(not(feature = "port-linux"))]
        if !kept::has_pair(self) {
            // SAFETY: a string, by the contract.
            let len = unsafe { kept::set(self, text) };
            if len < 0 || !kept::has_setter(self) {
                return len;
            }
        }
        // SAFETY: a string, by the contract, which ports only read; the port has this
        // function, as was checked above.
        unsafe { iotx_port_identity(self as c_int, text.cast_mut()) }
    }

    /// Gets the text, which is empty if it is not known. Returns its length, or a negative
    /// number if the port refuses.
    ///
    /// # Safety
    ///
    /// `text` has room for the longest value and its NUL.
    pub(crate) unsafe fn get(self, text: *mut c_char) -> c_int {
        #[cfg(not(feature = "port-linux"))]
        if !kept::has_pair(self) {
            // SAFETY: there is room, by the contract.
            let len = unsafe { kept::get(self, text) };
            if len > 0 || !kept::has_getter(self) {
                return len;
            }
        }
        // SAFETY: there is room, by the contract; the port has this function, as was
        // checked above.
        unsafe { iotx_port_identity(COUNT + self as c_int, text) }
    }
}

/// The texts that the library stores itself.
#[cfg(not(feature = "port-linux"))]
mod kept {
    use core::ffi::{c_char, c_int, c_uint};
    use core::sync::atomic::{AtomicU8, Ordering};

    use super::{COUNT, Identity};

    unsafe extern "C" {
        /// One bit for each function that is linked.
        safe fn iotx_port_identity_linked() -> c_uint;
    }

    const MAX_LENS: [usize; COUNT as usize] = [20, 64, 32, 64];

    /// The texts, each with its NUL. Each byte is atomic, since there may be no lock. If
    /// one thread reads a text while another sets it, the result may be a mixture, as in
    /// ports with a plain array.
    static TEXTS: [[AtomicU8; 65]; COUNT as usize] =
        [const { [const { AtomicU8::new(0) }; 65] }; COUNT as usize];

    pub(super) fn has_setter(identity: Identity) -> bool {
        iotx_port_identity_linked() >> (identity as c_uint) & 1 != 0
    }

    pub(super) fn has_getter(identity: Identity) -> bool {
        iotx_port_identity_linked() >> (COUNT as c_uint + identity as c_uint) & 1 != 0
    }

    pub(super) fn has_pair(identity: Identity) -> bool {
        has_setter(identity) && has_getter(identity)
    }

    /// Stores the text. Returns its length, or -1 if it is too long.
    ///
    /// # Safety
    ///
    /// `text` is a string.
    pub(super) unsafe fn set(identity: Identity, text: *const c_char) -> c_int {
        let longest = MAX_LENS[identity as usize];
        // SAFETY: a string, by the contract.
        let Some(text) = (unsafe { crate::strings::bounded(text, longest) }) else {
            return -1;
        };
        let padded = text.iter().copied().chain(core::iter::repeat(0));
        for (place, byte) in TEXTS[identity as usize].iter().zip(padded) {
            place.store(byte, Ordering::Relaxed);
        }
        text.len() as c_int
    }

    /// Writes the text to `text`, and returns its length.
    ///
    /// # Safety
    ///
    /// `text` has room for the longest value and its NUL.
    pub(super) unsafe fn get(identity: Identity, text: *mut c_char) -> c_int {
        let mut len = 0;
        for place in TEXTS[identity as usize].iter().take(MAX_LENS[identity as usize]) {
            let byte = place.load(Ordering::Relaxed);
            if byte == 0 {
                break;
            }
            // SAFETY: `len` is less than the longest value, for which there is room.
            unsafe { text.add(len).write(byte.cast_signed() as c_char) };
            len += 1;
        }
        // SAFETY: there is room for a NUL behind the longest value.
        unsafe { text.add(len).write(0) };
        len as c_int
    }
}
