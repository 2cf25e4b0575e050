//! Passwords from a file or the environment: never from the command line, which
//! every user of the machine can read.

use std::env;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

/// A password and where it comes from, for errors.
pub(super) struct Secret {
    pub(super) text: Zeroizing<String>,
    pub(super) source: String,
}

/// The text of the file or, where none is named, of the variable, if it has any.
pub(super) fn read(file: Option<&Path>, variable: &str) -> io::Result<Option<Secret>> {
    let (text, source) = match file {
        Some(path) => (std::fs::read_to_string(path), path.display().to_string()),
        None => match env::var(variable) {
            Ok(text) if text.is_empty() => return Ok(None),
            Err(env::VarError::NotPresent) => return Ok(None),
            text => (text.map_err(io::Error::other), variable.to_owned()),
        },
    };
    let text = text
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {source}: {error}")))?;
    Ok(Some(Secret { text: Zeroizing::new(text), source }))
}
