//! The console's password: kept as its digest, compared in constant time.

use std::fmt;
use std::str::FromStr;

use openssl::sha::sha256;

use crate::sign::equal;

/// The password of a console.
#[derive(Clone)]
pub struct Password([u8; 32]);

impl Password {
    /// The fewest bytes of one.
    pub const LEAST_BYTES: usize = 12;

    pub(super) fn is(&self, attempt: &[u8]) -> bool {
        equal(&self.0, &sha256(attempt))
    }
}

impl FromStr for Password {
    type Err = String;

    /// Takes a password of [`Password::LEAST_BYTES`] or more; white space around it is
    /// no part of it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() < Self::LEAST_BYTES {
            return Err(format!(
                "the console's password is shorter than {} bytes",
                Self::LEAST_BYTES
            ));
        }
        Ok(Self(sha256(text.as_bytes())))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Password").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Password;

    #[test]
    fn it_is_itself_and_nothing_else() {
        let password: Password = "correct horse\n".parse().expect("long enough");
        assert!(password.is(b"correct horse"));
        for wrong in [&b"correct hors"[..], b"correct horse\n", b""] {
            assert!(!password.is(wrong));
        }
        assert!("  too short  ".parse::<Password>().is_err());
        assert!(!format!("{password:?}").contains("horse"));
    }
}
