//! The trust root of this test process: a strong `iotx_coap_get_ca`, as a C
//! program would define it.

use std::ffi::{CString, c_char};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

static ROOT: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

/// Trusts `pem` from now on. The text lives for ever: a session may be opened
/// with it at any time.
pub fn set(pem: &str) {
    let pem = CString::new(pem).expect("PEM holds no NUL");
    ROOT.store(pem.into_raw(), Ordering::Release);
}

/// Replaces the library's own, which is weak.
#[unsafe(no_mangle)]
extern "C" fn iotx_coap_get_ca() -> *const c_char {
    ROOT.load(Ordering::Acquire)
}
