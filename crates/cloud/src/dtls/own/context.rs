//! What all connections share: certificate, pre-shared key, suites, and the keys of tickets,
//! which are others each day.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use iot_coap_dtls::server::{
    self, Config, Hello, Identity, PreSharedKeys, SignatureScheme, Signer,
};
use iot_coap_dtls::{Error, Instant, PreSharedKey, SealingKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;
use zeroize::Zeroizing;

use crate::certificates::ServerCertificate;
use crate::config::DtlsConfig;
use crate::dtls::claimed::{Claimed, without_key};
use crate::dtls::remedy::remedy;
use crate::events::Event;
use crate::server_keys::ServerKeys;

pub(super) type Connection = server::Connection<SysRng>;

const DAY: u64 = 24 * 60 * 60;

/// How often a flight goes out again to a client that has not proved itself.
const MAX_REPEATS: u8 = 3;

/// Makes connections.
pub(super) struct Context {
    config: Arc<Config>,
    /// What `config` is made of again each day.
    day: u64,
    shown: Shown,
    gate: Arc<Gate>,
    pre_shared_key: Option<Arc<OneKey>>,
    tickets: Option<ServerKeys>,
    mtu: usize,
}

impl Context {
    pub(super) fn new(
        config: &DtlsConfig,
        certificate: &ServerCertificate,
        keys: &ServerKeys,
    ) -> io::Result<Self> {
        let gate = Arc::new(Gate {
            is_permitted: AtomicBool::new(true),
            is_asked: AtomicBool::new(false),
        });
        let mut context = Self {
            config: Arc::default(),
            day: today(),
            shown: Shown::new(certificate, &gate)?,
            gate,
            pre_shared_key: config.pre_shared_key.as_ref().map(OneKey::new).transpose()?,
            tickets: config.resumption.then(|| keys.clone()),
            mtu: config.mtu as usize,
        };
        context.config = context.make(&context.shown).map_err(|error| refused(&error))?;
        Ok(context)
    }

    pub(super) fn accept(
        &mut self,
        hello: &Hello,
        id: &[u8],
        now: Instant,
    ) -> Result<Connection, Error> {
        if self.day != today() {
            self.day = today();
            self.config = self.make(&self.shown)?;
        }
        Connection::accept(&self.config, hello, Some(id), SysRng, now)
    }

    /// Whether the key may sign from here on.
    pub(super) fn permit_signatures(&self, permitted: bool) {
        self.gate.is_permitted.store(permitted, Ordering::Relaxed);
    }

    /// Whether a signature was asked for since this was last asked.
    pub(super) fn take_asked(&self) -> bool {
        self.gate.is_asked.swap(false, Ordering::Relaxed)
    }

    /// What the client has claimed to be whose datagram was read last, if it just has.
    pub(super) fn take_claimed(&self) -> Option<Claimed> {
        self.pre_shared_key.as_ref().and_then(|key| key.claimed().take())
    }

    /// Why a client that has said hello does not get in.
    pub(super) fn reason(&self, error: &Error) -> String {
        without_key(error.to_string(), self.pre_shared_key.is_some())
    }

    /// The event of a handshake that failed.
    pub(super) fn failed(&self, peer: SocketAddr, reason: String) -> Event {
        let remedy = remedy(&reason, &self.shown.root);
        Event::DtlsFailed { peer, reason, remedy }
    }

    pub(super) fn import(&self, blob: &[u8], key: &SealingKey, what: &[u8]) -> Option<Connection> {
        Connection::import(&self.config, blob, key, what, SysRng).ok()
    }

    pub(super) fn set_keys(&mut self, keys: &ServerKeys) -> io::Result<()> {
        if let Some(tickets) = &mut self.tickets {
            let before = std::mem::replace(tickets, keys.clone());
            match self.make(&self.shown) {
                Ok(config) => self.config = config,
                Err(error) => {
                    self.tickets = Some(before);
                    return Err(io::Error::other(error.to_string()));
                }
            }
        }
        Ok(())
    }

    pub(super) fn set_certificate(&mut self, certificate: &ServerCertificate) -> io::Result<()> {
        let shown = Shown::new(certificate, &self.gate)?;
        self.config = self.make(&shown).map_err(|error| refused(&error))?;
        self.shown = shown;
        Ok(())
    }

    fn make(&self, shown: &Shown) -> Result<Arc<Config>, Error> {
        let chain: Vec<_> = shown.chain.iter().map(Vec::as_slice).collect();
        let signer = Arc::clone(&shown.key);
        let mut config = Config::new()
            .identity(Identity::new(&chain, signer)?)?
            .cbc(true)
            .mtu(self.mtu)
            .max_repeats(MAX_REPEATS);
        if let Some(key) = &self.pre_shared_key {
            let key: Arc<dyn PreSharedKeys> = key.clone();
            config = config.pre_shared_keys(key);
        }
        if let Some(keys) = &self.tickets {
            // The first key of today seals; a ticket of yesterday's is still good.
            let days = [self.day, self.day.saturating_sub(1)];
            let keys = days.iter().flat_map(|day| keys.derived(&format!("DTLS tickets {day}")));
            let keys: Vec<_> = keys.map(|key| SealingKey::new(&key)).collect::<Result<_, _>>()?;
            config = config.ticket_keys(keys.into(), DAY as u32);
        }
        Ok(Arc::new(config))
    }
}

/// A certificate with its chain, and its key.
struct Shown {
    chain: Vec<Vec<u8>>,
    key: Arc<Key>,
    /// The file of the root that clients shall trust.
    root: PathBuf,
}

impl Shown {
    fn new(certificate: &ServerCertificate, gate: &Arc<Gate>) -> io::Result<Self> {
        let known = certificate.leaf.public_key()?;
        if !known.public_eq(&certificate.key) {
            return Err(refused(&"the private key is not that of the certificate"));
        }
        let chain = std::iter::once(&certificate.leaf).chain(&certificate.intermediates);
        let chain = chain.map(|each| each.to_der()).collect::<Result<Vec<_>, ErrorStack>>()?;
        let root = certificate.root_path.clone();
        Ok(Self { chain, key: Arc::new(Key::new(&certificate.key, gate)?), root })
    }
}

/// Days since 1970.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY
}

