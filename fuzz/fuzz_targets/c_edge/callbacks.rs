//! What the library calls back: responses, notices, log lines. Each looks at all
//! that it is given; the first two call the library from there.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};
use std::ptr::null_mut;

use iot_coap::*;

use crate::arguments::send;
use crate::calls::{Post, Text};
use iot_coap_fuzz::Short;

thread_local! {
    /// The context of the call that runs, for callbacks.
    pub(crate) static RUNNING: Cell<*mut c_void> = const { Cell::new(null_mut()) };
}

/// Asks for everything of a message, with and without NULLs.
///
/// # Safety
///
/// `message` is NULL, the running callback's, or memory of at least 48 bytes.
pub(crate) unsafe fn look_at(message: *mut c_void, expected: c_int) {
    let mut payload: *mut c_uchar = null_mut();
    let mut len: c_int = -1;
    let mut code: c_int = 0;
    let mut token = 0;
    // SAFETY: the message is one of the three above, by the contract; the other
    // pointers are NULL or to variables of this function.
    unsafe {
        assert_eq!(IOT_CoAP_GetMessagePayload(message, null_mut(), &raw mut len), -1);
        assert_eq!(IOT_CoAP_GetMessagePayload(message, &raw mut payload, null_mut()), -1);
        assert_eq!(IOT_CoAP_GetMessageCode(message, null_mut()), -1);
        assert_eq!(IOT_CoAP_GetMessageToken(message, null_mut()), -1);
        assert_eq!(IOT_CoAP_GetMessagePayload(message, &raw mut payload, &raw mut len), expected);
        assert_eq!(IOT_CoAP_GetMessageCode(message, (&raw mut code).cast()), expected);
        assert_eq!(IOT_CoAP_GetMessageToken(message, &raw mut token), expected);
    }
    let mut value: *const c_uchar = std::ptr::null();
    let mut size = 0;
    for number in 0..=64 {
        for index in 0..3 {
            // SAFETY: as above; a value lives as long as its message.
            unsafe {
                let place = &raw mut value;
                if IOT_CoAP_GetMessageOption(message, number, index, place, &raw mut size) == 0 {
                    assert_eq!(expected, 0);
                    let bytes = std::slice::from_raw_parts(value, size as usize);
                    std::hint::black_box(bytes.iter().fold(0, |all, &byte| all ^ byte));
                }
            }
        }
    }
    if expected != 0 {
        return;
    }
    assert!((0..=255).contains(&code));
    assert_eq!(payload.is_null(), len == 0);
    if let Ok(len @ 1..=1280) = usize::try_from(len) {
        // SAFETY: that many bytes and a NUL.
        let payload = unsafe { std::slice::from_raw_parts(payload, len + 1) };
        assert_eq!(payload[len], 0);
    }
}

pub(crate) unsafe extern "C-unwind" fn on_response(user_data: *mut c_void, message: *mut c_void) {
    assert_eq!(user_data as usize, 0x5A5A);
    // SAFETY: the running callback's message.
    unsafe { look_at(message, 0) };
    from_callback(RUNNING.get());
}

pub(crate) unsafe extern "C-unwind" fn on_notice(
    data: *mut c_void,
    context: *mut iotx_coap_context_t,
    notice: *const iotx_coap_notice_t,
) {
    assert!(data.is_null());
    // SAFETY: it lives during the call.
    let notice = unsafe { &*notice };
    assert!(matches!(notice.user_data as usize, 0 | 0x5A5A));
    from_callback(context);
}

/// Calls from within a callback; Deinit is refused there.
pub(crate) fn from_callback(context: *mut c_void) {
    let mut same = context;
    // SAFETY: the context whose callback this is.
    unsafe {
        IOT_CoAP_Deinit(&raw mut same);
        assert_eq!(same, context, "Deinit from a callback is refused");
        IOT_CoAP_GetCurToken(context);
        let post = Post {
            payload: Some(Short(b"{}")),
            len: 0,
            content_type: None,
            msg_type: Some(1),
            callback: false,
        };
        send(context, &Text::Usual, Some(&post));
    }
}

pub(crate) unsafe extern "C" fn log_line(data: *mut c_void, level: c_int, line: *const c_char) {
    assert!(data.is_null());
    assert!((2..=5).contains(&level));
    // SAFETY: a line ends with NUL.
    let line = unsafe { CStr::from_ptr(line) }.to_bytes();
    assert!(!line.contains(&b'\n'));
    assert!(!line.windows(9).any(|part| part == b"(panic); "), "a panic was caught");
}
