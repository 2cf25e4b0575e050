//! `HAL_DTLSSession_*`: the C edge of the DTLS sessions. Which engine does the
//! cryptography is decided by features; without one, `create` says so and fails.

#[cfg(feature = "_engine")]
mod engine;
#[cfg(all(feature = "dtls", not(feature = "openssl")))]
mod native;
#[cfg(feature = "openssl")]
mod openssl;
#[cfg(feature = "_engine")]
mod resumption;
#[cfg(feature = "_engine")]
mod session;
#[cfg(feature = "_engine")]
mod with_engine;

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

/// What `HAL_DTLSSession_create` takes.
#[repr(C)]
struct Options {
    authorities_pem: *const c_char,
    host: *const c_char,
    port: u16,
}

/// How a session fails; the numbers are those of the interface, in which every
/// code also carries bit 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Failure {
    BadParameter = 1,
    /// The handshake failed.
    #[cfg(feature = "_engine")]
    Handshake = 4,
    /// The peer sent a fatal alert.
    #[cfg(feature = "_engine")]
    FatalAlert = 5,
    /// The peer closed the session.
    #[cfg(feature = "_engine")]
    Closed = 6,
    /// The session cannot be made.
    #[cfg(feature = "_engine")]
    Create = 7,
    /// The socket or the engine failed; the interface has no other code for it,
    /// for writing either.
    #[cfg(feature = "_engine")]
    Transport = 8,
    /// What is kept of the session reserves no further record; save it again.
    #[cfg(feature = "dtls")]
    Reservation = 9,
    /// The session cannot be kept.
    NotKept = 10,
}

impl Failure {
    fn code(self) -> c_uint {
        1 << 24 | c_uint::from(self as u8)
    }
}

const SUCCESS: c_uint = 0;

static STATIC_RSA: AtomicBool = AtomicBool::new(true);

unsafe extern "C" {
    /// In `c/hal.c`.
    safe fn iotx_linux_dtls_is_builtin() -> c_int;
}

/// Whether all four `HAL_DTLSSession_*` in force are this port's, which may be
/// called from several threads at once. A program's own might not.
pub fn dtls_is_builtin() -> bool {
    iotx_linux_dtls_is_builtin() != 0
}

/// The descriptor of a session's socket, as `poll` takes it; `None` where the
/// sessions in force are the program's own.
///
/// # Safety
/// `session` is NULL or a live one of `HAL_DTLSSession_create`.
pub unsafe fn dtls_descriptor(session: *mut c_void) -> Option<c_int> {
    if session.is_null() || !dtls_is_builtin() {
        return None;
    }
    #[cfg(not(feature = "_engine"))]
    return None;
    #[cfg(feature = "_engine")]
    // SAFETY: not null, ours, and live by the contract.
    Some(unsafe { with_engine::descriptor(session) })
}

/// Whether sessions made from now on may fall back to key exchange by static
/// RSA, which old servers need and which has no forward secrecy. They may until
/// this is called.
pub fn dtls_allow_static_rsa(allowed: bool) {
    STATIC_RSA.store(allowed, Ordering::Relaxed);
}

/// A session with the handshake done, or NULL with the reason in the log. It
/// takes at most [`session::HANDSHAKE_LIMIT_MS`] milliseconds.
///
/// # Safety
/// `options` is NULL or points to valid options, whose strings are each NULL or
/// NUL-terminated.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_dtls_create(options: *const Options) -> *mut c_void {
    if options.is_null() {
        return null_mut();
    }
    #[cfg(not(feature = "_engine"))]
    {
        use crate::log::{Level, log};
        log(
            Level::Error,
            format_args!(
                "coaps:// needs a DTLS engine: build with the feature dtls or dtls-openssl, \
                 or define HAL_DTLSSession_*"
            ),
        );
        null_mut()
    }
    #[cfg(feature = "_engine")]
    // SAFETY: not null, and valid by the contract.
    unsafe {
        with_engine::create(&*options)
    }
}

/// Sends `*len` bytes as one record; 0, or a code with `*len` 0. A datagram
/// that the network loses is a success.
///
/// # Safety
/// `session` is NULL or a live one from [`iotx_linux_dtls_create`]; `len` is
/// NULL or valid for reads and writes; `data` is NULL or valid for reads of
/// `*len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_dtls_write(
    session: *mut c_void,
    data: *const u8,
    len: *mut c_uint,
) -> c_uint {
    // SAFETY: `len` is NULL or valid by the contract.
    let Some(len) = (unsafe { len.as_mut() }) else {
        return Failure::BadParameter.code();
    };
    let asked = core::mem::take(len);
    if session.is_null() || data.is_null() || asked == 0 {
        return Failure::BadParameter.code();
    }
    #[cfg(not(feature = "_engine"))]
    {
        let _ = asked;
        Failure::BadParameter.code()
    }
    #[cfg(feature = "_engine")]
    // SAFETY: neither is null, and both are valid by the contract.
    match unsafe { with_engine::write(session, data, asked) } {
        Ok(()) => {
            *len = asked;
            SUCCESS
        }
        Err(failure) => failure.code(),
    }
}

