//! The DTLS engine of this project: `iot-coap-dtls` with a port's randomness and
//! calendar.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::time::Duration;

use iot_coap_dtls::rand_core::{TryCryptoRng, TryRng};
use iot_coap_dtls::{
    Alert, Config, DEFAULT_MTU, Datagram, Error, PreSharedKey, SavedSession, State,
};
#[cfg(feature = "certificates")]
use iot_coap_dtls::{CertificateError, TrustAnchors};

use super::engine::{Engine, Keeping, Peer, Progress};
use super::port::BadSource;
use super::resumption::{self, Key};
use super::{Failure, Port, keeping};
use crate::Level;

/// How long to wait for a datagram when no timer runs.
const NO_TIMER: Duration = Duration::from_secs(1);

/// 2026-01-01: before it this library did not exist, so that a clock which says
/// so was never set.
#[cfg(feature = "certificates")]
const EARLIEST_DATE: u64 = 1_767_225_600;

/// The port's randomness, as the engine takes it.
pub(super) struct Source<P>(PhantomData<fn() -> P>);

impl<P> Default for Source<P> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<P: Port> TryRng for Source<P> {
    type Error = BadSource;

    fn try_next_u32(&mut self) -> Result<u32, BadSource> {
        let mut bytes = [0; 4];
        P::fill_random(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, BadSource> {
        let mut bytes = [0; 8];
        P::fill_random(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), BadSource> {
        P::fill_random(bytes)
    }
}

impl<P: Port> TryCryptoRng for Source<P> {}

pub(super) type Client<P> = iot_coap_dtls::Client<Source<P>>;

/// A session by it.
pub struct Native<P: Port> {
    client: Client<P>,
    key: Key,
    /// Where records are made; as long as the longest so far.
    out: Vec<u8>,
    /// How much of it is a record that is due.
    sealed: usize,
    /// Records behind the first one of a datagram.
    rest: Vec<u8>,
    /// Set once the session has ended; every later call says so again.
    ended: Option<Failure>,
}

impl<P: Port> Native<P> {
    fn with(client: Client<P>, key: Key) -> Result<Self, Failure> {
        let mut out = Vec::new();
        out.try_reserve_exact(DEFAULT_MTU).map_err(|_| Failure::OutOfMemory)?;
        out.resize(DEFAULT_MTU, 0);
        Ok(Self { client, key, out, sealed: 0, rest: Vec::new(), ended: None })
    }

    fn greet(&mut self) {
        let (key, client) = (&self.key, &self.client);
        let suite = client.cipher_suite().unwrap_or("no cipher suite");
        let how = match (client.was_restored(), client.was_resumed()) {
            (true, _) => "restored",
            (false, true) => "resumed",
            (false, false) => "opened",
        };
        P::log(Level::Info, format_args!("DTLS session with {key} {how}, {suite}"));
        if !client.has_forward_secrecy() {
            P::log(Level::Warning, format_args!("{key} has no forward secrecy to offer: {suite}"));
        }
        if !client.certificate_dates_were_checked() {
            P::log(
                Level::Warning,
                format_args!("{key}: the clock is not set, certificate dates were not checked"),
            );
        }
        if client.was_restored() {
            return;
        }
        let saved = self.client.take_saved_session();
        match saved.and_then(|session| session.to_bytes().ok()) {
            Some(session) => resumption::remember::<P>(&self.key, session),
            None => resumption::forget::<P>(&self.key),
        }
    }

    /// What an error of a session that stood means.
    fn end(&mut self, error: Error) -> Failure {
        let failure = match error {
            Error::Closed => Failure::Closed,
            Error::PeerAlert(_) => Failure::FatalAlert,
            _ => Failure::Transport,
        };
        if failure != Failure::Closed {
            // RFC 5246, section 7.2.2: a session with a fatal alert is not
            // resumed.
            resumption::forget::<P>(&self.key);
            P::log(Level::Warning, format_args!("DTLS session with {}: {error}", self.key));
        }
        self.ended = Some(failure);
        failure
    }

    fn fail_handshake(&mut self, error: Error) -> Failure {
        let hint = match error {
            Error::PeerAlert(Alert::HANDSHAKE_FAILURE) => ", perhaps no cipher in common",
            _ => "",
        };
        P::log(
            Level::Error,
            format_args!("DTLS handshake with {} failed: {error}{hint}", self.key),
        );
        resumption::forget::<P>(&self.key);
        self.ended = Some(Failure::Handshake);
        Failure::Handshake
    }

    /// The next record's plaintext in `datagram` into `out`, and what is behind
    /// it into `rest`.
    fn open(
        &mut self,
        datagram: &mut [u8],
        out: &mut [MaybeUninit<u8>],
        now: u64,
    ) -> Result<Option<usize>, Failure> {
        if let Some(failure) = self.ended {
            return Err(failure);
        }
        let mut datagram = Datagram::new(datagram);
        let read = loop {
            match self.client.read(&mut datagram, now) {
                Ok(None) => return Ok(None),
                Ok(Some(plaintext)) => {
                    if let Some(place) = out.get_mut(..plaintext.len()) {
                        place.write_copy_of_slice(plaintext);
                        break plaintext.len();
                    }
                    let (len, room) = (plaintext.len(), out.len());
                    P::log(
                        Level::Debug,
                        format_args!("dropped a record of {len} bytes: the buffer has {room}"),
                    );
                }
                Err(error) => return Err(self.end(error)),
            }
        };
        keep(&mut self.rest, datagram.rest());
        Ok(Some(read))
    }
}

impl<P: Port> Engine for Native<P> {
    fn new(peer: &Peer<'_>, now: u64) -> Result<Self, Failure> {
        let key = Key::of(peer)?;
        Self::with(client(peer, &key, now)?, key)
    }

    /// Goes on with what was kept, or begins anew where that cannot be.
    fn restore(
        peer: &Peer<'_>,
        keeping: &Keeping<'_>,
        blob: &[u8],
        now: u64,
    ) -> Result<Self, Failure> {
        let key = Key::of(peer)?;
        match keeping::unseal(&key, keeping, blob) {
            Ok(Some(session)) => return Self::with(session, key),
            Ok(None) => {}
            Err(reason) => P::log(
                Level::Warning,
                format_args!("DTLS session with {key} is not restored: {reason}"),
            ),
        }
        Self::new(peer, now)
    }

    fn handshake(&mut self, datagram: Option<&mut [u8]>, now: u64) -> Result<Progress, Failure> {
        if let Some(datagram) = datagram {
            let mut datagram = Datagram::new(datagram);
            // Nothing is said before the handshake is done.
            if let Err(error) = self.client.read(&mut datagram, now) {
                return Err(self.fail_handshake(error));
            }
            keep(&mut self.rest, datagram.rest());
        }
        if let Err(error) = self.client.tick(now) {
            return Err(self.fail_handshake(error));
        }
        match self.client.state() {
            State::Connected => {
                self.greet();
                Ok(Progress::Done)
            }
            State::Ended(error) => Err(self.fail_handshake(error)),
            State::Handshaking => {
                let wait = self.client.deadline().map(|deadline| deadline.saturating_sub(now));
                Ok(Progress::Waiting(wait.map_or(NO_TIMER, Duration::from_millis)))
            }
        }
    }

    fn abandon(&mut self) {
        resumption::forget::<P>(&self.key);
        self.ended = Some(Failure::Handshake);
    }

    fn transmit(&mut self, mut send: impl FnMut(&[u8])) {
        let sealed = core::mem::take(&mut self.sealed);
        if let Some(record) = self.out.get(..sealed).filter(|record| !record.is_empty()) {
            send(record);
        }
        while let Some(len) = self.client.transmit(&mut self.out) {
            send(self.out.get(..len).unwrap_or_default());
        }
    }

    fn seal(&mut self, plaintext: &[u8]) -> Result<(), Failure> {
        if let Some(failure) = self.ended {
            return Err(failure);
        }
        let needed = plaintext.len() + self.client.overhead();
        if let Some(more) = needed.checked_sub(self.out.len()) {
            self.out.try_reserve_exact(more).map_err(|_| Failure::OutOfMemory)?;
            self.out.resize(needed, 0);
        }
        match self.client.send(plaintext, &mut self.out) {
            Ok(len) => {
                self.sealed = len;
                Ok(())
            }
            Err(Error::BadLength) => Err(Failure::BadParameter),
            Err(Error::ReservationExhausted) => Err(Failure::Reservation),
            Err(error) => Err(self.end(error)),
        }
    }

    fn receive(
        &mut self,
        datagram: &mut [u8],
        out: &mut [MaybeUninit<u8>],
        now: u64,
    ) -> Result<Option<usize>, Failure> {
        self.open(datagram, out, now)
    }

    fn pending(&mut self, out: &mut [MaybeUninit<u8>], now: u64) -> Result<Option<usize>, Failure> {
        if self.rest.is_empty() {
            return self.ended.map_or(Ok(None), Err);
        }
        let mut records = core::mem::take(&mut self.rest);
        self.open(&mut records, out, now)
    }

    fn save(&mut self, keeping: &Keeping<'_>, out: &mut [u8]) -> Result<usize, Failure> {
        keeping::save(&mut self.client, &self.key, keeping, out)
    }

    fn is_saved(&mut self) {
        self.client.checkpoint_is_stored();
    }

    fn close(&mut self) {
        // After the peer's own close_notify ours is due too (RFC 5246, section
        // 7.2.1), and was sent; after anything else that ended the session it
        // is not.
        if self.ended.is_none() {
            self.client.close();
        }
    }
}

/// Appends records to those that wait; a datagram that there is no memory for is
/// lost, as on any network.
fn keep(rest: &mut Vec<u8>, records: &[u8]) {
    if rest.try_reserve(records.len()).is_ok() {
        rest.extend_from_slice(records);
    }
}

// Not inlined, as `Session::connect`.
#[inline(never)]
fn client<P: Port>(peer: &Peer<'_>, key: &Key, now: u64) -> Result<Client<P>, Failure> {
    let config = config::<P>(peer)?;
    let config = match resumed::<P>(key) {
        Some(session) => config.resume(session),
        None => config,
    };
    Client::new(config, Source::default(), now).map_err(|error| refuse::<P>(peer, error))
}

fn refuse<P: Port>(peer: &Peer<'_>, error: Error) -> Failure {
    if error == Error::OutOfMemory {
        return Failure::OutOfMemory;
    }
    P::log(
        Level::Error,
        format_args!("no DTLS session with {} port {}: {error}", peer.host, peer.port),
    );
    Failure::Create
}

fn resumed<P: Port>(key: &Key) -> Option<SavedSession> {
    SavedSession::from_bytes(&resumption::session_for::<P>(key)?)
}

fn config<P: Port>(peer: &Peer<'_>) -> Result<Config, Failure> {
    let config = match peer.pre_shared_key {
        Some((identity, key)) => PreSharedKey::new(identity, key).map(Config::with_pre_shared_key),
        #[cfg(feature = "certificates")]
        None => {
            let time = P::calendar_seconds().filter(|time| *time >= EARLIEST_DATE);
            Config::with_certificates(peer.host, anchors::<P>(peer)?, time)
        }
        #[cfg(not(feature = "certificates"))]
        None => Err(Error::Configuration(
            "HAL_DTLSSession_psk gave no key, and certificates are left out",
        )),
    };
    config
        .and_then(|config| config.cbc(true).static_rsa(peer.may_use_static_rsa).connection_id(&[]))
        .map_err(|error| refuse::<P>(peer, error))
}

#[cfg(feature = "certificates")]
fn anchors<P: Port>(peer: &Peer<'_>) -> Result<TrustAnchors, Failure> {
    TrustAnchors::from_pem(peer.authorities_pem).map_err(|error| {
        let reason = match error {
            CertificateError::OutOfMemory => return Failure::OutOfMemory,
            CertificateError::NoAnchors => "there is none in the text",
            _ => "one does not parse",
        };
        P::log(
            Level::Error,
            format_args!("the certificates to trust for {} cannot be used: {reason}", peer.host),
        );
        Failure::Create
    })
}
