//! What the tests share: the C interface as a program sees it, and the port's log.

// Each test program uses its own part.
#![allow(dead_code)]

pub(crate) mod hal;

use std::sync::Mutex;

use iot_coap_port_linux::{Level, set_log};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects the port's log from now on.
pub(crate) fn collect_log() {
    set_log(|level: Level, line| LINES.lock().unwrap().push(format!("{level:?} {line}")));
}

/// Whether a line with all these parts was logged.
pub(crate) fn was_logged(parts: &[&str]) -> bool {
    LINES.lock().unwrap().iter().any(|line| parts.iter().all(|part| line.contains(part)))
}

pub(crate) fn logged() -> String {
    LINES.lock().unwrap().join("\n")
}