/// Receives one record of at most `*len` bytes; 0 with its length in `*len`, 0
/// with `*len` 0 when none came within `ms` milliseconds or a signal arrived,
/// or a code with `*len` 0. Unlike the UDP function's, an `ms` of 0 takes only
/// what is there. A longer record is dropped.
///
/// # Safety
/// `session` is NULL or a live one from [`iotx_linux_dtls_create`]; `len` is
/// NULL or valid for reads and writes; `data` is NULL or valid for writes of
/// `*len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_dtls_read(
    session: *mut c_void,
    data: *mut u8,
    len: *mut c_uint,
    ms: c_uint,
) -> c_uint {
    // SAFETY: `len` is NULL or valid by the contract.
    let Some(len) = (unsafe { len.as_mut() }) else {
        return Failure::BadParameter.code();
    };
    let room = core::mem::take(len);
    if session.is_null() || data.is_null() || room == 0 {
        return Failure::BadParameter.code();
    }
    #[cfg(not(feature = "_engine"))]
    {
        let _ = (room, ms);
        Failure::BadParameter.code()
    }
    #[cfg(feature = "_engine")]
    // SAFETY: neither is null, and both are valid by the contract.
    match unsafe { with_engine::read(session, data, room, ms) } {
        Ok(read) => {
            *len = read;
            SUCCESS
        }
        Err(failure) => failure.code(),
    }
}

/// How a session is kept, as C says it.
#[repr(C)]
struct KeepOptions {
    secret: *const u8,
    secret_len: c_uint,
    reserve: c_uint,
    generation: u64,
    context: *const c_char,
}

/// Writes into `blob`, of `*len` bytes, what the session can be restored from,
/// and its length into `*len`; 0, or a code with `*len` 0. Once that is stored,
/// call [`iotx_linux_dtls_saved`].
///
/// # Safety
/// `session` is NULL or a live one from [`iotx_linux_dtls_create`]; `keep` is
/// NULL or points to valid options, whose secret is NULL or valid for its length
/// and whose context is NULL or NUL-terminated; `len` is NULL or valid for reads
/// and writes; `blob` is NULL or valid for writes of `*len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_dtls_save(
    session: *mut c_void,
    keep: *const KeepOptions,
    blob: *mut u8,
    len: *mut c_uint,
) -> c_uint {
    // SAFETY: `len` is NULL or valid by the contract.
    let Some(len) = (unsafe { len.as_mut() }) else {
        return Failure::BadParameter.code();
    };
    let room = core::mem::take(len);
    if session.is_null() || keep.is_null() || blob.is_null() || room == 0 {
        return Failure::BadParameter.code();
    }
    #[cfg(not(feature = "_engine"))]
    {
        let _ = room;
        Failure::NotKept.code()
    }
    #[cfg(feature = "_engine")]
    // SAFETY: none is null, and all are valid by the contract.
    match unsafe { with_engine::save(session, &*keep, blob, room) } {
        Ok(written) => {
            *len = written;
            SUCCESS
        }
        Err(failure) => failure.code(),
    }
}

/// What [`iotx_linux_dtls_save`] wrote last is stored where a restart finds it.
///
/// # Safety
/// `session` is NULL or a live one from [`iotx_linux_dtls_create`].
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_dtls_saved(session: *mut c_void) -> c_uint {
    if session.is_null() {
        return Failure::BadParameter.code();
    }
    #[cfg(feature = "_engine")]
    // SAFETY: not null, and live by the contract.
    unsafe {
        with_engine::is_saved(session);
    }
    SUCCESS
}

/// As [`iotx_linux_dtls_create`], going on with the session in `blob`, where
/// that can be done.
///
/// # Safety
/// As for [`iotx_linux_dtls_create`] and [`iotx_linux_dtls_save`]; `blob` is
/// NULL or valid for reads of `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_dtls_restore(
    options: *const Options,
    keep: *const KeepOptions,
    blob: *const u8,
    len: c_uint,
) -> *mut c_void {
    if options.is_null() || keep.is_null() || blob.is_null() || len == 0 {
        return null_mut();
    }
    #[cfg(not(feature = "_engine"))]
    return null_mut();
    #[cfg(feature = "_engine")]
    // SAFETY: none is null, and all are valid by the contract.
    unsafe {
        with_engine::restore(&*options, &*keep, blob, len)
    }
}

/// Says goodbye to the peer and frees the session; NULL is a bad parameter.
///
/// # Safety
/// `session` is NULL or from [`iotx_linux_dtls_create`], in use by no other
/// thread, and not used again.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_dtls_free(session: *mut c_void) -> c_uint {
    if session.is_null() {
        return Failure::BadParameter.code();
    }
    // SAFETY: not null, and live by the contract.
    #[cfg(feature = "_engine")]
    unsafe {
        with_engine::free(session);
    }
    SUCCESS
}
