//! The configuration that all connections of a server share.

use alloc::sync::Arc;
#[cfg(feature = "certificates")]
use alloc::vec::Vec;
use core::fmt;

use iot_coap_time::Duration;

use super::client_hello::ClientHello;
#[cfg(feature = "certificates")]
use super::identity::{Identity, SignatureScheme};
use super::ticket::Ticket;
use crate::config::{DEFAULT_MTU, MAX_MTU, MAX_PSK_LEN, MIN_MTU, PreSharedKey};
use crate::error::{Error, Violation};
use crate::sealing::SealingKey;
use crate::suite::{KeyExchange, Policy, Suite};

/// The default of [`Config::max_message_len`], in bytes: enough for a ClientHello with all
/// extensions and a ticket of a kilobyte or two.
pub const DEFAULT_MAX_MESSAGE_LEN: usize = 4096;

/// The default of [`Config::max_repeats`].
const DEFAULT_MAX_REPEATS: u8 = 6;

/// The defaults of [`Config::timeouts`] (RFC 6347, section 4.2.4.1).
const DEFAULT_FIRST_TIMEOUT: Duration = Duration::from_secs(1);
const DEFAULT_MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// The default of [`Config::handshake_limit`].
const DEFAULT_HANDSHAKE_LIMIT: Duration = Duration::from_secs(90);

/// The keys that a server shares with its clients (RFC 4279).
pub trait PreSharedKeys: Send + Sync {
    /// The key of the client with this `identity`, which anybody can claim to be; `None` if
    /// there is none. It should take the same time for known and unknown identities.
    ///
    /// # Errors
    ///
    /// The errors of [`PreSharedKey::new`], which end the handshake.
    fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error>;
}

/// How a server authenticates, and what it supports.
///
/// To change a setting, make another configuration: each connection keeps its configuration
/// until its handshake is done, and needs none afterwards.
pub struct Config {
    #[cfg(feature = "certificates")]
    pub(super) identities: Vec<Identity>,
    pre_shared_keys: Option<Arc<dyn PreSharedKeys>>,
    ticket_keys: Option<Arc<[SealingKey]>>,
    pub(super) ticket_lifetime: u32,
    pub(super) cbc: bool,
    pub(super) mtu: usize,
    pub(super) max_message_len: usize,
    pub(super) max_forgeries: u32,
    pub(super) max_repeats: u8,
    pub(super) first_timeout: Duration,
    pub(super) max_timeout: Duration,
    pub(super) handshake_limit: Duration,
}

impl Config {
    /// A server that cannot authenticate yet, and so refuses every client.
    pub fn new() -> Self {
        Self {
            #[cfg(feature = "certificates")]
            identities: Vec::new(),
            pre_shared_keys: None,
            ticket_keys: None,
            ticket_lifetime: 0,
            cbc: false,
            mtu: DEFAULT_MTU,
            max_message_len: DEFAULT_MAX_MESSAGE_LEN,
            max_forgeries: u32::MAX,
            max_repeats: DEFAULT_MAX_REPEATS,
            first_timeout: DEFAULT_FIRST_TIMEOUT,
            max_timeout: DEFAULT_MAX_TIMEOUT,
            handshake_limit: DEFAULT_HANDSHAKE_LIMIT,
        }
    }

    /// Adds a certificate for the server. If there are several, the first one whose
    /// signatures the client accepts is used: one with an ECDSA key and one with an RSA key
    /// serve all clients. The name that a client asks for is ignored.
    ///
    /// A client that offers suites with and without certificates gets a suite with
    /// certificates.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    #[cfg(feature = "certificates")]
    pub fn identity(mut self, identity: Identity) -> Result<Self, Error> {
        self.identities.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.identities.push(identity);
        Ok(self)
    }

