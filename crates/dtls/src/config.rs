//! What a client is told before it connects.

#[cfg(feature = "certificates")]
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

#[cfg(feature = "certificates")]
use crate::certificate::TrustAnchors;
use crate::error::Error;
use crate::record::{Connection, LONGEST_CONNECTION_ID};
use crate::saved_session::SavedSession;
use crate::suite::Policy;

/// The longest identity or key of a pre-shared key (RFC 4279, section 5.3: an
/// implementation must take identities of 128 bytes and keys of 64).
pub const LONGEST_PSK: usize = 1024;

/// Datagrams of the handshake that are longer are cut, unless
/// [`Config::mtu`] says otherwise: what every IPv6 link carries, without the
/// headers of IPv6 and UDP.
pub const DEFAULT_MTU: usize = 1232;

/// The shortest [`Config::mtu`]: a record, a handshake header and some bytes.
pub const SHORTEST_MTU: usize = 256;

/// The longest message of a handshake that is taken, unless
/// [`Config::longest_message`] says otherwise: a chain of four certificates
/// with RSA keys of 4096 bits.
pub const DEFAULT_LONGEST_MESSAGE: usize = 8192;

/// A key that both sides had before.
#[derive(Clone)]
pub struct PreSharedKey {
    pub(crate) identity: Vec<u8>,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl PreSharedKey {
    /// An identity, which is sent in the clear, and its key, which is wiped
    /// when dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if the key is empty or one of them is longer
    /// than [`LONGEST_PSK`]; [`Error::OutOfMemory`].
    pub fn new(identity: &[u8], key: &[u8]) -> Result<Self, Error> {
        if key.is_empty() || key.len() > LONGEST_PSK || identity.len() > LONGEST_PSK {
            return Err(Error::Configuration("a pre-shared key of 1 to 1024 bytes is needed"));
        }
        Ok(Self { identity: copy(identity)?, key: Zeroizing::new(copy(key)?) })
    }
}

impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKey").finish_non_exhaustive()
    }
}

/// What proves the two sides to each other.
#[derive(Clone, Debug)]
pub(crate) enum Authentication {
    #[cfg(feature = "certificates")]
    Certificate {
        host: String,
        anchors: TrustAnchors,
        /// Seconds since 1970.
        time: Option<u64>,
    },
    PreSharedKey(PreSharedKey),
}

/// Whom to connect to, whom to believe and how.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) authentication: Authentication,
    pub(crate) static_rsa: bool,
    pub(crate) cbc: bool,
    pub(crate) connection_id: Option<Connection>,
    pub(crate) resume: Option<SavedSession>,
    pub(crate) mtu: usize,
    pub(crate) longest_message: usize,
    pub(crate) first_timeout_ms: u32,
    pub(crate) longest_timeout_ms: u32,
}

impl Config {
    /// For a server that proves to be `host`, a DNS name or an IP address, by a
    /// certificate that one of `anchors` has signed, directly or through
    /// others. `time` is the date in seconds since 1970; without it, dates are
    /// not checked beyond that there was a time at which everything between the
    /// server's certificate and the anchor was valid, and
    /// [`Client::certificate_dates_were_checked`] says so.
    ///
    /// [`Client::certificate_dates_were_checked`]: crate::Client::certificate_dates_were_checked
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if `host` is neither a name nor an address;
    /// [`Error::OutOfMemory`].
    #[cfg(feature = "certificates")]
    pub fn with_certificates(
        host: &str,
        anchors: TrustAnchors,
        time: Option<u64>,
    ) -> Result<Self, Error> {
        if rustls_pki_types::ServerName::try_from(host).is_err() {
            return Err(Error::Configuration("the host is neither a DNS name nor an IP address"));
        }
        let mut owned = String::new();
        owned.try_reserve_exact(host.len()).map_err(|_| Error::OutOfMemory)?;
        owned.push_str(host);
        Ok(Self::new(Authentication::Certificate { host: owned, anchors, time }))
    }

