//! What the tests share: the C interface as a program sees it, and a way to run
//! a test in a process of its own.

// Each test program uses its own part.
#![allow(dead_code)]

#[cfg(feature = "_session")]
pub(crate) mod certificates;
#[cfg(feature = "_session")]
pub(crate) mod dtls;
pub(crate) mod hal;
#[cfg(feature = "_session")]
pub(crate) mod proxy;
pub(crate) mod threads;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap_port_linux::{Level, set_log};

/// Runs one `#[ignore]`d test of this program in a process of its own, with an
/// environment of its own.
pub(crate) fn in_child(test: &str, environment: &[(&str, &str)]) -> Output {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{test}: {text}{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A fresh directory, removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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

/// How long something took, with its result.
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Whether something becomes so within two seconds.
pub(crate) fn becomes_so(is_so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > Duration::from_secs(2) {
            return false;
        }
        // A pause between two looks; nothing relies on its length.
        thread::sleep(Duration::from_millis(1));
    }
    true
}