    /// Authenticates both sides by pre-shared keys.
    ///
    /// A client with an unknown identity is treated like a client with a wrong key: its
    /// protected records cannot be read, so it gets no answer, and cannot find out which
    /// identities exist (RFC 4279, section 2).
    #[must_use]
    pub fn pre_shared_keys(mut self, keys: Arc<dyn PreSharedKeys>) -> Self {
        self.pre_shared_keys = Some(keys);
        self
    }

    /// Lets clients resume their sessions by tickets (RFC 5077). The first of these keys
    /// seals tickets, and each of them opens tickets. `lifetime` is how long the keys are
    /// kept, in seconds, which clients are told; 0 tells them nothing.
    ///
    /// A session can be resumed until its key is gone, since a resumed session gets no new
    /// ticket. So if each key is kept for a day, each client authenticates once a day (RFC
    /// 5246, section F.1.4). Servers that share the keys resume each other's sessions. An
    /// attacker with a key can decrypt recorded sessions whose tickets it sealed.
    ///
    /// Only sessions with an extended master secret are resumed (RFC 7627, section 5.3),
    /// and only while their pre-shared key still exists.
    #[must_use]
    pub fn ticket_keys(mut self, keys: Arc<[SealingKey]>, lifetime: u32) -> Self {
        self.ticket_keys = Some(keys);
        self.ticket_lifetime = lifetime;
        self
    }

    /// Whether to accept AES-CBC with HMAC, after the AEADs. Off by default. Has no effect
    /// without the feature `cbc`.
    #[must_use]
    pub fn cbc(mut self, accepted: bool) -> Self {
        self.cbc = accepted;
        self
    }

