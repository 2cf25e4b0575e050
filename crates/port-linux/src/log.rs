//! The hook through which the port logs. Silent until a hook is set; no line holds a
//! secret.

use core::ffi::c_int;
use core::fmt::Arguments;
use core::mem::transmute;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

/// How severe a line is. `IOT_LogLevel` has the same numbers.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    /// A request failed.
    Error = 2,
    /// A request succeeded, but perhaps not as the caller expects.
    Warning = 3,
}

/// A sink for log lines.
type Hook = fn(c_int, Arguments<'_>);

static HOOK: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Sets the hook that gets the port's log lines, each with its `IOT_LogLevel`. Before this
/// call, nothing is logged.
///
/// The hook may be called from any thread and must not panic.
pub fn set_log(hook: fn(c_int, Arguments<'_>)) {
    HOOK.store(hook as *mut (), Ordering::Release);
}

pub(crate) fn log(level: Level, line: Arguments<'_>) {
    let hook = HOOK.load(Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: the pointer is not null, so it is a `Hook` that `set_log` stored;
        // function and data pointers have the same size on Linux.
        let hook = unsafe { transmute::<*mut (), Hook>(hook) };
        hook(level as c_int, line);
    }
}
