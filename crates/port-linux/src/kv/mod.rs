//! `HAL_Kv_*`: the C edge of the key/value store. Each key is a file, replaced
//! atomically, in a directory that only this user may enter.

mod directory;
mod lock;
mod name;

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::MaybeUninit;
use core::slice;

use crate::text::borrow;
use directory::Directory;
pub use lock::{KvLock, KvLockError, kv_is_builtin};
use name::FileName;

/// The longest value. It is far longer than any value that the library stores.
const MAX_VALUE_LEN: usize = 16_384;

const SUCCESS: c_int = 0;
const FAILURE: c_int = -1;

/// The file that holds `key`.
fn file_of(key: Option<&CStr>) -> Option<FileName> {
    key.and_then(|key| FileName::of_key(key.to_bytes()))
}

fn code(done: Option<()>) -> c_int {
    done.map_or(FAILURE, |()| SUCCESS)
}

/// Stores a value. Returns 0, or -1 on failure. The old value stays until the new one is
/// complete. If `sync` is not 0, the change survives a power cut once this returns.
///
/// # Safety
/// `key` is NULL or a NUL-terminated string; `value` is NULL or valid for reads
/// of `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_kv_set(
    key: *const c_char,
    value: *const c_void,
    len: c_int,
    sync: c_int,
) -> c_int {
    // SAFETY: by the contract; it is not kept beyond this call.
    let file = file_of(unsafe { borrow(key) });
    let (Some(file), Ok(len)) = (file, usize::try_from(len)) else {
        return FAILURE;
    };
    if value.is_null() || len > MAX_VALUE_LEN {
        return FAILURE;
    }
    // SAFETY: not null, and valid for `len` bytes by the contract.
    let value = unsafe { slice::from_raw_parts(value.cast::<u8>(), len) };
    code(Directory::open_or_create().and_then(|kv| kv.replace(&file, value, sync != 0)))
}

/// Reads a value into `value`, which has room for `*len` bytes, and sets `*len` to its
/// length. Returns 0, or -1 if there is no value (`*len` stays) or it does not fit (`*len`
/// becomes its length).
///
/// # Safety
/// `key` is NULL or a NUL-terminated string; `len` is NULL or valid for reads
/// and writes; `value` is NULL or valid for writes of `*len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_kv_get(
    key: *const c_char,
    value: *mut c_void,
    len: *mut c_int,
) -> c_int {
    // SAFETY: by the contract; it is not kept beyond this call.
    let file = file_of(unsafe { borrow(key) });
    let Some(file) = file.filter(|_| !value.is_null() && !len.is_null()) else {
        return FAILURE;
    };
    // SAFETY: not null, and valid by the contract.
    let Ok(room) = usize::try_from(unsafe { len.read() }) else {
        return FAILURE;
    };
    // SAFETY: not null, and valid for writes of `room` bytes by the contract.
    let buffer = unsafe { slice::from_raw_parts_mut(value.cast::<MaybeUninit<u8>>(), room) };
    let Some(stored) = Directory::open().and_then(|kv| kv.read(&file, buffer)) else {
        return FAILURE;
    };
    // SAFETY: not null, and valid by the contract.
    unsafe { len.write(c_int::try_from(stored).unwrap_or(c_int::MAX)) };
    if stored > room { FAILURE } else { SUCCESS }
}

/// Removes a key. Returns 0, or -1 if there was no such key.
///
/// # Safety
/// `key` is NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_kv_del(key: *const c_char) -> c_int {
    // SAFETY: by the contract; it is not kept beyond this call.
    let file = file_of(unsafe { borrow(key) });
    code(file.and_then(|file| Directory::open()?.remove(&file)))
}

/// Removes every key. Returns 0, even if there were none, or -1 on failure.
#[unsafe(no_mangle)]
extern "C" fn iotx_linux_kv_erase_all() -> c_int {
    match Directory::open() {
        Some(kv) => code(kv.erase()),
        None => SUCCESS,
    }
}
