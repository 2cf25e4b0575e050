//! The library's log, as a program would take it. Lines are kept apart by the thread that
//! logged them, since tests run side by side: a test reads those of its own calls.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;

use iot_coap::{IOT_CoAP_SetLogHandler, IOT_CoAP_SetLogLevel};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

const LEVELS: [&str; 6] = ["Nothing", "Critical", "Error", "Warning", "Info", "Debug"];

/// Collects the lines of every level from now on, in every thread.
pub fn collect() {
    // SAFETY: the handler takes whatever the library hands it.
    unsafe { IOT_CoAP_SetLogHandler(Some(keep_line), null_mut()) };
    IOT_CoAP_SetLogLevel(LEVELS.len() as c_int - 1);
}

/// What this thread has logged so far: a line each, behind its level's name.
pub fn logged() -> String {
    LINES.with_borrow(|lines| lines.join("\n"))
}

/// Whether this thread has logged a line with all these parts.
pub fn was_logged(parts: &[&str]) -> bool {
    LINES.with_borrow(|lines| lines.iter().any(|line| parts.iter().all(|part| line.contains(part))))
}

unsafe extern "C" fn keep_line(_data: *mut c_void, level: c_int, line: *const c_char) {
    // SAFETY: the library hands over a string that lives until this returns.
    let line = unsafe { CStr::from_ptr(line) }.to_string_lossy();
    let level = LEVELS[usize::try_from(level).expect("a level is not below 0")];
    LINES.with_borrow_mut(|lines| lines.push(format!("{level} {line}")));
}
