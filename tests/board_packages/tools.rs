//! The systems' own tools: those in Python come from a package index, into the target folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;
use std::thread;

use iot_coap_test_library::{profile_dir, root};

/// Says that the running test is not run, and why.
pub(crate) fn not_run(why: &str) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    // Not by a macro, whose output the harness keeps to itself.
    writeln!(std::io::stdout(), "Not run: {name}, {why}").expect("there is an output");
}

/// Whether there is a command of this name.
pub(crate) fn has(command: &str) -> bool {
    Command::new(command).arg("--version").output().is_ok()
}

/// Where the tools in Python are, or None where they cannot be fetched.
fn packages() -> Option<&'static Path> {
    static PACKAGES: OnceLock<Option<PathBuf>> = OnceLock::new();
    let packages = PACKAGES.get_or_init(|| {
        let requirements = folder().join("requirements.txt");
        let versions = fs::read_to_string(&requirements).expect("it is part of the repository");
        let name = versions.split_whitespace().collect::<Vec<_>>().join(",");
        let packages = profile_dir().join("board-packages").join(name);
        if packages.exists() {
            return Some(packages);
        }
        // Under another name until it is whole.
        let partial = packages.with_extension(process::id().to_string());
        let fetched = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--prefer-binary", "--target"])
            .args([&partial, Path::new("-r"), &requirements])
            .output();
        let is_whole = fetched.is_ok_and(|output| output.status.success());
        (is_whole && (fs::rename(&partial, &packages).is_ok() || packages.exists()))
            .then_some(packages)
    });
    packages.as_deref()
}

/// Where what stands in for the systems is.
pub(crate) fn folder() -> PathBuf {
    root().join("tests/board_packages")
}

/// Python with the tools; where there is none, says so.
pub(crate) fn python() -> Option<Command> {
    let Some(packages) = packages() else {
        not_run("which needs python3, pip and a network to fetch tools");
        return None;
    };
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(python)
}

/// One of the tools by its name as a command; only where there is [`python`].
pub(crate) fn tool(name: &str) -> Command {
    let mut tool = python().expect("the caller has asked for it");
    tool.arg(packages().expect("there is python").join("bin").join(name));
    tool
}
