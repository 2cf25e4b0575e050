//! A test in a process of its own, for what a process has once.

use std::process::{Command, Output};

/// Runs one `#[ignore]`d test of this program in a process of its own, with an
/// environment of its own.
pub fn in_child(test: &str, environment: &[(&str, &str)]) -> Output {
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
