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
    /// The key of the client that calls itself `identity`, which anybody can say; `None` if
    /// there is none. It should take as long for identities that are known as for others.
    ///
    /// # Errors
    ///
    /// What [`PreSharedKey::new`] returns; it ends the handshake.
    fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error>;
}

/// What a server proves itself by, and what it supports.
///
/// To change anything, make another one: each connection keeps the one that it began with
/// until its handshake is done, and none afterwards.
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
    /// A server that cannot prove itself yet, and so refuses everybody.
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

    /// Adds a certificate to prove the server by. Of several, the first one counts whose
    /// signatures the client takes: one with an ECDSA key and one with an RSA key serve all
    /// clients. The name that a client asks for is not looked at.
    ///
    /// A client that offers suites with and without certificates gets one with.
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
    /// A client whose identity is unknown is treated as one whose key is wrong: what it sends
    /// under its keys cannot be read, so it gets no answer, and cannot find out which
    /// identities there are (RFC 4279, section 2).
    #[must_use]
    pub fn pre_shared_keys(mut self, keys: Arc<dyn PreSharedKeys>) -> Self {
        self.pre_shared_keys = Some(keys);
        self
    }

    /// Lets clients resume their sessions by tickets (RFC 5077), which the first of these keys
    /// seals and each of them opens. `lifetime` is how long the keys are kept, in seconds, which
    /// clients are told; 0 says nothing.
    ///
    /// A session can be resumed until its key is gone: one that is resumed gets no new ticket. So
    /// whoever keeps a key for a day sees each client prove itself once a day (RFC 5246,
    /// section F.1.4). Servers that share the keys resume each other's sessions. Whoever has a
    /// key can read what was recorded of the sessions whose tickets it sealed.
    ///
    /// Only sessions with an extended master secret are resumed (RFC 7627, section 5.3), and not
    /// those of a pre-shared key that is gone.
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

    /// The longest handshake message to accept, in bytes. It also bounds the memory for all
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

    /// How often a flight is sent again to a client that has not proved itself yet, because its
    /// timer expired or because the client said the same again. Default: 6.
    ///
    /// A cookie that an attacker has received at an address that is now another's makes a server
    /// send so much there, for as long as the cookie is valid: see
    /// [`Cookies::rotate`](super::Cookies::rotate).
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

    /// How long a handshake may take; then it ends with [`Error::TimedOut`], and what it held
    /// is free. Default: 90 s.
    ///
    /// The last flight of this side is kept for as long, in case it is lost, or until the first
    /// application data of the client has come.
    #[must_use]
    pub fn handshake_limit(mut self, limit: Duration) -> Self {
        self.handshake_limit = limit;
        self
    }

    /// The suite that this side likes best of those that the client offers, and what proves this
    /// side with it.
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

    /// The session that the client wants to resume, if it is one of this server, and both sides
    /// would still have it.
    ///
    /// # Errors
    ///
    /// [`Violation::Resumption`] if the client has become another one (RFC 7627, section 5.3);
    /// those of [`PreSharedKeys::find`].
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

    /// The first identity whose signatures the client takes.
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

/// What was chosen of a ClientHello.
pub(super) struct Choice {
    pub(super) suite: &'static Suite,
    #[cfg(feature = "certificates")]
    pub(super) signed: Option<Signed>,
}

/// What proves this side by a certificate.
#[cfg(feature = "certificates")]
pub(super) struct Signed {
    /// Which one of [`Config::identities`].
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
