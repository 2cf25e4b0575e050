//! The response that a callback is handed: lives on the library's stack while
//! the callback runs.

use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use iot_coap_client::Code;

/// Marks a response, so that most invalid pointers are recognised.
const MAGIC: u32 = 0x434f_4150;

/// A response, as `IOT_CoAP_GetMessage*` see it.
#[repr(C)]
pub(crate) struct ResponseHandle {
    magic: Cell<u32>,
    code: Code,
    token: u32,
    payload: *mut u8,
    payload_len: c_int,
}

impl ResponseHandle {
    /// No response.
    pub(crate) const fn none() -> Self {
        Self {
            magic: Cell::new(0),
            code: Code::EMPTY,
            token: 0,
            payload: null_mut(),
            payload_len: 0,
        }
    }

    /// A response whose payload is followed by a NUL; an empty one is NULL.
    pub(crate) const fn new(code: Code, token: u32, payload: &mut [u8]) -> Self {
        let payload_len = payload.len() as c_int;
        let payload = if payload_len == 0 { null_mut() } else { payload.as_mut_ptr() };
        Self { magic: Cell::new(MAGIC), code, token, payload, payload_len }
    }

    /// Makes it invalid. A message that is kept beyond its callback is then refused, as
    /// long as its memory is not used again.
    pub(crate) fn invalidate(&self) {
        // SAFETY: the pointer is to a field of `self`. Volatile, or the compiler would
        // leave the write out.
        unsafe { self.magic.as_ptr().write_volatile(0) };
    }

    /// The response behind `message`, or `None` if there is none.
    ///
    /// # Safety
    ///
    /// `message` is NULL, or was handed to the callback that is running.
    pub(crate) unsafe fn from_message<'a>(message: *mut c_void) -> Option<&'a Self> {
        let handle = NonNull::new(message.cast::<Self>()).filter(|handle| handle.is_aligned())?;
        // SAFETY: NULL is excluded, and a callback's message is a response; the magic
        // word is looked at before the rest is relied on.
        let handle = unsafe { handle.as_ref() };
        (handle.magic.get() == MAGIC).then_some(handle)
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    pub(crate) const fn token(&self) -> u32 {
        self.token
    }

    pub(crate) const fn payload(&self) -> (*mut u8, c_int) {
        (self.payload, self.payload_len)
    }
}
