//! From raw pointers to a [`Session`], and a guard against panics of third-party
//! code, which must not reach C.

use alloc::boxed::Box;
use core::ffi::{c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::slice;
use core::sync::atomic::Ordering;

use super::engine::{Keeping, Peer};
#[cfg(not(feature = "openssl"))]
use super::native::Client;
#[cfg(feature = "openssl")]
use super::openssl::Client;
use super::session::Session;
use super::{Failure, KeepOptions, Options, STATIC_RSA};
use crate::clock::Wait;
use crate::log::{Level, log};
use crate::text::borrow;
use crate::udp::{LONGEST_DATAGRAM, bare_host};

#[cfg(feature = "std")]
fn guarded<R>(work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        log(Level::Error, format_args!("the DTLS engine panicked"));
        Err(Failure::Transport)
    })
}

/// There is nothing to unwind with.
#[cfg(not(feature = "std"))]
fn guarded<R>(work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    work()
}

/// # Safety
/// Each of the options' strings is NULL or NUL-terminated.
pub(super) unsafe fn create(options: &Options) -> *mut c_void {
    // SAFETY: by the contract.
    unsafe { connect(options, Client::new) }
}

/// # Safety
/// As for [`create`]; `blob` is valid for reads of `len` bytes, and what
/// `keep` points to as its fields say.
pub(super) unsafe fn restore(
    options: &Options,
    keep: &KeepOptions,
    blob: *const u8,
    len: c_uint,
) -> *mut c_void {
    let Ok(len) = usize::try_from(len) else { return null_mut() };
    // SAFETY: by the contract.
    let (blob, keeping) = unsafe { (slice::from_raw_parts(blob, len), keeping(keep)) };
    let Some(keeping) = keeping else { return null_mut() };
    // SAFETY: by the contract.
    unsafe { connect(options, |peer| Client::restore(peer, &keeping, blob)) }
}

/// # Safety
/// `session` is a live one; `blob` is valid for writes of `room` bytes, and
/// what `keep` points to as its fields say.
pub(super) unsafe fn save(
    session: *mut c_void,
    keep: &KeepOptions,
    blob: *mut u8,
    room: c_uint,
) -> Result<c_uint, Failure> {
    let room = usize::try_from(room).map_err(|_| Failure::BadParameter)?;
    // SAFETY: by the contract; the session is only shared.
    let (session, blob, keeping) = unsafe {
        (&*session.cast::<Session<Client>>(), slice::from_raw_parts_mut(blob, room), keeping(keep))
    };
    let keeping = keeping.ok_or(Failure::BadParameter)?;
    let len = guarded(|| session.save(&keeping, blob))?;
    c_uint::try_from(len).map_err(|_| Failure::NotKept)
}

/// # Safety
/// `session` is a live one.
pub(super) unsafe fn is_saved(session: *mut c_void) {
    // SAFETY: by the contract; the session is only shared.
    unsafe { &*session.cast::<Session<Client>>() }.is_saved();
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

/// # Safety
/// Each of the options' strings is NULL or NUL-terminated.
unsafe fn connect(
    options: &Options,
    client: impl FnOnce(&Peer<'_>) -> Result<Client, Failure>,
) -> *mut c_void {
    // SAFETY: by the contract; they are not kept beyond this call.
    let (host, authorities) = unsafe { (borrow(options.host), borrow(options.authorities_pem)) };
    let Some(name) = host.and_then(bare_host) else {
        log(Level::Error, format_args!("a DTLS session needs a host"));
        return null_mut();
    };
    let Some(authorities) = authorities else {
        log(Level::Error, format_args!("a DTLS session needs certificates to trust"));
        return null_mut();
    };
    let Ok(name) = name.as_c_str().to_str() else {
        log(Level::Error, format_args!("{host:?} is no host name"));
        return null_mut();
    };
    let peer = Peer {
        host: name,
        port: options.port,
        authorities_pem: authorities.to_bytes(),
        may_use_static_rsa: STATIC_RSA.load(Ordering::Relaxed),
    };
    guarded(|| Session::connect(&peer, client(&peer)?))
        .map_or(null_mut(), |session| Box::into_raw(Box::new(session)).cast())
}

/// # Safety
/// `session` is a live one.
pub(super) unsafe fn descriptor(session: *mut c_void) -> c_int {
    // SAFETY: by the contract; the session is only shared.
    unsafe { &*session.cast::<Session<Client>>() }.descriptor()
}

/// # Safety
/// `session` is a live one; `data` is valid for reads of `len` bytes.
pub(super) unsafe fn write(
    session: *mut c_void,
    data: *const u8,
    len: c_uint,
) -> Result<(), Failure> {
    let len = usize::try_from(len).map_err(|_| Failure::BadParameter)?;
    if len > LONGEST_DATAGRAM {
        return Err(Failure::BadParameter);
    }
    // SAFETY: both by the contract; the session is only shared, its parts
    // have locks.
    let (session, plaintext) =
        unsafe { (&*session.cast::<Session<Client>>(), slice::from_raw_parts(data, len)) };
    guarded(|| session.write(plaintext))
}

/// # Safety
/// `session` is a live one; `data` is valid for writes of `room` bytes.
pub(super) unsafe fn read(
    session: *mut c_void,
    data: *mut u8,
    room: c_uint,
    ms: c_uint,
) -> Result<c_uint, Failure> {
    let room = usize::try_from(room).map_err(|_| Failure::BadParameter)?;
    let room = room.min(LONGEST_DATAGRAM);
    // SAFETY: both by the contract; the session is only shared, its parts
    // have locks, and the bytes may be uninitialised.
    let (session, out) = unsafe {
        (
            &*session.cast::<Session<Client>>(),
            slice::from_raw_parts_mut(data.cast::<MaybeUninit<u8>>(), room),
        )
    };
    let read = guarded(|| session.read(out, Wait::For(ms)))?;
    c_uint::try_from(read.unwrap_or(0)).map_err(|_| Failure::Transport)
}

/// # Safety
/// `session` is a live one that nobody uses any more.
pub(super) unsafe fn free(session: *mut c_void) {
    // SAFETY: `create` made it by Box::into_raw, and it is given up here.
    let session = unsafe { Box::from_raw(session.cast::<Session<Client>>()) };
    // A failure to say goodbye is the peer's to notice, by its own timeout.
    let _ = guarded(|| {
        session.close();
        Ok(())
    });
}
