//! The time until which access tokens were expired by hand, in a file: they are valid by
//! themselves, and a server that has forgotten would take them again.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::state::{StateDir, about, replace_for_good};

/// The file. Servers that share a folder share it from their next start on.
pub(crate) struct ExpiryFile(PathBuf);

impl ExpiryFile {
    pub(crate) fn of(state: &StateDir) -> Self {
        Self(state.file("tokens-expired"))
    }

    /// The time, in microseconds since 1970; 0 if there is none.
    pub(crate) fn read(&self) -> io::Result<u64> {
        let Self(path) = self;
        match fs::read_to_string(path) {
            Ok(text) => text.trim().parse().map_err(|_| {
                let text = format!(
                    "{} is damaged: it says until when access tokens were expired by hand, in \
                     microseconds since 1970; delete it, and expire them again, or change the \
                     key file if nobody can wait for that",
                    path.display()
                );
                io::Error::new(io::ErrorKind::InvalidData, text)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(about("cannot read", path, &error)),
        }
    }

    pub(crate) fn write(&self, until: u64) -> io::Result<()> {
        replace_for_good(&self.0, format!("{until}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nonsense_says_what_to_do() {
        let state = StateDir::open(None).expect("a temporary folder");
        let file = ExpiryFile::of(&state);
        assert_eq!(file.read().expect("nothing is no error"), 0);
        file.write(1_498_812_395_000_000).expect("written");
        assert_eq!(file.read().expect("read"), 1_498_812_395_000_000);
        for nonsense in ["", "soon", "-1"] {
            fs::write(&file.0, nonsense).expect("written");
            let error = file.read().expect_err(nonsense).to_string();
            assert!(error.contains("tokens-expired") && error.contains("delete it"), "{error}");
        }
    }
}
