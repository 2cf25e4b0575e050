//! DTLS over this port's sockets: what `iot-coap-port` needs of Linux to provide
//! `HAL_DTLSSession_*`. Which engine does the cryptography is decided by features.

mod linux;
#[cfg(feature = "openssl")]
mod openssl;

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

use iot_coap_port::dtls::{edge, is_builtin};
use linux::Linux;

#[cfg(not(feature = "openssl"))]
type Engine = iot_coap_port::dtls::Native<Linux>;
#[cfg(feature = "openssl")]
type Engine = openssl::Client;

iot_coap_port::export_dtls_sessions!(Linux, Engine);

static STATIC_RSA: AtomicBool = AtomicBool::new(true);

/// Whether sessions made from now on may fall back to key exchange by static
/// RSA, which old servers need and which has no forward secrecy. They may until
/// this is called.
pub fn dtls_allow_static_rsa(allowed: bool) {
    STATIC_RSA.store(allowed, Ordering::Relaxed);
}

/// The descriptor of a session's socket, as `poll` takes it; `None` where the
/// sessions in force are the program's own.
///
/// # Safety
/// `session` is NULL or a live one of `HAL_DTLSSession_create`.
pub unsafe fn dtls_descriptor(session: *mut c_void) -> Option<c_int> {
    if session.is_null() || !is_builtin() {
        return None;
    }
    // SAFETY: not null, ours, and live by the contract.
    Some(unsafe { edge::port::<Linux, Engine>(session) }.descriptor())
}
