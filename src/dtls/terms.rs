//! Which peer to connect to, and on what terms.

use iot_coap_client::Duration;

use super::age::Limits;
use crate::port::Peer;

/// An identity and its pre-shared key.
pub(super) type PreShared<'a> = (&'a [u8], &'a [u8]);

/// A peer, and what may be agreed with it.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) peer: Peer<'a>,
    /// Whether a server with a certificate may be offered key exchange by static RSA and
    /// block ciphers, if it refuses better suites.
    pub(crate) static_rsa: bool,
    /// Whether AES-CBC may be offered.
    pub(crate) cbc: bool,
    /// How long the first flight waits for its answer, unless a kept session has learned
    /// that the network takes longer.
    pub(crate) first_timeout: Duration,
    /// The longest datagram of the handshake, in bytes.
    pub(crate) mtu: usize,
    /// The longest content of a record to ask the server for; 0 for nothing.
    pub(crate) max_fragment: usize,
    /// How old a session may be to be resumed or restored.
    pub(crate) limits: Limits,
}

impl Terms<'_> {
    /// The host, for the certificate check and for the log.
    pub(super) fn host(&self) -> &str {
        self.peer.host.to_str().unwrap_or_default()
    }
}
