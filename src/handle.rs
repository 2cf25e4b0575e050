//! Checks the handles that a program passes in. Most invalid ones are recognised. If a
//! program does not check what Init returned, that is logged once.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::context::{Context, MAGIC};
use crate::log::{Level, Once, log};

impl Context {
    /// The context behind `handle`. Returns `None`, with a line in the log, if the handle
    /// is NULL or recognised as invalid.
    ///
    /// # Safety
    ///
    /// `handle` is NULL, or came from Init and was not given to Deinit.
    pub(crate) unsafe fn from_handle<'a>(handle: *mut c_void, name: &str) -> Option<&'a Self> {
        // SAFETY: by the contract the handle came from Init, and its magic word is in
        // place.
        unsafe { Self::pointer_from_handle(handle, name).map(|context| context.as_ref()) }
    }

    /// Like [`Self::from_handle`], but returns a pointer, for functions that free the
    /// context.
    ///
    /// # Safety
    ///
    /// As [`Self::from_handle`].
    pub(crate) unsafe fn pointer_from_handle(
        handle: *mut c_void,
        name: &str,
    ) -> Option<NonNull<Self>> {
        let found = NonNull::new(handle.cast::<Self>())
            .filter(|context| context.is_aligned())
            // SAFETY: the handle is not NULL, so it came from Init, by the contract. The
            // magic word is checked before anything else is read.
            .filter(|context| unsafe { (&raw const (*context.as_ptr()).magic).read() } == MAGIC);
        if found.is_none() {
            report_invalid(name, handle.is_null());
        }
        // SAFETY: the magic word is in place, so this is a context.
        let usable = found.filter(|context| unsafe { context.as_ref() }.notice_fork());
        if found.is_some() && usable.is_none() {
            log!(
                Error,
                "{name}: another thread was in the context when this process was forked off; \
                 make a new context"
            );
        }
        usable
    }
}

/// Logs that a context is invalid. If it is NULL, that is logged once, not with each call: a
/// program that does not check the result of Init may go on calling with NULL.
#[cold]
fn report_invalid(name: &str, is_null: bool) {
    static REPORTED: Once = Once::new();
    if !is_null {
        log!(Error, "{name}: the context is not one of IOT_CoAP_Init's");
    } else if REPORTED.is_due(Level::Error) {
        log!(
            Error,
            "{name}: the context is NULL. IOT_CoAP_Init failed or was not called, so check its \
             result; or IOT_CoAP_Deinit has ended it (this is logged once)"
        );
    }
}
