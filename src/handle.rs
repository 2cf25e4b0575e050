//! The contexts that a program hands in: most invalid ones are recognised, and a program that
//! did not look at what Init returned is told so once.

use core::ffi::c_void;
use core::ptr::NonNull;

use crate::context::{Context, MAGIC};
use crate::log::{Level, Once, log};

impl Context {
    /// The context behind `handle`; `None`, with a line in the log, if it is NULL or
    /// recognised as invalid.
    ///
    /// # Safety
    ///
    /// `handle` is NULL, or came from Init and was not given to Deinit.
    pub(crate) unsafe fn from_handle<'a>(handle: *mut c_void, name: &str) -> Option<&'a Self> {
        // SAFETY: as promised; it came from Init, and its magic word is in place.
        unsafe { Self::pointer_from_handle(handle, name).map(|context| context.as_ref()) }
    }

    /// The same as a pointer, for those who free it.
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
            // SAFETY: it is not NULL, so it came from Init; the magic word is looked
            // at before the rest is relied on.
            .filter(|context| unsafe { (&raw const (*context.as_ptr()).magic).read() } == MAGIC);
        if handle.is_null() {
            report_null(name);
        } else if found.is_none() {
            log!(Error, "{name}: the context is not one of IOT_CoAP_Init's");
        }
        // SAFETY: its magic word is in place.
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

/// A program that does not look at what Init returned calls on with NULL: it is told so once,
/// not with each call.
#[cold]
fn report_null(name: &str) {
    static REPORTED: Once = Once::new();
    if REPORTED.is_due(Level::Error) {
        log!(
            Error,
            "{name}: the context is NULL. IOT_CoAP_Init failed, or was not called; the program \
             has to look at what it returns (this is logged once)"
        );
    }
}
