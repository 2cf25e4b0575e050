//! Keys, certificates and files that servers are started with.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::certificates::{GOOD, Identity, ec_key, leaf, root, rsa_key};
use iot_coap_dtls::{Config, PreSharedKey};
use openssl::hash::MessageDigest;

/// The source of randomness of the system.
pub(crate) type SystemRandom = getrandom::SysRng;

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A root and a server under it, by RSA.
pub(crate) fn rsa() -> (Identity, Identity) {
    let root = root(rsa_key(), MessageDigest::sha256());
    let server = leaf(&root, rsa_key(), &GOOD);
    (root, server)
}

/// A root and a server under it, by ECDSA.
pub(crate) fn ecdsa() -> (Identity, Identity) {
    let root = root(ec_key(), MessageDigest::sha256());
    let server = leaf(&root, ec_key(), &GOOD);
    (root, server)
}

pub(crate) const IDENTITY: &str = "sensor-7";
pub(crate) const PSK: &[u8] = b"0123456789abcdef";

/// For a server that knows [`PSK`].
pub(crate) fn pre_shared_key() -> Config {
    Config::with_pre_shared_key(PreSharedKey::new(IDENTITY.as_bytes(), PSK).unwrap())
}

/// A fresh directory, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dtls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
