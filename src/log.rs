//! Log lines, through `HAL_Printf`, at or below the level that
//! `IOT_SetLogLevel` sets; silent until then. No line carries a secret.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicI32, Ordering};

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
    let _ = write!(buffer, "[iot-coap] {}: {line}", level.name());
    // A NUL in the line's text would end it early, and no more.
    buffer.bytes[buffer.len] = b'\n';
    port::print(&buffer.bytes[..buffer.len + 2]);
}

/// Logs a line, formatted as by `format!`, at a [`Level`].
macro_rules! log {
    ($level:ident, $($line:tt)+) => {
        if $crate::log::enabled($crate::log::Level::$level) {
            $crate::log::write($crate::log::Level::$level, core::format_args!($($line)+));
        }
    };
}
pub(crate) use log;

/// Lets the Linux port speak through this log.
#[cfg(feature = "port-linux")]
pub(crate) fn connect_port() {
    use iot_coap_port_linux::Level as PortLevel;
    iot_coap_port_linux::set_log(|level, line| {
        let level = match level {
            PortLevel::Error => Level::Error,
            PortLevel::Warning => Level::Warning,
            PortLevel::Info => Level::Info,
            PortLevel::Debug => Level::Debug,
        };
        if enabled(level) {
            write(level, line);
        }
    });
}

#[cfg(not(feature = "port-linux"))]
pub(crate) const fn connect_port() {}
