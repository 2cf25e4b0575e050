//! The response that a callback is handed: lives on the library's stack while
//! the callback runs.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use iot_coap_client::Code;

/// Tells a response from other memory, as far as that can be told.
const MAGIC: u32 = 0x434f_4150;

/// A response, as `IOT_CoAP_GetMessage*` see it.
#[repr(C)]
pub(crate) struct ResponseHandle {
    magic: u32,
    code: Code,
    token: u32,
    payload: *mut u8,
    payload_len: c_int,
}

impl ResponseHandle {
    /// A response whose payload is followed by a NUL; an empty one is NULL.
    pub(crate) const fn new(code: Code, token: u32, payload: &mut [u8]) -> Self {
        let payload_len = payload.len() as c_int;
        let payload = if payload_len == 0 { null_mut() } else { payload.as_mut_ptr() };
        Self { magic: MAGIC, code, token, payload, payload_len }
    }

    /// The response behind `message`, or `None` if there is none.
    ///
    /// # Safety
    ///
    /// `message` is NULL, or was handed to the callback that is running.
    pub(crate) unsafe fn from_message<'a>(message: *mut c_void) -> Option<&'a Self> {
        let handle = NonNull::new(message.cast::<Self>()).filter(|handle| handle.is_aligned())?;
        // SAFETY: the caller's promise; the magic word is looked at before the
        // rest is relied on.
        let handle = unsafe { handle.as_ref() };
        (handle.magic == MAGIC).then_some(handle)
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

impl Drop for ResponseHandle {
    fn drop(&mut self) {
        // A message kept beyond its callback is refused for as long as its
        // memory is not used again.
        // SAFETY: a plain field of `self`.
        unsafe { (&raw mut self.magic).write_volatile(0) };
    }
}
