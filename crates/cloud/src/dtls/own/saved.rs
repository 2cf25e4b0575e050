//! Sessions that outlive the process, in a file that its successor deletes before it uses it:
//! to go on twice from the same state would use the same nonces twice.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use iot_coap_dtls::SealingKey;
use serde::{Deserialize, Serialize};

use crate::events::unix_ms;
use crate::server_keys::ServerKeys;
use crate::state::{about, replace_for_good, sync_folder};

/// The version of the file's form.
const FORMAT: u8 = 1;

/// What is sealed with a session, so that nobody gives it to another client.
#[derive(Serialize, Deserialize)]
pub(super) struct About {
    pub(super) address: SocketAddr,
    /// Which of the server's sockets.
    pub(super) socket: usize,
    /// The connection id, if there is one.
    pub(super) id: Option<Vec<u8>>,
    pub(super) is_proven: bool,
    /// When the client was last heard, in milliseconds since 1970.
    heard: u64,
    /// What is only told; files of earlier versions have none of it.
    #[serde(default)]
    pub(super) saves: u32,
    #[serde(default)]
    pub(super) moves: u16,
}

impl About {
    pub(super) fn new(
        (socket, address): (usize, SocketAddr),
        id: Option<Vec<u8>>,
        is_proven: bool,
        silent: Duration,
    ) -> Self {
        let silent = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
        let heard = unix_ms().saturating_sub(silent);
        Self { address, socket, id, is_proven, heard, saves: 0, moves: 0 }
    }

    /// For how long the client has been silent by now.
    pub(super) fn silent(&self) -> Duration {
        Duration::from_millis(unix_ms().saturating_sub(self.heard))
    }

    /// What the session is sealed for.
    pub(super) fn context(&self) -> Vec<u8> {
        let Self { address, socket, id, is_proven, heard, .. } = self;
        format!("iot-coap-cloud session {address} {socket} {id:?} {is_proven} {heard}").into_bytes()
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    format: u8,
    sessions: Vec<(About, Vec<u8>)>,
}

/// The keys of saved sessions: the first seals.
pub(super) fn sealing_keys(keys: &ServerKeys) -> Vec<SealingKey> {
    // A derived key is never too short.
    keys.derived("DTLS sessions").filter_map(|key| SealingKey::new(&key).ok()).collect()
}

/// The file, which is one server's as long as this exists.
pub(super) struct SavedFile {
    path: PathBuf,
    _lock: File,
}

impl SavedFile {
    /// `None` if another server has it.
    pub(super) fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let lock = path.with_extension("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&lock).map_err(|error| about("cannot open", &lock, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { path, _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(about("cannot lock", &lock, &error)),
        }
    }

    /// Writes the sessions, readable by the file's owner alone.
    pub(super) fn write(&self, sessions: Vec<(About, Vec<u8>)>) -> io::Result<()> {
        let mut content = Vec::new();
        ciborium::into_writer(&Saved { format: FORMAT, sessions }, &mut content)
            .map_err(io::Error::other)?;
        replace_for_good(&self.path, &content)
    }

    /// Takes the sessions that were saved, if there are any, and deletes the file first.
    pub(super) fn take(&self) -> io::Result<Vec<(About, Vec<u8>)>> {
        take(&self.path)
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }
}

fn take(path: &Path) -> io::Result<Vec<(About, Vec<u8>)>> {
    let content = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        content => content.map_err(|error| about("cannot read", path, &error))?,
    };
    delete(path).map_err(|error| about("cannot delete", path, &error))?;
    match ciborium::from_reader(&content[..]) {
        Ok(Saved { format: FORMAT, sessions }) => Ok(sessions),
        Ok(_) => Err(damaged(path, "they are from another version")),
        Err(_) => Err(damaged(path, "it is damaged")),
    }
}

/// Deletes the file, and waits until that is so after a loss of power too.
fn delete(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder(path)
}

fn damaged(path: &Path, reason: &str) -> io::Error {
    let text = format!(
        "the sessions in {} cannot be used: {reason}; the file is deleted, and their devices \
         shake hands again",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateDir;

    #[test]
    fn a_file_of_an_earlier_version_is_taken() {
        #[derive(Serialize)]
        struct Before {
            address: SocketAddr,
            socket: usize,
            id: Option<Vec<u8>>,
            is_proven: bool,
            heard: u64,
        }
        let address = ([192, 0, 2, 1], 5684).into();
        let before = Before { address, socket: 3, id: None, is_proven: true, heard: 7 };
        let mut content = Vec::new();
        ciborium::into_writer(&before, &mut content).expect("written");
        let about: About = ciborium::from_reader(&content[..]).expect("read");
        assert_eq!((about.saves, about.moves, about.heard), (0, 0, 7));
        // It is sealed for what it always was.
        let context = "iot-coap-cloud session 192.0.2.1:5684 3 None true 7";
        assert_eq!(about.context(), context.as_bytes());
    }

    #[test]
    fn a_file_is_taken_once_whatever_is_in_it() {
        let state = StateDir::open(None).expect("a temporary folder");
        let path = state.file("sessions");
        assert!(take(&path).expect("nothing is no error").is_empty());
        let address = ([192, 0, 2, 1], 5684).into();
        let about = About::new((3, address), Some(vec![1]), true, Duration::from_mins(1));
        let context = about.context();
        let file = SavedFile::open(path.clone()).expect("a lock").expect("nobody else's");
        file.write(vec![(about, vec![7; 9])]).expect("written");
        assert!(SavedFile::open(path.clone()).expect("a lock").is_none(), "it has an owner");
        let taken = file.take().expect("readable");
        assert_eq!(taken[0].0.context(), context);
        assert_eq!(taken[0].1, [7; 9]);
        assert!(taken[0].0.silent() >= Duration::from_mins(1));
        assert!(!path.exists());
        for content in [&b""[..], b"\xFFnonsense", &[0xA1, 0x61, 0x61, 0x01]] {
            fs::write(&path, content).expect("written");
            let error = take(&path).err().expect("not of this form").to_string();
            assert!(error.contains("is deleted"), "{error}");
            assert!(!path.exists());
        }
    }
}
