//! Decides what a server is offered: the strong cipher suites first, and, if it declines
//! those, all suites, in another handshake from another port. It also decides when to give
//! a handshake up.
//!
//! An attacker who forges a refusal can bring the second handshake about, but cannot choose
//! its suite: the server takes the best one that it knows, whatever else is offered.

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use iot_coap_client::{Duration, Instant};
#[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
use iot_coap_dtls::{CertificateError, TrustAnchors};
use iot_coap_dtls::{Config, Error, SUPPORTS_CBC};

use super::age::Age;
use super::old_servers;
use super::resumption::{self, Key};
use super::terms::{PreShared, Terms};
#[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
use crate::certificates::ANCHORS;
#[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
use crate::port::Trusted;
use crate::port::secrets::Source;

/// The longest time that a flight waits for its answer (RFC 6347, section 4.2.4.1).
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// The shortest time before a refusal is believed.
const MIN_PATIENCE: Duration = Duration::from_millis(250);

/// A handshake counts as stuck only after its flight was repeated this often.
const MIN_REPEATS: u8 = 3;

/// The key that names the session for resumption, and the pre-shared key, if there is one.
pub(super) type Keys<'a> = (Key, Option<PreShared<'a>>);

/// The engine, with the machine's source of random numbers.
pub(super) type Client = iot_coap_dtls::Client<Source>;

/// Room for the client, which takes a kilobyte. It is allocated before a kept session is
/// opened, so that the session is not lost for lack of memory.
pub(super) type Room = Box<MaybeUninit<Client>>;

/// A new client, the age of its session, and its offer.
pub(super) struct Started {
    pub(super) client: Box<Client>,
    /// The age of the session that is resumed or restored.
    pub(super) age: Age,
    pub(super) offer: Offer,
}

impl Started {
    /// A session that needs no handshake.
    #[cfg(feature = "extension")]
    pub(super) const fn restored(client: Box<Client>, age: Age) -> Self {
        Self { client, age, offer: Offer::new(false, false) }
    }
}

/// Why a handshake was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server declines the offer, and there is something else to offer.
    Declined,
    /// The server does not answer, and there is something else to offer.
    Silent,
    /// The handshake has failed, or the server does not go on with it.
    Failed,
}

/// The offer to the server, and the time limits of the handshake.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub(super) struct Offer {
    /// Suites that old servers need were left out.
    leaves_out: bool,
    /// The offer resumes a session. A server that has forgotten the session may need what
    /// only a full handshake offers.
    resumes: bool,
    /// When half of the time is over.
    half_time: Option<Instant>,
    is_past_half: bool,
    /// When a refusal is believed.
    believed_at: Option<Instant>,
    is_believed: bool,
    verdict: Option<Verdict>,
}

impl Offer {
    const fn new(leaves_out: bool, resumes: bool) -> Self {
        Self {
            leaves_out,
            resumes,
            half_time: None,
            is_past_half: false,
            believed_at: None,
            is_believed: false,
            verdict: None,
        }
    }

    /// Whether suites were left out.
    pub(super) const fn leaves_out(&self) -> bool {
        SUPPORTS_CBC && self.leaves_out
    }