    /// The longest datagram to send in the handshake, in bytes. Longer messages are
    /// fragmented. Default: [`DEFAULT_MTU`]; at least [`MIN_MTU`], at most [`MAX_MTU`].
    #[must_use]
    pub fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes.clamp(MIN_MTU, MAX_MTU);
        self
    }

    /// The longest handshake message to accept, in bytes. It also limits the memory for all
    /// incomplete messages of a connection together. Default: [`DEFAULT_MAX_MESSAGE_LEN`].
    #[must_use]
    pub fn max_message_len(mut self, bytes: usize) -> Self {
        self.max_message_len = bytes;
        self
    }

    /// How many records may fail their authentication before a connection ends with
    /// [`Error::TooManyForgeries`], if that is less than the limit of the cipher suite: see
    /// [`Config::max_forgeries`](crate::Config::max_forgeries) of the client.
    #[must_use]
    pub fn max_forgeries(mut self, records: u32) -> Self {
        self.max_forgeries = records;
        self
    }

    /// How often a flight is sent again to a client that has not authenticated yet, because
    /// the timer expired or the client repeated itself. Default: 6.
    ///
    /// If an attacker has received a cookie at an address that somebody else has now, the
    /// attacker can make the server send this many flights there while the cookie is valid;
    /// see [`Cookies::rotate`](super::Cookies::rotate).
    #[must_use]
    pub fn max_repeats(mut self, repeats: u8) -> Self {
        self.max_repeats = repeats;
        self
    }

    /// How long to wait for an answer before a flight is sent again: `first`, at least one
    /// millisecond, then twice as long each time, up to `longest`. Defaults: 1 s and 60 s (RFC
    /// 6347, section 4.2.4.1). The client's timer makes a server send its flight again as well.
    #[must_use]
    pub fn timeouts(mut self, first: Duration, longest: Duration) -> Self {
        self.first_timeout = first.max(Duration::from_millis(1));
        self.max_timeout = longest.max(self.first_timeout);
        self
    }

    /// How long a handshake may take. Then it ends with [`Error::TimedOut`], and its memory
    /// is freed. Default: 90 s.
    ///
    /// The last flight of this side is kept for the same time, in case it is lost, or until
    /// the first application data of the client arrives.
    #[must_use]
    pub fn handshake_limit(mut self, limit: Duration) -> Self {
        self.handshake_limit = limit;
        self
    }

    /// The suite that this side prefers among the client's suites, and the identity for it.
    ///
    /// # Errors
    ///
    /// [`Violation::NothingInCommon`].
    pub(super) fn choose(&self, hello: &ClientHello<'_>) -> Result<Choice, Error> {
        let policy = |psk| Policy { psk, static_rsa: false, cbc: self.cbc };
        // Certificates come with forward secrecy.
        #[cfg(feature = "certificates")]
        let suites = policy(false).suites().chain(policy(true).suites());
        #[cfg(not(feature = "certificates"))]
        let suites = policy(true).suites();
        suites
            .filter(|suite| hello.offers(suite.id))
            .find_map(|suite| match suite.key_exchange {
                KeyExchange::Psk => self.pre_shared_keys.as_ref().map(|_| Choice {
                    suite,
                    #[cfg(feature = "certificates")]
                    signed: None,
                }),
                #[cfg(feature = "certificates")]
                key_exchange => {
                    let signed = self.sign(key_exchange, hello)?;
                    Some(Choice { suite, signed: Some(signed) })
                }
            })
            .ok_or(Violation::NothingInCommon("cipher suite").into())
    }

    /// The key that seals tickets, if there are any.
    pub(super) fn ticket_key(&self) -> Option<&SealingKey> {
        self.ticket_keys.as_ref()?.first()
    }

    /// The session that the client wants to resume, if it is a session of this server that
    /// both sides would still agree on.
    ///
    /// # Errors
    ///
    /// [`Violation::Resumption`] if the client's properties have changed (RFC 7627, section
    /// 5.3); the errors of [`PreSharedKeys::find`].
    pub(super) fn resume(&self, hello: &ClientHello<'_>) -> Result<Option<Ticket>, Error> {
        let sealed = hello.ticket.filter(|ticket| !ticket.is_empty());
        let Some((keys, sealed)) = self.ticket_keys.as_ref().zip(sealed) else { return Ok(None) };
        let Some(ticket) = Ticket::open(keys, sealed) else { return Ok(None) };
        let suite = ticket.suite;
        let fits = hello.offers(suite.id)
            && (self.cbc || !suite.algorithm.is_cbc())
            && hello.max_fragment == ticket.max_fragment
            && match suite.key_exchange {
                KeyExchange::Psk => self.pre_shared_key(&ticket.identity)?.is_some(),
                #[cfg(feature = "certificates")]
                key_exchange => self.identities.iter().any(|identity| {
                    identity.signer.schemes().iter().any(|scheme| scheme.fits(key_exchange))
                }),
            };
        if !fits {
            return Ok(None);
        }
        if !hello.extended_master_secret {
            return Err(Violation::Resumption.into());
        }
        Ok(Some(ticket))
    }

    /// The key of a client.
    pub(super) fn pre_shared_key(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error> {
        match &self.pre_shared_keys {
            Some(keys) if identity.len() <= MAX_PSK_LEN => keys.find(identity),
            _ => Ok(None),
        }
    }

    /// The first identity whose signatures the client accepts.
    #[cfg(feature = "certificates")]
    fn sign(&self, key_exchange: KeyExchange, hello: &ClientHello<'_>) -> Option<Signed> {
        let group = hello.group()?;
        self.identities.iter().enumerate().find_map(|(index, identity)| {
            let mut schemes = identity.signer.schemes().iter().copied();
            let scheme = schemes
                .find(|scheme| scheme.fits(key_exchange) && hello.takes_scheme(scheme.number()))?;
            Some(Signed { identity: index, scheme, group })
        })
    }
}

/// The choices from a ClientHello.
pub(super) struct Choice {
    pub(super) suite: &'static Suite,
    #[cfg(feature = "certificates")]
    pub(super) signed: Option<Signed>,
}

/// The certificate and the signature scheme of this side.
#[cfg(feature = "certificates")]
pub(super) struct Signed {
    /// The index in [`Config::identities`].
    pub(super) identity: usize,
    pub(super) scheme: SignatureScheme,
    pub(super) group: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}
