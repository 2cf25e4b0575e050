//! Counts instructions with valgrind: a time that depends on a secret shows in them.

use std::path::Path;
use std::process::Command;

/// How many instructions each call of a function takes, in the order of the calls.
/// `test` names the test of the running program that calls it, `function` the function as
/// valgrind knows it, without its crate's hash; a pattern with an asterisk would not work.
/// The function must not be inlined.
pub fn instructions_of_each_call(function: &str, test: &str, folder: &Path) -> Vec<u64> {
    let out = folder.join(format!("{}.callgrind", function.replace("::", "-")));
    let program = std::env::current_exe().unwrap();
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--combine-dumps=yes", "--collect-atstart=no"])
        .args([format!("--toggle-collect={function}"), format!("--dump-after={function}")])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["--exact", test, "--test-threads=1"])
        .output()
        .unwrap_or_else(|error| panic!("valgrind: {error}; please install it"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let profile = std::fs::read_to_string(&out).unwrap();
    std::fs::remove_file(&out).unwrap();
    let totals = profile.lines().filter_map(|line| line.strip_prefix("totals: "));
    let mut counts: Vec<_> = totals.map(|count| count.trim().parse().unwrap()).collect();
    // What is counted from the last call until the program ends.
    assert_eq!(counts.pop(), Some(0));
    counts
}
