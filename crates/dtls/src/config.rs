//! The configuration of a client.

#[cfg(feature = "certificates")]
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use iot_coap_time::Duration;
use zeroize::Zeroizing;

#[cfg(feature = "certificates")]
use crate::certificate::TrustAnchors;
use crate::error::Error;
use crate::memory::copy;
use crate::record::{ConnectionId, FragmentLength, MAX_CONNECTION_ID_LEN};
use crate::saved_session::SavedSession;
use crate::suite::Policy;

/// The longest identity and the longest key of a [`PreSharedKey`], in bytes. RFC 4279,
/// section 5.3, requires support for identities of 128 bytes and keys of 64.
pub const MAX_PSK_LEN: usize = 1024;

/// The default of [`Config::mtu`], in bytes: the minimum MTU of IPv6, without the headers
/// of IPv6 and UDP.
pub const DEFAULT_MTU: usize = 1232;

/// The minimum of [`Config::mtu`], in bytes: enough for the headers of a record and a
/// handshake message, and some content.
pub const MIN_MTU: usize = 256;

/// The maximum of [`Config::mtu`], in bytes: no record carries more (RFC 5246, section
/// 6.2.1).
pub const MAX_MTU: usize = 16_384;

/// The default of [`Config::max_message_len`], in bytes: enough for a chain of four
/// certificates with RSA keys of 4096 bits.
pub const DEFAULT_MAX_MESSAGE_LEN: usize = 8192;

/// The default of the first timeout in [`Config::timeouts`] (RFC 6347, section 4.2.4.1).
const DEFAULT_FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// The default of the longest timeout in [`Config::timeouts`] (RFC 6347, section
/// 4.2.4.1).
const DEFAULT_MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// A key that client and server share (RFC 4279).
#[derive(Clone)]
pub struct PreSharedKey {
    pub(crate) identity: Vec<u8>,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl PreSharedKey {
    /// Makes a key. `identity` is sent in the clear and tells the server which key to
    /// use. `key` is secret and is wiped when dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if `key` is empty or if one of them is longer than
    /// [`MAX_PSK_LEN`]; [`Error::OutOfMemory`].
    pub fn new(identity: &[u8], key: &[u8]) -> Result<Self, Error> {
        if key.is_empty() || key.len() > MAX_PSK_LEN || identity.len() > MAX_PSK_LEN {
            return Err(Error::Configuration(
                "a pre-shared key must have 1 to 1024 bytes, its identity at most 1024",
            ));
        }
        Ok(Self { identity: copy(identity)?, key: Zeroizing::new(copy(key)?) })
    }
}

impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKey").finish_non_exhaustive()
    }
}

/// How the two sides authenticate.
#[derive(Clone, Debug)]
pub(crate) enum Authentication {
    #[cfg(feature = "certificates")]
    Certificate {
        host: String,
        anchors: TrustAnchors,
        /// The date in seconds since 1970, if it is known.
        time: Option<u64>,
    },
    PreSharedKey(PreSharedKey),
}

/// Whether [`Config::cbc`] has an effect: the feature `cbc`.
pub const SUPPORTS_CBC: bool = cfg!(feature = "cbc");

/// How a client authenticates the server, and what it offers.
///
/// Made by [`with_pre_shared_key`](Self::with_pre_shared_key) or `with_certificates`; the
/// other methods change one setting each.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) authentication: Authentication,
    pub(crate) static_rsa: bool,
    pub(crate) cbc: bool,
    pub(crate) renegotiation_info_required: bool,
    pub(crate) connection_id: Option<ConnectionId>,
    pub(crate) resume: Option<SavedSession>,
    pub(crate) mtu: usize,
    pub(crate) max_message_len: usize,
    pub(crate) max_fragment: FragmentLength,
    pub(crate) max_forgeries: u32,
    pub(crate) first_timeout: Duration,
    pub(crate) max_timeout: Duration,
}

impl Config {
    /// Authenticates the server by its certificate, which must name `host`, a DNS name or
    /// an IP address, and lead to one of `anchors`.
    ///
    /// `time` is the current date in seconds since 1970. A device without a clock passes
    /// `None`: then the certificates are accepted if there was a time at which the whole
    /// path was valid, and [`Client::certificate_dates_were_checked`] returns false.
    ///
    /// [`Client::certificate_dates_were_checked`]: crate::Client::certificate_dates_were_checked
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if `host` is neither a DNS name nor an IP address;
    /// [`Error::OutOfMemory`].
    #[cfg(feature = "certificates")]
    pub fn with_certificates(
        host: &str,
        anchors: TrustAnchors,
        time: Option<u64>,
    ) -> Result<Self, Error> {
        if crate::certificate::Host::parse(host).is_none() {
            return Err(Error::Configuration("the host is neither a DNS name nor an IP address"));
        }
        let mut owned = String::new();
        owned.try_reserve_exact(host.len()).map_err(|_| Error::OutOfMemory)?;
        owned.push_str(host);
        Ok(Self::new(Authentication::Certificate { host: owned, anchors, time }))
    }

