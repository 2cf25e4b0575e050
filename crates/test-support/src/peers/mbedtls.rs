//! The programs over Mbed TLS, compiled once for each version of the
//! library: Debian's, and the sources inside the crate `mbedtls-rs-sys`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::folders::target_tmp;

/// A key of 64 hexadecimal digits and more is in the field.
const FLAGS: [&str; 3] = ["-O1", "-w", "-DMBEDTLS_PSK_MAX_LEN=128"];

/// A program over a version of Mbed TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Server,
    #[cfg(feature = "server")]
    Client,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            #[cfg(feature = "server")]
            Self::Client => "client",
        }
    }

    /// With Mbed TLS 2.28 of `libmbedtls-dev`, without connection ids.
    fn over_2_28(self) -> PathBuf {
        self.compile("2.28", |compiler| {
            compiler.args(["-lmbedtls", "-lmbedx509", "-lmbedcrypto"]);
        })
    }

    /// With Mbed TLS 3.6, with connection ids.
    fn over_3_6(self) -> PathBuf {
        let sources = sources_3_6();
        let library = compile_library(&sources);
        self.compile("3.6", |compiler| {
            compiler.args(FLAGS).arg("-I").arg(sources.join("include")).arg(&library);
        })
    }

    fn compile(self, version: &str, with: impl FnOnce(&mut Command)) -> PathBuf {
        let source = peers().join(format!("mbedtls_{}.c", self.name()));
        make(&directory().join(format!("{}-{version}", self.name())), &source, |made| {
            let mut compiler = Command::new("cc");
            compiler.args(["-O1", "-o"]).arg(made).arg(&source);
            with(&mut compiler);
            run(&mut compiler);
        })
    }
}

/// The server with Mbed TLS 2.28.
pub(super) fn server_2_28() -> &'static Path {
    static SERVER: OnceLock<PathBuf> = OnceLock::new();
    SERVER.get_or_init(|| Program::Server.over_2_28())
}

/// The server with Mbed TLS 3.6.
pub(super) fn server_3_6() -> &'static Path {
    static SERVER: OnceLock<PathBuf> = OnceLock::new();
    SERVER.get_or_init(|| Program::Server.over_3_6())
}

/// The client with Mbed TLS 2.28.
#[cfg(feature = "server")]
pub(crate) fn client_2_28() -> &'static Path {
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    CLIENT.get_or_init(|| Program::Client.over_2_28())
}

/// The client with Mbed TLS 3.6.
#[cfg(feature = "server")]
pub(crate) fn client_3_6() -> &'static Path {
    static CLIENT: OnceLock<PathBuf> = OnceLock::new();
    CLIENT.get_or_init(|| Program::Client.over_3_6())
}

fn directory() -> PathBuf {
    let directory = target_tmp().join("mbedtls");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mbedtls")
}

/// Where cargo has put Mbed TLS 3.6.
fn sources_3_6() -> PathBuf {
    let manifest = peers().join("mbedtls-3.6/Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    // No packages of other platforms.
    cargo.args(["metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-none"]);
    cargo.args(["--locked", "--manifest-path"]);
    let metadata = String::from_utf8(run(cargo.arg(manifest))).unwrap();
    // JSON on one line, in which a path on Linux stands as it is.
    let end = "/Cargo.toml\"";
    let package = metadata
        .split("\"manifest_path\":\"")
        .filter_map(|rest| rest.split_once(end))
        .map(|(path, _)| path)
        .find(|path| path.contains("/mbedtls-rs-sys-"));
    Path::new(package.expect("mbedtls-rs-sys among the packages")).join("mbedtls")
}

fn compile_library(sources: &Path) -> PathBuf {
    let library = sources.join("library");
    make(&directory().join("libmbedtls-3.6.a"), &library, |archive| {
        let objects = archive.with_added_extension("objects");
        let _ = std::fs::remove_dir_all(&objects);
        std::fs::create_dir_all(&objects).unwrap();
        let mut files: Vec<PathBuf> = std::fs::read_dir(&library)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
            .collect();
        files.sort();
        let (objects_here, library) = (&objects, &library);
        std::thread::scope(|scope| {
            for half in files.chunks(files.len().div_ceil(2)) {
                scope.spawn(move || {
                    let mut compiler = Command::new("cc");
                    compiler.args(FLAGS).arg("-c").current_dir(objects_here);
                    compiler.arg("-I").arg(sources.join("include")).arg("-I").arg(library);
                    run(compiler.args(half));
                });
            }
        });
        let names = std::fs::read_dir(&objects).unwrap().map(|entry| entry.unwrap().path());
        run(Command::new("ar").arg("rcs").arg(archive).args(names));
        std::fs::remove_dir_all(&objects).unwrap();
    })
}

/// Makes `target` unless it is newer than `source`. Where another test program is
/// making it, waits for that.
fn make(target: &Path, source: &Path, build: impl FnOnce(&Path)) -> PathBuf {
    let lock = File::create(target.with_added_extension("lock")).unwrap();
    lock.lock().unwrap();
    let modified = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    if modified(target).is_none_or(|made| modified(source).is_some_and(|source| source > made)) {
        let unfinished = target.with_added_extension("unfinished");
        build(&unfinished);
        std::fs::rename(&unfinished, target).unwrap();
    }
    target.to_path_buf()
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} failed; are gcc and libmbedtls-dev installed?\n{errors}"
    );
    output.stdout
}
