//! Writes log lines through `HAL_Printf`, at or below the level that `IOT_SetLogLevel`
//! sets. Nothing is logged before that call. No line contains a secret.
//!
//! No line is written while a context is locked: a program's log handler may be slow, or
//! take locks of its own. Until the context is unlocked, lines wait in a [`Queue`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void};
use core::fmt::{self, Write};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

use crate::fallible::boxed;
use crate::port;

/// How severe a line is. `IOT_LogLevel` has the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error = 2,
    Warning = 3,
    Info = 4,
    Debug = 5,
}

/// The longest line, in bytes, with its end. A longer line is cut.
const MAX_LINE_LEN: usize = 256;

/// The most bytes in a queue. Lines that do not fit are dropped.
const MAX_QUEUE_LEN: usize = 4096;

static THRESHOLD: AtomicI32 = AtomicI32::new(0);

pub(crate) fn set_level(level: i32) {
    THRESHOLD.store(level, Ordering::Relaxed);
}

pub(crate) fn is_enabled(level: Level) -> bool {
    cfg!(feature = "log") && is_number_enabled(level as c_int)
}

fn is_number_enabled(level: c_int) -> bool {
    level <= THRESHOLD.load(Ordering::Relaxed)
}

/// A line's buffer.
struct Line {
    bytes: [u8; MAX_LINE_LEN],
    len: usize,
}

impl Line {
    const fn new() -> Self {
        Self { bytes: [0; MAX_LINE_LEN], len: 0 }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last two bytes are for the line's end.
        let room = self.bytes.len() - 2 - self.len;
        let mut end = text.len().min(room);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let taken = &text.as_bytes()[..end];
        self.bytes[self.len..self.len + taken.len()].copy_from_slice(taken);
        self.len += taken.len();
        Ok(())
    }
}

/// Writes a line at once; no context may be locked. A line that is caused by the program's
/// log handler is dropped: it would call the handler again, without end.
pub(crate) fn write(level: c_int, line: fmt::Arguments<'_>) {
    if is_writing() {
        return;
    }
    let mut buffer = Line::new();
    // A NUL in the text only ends the line early.
    if let Some(handler) = handler() {
        let _ = write!(buffer, "{line}");
        // SAFETY: by the contract of `IOT_CoAP_SetLogHandler`, any thread may call the
        // handler with its data. The line ends with NUL.
        nested::during_write(|| unsafe {
            handler(HANDLER_DATA.load(Ordering::Acquire), level, buffer.bytes.as_ptr().cast());
        });
    } else {
        let name = match level {
            2 => "error",
            3 => "warning",
            4 => "info",
            _ => "debug",
        };
        let _ = write!(buffer, "[iot-coap] {name}: {line}");
        buffer.bytes[buffer.len] = b'\n';
        nested::during_write(|| port::print(&buffer.bytes[..buffer.len + 2]));
    }
}

/// Lines that wait until no context is locked. Always empty without the feature `log`.
#[derive(Default)]
pub(crate) struct Queue {
    /// The level, the text and a NUL of each line. Boxed, since there are usually no lines.
    #[allow(clippy::box_collection, reason = "mostly there are none")]
    lines: Option<Box<Vec<u8>>>,
}

impl Queue {
    /// Adds a line, or drops it if there is no memory for it.
    #[cold]
    pub(crate) fn add(&mut self, level: Level, line: fmt::Arguments<'_>) {
        let mut text = Line::new();
        let _ = text.write_fmt(line);
        let len = text.len + 2;
        if self.lines.is_none() {
            self.lines = boxed(Vec::new());
        }
        let Some(lines) = &mut self.lines else { return };
        if lines.len() + len > MAX_QUEUE_LEN || lines.try_reserve(len).is_err() {
            return;
        }
        lines.push(level as u8);
        let text = text.bytes[..text.len].iter().map(|&byte| if byte == 0 { b'?' } else { byte });
        lines.extend(text);
        lines.push(0);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        !cfg!(feature = "log") || self.lines.is_none()
    }

    /// Writes every line; no context may be locked.
    pub(crate) fn write(self) {
        let lines = self.lines.filter(|_| cfg!(feature = "log")).unwrap_or_default();
        for line in lines.split(|&byte| byte == 0) {
            if let Some((&level, text)) = line.split_first()
                && let Ok(text) = core::str::from_utf8(text)
            {
                write(level.into(), format_args!("{text}"));
            }
        }
    }
}

type Handler = unsafe extern "C" fn(*mut c_void, c_int, *const c_char);