fn refused(reason: &dyn fmt::Display) -> io::Error {
    let text = format!("the certificate and its key cannot be used: {reason}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// A private key, by OpenSSL: in constant time, and fast.
struct Key {
    key: PKey<Private>,
    schemes: &'static [SignatureScheme],
    gate: Arc<Gate>,
}

/// Whether keys may sign, those of handshakes that began before a change too.
struct Gate {
    is_permitted: AtomicBool,
    is_asked: AtomicBool,
}

impl Key {
    fn new(key: &PKey<Private>, gate: &Arc<Gate>) -> io::Result<Self> {
        let schemes: &[_] = match key.id() {
            Id::RSA => &[SignatureScheme::RsaSha256, SignatureScheme::RsaPssSha256],
            Id::EC => &[SignatureScheme::EcdsaSha256],
            _ => {
                return Err(refused(
                    &"it is neither an RSA nor an ECDSA key; --dtls-engine openssl takes others",
                ));
            }
        };
        Ok(Self { key: key.clone(), schemes, gate: Arc::clone(gate) })
    }
}

impl Signer for Key {
    fn schemes(&self) -> &[SignatureScheme] {
        self.schemes
    }

    fn may_sign(&self) -> bool {
        self.gate.is_asked.store(true, Ordering::Relaxed);
        self.gate.is_permitted.load(Ordering::Relaxed)
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Option<Vec<u8>> {
        let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &self.key).ok()?;
        if scheme == SignatureScheme::RsaPssSha256 {
            signer.set_rsa_padding(Padding::PKCS1_PSS).ok()?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).ok()?;
        }
        signer.sign_oneshot_to_vec(message).ok()
    }
}

/// The key of devices that have no certificate to trust.
struct OneKey {
    identity: String,
    key: Zeroizing<String>,
    /// What was last asked for.
    claimed: Mutex<Option<Claimed>>,
}

impl OneKey {
    fn new((identity, key): &(String, String)) -> io::Result<Arc<Self>> {
        let key = Zeroizing::new(key.clone());
        let this = Self { identity: identity.clone(), key, claimed: Mutex::default() };
        this.key(identity.as_bytes()).map_err(|error| {
            let text = format!("the pre-shared key cannot be used: {error}");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })?;
        Ok(Arc::new(this))
    }

    fn claimed(&self) -> MutexGuard<'_, Option<Claimed>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, identity: &[u8]) -> Result<PreSharedKey, Error> {
        PreSharedKey::new(identity, self.key.as_bytes())
    }
}

impl PreSharedKeys for OneKey {
    fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error> {
        let claimed = Claimed::of(identity, (&self.identity, &self.key));
        let is_known = claimed.is_known();
        *self.claimed() = Some(claimed);
        is_known.then(|| self.key(identity)).transpose()
    }
}
