//! Log lines, through `HAL_Printf`, at or below the level that
//! `IOT_SetLogLevel` sets; silent until then. No line carries a secret.

use core::ffi::{c_char, c_int, c_void};
use core::fmt::{self, Write};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use crate::port;

/// How grave a line is; the numbers are `IOT_LogLevel`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Error = 2,
    Warning = 3,
    Info = 4,
    Debug = 5,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

static THRESHOLD: AtomicI32 = AtomicI32::new(0);

pub(crate) fn set_level(level: i32) {
    THRESHOLD.store(level, Ordering::Relaxed);
}

pub(crate) fn enabled(level: Level) -> bool {
    level as i32 <= THRESHOLD.load(Ordering::Relaxed)
}

/// A line's buffer; what does not fit is cut.
struct Line {
    bytes: [u8; 256],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last two bytes are for the line's end.
        let room = self.bytes.len() - 2 - self.len;
        let text = text.as_bytes();
        let taken = &text[..text.len().min(room)];
        self.bytes[self.len..self.len + taken.len()].copy_from_slice(taken);
        self.len += taken.len();
        Ok(())
    }
}

pub(crate) fn write(level: Level, line: fmt::Arguments<'_>) {
    let mut buffer = Line { bytes: [0; 256], len: 0 };
    // A NUL in the line's text would end it early, and no more.
    if let Some(handler) = handler() {
        let _ = write!(buffer, "{line}");
        // SAFETY: the program's promise when it set the handler: it may be
        // called with its data from any thread. The line ends with NUL.
        unsafe {
            handler(
                HANDLER_DATA.load(Ordering::Acquire),
                level as c_int,
                buffer.bytes.as_ptr().cast(),
            );
        }
    } else {
        let _ = write!(buffer, "[iot-coap] {}: {line}", level.name());
        buffer.bytes[buffer.len] = b'\n';
        port::print(&buffer.bytes[..buffer.len + 2]);
    }
}

type Handler = unsafe extern "C" fn(*mut c_void, c_int, *const c_char);

static HANDLER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static HANDLER_DATA: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

#[cfg(feature = "extension")]
/// Sends lines to `handler`; none sends them to the port again.
pub(crate) fn set_handler(handler: Option<Handler>, data: *mut c_void) {
    HANDLER_DATA.store(data, Ordering::Release);
    let handler = handler.map_or(null_mut(), |handler| handler as *mut c_void);
    HANDLER.store(handler, Ordering::Release);
}

fn handler() -> Option<Handler> {
    let handler = HANDLER.load(Ordering::Acquire);
    // SAFETY: null, which is none, or a `Handler` that `set_handler` stored;
    // both are as wide as a pointer.
    unsafe { core::mem::transmute::<*mut c_void, Option<Handler>>(handler) }
}

/// Logs a line, formatted as by `format!`, at a [`Level`]. Without the feature
/// `log` there are no lines, nor what formats them.
macro_rules! log {
    ($level:ident, $($line:tt)+) => {
        if cfg!(feature = "log") && $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level, core::format_args!($($line)+));
        }
    };
}
pub(crate) use log;

/// Lets the Linux port speak through this log.
#[cfg(all(feature = "log", feature = "port-linux"))]
pub(crate) fn connect_port() {
    iot_coap_port_linux::set_log(write_of_port);
}

#[cfg(not(all(feature = "log", feature = "port-linux")))]
pub(crate) const fn connect_port() {}

/// A line of the ports' part of this library.
#[cfg(any(feature = "port-linux", feature = "_builtin-dtls"))]
#[cfg_attr(not(feature = "log"), allow(dead_code, reason = "nobody writes"))]
pub(crate) fn write_of_port(level: iot_coap_port::Level, line: fmt::Arguments<'_>) {
    use iot_coap_port::Level as OfPort;
    let level = match level {
        OfPort::Error => Level::Error,
        OfPort::Warning => Level::Warning,
        OfPort::Info => Level::Info,
        OfPort::Debug => Level::Debug,
    };
    if cfg!(feature = "log") && enabled(level) {
        write(level, line);
    }
}
