//! The C edge of the sessions: from raw pointers to a `Session`, and a guard
//! against panics of third-party code, which must not reach C.
//!
//! A port exports these functions by [`export_dtls_sessions!`](crate::export_dtls_sessions), for `c/dtls.c` to
//! call; a firmware or program knows them as `HAL_DTLSSession_*`.

use alloc::alloc::{Layout, alloc};
use alloc::boxed::Box;
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::slice;

use zeroize::Zeroizing;

use super::engine::{Engine, Keeping, Peer};
use super::session::{LONGEST_DATAGRAM, Session};
use super::{Failure, Port};
use crate::Level;

const SUCCESS: c_uint = 0;

/// What `HAL_DTLSSession_create` takes.
#[repr(C)]
pub struct Options {
    authorities_pem: *const c_char,
    host: *const c_char,
    port: u16,
}

/// How a session is kept, as C says it: `coap_dtls_keep_t`.
#[repr(C)]
pub struct KeepOptions {
    secret: *const u8,
    secret_len: c_uint,
    reserve: c_uint,
    generation: u64,
    context: *const c_char,
}

#[cfg(feature = "std")]
fn guarded<P: Port, R>(work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        P::log(Level::Error, format_args!("the DTLS engine panicked"));
        Err(Failure::Transport)
    })
}

/// There is nothing to unwind with.
#[cfg(not(feature = "std"))]
fn guarded<P: Port, R>(work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    work()
}

/// A session with the handshake done, or NULL with the reason in the log. It
/// takes 30 s at most.
///
/// # Safety
///
/// `options` is NULL or points to valid options, whose strings are each NULL or
/// NUL-terminated.
pub unsafe fn create<P: Port, E: Engine>(options: *const Options) -> *mut c_void {
    // SAFETY: NULL or valid by the contract.
    match unsafe { options.as_ref() } {
        // SAFETY: by the contract.
        Some(options) => unsafe { connect::<P, E>(options, E::new) },
        None => null_mut(),
    }
}

/// As [`create`], going on with the session in `blob`, where that can be done.
///
/// # Safety
///
/// As for [`create`] and [`save`]; `blob` is NULL or valid for reads of `len`
/// bytes.
pub unsafe fn restore<P: Port, E: Engine>(
    options: *const Options,
    keep: *const KeepOptions,
    blob: *const u8,
    len: c_uint,
) -> *mut c_void {
    // SAFETY: NULL or valid by the contract.
    let (Some(options), Some(keep)) = (unsafe { (options.as_ref(), keep.as_ref()) }) else {
        return null_mut();
    };
    let Ok(len) = usize::try_from(len) else { return null_mut() };
    if blob.is_null() || len == 0 {
        return null_mut();
    }
    // SAFETY: not null, and valid by the contract.
    let (blob, keeping) = unsafe { (slice::from_raw_parts(blob, len), keeping(keep)) };
    let Some(keeping) = keeping else { return null_mut() };
    // SAFETY: by the contract.
    unsafe { connect::<P, E>(options, |peer, now| E::restore(peer, &keeping, blob, now)) }
}

/// # Safety
///
/// Each of the options' strings is NULL or NUL-terminated.
unsafe fn connect<P: Port, E: Engine>(
    options: &Options,
    make: impl FnOnce(&Peer<'_>, u64) -> Result<E, Failure>,
) -> *mut c_void {
    // SAFETY: by the contract; they are not kept beyond this call.
    let (host, authorities) = unsafe { (borrow(options.host), borrow(options.authorities_pem)) };
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        P::log(Level::Error, format_args!("a DTLS session needs a host"));
        return null_mut();
    };
    let Some(authorities) = authorities else {
        P::log(Level::Error, format_args!("a DTLS session needs certificates to trust"));
        return null_mut();
    };
    let Ok(name) = host.to_str() else {
        P::log(Level::Error, format_args!("{host:?} is no host name"));
        return null_mut();
    };
    let bare = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let mut secret = PreSharedKey::default();
    let peer = Peer {
        host: bare.unwrap_or(name),
        port: options.port,
        authorities_pem: authorities.to_bytes(),
        may_use_static_rsa: P::may_use_static_rsa(),
        pre_shared_key: secret.ask(host),
    };
    let made = guarded::<P, _>(|| {
        let place = room::<Session<P, E>>().ok_or(Failure::OutOfMemory)?;
        let session = Session::connect(place, &peer, host, make)?;
        session.handshake(&peer)?;
        Ok(Box::into_raw(session))
    });
    match made {
        Ok(session) => session.cast(),
        Err(failure) => {
            if failure == Failure::OutOfMemory {
                P::log(Level::Error, format_args!("out of memory for a DTLS session"));
            }
            null_mut()
        }
    }
}

