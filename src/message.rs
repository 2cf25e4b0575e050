//! The response that a callback gets. It lives on the library's stack while the callback
//! runs.

use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use iot_coap_client::Code;
#[cfg(feature = "extension")]
use iot_coap_client::{OptionNumber, find_option};

/// Marks a response, so that most invalid pointers are recognised.
const MAGIC: u32 = 0x434f_4150;

/// A response, for `IOT_CoAP_GetMessage*`.
#[repr(C)]
pub(crate) struct ResponseHandle {
    magic: Cell<u32>,
    code: Code,
    token: u32,
    payload: *mut u8,
    payload_len: c_int,
    /// The options as they were received; empty if they were not kept.
    options: *const [u8],
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
            options: core::ptr::slice_from_raw_parts(NonNull::dangling().as_ptr(), 0),
        }
    }

    /// A response whose payload is followed by a NUL. An empty payload is NULL.
    pub(crate) const fn new(code: Code, token: u32, options: &[u8], payload: &mut [u8]) -> Self {
        let payload_len = payload.len() as c_int;
        let payload = if payload_len == 0 { null_mut() } else { payload.as_mut_ptr() };
        Self { magic: Cell::new(MAGIC), code, token, payload, payload_len, options }
    }

    /// Makes the response invalid. If the program uses it after its callback, it is refused
    /// until its memory is reused.
    pub(crate) fn invalidate(&self) {
        // SAFETY: the pointer points to a field of `self`. The write is volatile, or the
        // compiler would leave it out.
        unsafe { self.magic.as_ptr().write_volatile(0) };
    }

    /// The response behind `message`, or `None` if it is NULL or recognised as invalid.
    ///
    /// # Safety
    ///
    /// `message` is NULL, or was handed to the callback that is running.
    pub(crate) unsafe fn from_message<'a>(message: *mut c_void) -> Option<&'a Self> {
        let handle = NonNull::new(message.cast::<Self>()).filter(|handle| handle.is_aligned())?;
        // SAFETY: NULL is excluded, and a callback's message is a response. The magic word
        // is checked before anything else is used.
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

    /// The option at `index` among the options with this number.
    #[cfg(feature = "extension")]
    pub(crate) fn option(&self, number: OptionNumber, index: usize) -> Option<&[u8]> {
        // SAFETY: the response is valid, so its callback is running, and its bytes are
        // still there.
        find_option(unsafe { &*self.options }, number, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_what_was_put_in_until_its_callback_returns() {
        let mut payload = *b"text\0";
        let mut handle = ResponseHandle::new(Code(0x45), 7, b"\xD1\x01\x3C", &mut payload[..4]);
        let message = (&raw mut handle).cast::<c_void>();
        // SAFETY: `message` points to the response above, which is still valid.
        let response = unsafe { ResponseHandle::from_message(message) }.expect("a response");
        assert_eq!((response.code(), response.token()), (Code(0x45), 7));
        #[cfg(feature = "extension")]
        {
            assert_eq!(response.option(OptionNumber::MAX_AGE, 0), Some(&[60][..]));
            assert_eq!(response.option(OptionNumber::MAX_AGE, 1), None);
            assert_eq!(response.option(OptionNumber::ETAG, 0), None);
        }
        let (start, len) = response.payload();
        // SAFETY: a program may write to the payload, and the buffer has a byte for the NUL
        // behind it.
        unsafe {
            assert_eq!(len, 4);
            start.write(b'T');
            assert_eq!(core::slice::from_raw_parts(start, 4), b"Text");
        }
        response.invalidate();
        // SAFETY: the memory of the response is still there.
        assert!(unsafe { ResponseHandle::from_message(message) }.is_none());
    }

    #[test]
    fn what_is_no_response_is_told() {
        let none = &raw mut *Box::leak(Box::new(ResponseHandle::none()));
        let mut other = [u64::MAX; 8];
        let inside = (&raw mut other).cast::<u8>().wrapping_add(1).cast();
        for message in [null_mut(), none.cast::<c_void>(), (&raw mut other).cast(), inside] {
            // SAFETY: each pointer is NULL, or points to memory as long as a response.
            assert!(unsafe { ResponseHandle::from_message(message) }.is_none());
        }
        // SAFETY: the box was leaked above, and nothing else refers to it.
        drop(unsafe { Box::from_raw(none) });
    }

    #[test]
    fn no_payload_is_null() {
        let mut byte = [0];
        let handle = ResponseHandle::new(Code(0x44), 0, &[], &mut byte[..0]);
        assert_eq!(handle.payload(), (null_mut(), 0));
    }
}
