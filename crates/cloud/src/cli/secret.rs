//! Passwords from a file or the environment: never from the command line, which
//! every user of the machine can read. Nor can the file be read by all of them.

use std::env;
use std::io;
use std::path::Path;

use iot_coap_cloud::read_secret;
use zeroize::Zeroizing;

/// A password and where it comes from, for errors.
pub(super) struct Secret {
    pub(super) text: Zeroizing<String>,
    pub(super) source: String,
}

/// The text of the file or, where none is named, of the variable, if it has any.
pub(super) fn read(file: Option<&Path>, variable: &str) -> io::Result<Option<Secret>> {
    if let Some(path) = file {
        let source = path.display().to_string();
        return Ok(Some(Secret { text: read_secret(path)?, source }));
    }
    match env::var(variable) {
        Ok(text) if text.is_empty() => Ok(None),
        Err(env::VarError::NotPresent) => Ok(None),
        Ok(text) => Ok(Some(Secret { text: text.into(), source: variable.to_owned() })),
        Err(error) => Err(io::Error::other(format!("cannot read {variable}: {error}"))),
    }
}