    /// Notes that the handshake begins, and may take `most`.
    pub(super) fn start(&mut self, now: Instant, most: Duration) {
        self.half_time = Some(now + Duration::from_millis((most.as_millis_u32() / 2).into()));
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match (self.half_time, self.believed_at) {
            (Some(half_time), Some(believed_at)) => Some(half_time.min(believed_at)),
            (half_time, believed_at) => half_time.or(believed_at),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.is_past_half |= self.half_time.take_if(|at| now >= *at).is_some();
        self.is_believed |= self.believed_at.take_if(|at| now >= *at).is_some();
    }

    /// Why the handshake was given up, if it was.
    pub(super) const fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Judges a handshake in progress. Returns a verdict once.
    ///
    /// A refusal may be forged. In that case the server's own answer is on its way, so a
    /// refusal is believed only after a while. A server may also refuse silently, as GnuTLS
    /// does if its application sends no alerts; and if somebody else has answered in its
    /// name, server and client may wait for each other. Both of these are assumed when half
    /// of the time is over, which leaves the other half to the next handshake.
    pub(super) fn judge(&mut self, now: Instant, client: &Client) -> Option<Verdict> {
        if self.verdict.is_some() {
            return None;
        }
        if !client.is_refused() {
            (self.believed_at, self.is_believed) = (None, false);
        } else if self.believed_at.is_none() && !self.is_believed {
            let round_trip = client.round_trip().unwrap_or_default();
            self.believed_at = Some(now + MIN_PATIENCE.max(round_trip + round_trip));
        }
        let repeats = client.flight_repeats();
        let has_other = self.leaves_out() || self.resumes;
        let is_stuck = self.is_past_half && repeats >= MIN_REPEATS && client.was_answered();
        self.verdict = if has_other && (self.is_believed || is_stuck) {
            Some(Verdict::Declined)
        } else if has_other && self.is_past_half && repeats != 0 && !client.has_server_hello() {
            Some(if client.was_answered() { Verdict::Declined } else { Verdict::Silent })
        } else {
            is_stuck.then_some(Verdict::Failed)
        };
        self.verdict
    }

    /// Judges a handshake that ended.
    pub(super) fn judge_end(&mut self, error: Error) -> Verdict {
        let is_declined = (self.leaves_out() || self.resumes)
            && matches!(error, Error::PeerAlert(alert) if alert.is_refusal());
        let verdict = if is_declined { Verdict::Declined } else { Verdict::Failed };
        *self.verdict.insert(verdict)
    }
}

// The following functions are not inlined, so that each frees its part of a small stack
// before the next one runs.
/// Begins a handshake.
#[inline(never)]
pub(super) fn begin(
    terms: &Terms<'_>,
    keys: Keys<'_>,
    room: Room,
    now: Instant,
) -> Result<Started, Error> {
    let (config, age, offer) = offer(terms, keys)?;
    let client = Box::write(room, Client::new(config, Source, now)?);
    Ok(Started { client, age, offer })
}

#[inline(never)]
fn offer(
    terms: &Terms<'_>,
    (key, pre_shared_key): Keys<'_>,
) -> Result<(Config, Age, Offer), Error> {
    let config = config(terms, pre_shared_key)?;
    let resumed = resumption::to_offer(&key, terms.limits);
    // A hello must offer the suite of the session that it resumes (RFC 5246, section
    // 7.4.1.2).
    let is_all = SUPPORTS_CBC
        && (old_servers::takes_turn(&key)
            || resumed.as_ref().is_some_and(|(session, _)| session.uses_cbc()));
    let knows_more = config.offers_cbc();
    let offer = Offer::new(knows_more && !is_all, resumed.is_some());
    let config = config.cbc(knows_more && is_all);
    Ok(match resumed {
        Some((session, age)) => (config.resume(session), age, offer),
        None => (config, Age::new(), offer),
    })
}

/// The configuration for offering everything that the terms allow.
#[inline(never)]
fn config(terms: &Terms<'_>, pre_shared_key: Option<PreShared<'_>>) -> Result<Config, Error> {
    // A server with a pre-shared key has no certificate.
    let knows_old_servers = pre_shared_key.is_some() || terms.static_rsa;
    let config = match pre_shared_key {
        Some((identity, key)) => {
            iot_coap_dtls::PreSharedKey::new(identity, key).map(Config::with_pre_shared_key)?
        }
        None => config_with_certificates(terms)?,
    };
    let config = match terms.max_fragment {
        0 => config,
        bytes => config.max_fragment_length(bytes)?,
    };
    config
        .cbc(terms.cbc && knows_old_servers)
        .static_rsa(terms.static_rsa)
        .timeouts(terms.first_timeout, MAX_TIMEOUT)
        .mtu(terms.mtu)
        .connection_id(&[])
}

#[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
fn config_with_certificates(terms: &Terms<'_>) -> Result<Config, Error> {
    let anchors = match terms.peer.trusted {
        Trusted::BuiltIn => Ok(TrustAnchors::from_condensed(ANCHORS)),
        Trusted::Pem(text) => TrustAnchors::from_pem(text.to_bytes()),
    };
    let anchors = anchors.map_err(|error| {
        let reason = match error {
            CertificateError::OutOfMemory => return Error::OutOfMemory,
            CertificateError::NoAnchors => {
                "no certificate to trust in what iotx_coap_get_ca or the option trust_root_pem gives"
            }
            _ => "a certificate to trust does not parse",
        };
        Error::Configuration(reason)
    })?;
    Config::with_certificates(terms.host(), anchors, crate::port::calendar::calendar_seconds())
}

#[cfg(not(any(feature = "dtls-p256", feature = "dtls-rsa")))]
fn config_with_certificates(_terms: &Terms<'_>) -> Result<Config, Error> {
    Err(Error::Configuration("HAL_DTLSSession_psk gave no key, and certificates are left out"))
}
