//! What a server is offered: first what is strong, and everything if it declines that, in
//! another handshake from another port. And when a handshake is not waited for any longer.
//!
//! Whoever forges a refusal brings the second handshake about, but not what the server
//! chooses in it: the best that it knows, whatever else is offered.

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

/// No flight waits longer for its answer (RFC 6347, section 4.2.4.1).
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a refusal is doubted at least.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(250);

/// So often a flight was sent again if the server does not go on.
const MANY_REPEATS: u8 = 3;

/// What names the session for resumption, and the pre-shared key, if there is one.
pub(super) type Proof<'a> = (Key, Option<PreShared<'a>>);

/// The engine, with the machine's source of random numbers.
pub(super) type Client = iot_coap_dtls::Client<Source>;

/// Where the client is put, which takes a kilobyte. There is room before a kept session is
/// opened, which must not be lost for lack of memory.
pub(super) type Room = Box<MaybeUninit<Client>>;

/// A client, and what is known of it.
pub(super) struct Begun {
    pub(super) client: Box<Client>,
    /// That of the session which it resumes or goes on with.
    pub(super) age: Age,
    pub(super) offer: Offer,
}

impl Begun {
    /// A session that needs no handshake.
    #[cfg(feature = "extension")]
    pub(super) const fn restored(client: Box<Client>, age: Age) -> Self {
        Self { client, age, offer: Offer::new(false, false) }
    }
}

/// Why a handshake is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server declines what it was offered, and there is something else to offer.
    Declined,
    /// It says nothing at all, and there is something else to offer.
    Silent,
    /// It has failed, or the server does not go on with it.
    Failed,
}

/// What the server was offered, and how long it may take.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub(super) struct Offer {
    /// There is more, which old servers need.
    leaves_out: bool,
    /// A session is to be resumed. A server that has forgotten it may need what is offered
    /// without it.
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

    /// Whether there are suites that were left out.
    pub(super) const fn leaves_out(&self) -> bool {
        SUPPORTS_CBC && self.leaves_out
    }

    /// The handshake begins, and may take `most`.
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

    /// Why the handshake is not waited for any longer, if it is not.
    pub(super) const fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Judges a handshake in progress. Returns a verdict once.
    ///
    /// A refusal may be forged: the answer that it is to forestall is on its way, and is waited
    /// for. A server may refuse without a word, as GnuTLS does if its application sends no
    /// alerts. And if somebody else has answered in its name, it may wait for something else
    /// than the client does. The last two are believed when half of the time is over, which
    /// leaves the other half to the next handshake.
    pub(super) fn judge(&mut self, now: Instant, client: &Client) -> Option<Verdict> {
        if self.verdict.is_some() {
            return None;
        }
        if !client.is_refused() {
            (self.believed_at, self.is_believed) = (None, false);
        } else if self.believed_at.is_none() && !self.is_believed {
            let round_trip = client.round_trip().unwrap_or_default();
            self.believed_at = Some(now + SHORTEST_PATIENCE.max(round_trip + round_trip));
        }
        let repeats = client.flight_repeats();
        let has_other = self.leaves_out() || self.resumes;
        let is_stuck = self.is_past_half && repeats >= MANY_REPEATS && client.was_answered();
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

// These are not inlined: on a small stack, what one of them takes is not in the way of the
// others.
/// Begins a handshake.
#[inline(never)]
pub(super) fn begin(
    terms: &Terms<'_>,
    proof: Proof<'_>,
    room: Room,
    now: Instant,
) -> Result<Begun, Error> {
    let (config, age, offer) = offer(terms, proof)?;
    let client = Box::write(room, Client::new(config, Source, now)?);
    Ok(Begun { client, age, offer })
}

#[inline(never)]
fn offer(
    terms: &Terms<'_>,
    (key, pre_shared_key): Proof<'_>,
) -> Result<(Config, Age, Offer), Error> {
    let config = config(terms, pre_shared_key)?;
    let resumed = resumption::to_offer(&key, terms.limits);
    // A hello must have the suite of the session that it is to resume (RFC 5246, section
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

/// What offers everything that the terms allow.
#[inline(never)]
fn config(terms: &Terms<'_>, pre_shared_key: Option<PreShared<'_>>) -> Result<Config, Error> {
    // A server with a key of the device's has no certificate.
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
            CertificateError::NoAnchors => "no certificate to trust in the text",
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