static HANDLER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static HANDLER_DATA: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Sends lines to `handler`, or to the port again if it is `None`.
#[cfg(feature = "extension")]
pub(crate) fn set_handler(handler: Option<Handler>, data: *mut c_void) {
    HANDLER_DATA.store(data, Ordering::Release);
    let handler = handler.map_or(null_mut(), |handler| handler as *mut c_void);
    HANDLER.store(handler, Ordering::Release);
}

fn handler() -> Option<Handler> {
    let handler = HANDLER.load(Ordering::Acquire);
    // SAFETY: the pointer is null, which is `None`, or a `Handler` that `set_handler`
    // stored; both types are as wide as a pointer.
    unsafe { core::mem::transmute::<*mut c_void, Option<Handler>>(handler) }
}

pub(crate) use nested::{is_refused, is_writing};

/// Recognises calls that come from the program's log handler.
#[cfg(feature = "std")]
mod nested {
    use core::cell::Cell;

    std::thread_local! {
        static IS_WRITING: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether the calling thread is in the program's log handler.
    pub(crate) fn is_writing() -> bool {
        IS_WRITING.get()
    }

    /// Whether a call into the library comes from the program's log handler.
    pub(crate) fn is_refused() -> bool {
        is_writing()
    }

    pub(super) fn during_write(write: impl FnOnce()) {
        IS_WRITING.set(true);
        write();
        IS_WRITING.set(false);
    }
}

/// Recognises calls that come from the program's log handler. Without `std` the port
/// identifies threads, if it has `HAL_ThreadSelf`. If it does not, there is usually only
/// one thread.
#[cfg(not(feature = "std"))]
mod nested {
    use core::ffi::c_void;
    use core::ptr::null_mut;
    use core::sync::atomic::{AtomicPtr, Ordering};

    use crate::port;

    /// The thread that is in the program's log handler, or the latest of several.
    static WRITER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

    /// The port's name for the calling thread, or one name for all threads if the port does
    /// not identify them.
    fn this_thread() -> *mut c_void {
        let thread = port::this_thread().cast_mut();
        if thread.is_null() { (&raw const WRITER).cast_mut().cast() } else { thread }
    }

    /// Whether the calling thread is in the program's log handler, or may be.
    pub(crate) fn is_writing() -> bool {
        let writer = WRITER.load(Ordering::Relaxed);
        cfg!(feature = "extension") && !writer.is_null() && writer == this_thread()
    }

    /// Whether a call into the library comes from the program's log handler. If there are
    /// threads that the port does not identify, the answer is no: the call may come from
    /// another thread.
    pub(crate) fn is_refused() -> bool {
        is_writing() && !(cfg!(feature = "threads") && port::this_thread().is_null())
    }

    pub(super) fn during_write(write: impl FnOnce()) {
        WRITER.store(this_thread(), Ordering::Relaxed);
        write();
        WRITER.store(null_mut(), Ordering::Relaxed);
    }
}

/// Logs a line at once, at a [`Level`], formatted like `format!`. Use it only while no
/// context is locked. Without the feature `log`, neither the line nor its formatting is
/// compiled.
macro_rules! log {
    ($level:ident, $($line:tt)+) => {
        if $crate::log::is_enabled($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level as i32, core::format_args!($($line)+));
        }
    };
}
pub(crate) use log;

/// Logs something once, however often it happens. If two threads race, both may log it.
#[derive(Default)]
pub(crate) struct Once(AtomicBool);

impl Once {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Whether to log it now. If lines of this level are written, the first call returns
    /// true, and later ones false.
    pub(crate) fn is_due(&self, level: Level) -> bool {
        let is_due = is_enabled(level) && !self.0.load(Ordering::Relaxed);
        if is_due {
            self.0.store(true, Ordering::Relaxed);
        }
        is_due
    }
}

/// Logs a line to a [`Queue`], which is written once the context is unlocked.
macro_rules! log_later {
    ($queue:expr, $level:ident, $($line:tt)+) => {
        if $crate::log::is_enabled($crate::log::Level::$level) {
            $queue.add($crate::log::Level::$level, core::format_args!($($line)+));
        }
    };
}
pub(crate) use log_later;

/// Lets the Linux port write to this log.
#[cfg(all(feature = "log", feature = "port-linux"))]
pub(crate) fn connect_port() {
    iot_coap_port_linux::set_log(|level, line| {
        if is_number_enabled(level) {
            write(level, line);
        }
    });
}

#[cfg(not(all(feature = "log", feature = "port-linux")))]
pub(crate) const fn connect_port() {}
