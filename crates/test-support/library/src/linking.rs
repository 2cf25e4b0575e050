//! C programs linked piece by piece, and libraries of other features than this test's.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::{NATIVE_LIBRARIES, SANITIZERS, profile_dir, root, scratch_dir, succeed};

/// The static library of these features, unoptimised, unless it is one for bare metal.
///
/// All tests build in one folder, so that what the library depends on is built once. The
/// archive is copied from there.
pub fn library_of(features: &str) -> PathBuf {
    // What this test binary has built, and may be linking.
    static BUILT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let library = scratch_dir().join(format!("libiot_coap-{features}.a"));
    if built.contains(&library) {
        return library;
    }
    let target = profile_dir().parent().expect("a target folder").join("own-port");
    fs::create_dir_all(&target).expect("the target folder can be written");
    let lock = File::create(target.join("lock")).expect("the target folder can be written");
    lock.lock().expect("a file can be locked");
    let mut cargo = Command::new(env!("CARGO"));
    // For the archive alone cargo keeps those of different features apart.
    cargo.current_dir(root()).args(["rustc", "--lib", "--crate-type", "staticlib", "--locked"]);
    cargo.args(["--package", "iot-coap", "--no-default-features", "--features", features]);
    // Without std a panic cannot unwind, and the profile says so.
    let is_bare = features.split(',').any(|feature| feature == "bare");
    let (profile, folder) = if is_bare { ("bare", "bare") } else { ("dev", "debug") };
    succeed(cargo.args(["--profile", profile, "--target-dir"]).arg(&target));
    fs::copy(target.join(folder).join("libiot_coap.a"), &library).expect("cargo built it");
    built.push(library.clone());
    library
}

/// Where the pieces of one test's programs are.
pub struct Pieces(PathBuf);

impl Pieces {
    /// A folder of this name, of its own for each test of a test binary.
    pub fn new(name: &str) -> Self {
        let dir = scratch_dir().join(name);
        fs::create_dir_all(&dir).expect("the target folder can be written");
        Self(dir)
    }

    fn cc(&self, out: &Path) -> Command {
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-D_GNU_SOURCE", "-pedantic", "-Wall", "-Wextra", "-Werror", "-g"]);
        cc.args(SANITIZERS).args(["-pthread", "-I"]).arg(root().join("include"));
        cc.current_dir(&self.0).arg("-o").arg(out);
        cc
    }

    /// The object `name` of a source in `tests`, compiled with these arguments.
    pub fn object(&self, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
        let out = self.0.join(format!("{name}.o"));
        let source = root().join("tests").join(source);
        succeed(self.cc(&out).args(arguments).arg("-c").arg(source));
        out
    }

    /// The objects of the self-test of board ports and of a program that runs it, as
    /// `tests/c/selftest_main.c` says.
    pub fn selftest(&self) -> Vec<PathBuf> {
        let parts = ["selftest", "selftest_random", "selftest_memory", "selftest_udp"];
        let parts =
            parts.map(|part| self.object(part, &format!("../ports/template/{part}.c"), &[]));
        let main = self.object("selftest_main", "c/selftest_main.c", &[]);
        parts.into_iter().chain([main]).collect()
    }

    /// The archive `name`, of objects.
    pub fn archive(&self, name: &str, objects: &[&Path]) -> PathBuf {
        let out = self.0.join(format!("lib{name}.a"));
        let _ = fs::remove_file(&out);
        succeed(Command::new("ar").arg("rcs").arg(&out).args(objects));
        out
    }

    /// The shared library `name`, of objects that were compiled with `-fPIC`.
    pub fn shared(&self, name: &str, objects: &[&Path]) -> PathBuf {
        let out = self.0.join(format!("lib{name}.so"));
        succeed(self.cc(&out).arg("-shared").args(objects));
        out
    }

    /// The program `name`, of what the linker is given, in this order.
    pub fn program<I: AsRef<OsStr>>(&self, name: &str, inputs: &[I]) -> PathBuf {
        let out = self.0.join(name);
        let mut cc = self.cc(&out);
        for input in inputs {
            let path = Path::new(input);
            cc.arg(path);
            if path.extension() == Some(OsStr::new("so")) {
                let folder = path.parent().expect("a folder");
                cc.arg(format!("-Wl,-rpath,{}", folder.display()));
            }
        }
        succeed(cc.args(NATIVE_LIBRARIES));
        out
    }
}