/// Room for what `HAL_DTLSSession_psk` says, as much as RFC 4279, section 5.3,
/// wants every implementation to take.
struct PreSharedKey {
    identity: [u8; 128],
    key: Zeroizing<[u8; 64]>,
}

impl Default for PreSharedKey {
    fn default() -> Self {
        Self { identity: [0; 128], key: Zeroizing::new([0; 64]) }
    }
}

// In `c/dtls.c`.
unsafe extern "C" {
    safe fn iotx_dtls_is_builtin() -> c_int;
    fn iotx_dtls_psk(
        host: *const c_char,
        identity: *mut u8,
        identity_len: *mut c_uint,
        key: *mut u8,
        key_len: *mut c_uint,
    ) -> c_int;
}

/// Whether all four `HAL_DTLSSession_*` in force are this crate's, which may be
/// called from several threads at once. A program's own might not.
pub fn is_builtin() -> bool {
    iotx_dtls_is_builtin() != 0
}

impl PreSharedKey {
    /// Identity and key for this host, if the program or firmware has them.
    fn ask(&mut self, host: &CStr) -> Option<(&[u8], &[u8])> {
        let mut identity_len = self.identity.len() as c_uint;
        let mut key_len = self.key.len() as c_uint;
        // SAFETY: the host ends with NUL; each length is that of its buffer.
        let status = unsafe {
            iotx_dtls_psk(
                host.as_ptr(),
                self.identity.as_mut_ptr(),
                &raw mut identity_len,
                self.key.as_mut_ptr(),
                &raw mut key_len,
            )
        };
        if status != 0 {
            return None;
        }
        let (identity_len, key_len) = (usize::try_from(identity_len), usize::try_from(key_len));
        Some((self.identity.get(..identity_len.ok()?)?, self.key.get(..key_len.ok()?)?))
    }
}

/// A box with nothing in it, or `None` where the heap is exhausted.
fn room<T>() -> Option<Box<MaybeUninit<T>>> {
    let layout = Layout::new::<T>();
    assert!(layout.size() != 0, "a session has a size");
    // SAFETY: the size is not zero; a box of that layout owns what was
    // allocated, and what is in it need not be initialised.
    unsafe {
        let memory = alloc(layout).cast::<MaybeUninit<T>>();
        (!memory.is_null()).then(|| Box::from_raw(memory))
    }
}

/// Borrows a C string; `None` for NULL.
///
/// # Safety
///
/// `text` is NULL or a NUL-terminated string that outlives `'a` unchanged.
unsafe fn borrow<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by the contract.
    Some(unsafe { CStr::from_ptr(text) })
}

/// The port of a session that is this crate's.
///
/// # Safety
///
/// `session` is a live one of [`create`], with the same types.
pub unsafe fn port<'s, P: Port, E: Engine + 's>(session: *mut c_void) -> &'s P {
    // SAFETY: by the contract; the session is only shared.
    unsafe { &*session.cast::<Session<P, E>>() }.port()
}

/// Sends `*len` bytes as one record; 0, or a code with `*len` 0. A datagram
/// that the network loses is a success.
///
/// # Safety
///
/// `session` is NULL or a live one from [`create`], with the same types; `len`
/// is NULL or valid for reads and writes; `data` is NULL or valid for reads of
/// `*len` bytes.
pub unsafe fn write<P: Port, E: Engine>(
    session: *mut c_void,
    data: *const u8,
    len: *mut c_uint,
) -> c_uint {
    // SAFETY: NULL or valid by the contract; the session is only shared, its
    // parts have locks.
    let (len, session) = unsafe { (len.as_mut(), session.cast::<Session<P, E>>().as_ref()) };
    let Some(len) = len else { return Failure::BadParameter.code() };
    let asked = core::mem::take(len);
    let bytes = usize::try_from(asked).ok().filter(|bytes| (1..=LONGEST_DATAGRAM).contains(bytes));
    let (Some(session), Some(bytes), false) = (session, bytes, data.is_null()) else {
        return Failure::BadParameter.code();
    };
    // SAFETY: not null, and valid by the contract.
    let plaintext = unsafe { slice::from_raw_parts(data, bytes) };
    match guarded::<P, _>(|| session.write(plaintext)) {
        Ok(()) => {
            *len = asked;
            SUCCESS
        }
        Err(failure) => failure.code(),
    }
}

