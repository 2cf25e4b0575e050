//! Files with secrets, which others may not be able to read. A file that is open to others is
//! refused, with the command that closes it where that is right: of a file that is the user's own
//! and looks like what it should be. Of any other it would do harm.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::state::about;

/// Who may read a file with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner alone: what a server keeps for itself.
    Owner,
    /// Its group too, as packages give files to the user that a server runs as.
    Group,
}

/// What a file with secrets is to be.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// With its article.
    pub(crate) what: &'static str,
    pub(crate) readers: Readers,
    /// Whether a text may be one, though there may be mistakes in it.
    pub(crate) fits: fn(&str) -> bool,
}

/// A password, or an identity and its key.
const ONE_LINE: Kind = Kind {
    what: "a secret in one line",
    readers: Readers::Group,
    fits: |text| text.lines().filter(|line| !line.trim().is_empty()).count() == 1,
};

/// The content of such a file.
pub(crate) fn read_private(path: &Path, kind: Kind) -> io::Result<Zeroizing<Vec<u8>>> {
    let cannot = |error: &io::Error| about("cannot read", path, error);
    let mut file = File::open(path).map_err(|error| cannot(&error))?;
    let metadata = file.metadata().map_err(|error| cannot(&error))?;
    if metadata.is_dir() {
        return Err(cannot(&io::ErrorKind::IsADirectory.into()));
    }
    let mode = metadata.permissions().mode();
    let open = match kind.readers {
        Readers::Owner => mode & 0o077,
        Readers::Group => mode & 0o027,
    };
    let mut content = Zeroizing::new(Vec::new());
    // A device, or a pipe, may have no end.
    if open == 0 || metadata.is_file() {
        file.read_to_end(&mut content).map_err(|error| cannot(&error))?;
    }
    if open == 0 {
        return Ok(content);
    }
    let own = rustix::process::geteuid().as_raw();
    let remedy = remedy(path, &metadata, own, kind, str::from_utf8(&content).unwrap_or_default());
    let text = format!("{} is open to others (mode {:o}): {remedy}", path.display(), mode & 0o777);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// What `own`, the user of this id, is to do about a file that is open to others.
fn remedy(path: &Path, metadata: &Metadata, own: u32, kind: Kind, text: &str) -> String {
    let what = kind.what;
    if !metadata.is_file() {
        return format!("it is no file; name one with {what}");
    }
    if !(kind.fits)(text) {
        return format!(
            "it does not look like a file with {what}; name one that does, with mode 600"
        );
    }
    if metadata.uid() != own {
        let owner = metadata.uid();
        return format!(
            "it has {what}, and belongs to another user (uid {owner}), who can close it; or name a \
             file of your own, with mode 600"
        );
    }
    format!("it has {what}; run: chmod 600 {}", quoted(path))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./,:@%+=-".contains(&byte)) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The text of a file with a secret in one line, such as a password.
///
/// # Errors
///
/// It cannot be read, is no text, or can be read or changed by others than its owner and,
/// to read it, its group.
pub fn read_secret(path: &Path) -> io::Result<Zeroizing<String>> {
    let content = read_private(path, ONE_LINE)?;
    let text = str::from_utf8(&content).map_err(|error| {
        about("cannot read", path, &io::Error::new(io::ErrorKind::InvalidData, error))
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;
    use crate::state::{StateDir, replace};

    const KEY: Kind = Kind { what: "a key", readers: Readers::Owner, fits: |text| text == "key" };

    fn refused(path: &Path, mode: u32, kind: Kind) -> String {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
        read_private(path, kind).expect_err("it is open").to_string()
    }

    #[test]
    fn a_file_that_is_open_is_refused_with_the_command_that_closes_it() {
        let state = StateDir::open(None).expect("a temporary folder");
        let path = state.file("it's a key");
        replace(&path, b"key").expect("written");
        assert_eq!(**read_private(&path, KEY).expect("closed"), *b"key");
        let group = Kind { readers: Readers::Group, ..KEY };
        for (mode, kind) in [(0o640, KEY), (0o644, group), (0o660, group)] {
            let said = refused(&path, mode, kind);
            assert!(said.contains(&format!("(mode {mode:o})")), "{said}");
            let (_, command) = said.split_once("run: ").expect("a command");
            assert!(command.starts_with("chmod 600 "), "{said}");
            let status = std::process::Command::new("sh").args(["-c", command]).status();
            assert!(status.expect("a shell").success(), "{command}");
            read_private(&path, kind).expect("closed");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        read_private(&path, group).expect("its group may read it");
    }

    #[test]
    fn no_command_is_given_for_a_file_that_is_something_else_or_somebody_elses() {
        let state = StateDir::open(None).expect("a temporary folder");
        let path = state.file("list");
        replace(&path, b"root:x:0:0").expect("written");
        let said = refused(&path, 0o644, KEY);
        assert!(
            said.contains("does not look like a file with a key") && !said.contains("chmod"),
            "{said}"
        );
        let metadata = fs::metadata(&path).expect("it is there");
        let said = remedy(&path, &metadata, metadata.uid() + 1, KEY, "key");
        let owner = format!("uid {}", metadata.uid());
        assert!(said.contains(&owner) && !said.contains("chmod"), "{said}");
        for path in ["/dev/null", "/dev/zero"] {
            let said = read_private(Path::new(path), KEY).expect_err("open").to_string();
            assert!(said.contains("it is no file") && !said.contains("chmod"), "{said}");
        }
    }
}