    /// For a server that knows the same key.
    pub fn with_pre_shared_key(key: PreSharedKey) -> Self {
        Self::new(Authentication::PreSharedKey(key))
    }

    fn new(authentication: Authentication) -> Self {
        Self {
            authentication,
            static_rsa: false,
            cbc: false,
            connection_id: None,
            resume: None,
            mtu: DEFAULT_MTU,
            longest_message: DEFAULT_LONGEST_MESSAGE,
            first_timeout_ms: 1_000,
            longest_timeout_ms: 60_000,
        }
    }

    /// Also offers key exchange by static RSA, after all else. It has no forward
    /// secrecy: who gets the server's key reads all that was ever recorded. Nothing
    /// changes in a build without the feature `static-rsa`.
    #[must_use]
    pub fn static_rsa(mut self, offered: bool) -> Self {
        self.static_rsa = offered;
        self
    }

    /// Also offers AES-CBC with HMAC, after the AEADs. Nothing changes in a build
    /// without the feature `cbc`.
    #[must_use]
    pub fn cbc(mut self, offered: bool) -> Self {
        self.cbc = offered;
        self
    }

    /// Offers connection ids (RFC 9146). `own` is what the server is to put
    /// into its records; empty if this side knows its peer otherwise. The server
    /// chooses what is put into records to it.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if `own` is longer than 32 bytes.
    pub fn connection_id(mut self, own: &[u8]) -> Result<Self, Error> {
        const _: () = assert!(LONGEST_CONNECTION_ID == 32);
        let id = Connection::new(own)
            .ok_or(Error::Configuration("a connection id has at most 32 bytes"))?;
        self.connection_id = Some(id);
        Ok(self)
    }

    /// Offers to go on with this session; the server decides. It must have been
    /// made with the same server.
    #[must_use]
    pub fn resume(mut self, session: SavedSession) -> Self {
        self.resume = Some(session);
        self
    }

    /// The longest datagram of the handshake, at least [`SHORTEST_MTU`] bytes.
    #[must_use]
    pub fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes.max(SHORTEST_MTU);
        self
    }

    /// The longest message of the handshake, and all that are held together.
    #[must_use]
    pub fn longest_message(mut self, bytes: usize) -> Self {
        self.longest_message = bytes;
        self
    }

    /// How long to wait before a flight is sent again, in milliseconds: at
    /// first, at least 1, doubled each time, and at most. 1000 and 60,000 unless
    /// this is called (RFC 6347, section 4.2.4.1).
    #[must_use]
    pub fn timeouts(mut self, first_ms: u32, longest_ms: u32) -> Self {
        self.first_timeout_ms = first_ms.max(1);
        self.longest_timeout_ms = longest_ms.max(self.first_timeout_ms);
        self
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            psk: matches!(self.authentication, Authentication::PreSharedKey(_)),
            static_rsa: self.static_rsa,
            cbc: self.cbc,
        }
    }

    /// False where certificates are believed without a date.
    pub(crate) fn checks_dates(&self) -> bool {
        match &self.authentication {
            #[cfg(feature = "certificates")]
            Authentication::Certificate { time, .. } => time.is_some(),
            Authentication::PreSharedKey(_) => true,
        }
    }

    /// The name for the server name extension, which takes no addresses.
    #[cfg(feature = "certificates")]
    pub(crate) fn host_name(&self) -> Option<&str> {
        use rustls_pki_types::ServerName;
        let Authentication::Certificate { host, .. } = &self.authentication else {
            return None;
        };
        match ServerName::try_from(host.as_str()) {
            Ok(ServerName::DnsName(_)) => Some(host),
            _ => None,
        }
    }
}

/// A copy, or an error where there is no memory for it.
pub(crate) fn copy(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut copied = Vec::new();
    copied.try_reserve_exact(bytes.len()).map_err(|_| Error::OutOfMemory)?;
    copied.extend_from_slice(bytes);
    Ok(copied)
}
