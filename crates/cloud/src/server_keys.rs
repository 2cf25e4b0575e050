//! The secrets of a server, and the file that servers share them by. They sign access
//! tokens, and others are derived from them, for the tickets and saved sessions of DTLS.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use openssl::hash::MessageDigest;
use zeroize::Zeroizing;

use crate::private::{Kind, Readers, read_private};
use crate::random;
use crate::sign::{hex, hmac, unhex};
use crate::state::{StateDir, about, create_private};

/// As many as HMAC-SHA256 puts out (RFC 2104 section 3).
const SHORTEST: usize = 32;

/// Far more than a rotation needs.
const MOST: usize = 16;

/// A key may stand beside lines with mistakes.
const OF_KEYS: Kind = Kind {
    what: "keys of servers",
    readers: Readers::Owner,
    fits: |text| {
        let is_key = |line: &str| line.len() >= 2 * SHORTEST && unhex(line.as_bytes()).is_some();
        text.lines().map(str::trim).any(is_key)
    },
};

/// The keys of access tokens and DTLS tickets: the first signs and seals, all of them verify
/// and open.
///
/// Servers with the same keys accept each other's tokens and tickets. A key is replaced
/// without a device noticing: add the new one as the second of every server,
/// then make it the first, and take the old one away when the last token that it
/// signed has expired.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKeys(Vec<Zeroizing<Vec<u8>>>);

impl ServerKeys {
    /// One key that nobody else has.
    pub fn random() -> Self {
        Self(vec![Zeroizing::new(random::unpredictable::<SHORTEST>().to_vec())])
    }

    /// Reads the keys from a file that only its owner may read: a key a line, in
    /// hexadecimal, of 32 bytes or more, as `openssl rand -hex 32` writes it;
    /// empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    ///
    /// The file cannot be read, others may read or write it, or it is not of
    /// this form; the message says which line.
    pub fn load(path: &Path) -> io::Result<Self> {
        let content = read_private(path, OF_KEYS)?;
        let text = str::from_utf8(&content).map_err(|error| {
            about("cannot read", path, &io::Error::new(io::ErrorKind::InvalidData, error))
        })?;
        Self::parse(text).map_err(|reason| {
            let text = format!("{}: {reason}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    /// Like [`ServerKeys::load`]; where there is no file yet, makes one with one
    /// key. Servers that start at the same moment end up with the same.
    ///
    /// # Errors
    ///
    /// Those of [`ServerKeys::load`], or the file cannot be written.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        Self::load_or_make(path, "name a file that is not there yet")
    }

    /// Likewise; `otherwise` is what the user can do instead of mending the file.
    fn load_or_make(path: &Path, otherwise: &str) -> io::Result<Self> {
        create_private(path, || {
            let key = Zeroizing::new(random::unpredictable::<SHORTEST>());
            Zeroizing::new(format!("{}\n", hex(&*key)).into_bytes())
        })?;
        Self::load(path).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                let text = format!(
                    "{error}; mend that, or {otherwise}: new keys are made then, and devices sign \
                     in and shake hands again"
                );
                io::Error::new(error.kind(), text)
            }
            _ => error,
        })
    }

    /// The keys of a folder that keeps a server's files; both are made if need be.
    ///
    /// # Errors
    ///
    /// Those of [`ServerKeys::load_or_create`], or the folder cannot be made.
    pub fn of_state_dir(folder: &Path) -> io::Result<Self> {
        StateDir::open(Some(folder))?;
        Self::load_or_make(&Self::file_in(folder), "delete the file")
    }

    /// Where the keys are in a folder that keeps a server's files.
    pub fn file_in(folder: &Path) -> PathBuf {
        folder.join("server.keys")
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The line itself never stands in an error.
            let key = unhex(line.as_bytes())
                .ok_or_else(|| format!("line {number} is not hexadecimal"))?;
            let key = Zeroizing::new(key);
            if key.len() < SHORTEST {
                return Err(format!(
                    "the key in line {number} has {} bytes, fewer than {SHORTEST}; \
                     openssl rand -hex {SHORTEST} makes one",
                    key.len()
                ));
            }
            if keys.contains(&key) {
                return Err(format!("the key in line {number} stands there twice"));
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(format!("there is no key; openssl rand -hex {SHORTEST} makes one")),
            1..=MOST => Ok(Self(keys)),
            count => Err(format!("{count} keys are more than {MOST}")),
        }
    }

    /// The key that signs.
    pub(crate) fn first(&self) -> &[u8] {
        // Neither constructor leaves it empty.
        self.0.first().map_or(&[], |key| key.as_slice())
    }

    /// The keys that verify, the one that signs first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|key| key.as_slice())
    }

    /// Keys for something else, one for each.
    pub(crate) fn derived<'k>(
        &'k self,
        purpose: &str,
    ) -> impl Iterator<Item = Zeroizing<Vec<u8>>> + use<'k> {
        let purpose = format!("iot-coap-cloud {purpose}");
        self.all()
            .map(move |key| Zeroizing::new(hmac(MessageDigest::sha256(), key, purpose.as_bytes())))
    }
}

// Not one byte of a key is printed.
impl fmt::Debug for ServerKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServerKeys({} of them)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_key_is_a_line() {
        let other = ONE.replace("00", "ff").to_uppercase();
        let text = format!("# signs since the spring\n{ONE}\n\n  {other}\r\n");
        let keys = ServerKeys::parse(&text).expect("two keys");
        let lengths: Vec<_> = keys.all().map(<[u8]>::len).collect();
        assert_eq!(lengths, [32, 32]);
        assert_eq!(keys.first()[..3], [0, 1, 2]);
        assert_eq!(format!("{keys:?}"), "ServerKeys(2 of them)");
    }

    #[test]
    fn a_mistake_is_named_and_the_key_is_not() {
        let many: Vec<String> = (0..17).map(|number| format!("{number:064x}")).collect();
        let many = many.join("\n");
        for (text, named) in [
            ("", "no key"),
            ("# nothing\n", "no key"),
            ("\nsecret", "line 2 is not hexadecimal"),
            (&ONE[..62], "line 1 has 31 bytes"),
            (&format!("{ONE}\n{ONE}"), "line 2 stands there twice"),
            (&many, "17 keys"),
        ] {
            let error = ServerKeys::parse(text).expect_err(named);
            assert!(error.contains(named), "{error}");
            assert!(!error.contains("secret") && !error.contains("0001"), "{error}");
        }
    }
}