/// Receives one record of at most `*len` bytes; 0 with its length in `*len`, 0
/// with `*len` 0 when none came within `ms` milliseconds or a signal arrived,
/// or a code with `*len` 0. An `ms` of 0 takes only what is there, where the
/// port can do that. A longer record is dropped.
///
/// # Safety
///
/// `session` is NULL or a live one from [`create`], with the same types; `len`
/// is NULL or valid for reads and writes; `data` is NULL or valid for writes of
/// `*len` bytes.
pub unsafe fn read<P: Port, E: Engine>(
    session: *mut c_void,
    data: *mut u8,
    len: *mut c_uint,
    ms: c_uint,
) -> c_uint {
    // SAFETY: as in `write`.
    let (len, session) = unsafe { (len.as_mut(), session.cast::<Session<P, E>>().as_ref()) };
    let Some(len) = len else { return Failure::BadParameter.code() };
    let room = usize::try_from(core::mem::take(len)).unwrap_or(0).min(LONGEST_DATAGRAM);
    let (Some(session), false) = (session, data.is_null() || room == 0) else {
        return Failure::BadParameter.code();
    };
    // SAFETY: not null, and valid by the contract; the bytes may be
    // uninitialised.
    let out = unsafe { slice::from_raw_parts_mut(data.cast::<MaybeUninit<u8>>(), room) };
    match guarded::<P, _>(|| session.read(out, ms)) {
        Ok(read) => {
            // At most LONGEST_DATAGRAM.
            *len = read.unwrap_or(0) as c_uint;
            SUCCESS
        }
        Err(failure) => failure.code(),
    }
}

/// Writes into `blob`, of `*len` bytes, what the session can be restored from,
/// and its length into `*len`; 0, or a code with `*len` 0. Once that is stored,
/// call [`saved`].
///
/// # Safety
///
/// `session` is NULL or a live one from [`create`], with the same types; `keep`
/// is NULL or points to valid options, whose secret is NULL or valid for its
/// length and whose context is NULL or NUL-terminated; `len` is NULL or valid
/// for reads and writes; `blob` is NULL or valid for writes of `*len` bytes.
pub unsafe fn save<P: Port, E: Engine>(
    session: *mut c_void,
    keep: *const KeepOptions,
    blob: *mut u8,
    len: *mut c_uint,
) -> c_uint {
    // SAFETY: NULL or valid by the contract; the session is only shared.
    let (len, session, keep) =
        unsafe { (len.as_mut(), session.cast::<Session<P, E>>().as_ref(), keep.as_ref()) };
    let Some(len) = len else { return Failure::BadParameter.code() };
    let room = usize::try_from(core::mem::take(len)).unwrap_or(0);
    // SAFETY: what `keep` points to is valid by the contract.
    let keeping = keep.and_then(|keep| unsafe { keeping(keep) });
    let (Some(session), Some(keeping), false) = (session, keeping, blob.is_null() || room == 0)
    else {
        return Failure::BadParameter.code();
    };
    // SAFETY: not null, and valid by the contract.
    let blob = unsafe { slice::from_raw_parts_mut(blob, room) };
    match guarded::<P, _>(|| session.save(&keeping, blob)) {
        Ok(written) => {
            // At most `*len`, as it was.
            *len = written as c_uint;
            SUCCESS
        }
        Err(failure) => failure.code(),
    }
}

/// What [`save`] wrote last is stored where a restart finds it.
///
/// # Safety
///
/// `session` is NULL or a live one from [`create`], with the same types.
pub unsafe fn saved<P: Port, E: Engine>(session: *mut c_void) -> c_uint {
    // SAFETY: NULL or valid by the contract; the session is only shared.
    let Some(session) = (unsafe { session.cast::<Session<P, E>>().as_ref() }) else {
        return Failure::BadParameter.code();
    };
    session.is_saved();
    SUCCESS
}

/// Says goodbye to the peer and frees the session; NULL is a bad parameter.
///
/// # Safety
///
/// `session` is NULL or from [`create`], with the same types, in use by no other
/// thread, and not used again.
pub unsafe fn free<P: Port, E: Engine>(session: *mut c_void) -> c_uint {
    if session.is_null() {
        return Failure::BadParameter.code();
    }
    // SAFETY: `create` made it by Box::into_raw, and it is given up here.
    let session = unsafe { Box::from_raw(session.cast::<Session<P, E>>()) };
    // A failure to say goodbye is the peer's to notice, by its own timeout.
    let _ = guarded::<P, _>(|| {
        session.close();
        Ok(())
    });
    SUCCESS
}

/// # Safety
/// What `keep` points to is as its fields say, for as long as the result is
/// used.
unsafe fn keeping(keep: &KeepOptions) -> Option<Keeping<'_>> {
    if keep.secret.is_null() {
        return None;
    }
    let len = usize::try_from(keep.secret_len).ok()?;
    // SAFETY: by the contract.
    let (secret, context) =
        unsafe { (slice::from_raw_parts(keep.secret, len), borrow(keep.context)?) };
    Some(Keeping {
        secret,
        context: context.to_bytes(),
        generation: keep.generation,
        reserve: keep.reserve,
    })
}