    /// Authenticates both sides by a pre-shared key.
    pub fn with_pre_shared_key(key: PreSharedKey) -> Self {
        Self::new(Authentication::PreSharedKey(key))
    }

    fn new(authentication: Authentication) -> Self {
        Self {
            authentication,
            static_rsa: false,
            cbc: false,
            renegotiation_info_required: false,
            connection_id: None,
            resume: None,
            mtu: DEFAULT_MTU,
            max_message_len: DEFAULT_MAX_MESSAGE_LEN,
            max_fragment: FragmentLength::default(),
            max_forgeries: u32::MAX,
            first_timeout: DEFAULT_FIRST_TIMEOUT,
            max_timeout: DEFAULT_MAX_TIMEOUT,
        }
    }

    /// Whether to offer key exchange by static RSA, as the last choice. Off by default: it
    /// has no forward secrecy, so an attacker who obtains the server's key can decrypt all
    /// recorded sessions. Has no effect without the feature `static-rsa`.
    #[must_use]
    pub fn static_rsa(mut self, offered: bool) -> Self {
        self.static_rsa = offered;
        self
    }

    /// Whether to offer AES-CBC with HMAC, after the AEADs. Off by default. Has no effect
    /// without the feature `cbc`.
    #[must_use]
    pub fn cbc(mut self, offered: bool) -> Self {
        self.cbc = offered;
        self
    }

    /// Whether AES-CBC is offered: false without the feature `cbc`.
    #[must_use]
    pub fn offers_cbc(&self) -> bool {
        SUPPORTS_CBC && self.cbc
    }

    /// Whether to refuse a server that does not send renegotiation_info (RFC 5746, section
    /// 4.1). Off by default: see
    /// [`Client::server_sent_renegotiation_info`](crate::Client::server_sent_renegotiation_info).
    ///
    /// Servers from before 2010 do not send it, and are still in use with old devices. This
    /// client never renegotiates. But it cannot see whether such a server takes the
    /// client's first handshake for a renegotiation of an attacker's session. In that case,
    /// data that the attacker sent before counts as the client's. GnuTLS and Mbed TLS
    /// accept such servers by default, too; OpenSSL refuses them since 3.0.
    #[must_use]
    pub fn require_renegotiation_info(mut self, required: bool) -> Self {
        self.renegotiation_info_required = required;
        self
    }

    /// Offers connection ids (RFC 9146), so that the server recognizes the session when
    /// the client's address changes. The server puts `own` into its records; an empty id
    /// is usual for a client. The server chooses the id in the records to it.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if `own` is longer than 32 bytes.
    pub fn connection_id(mut self, own: &[u8]) -> Result<Self, Error> {
        const _: () = assert!(MAX_CONNECTION_ID_LEN == 32);
        let id = ConnectionId::new(own)
            .ok_or(Error::Configuration("a connection id can have at most 32 bytes"))?;
        self.connection_id = Some(id);
        Ok(self)
    }

    /// Offers to resume a session with the same server, unless a certificate of the server
    /// has expired since, or its dates were not checked and now can be. The server decides;
    /// see [`Client::was_resumed`](crate::Client::was_resumed).
    ///
    /// Signatures by RSA-PSS are not offered together with a session. If a handshake fails,
    /// begin the next one without the session.
    #[must_use]
    pub fn resume(mut self, session: SavedSession) -> Self {
        self.resume = Some(session);
        self
    }

