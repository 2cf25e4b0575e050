//! `HAL_Mutex*`: a pthread mutex on libc's heap. Rust's heap is not used: in a `bare` build
//! it is `HAL_Malloc`, which a program may override.

use core::ffi::c_void;
use core::ptr::null_mut;

/// Makes a mutex; returns NULL if there is no memory.
#[unsafe(no_mangle)]
extern "C" fn iotx_linux_mutex_create() -> *mut c_void {
    // SAFETY: malloc takes any size; the result is checked before use.
    let mutex =
        unsafe { libc::malloc(size_of::<libc::pthread_mutex_t>()) }.cast::<libc::pthread_mutex_t>();
    if mutex.is_null() {
        return null_mut();
    }
    // SAFETY: the memory is fresh, large enough and aligned by malloc.
    if unsafe { libc::pthread_mutex_init(mutex, core::ptr::null()) } != 0 {
        // SAFETY: the memory came from malloc above, and nobody else knows it.
        unsafe { libc::free(mutex.cast()) };
        return null_mut();
    }
    mutex.cast()
}

/// Destroys a mutex; NULL is a no-op.
///
/// # Safety
/// `mutex` is NULL, or came from [`iotx_linux_mutex_create`], is held by nobody
/// and is not used again.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_mutex_destroy(mutex: *mut c_void) {
    if mutex.is_null() {
        return;
    }
    // SAFETY: by the contract the mutex came from `iotx_linux_mutex_create`, and nobody
    // uses it.
    unsafe {
        libc::pthread_mutex_destroy(mutex.cast());
        libc::free(mutex);
    }
}

/// Locks a mutex; NULL is a no-op.
///
/// # Safety
/// `mutex` is NULL or a live one from [`iotx_linux_mutex_create`].
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_mutex_lock(mutex: *mut c_void) {
    if !mutex.is_null() {
        // SAFETY: by the contract it is an initialised mutex.
        unsafe { libc::pthread_mutex_lock(mutex.cast()) };
    }
}

/// Unlocks a mutex; NULL is a no-op.
///
/// # Safety
/// `mutex` is NULL, or a live one from [`iotx_linux_mutex_create`] which this
/// thread holds.
#[unsafe(no_mangle)]
unsafe extern "C" fn iotx_linux_mutex_unlock(mutex: *mut c_void) {
    if !mutex.is_null() {
        // SAFETY: by the contract it is an initialised mutex, and this thread holds it.
        unsafe { libc::pthread_mutex_unlock(mutex.cast()) };
    }
}
