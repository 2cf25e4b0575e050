//! Where tests keep files: below cargo's target folder, which `cargo clean` empties.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder of cargo's profile, where the programs of a package lie, and which tests
/// may write to.
pub fn profile_dir() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its path");
    let folder = program.ancestors().nth(2).expect("tests lie in <profile>/deps");
    folder.to_path_buf()
}

/// The folder of cargo's target folder that tests may write to: `CARGO_TARGET_TMPDIR`,
/// which cargo tells test programs alone, and not what they link.
pub fn target_tmp() -> PathBuf {
    let folder = profile_dir().with_file_name("tmp");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// A fresh folder, removed at the end.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one that no other test has.
    #[expect(clippy::new_without_default, reason = "it is made on disk")]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = target_tmp().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, which need not be there.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.file(name);
        std::fs::write(&path, content).expect("the folder can be written");
        path.into_os_string().into_string().expect("the target folder's path is UTF-8")
    }

    /// The same for a file that nobody else may read.
    pub fn write_secret(&self, name: &str, content: &[u8]) -> String {
        let path = self.write(name, content);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("it is ours");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
