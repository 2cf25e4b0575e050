//! Files that outlive a run: keys and certificates, each made once and then
//! read again, also when two servers start at the same moment.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::private::{Kind, Readers, read_private};
use crate::random;
use crate::sign::hex;

/// The folder of a server's files.
pub(crate) struct StateDir {
    path: PathBuf,
    temporary: bool,
}

impl StateDir {
    /// A given folder, made if need be, or one of its own that goes with it.
    pub(crate) fn open(given: Option<&Path>) -> io::Result<Self> {
        let path = given.map_or_else(
            || {
                let name = format!("iot-coap-cloud-{}", hex(&random::unpredictable::<8>()));
                std::env::temp_dir().join(name)
            },
            Path::to_path_buf,
        );
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| {
            let what = "--state names the folder for keys; cannot make";
            about(what, &path, &error)
        })?;
        Ok(Self { temporary: given.is_none(), path })
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        if self.temporary {
            // What is left behind in a temporary folder harms nobody.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The content of a private file; `make` says it when there is none yet.
pub(crate) fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> io::Result<Vec<u8>>,
) -> io::Result<Zeroizing<Vec<u8>>> {
    if !path.try_exists().map_err(|error| about("cannot read", path, &error))? {
        link_private(path, &make()?)?;
    }
    let kept = "what the server keeps";
    read_private(path, Kind { what: kept, readers: Readers::Owner, fits: |_| true })
}

/// Makes a private file where there is none yet.
pub(crate) fn create_private<C: AsRef<[u8]>>(
    path: &Path,
    make: impl FnOnce() -> C,
) -> io::Result<()> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => link_private(path, make().as_ref()),
        Err(error) => Err(about("cannot read", path, &error)),
    }
}

fn link_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let written = write_private(path, content, |file, temporary| {
        file.sync_all()?;
        // A link never replaces what another server put there meanwhile.
        match fs::hard_link(temporary, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => sync_folder(path),
        }
    });
    written.map_err(|error| about("cannot write", path, &error))
}

/// Puts a file in place at once, so that nobody reads half of it. One that is made again at each
/// start need not outlive a loss of power.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    write_private(path, content, |_, temporary| fs::rename(temporary, path))
        .map_err(|error| about("cannot write", path, &error))
}

/// Likewise; after a loss of power there is all of it, or what was there before.
pub(crate) fn replace_for_good(path: &Path, content: &[u8]) -> io::Result<()> {
    let put = |file: &File, temporary: &Path| {
        file.sync_all()?;
        fs::rename(temporary, path)?;
        sync_folder(path)
    };
    write_private(path, content, put).map_err(|error| about("cannot write", path, &error))
}

fn write_private(
    path: &Path,
    content: &[u8],
    put: impl FnOnce(&File, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", hex(&random::unpredictable::<8>())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let result = file.write_all(content).and_then(|()| put(&file, &temporary));
    let _ = fs::remove_file(&temporary);
    result
}

/// Waits until what was put into the folder of a file, or taken out of it, stays so after a loss
/// of power.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

pub(crate) fn about(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_made_once_and_a_temporary_folder_goes() {
        let state = StateDir::open(None).expect("a temporary folder");
        let file = state.file("key");
        let make = |text: &'static str| move || Ok(text.as_bytes().to_vec());
        assert_eq!(**read_or_create(&file, make("one")).expect("made"), *b"one");
        assert_eq!(**read_or_create(&file, make("two")).expect("read"), *b"one");
        replace(&file, b"two").expect("replaced");
        replace_for_good(&file, b"three").expect("replaced");
        assert_eq!(**read_or_create(&file, make("two")).expect("read"), *b"three");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("ours");
        let error = read_or_create(&file, make("two")).expect_err("others can read it");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        let folder = fs::read_dir(&state.path).expect("readable");
        assert_eq!(folder.count(), 1, "no temporary file is left");
        let path = state.path.clone();
        drop(state);
        assert!(!path.exists());
    }
}