    /// The longest datagram to send in the handshake, in bytes. Longer messages are
    /// fragmented. Default: [`DEFAULT_MTU`]; at least [`MIN_MTU`], at most [`MAX_MTU`].
    ///
    /// With the feature `mtu-fallback`, a flight that was sent three times in vain is then
    /// sent in datagrams of at most 548 bytes, and so are later flights of the handshake
    /// (RFC 6347, section 4.1.1.1). Mbed TLS does not accept a fragmented ClientHello.
    ///
    /// This does not limit application data: each record is one datagram and cannot be
    /// fragmented. Callers of [`Client::send`](crate::Client::send) must choose a length
    /// that fits the path, less
    /// [`Client::record_overhead`](crate::Client::record_overhead). The server's own
    /// settings limit its datagrams.
    #[must_use]
    pub fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes.clamp(MIN_MTU, MAX_MTU);
        self
    }

    /// The longest handshake message to accept, in bytes. It also limits the memory for all
    /// incomplete messages together. Default: [`DEFAULT_MAX_MESSAGE_LEN`].
    #[must_use]
    pub fn max_message_len(mut self, bytes: usize) -> Self {
        self.max_message_len = bytes;
        self
    }

    /// Asks the server to limit the content of records to this many bytes
    /// (max_fragment_length, RFC 6066, section 4): 512, 1024, 2048 or 4096. By default the
    /// client does not ask. A server may ignore it; see
    /// [`Client::max_plaintext_len`](crate::Client::max_plaintext_len).
    ///
    /// If the server agrees, the limit applies to both sides and to resumed sessions:
    /// longer records of the server are dropped, and [`Client::send`](crate::Client::send)
    /// accepts no longer plaintext. A record takes at most 61 bytes more, or 350 with a
    /// block cipher. A datagram may have several records, though.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for any other number.
    pub fn max_fragment_length(mut self, bytes: usize) -> Result<Self, Error> {
        self.max_fragment = FragmentLength::of_bytes(bytes)
            .ok_or(Error::Configuration("records have at most 512, 1024, 2048 or 4096 bytes"))?;
        Ok(self)
    }

    /// How many records may fail their authentication before the session ends with
    /// [`Error::TooManyForgeries`], if that is less than the limit of the cipher suite. The
    /// suite's limit is the default: 2^31 for AES-GCM, and 2^16 for AES-CCM-8 and AES-CBC.
    /// Anybody can send that many. [`Client::needs_renewal`](crate::Client::needs_renewal)
    /// returns true from half of the limit on.
    #[must_use]
    pub fn max_forgeries(mut self, records: u32) -> Self {
        self.max_forgeries = records;
        self
    }

    /// How long to wait for an answer before a flight is retransmitted: `first`, at least
    /// one millisecond, then twice as long each time, up to `longest`. Defaults: 1 s and
    /// 60 s (RFC 6347, section 4.2.4.1).
    ///
    /// The defaults suit the Internet. If round trips take seconds, as over NB-IoT, start
    /// with 9 s (RFC 7925, section 11). A first timeout that is too short costs a copy of
    /// the first flight for each doubling up to the round trip: with 1 s, four copies at a
    /// round trip of 10 s. A first timeout that is too long costs its time with each loss.
    /// One and a half times the [`Client::round_trip`](crate::Client::round_trip) of an
    /// earlier session avoids both.
    ///
    /// Later flights wait at least one and a half times as long as the previous flight's
    /// answer took to begin. A doubled timeout stays until a flight is answered that was
    /// sent only once (RFC 6347, section 4.2.4.1). So only the first flight depends on
    /// `first`; `longest` limits all of them.
    #[must_use]
    pub fn timeouts(mut self, first: Duration, longest: Duration) -> Self {
        self.first_timeout = first.max(Duration::from_millis(1));
        self.max_timeout = longest.max(self.first_timeout);
        self
    }

    /// The cipher suites that are offered now.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            psk: matches!(self.authentication, Authentication::PreSharedKey(_)),
            static_rsa: self.static_rsa,
            // The suites with static RSA use CBC as well.
            cbc: self.cbc,
        }
    }

    /// Whether the dates of certificates are checked, or there are no certificates.
    pub(crate) fn checks_dates(&self) -> bool {
        match &self.authentication {
            #[cfg(feature = "certificates")]
            Authentication::Certificate { time, .. } => time.is_some(),
            Authentication::PreSharedKey(_) => true,
        }
    }

    /// The date by which certificates are judged, in seconds since 1970, if it is known and
    /// there are any.
    pub(crate) fn date(&self) -> Option<u64> {
        match &self.authentication {
            #[cfg(feature = "certificates")]
            Authentication::Certificate { time, .. } => *time,
            Authentication::PreSharedKey(_) => None,
        }
    }

    /// The host for the server_name extension, which does not allow IP addresses.
    #[cfg(feature = "certificates")]
    pub(crate) fn host_name(&self) -> Option<&str> {
        use crate::certificate::Host;
        let Authentication::Certificate { host, .. } = &self.authentication else {
            return None;
        };
        matches!(Host::parse(host), Some(Host::Name(_))).then_some(host)
    }
}
