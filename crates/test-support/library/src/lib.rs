//! The C library as its tests use it: C programs compiled against it, and its functions
//! called from Rust. For tests of the package `iot-coap` alone: cargo puts the static
//! library beside those.

#![allow(clippy::missing_panics_doc, reason = "that is how a test fails")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

pub mod client;
pub mod linking;
pub mod log;
pub mod trust;
pub mod wire;

pub use iot_coap_test_support::folders::profile_dir;

/// The system's libraries that the static library needs.
const NATIVE_LIBRARIES: [&str; 4] = ["-lpthread", "-ldl", "-lm", "-lc"];

const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// How a C program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Against the static library.
    Static,
    /// Against the shared library, as it is installed.
    Shared,
    /// Against the shared library that cargo links.
    ByCargo,
}

impl Linkage {
    /// The library.
    pub fn library(self) -> PathBuf {
        match self {
            Self::Static => static_library(),
            Self::Shared => shared_library().to_path_buf(),
            Self::ByCargo => shared_library_by_cargo(),
        }
    }
}

/// As what a C program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C89, pedantically.
    C89,
    /// C++11.
    Cxx,
    /// As C99, under AddressSanitizer and UndefinedBehaviorSanitizer: whatever
    /// they find ends the program with an error.
    Sanitized,
}

/// The folder of this repository.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).expect("this is crates/test-support/library")
}

/// The static library that cargo built along with this test. (The one beside
/// `deps` is `cargo build`'s, and as old as that.)
pub fn static_library() -> PathBuf {
    let test = env::current_exe().expect("a test knows its path");
    test.with_file_name("libiot_coap.a")
}

/// The shared library that cargo linked along with this test.
pub fn shared_library_by_cargo() -> PathBuf {
    static_library().with_extension("so")
}

/// A folder for what tests make; of this test binary alone.
pub fn scratch_dir() -> PathBuf {
    let name = env::current_exe().expect("a test knows its path");
    let name = name.file_name().expect("a file has a name").to_owned();
    let dir = profile_dir().join("c-tests").join(name);
    fs::create_dir_all(&dir).expect("the target folder can be written");
    dir
}

/// What a shared library exports, and nothing else.
pub fn exported_symbols() -> Vec<String> {
    let symbols = fs::read_to_string(root().join("cmake/exported-symbols.txt"))
        .expect("the list of exported symbols");
    let is_symbol = |line: &&str| line.starts_with(|first: char| first.is_ascii_alphabetic());
    symbols.lines().filter(is_symbol).map(str::to_owned).collect()
}

/// The shared library: the static one, linked as it is for installation.
pub fn shared_library() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(|| {
        let dir = scratch_dir();
        let path = dir.join("libiot_coap.so");
        let script = dir.join("exports.map");
        let symbols = exported_symbols();
        // In one version, as the installed one has them: see `cmake/ExportedSymbols.cmake`.
        fs::write(
            &script,
            format!("IOT_COAP_0.1 {{ global: {}; local: *; }};", symbols.join("; ")),
        )
        .expect("the target folder can be written");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-Wl,-soname,libiot_coap.so.0", "-o"]).arg(&path);
        cc.arg("-Wl,--whole-archive").arg(static_library());
        cc.arg("-Wl,--no-whole-archive").args(NATIVE_LIBRARIES);
        cc.arg(format!("-Wl,--version-script={}", script.display()));
        succeed(&mut cc);
        fs::copy(&path, dir.join("libiot_coap.so.0")).expect("the target folder can be written");
        path
    })
}

/// What was compiled: tests run side by side, and several may want one program.
static COMPILED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A C program of `tests/c`, compiled and linked against the library.
pub fn compile(source: &str, linkage: Linkage, language: Language) -> PathBuf {
    compile_against(source, &linkage.library(), language)
}

/// As [`compile`], against a library of the test's own.
pub fn compile_against(source: &str, library: &Path, language: Language) -> PathBuf {
    let stem = Path::new(source).file_stem().expect("a source has a name");
    let kind = library.file_name().expect("a library has a name").to_string_lossy();
    let folder = library.parent().expect("a folder");
    let from = folder.file_name().expect("the folder has a name").to_string_lossy();
    let out = scratch_dir().join(format!("{}-{from}-{kind}-{language:?}", stem.to_string_lossy()));
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if compiled.contains(&out) {
        return out;
    }
    let mut cc = Command::new(if language == Language::Cxx { "c++" } else { "cc" });
    match language {
        Language::C89 => cc.args(["-std=c89", "-D_GNU_SOURCE", "-pedantic"]),
        Language::Cxx => cc.args(["-x", "c++", "-std=c++11"]),
        Language::Sanitized => cc.args(["-std=c99", "-D_GNU_SOURCE", "-pedantic"]).args(SANITIZERS),
    };
    cc.args(["-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-I"]).arg(root().join("include"));
    cc.arg(root().join("tests/c").join(source)).args(["-x", "none"]);
    cc.arg("-o").arg(&out).arg(library).args(NATIVE_LIBRARIES);
    cc.arg(format!("-Wl,-rpath,{}", folder.display()));
    succeed(&mut cc);
    compiled.push(out.clone());
    out
}

/// Runs a program, which must end well; returns its standard output.
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
