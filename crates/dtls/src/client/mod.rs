//! The client combines the handshake, the records and the timer.

mod checkpoint;
mod receive;
mod transmit;

use iot_coap_time::{Duration, Instant};
use rand_core::TryCryptoRng;

use crate::alert::Alert;
use crate::config::{Config, DEFAULT_MTU};
use crate::error::{Error, Violation};
use crate::handshake::{Flight, Handshake};
use crate::keys::Keys;
use crate::memory::Boxed;
use crate::saved_session::SavedSession;
use crate::session::{Dropped, RecordReader, RecordWriter, Retransmission, State};
use crate::validity::Validity;

/// How often the server must refuse the offer before the refusal is believed.
const MAX_REFUSALS: u8 = 2;

/// How the session was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// By a full handshake, which may still be in progress.
    Full,
    Resumed,
    Restored,
}

/// One session with one server.
///
/// A client does no I/O and has no clock: the caller passes datagrams and the time in, and
/// sends the datagrams that come out. Nothing blocks, and nothing is allocated after the
/// handshake. Instants may count from any start, but must never go back.
///
/// There are four kinds of methods:
///
/// - Getters take `&self`. [`state`](Self::state) returns the state of the session, and
///   [`next_timeout`](Self::next_timeout) the time to call `handle_timeout`.
/// - `handle_*` methods take input from outside: datagrams
///   ([`handle_datagram`](Self::handle_datagram)) and the passing of time
///   ([`handle_timeout`](Self::handle_timeout)). Datagrams come before time: handle all
///   datagrams that have arrived, then the timeout.
/// - Commands take the application's wishes: [`send`](Self::send), [`close`](Self::close),
///   [`checkpoint`](Self::checkpoint) and others.
/// - [`poll_transmit`](Self::poll_transmit) returns the datagrams to send. Call it until it
///   returns `None` after each call of a `handle_*` method or a command.
///
/// The documentation of the [crate](crate#how-to-use-it) has an example with a socket. It has a
/// deadline, too: a client waits for a silent server without end.
pub struct Client<R> {
    random: R,
    state: State,
    handshake: Option<Boxed<Handshake>>,
    /// The messages that this side has sent and may have to retransmit. After the handshake
    /// it is empty, or the final flight.
    flight: Flight,
    retransmission: Retransmission,
    keys: Option<Keys>,
    reader: RecordReader,
    writer: RecordWriter,
    mtu: usize,
    /// The alert that is due.
    alert: Option<Alert>,
    renegotiation_refused: bool,
    /// How often the server has refused the offer, up to [`MAX_REFUSALS`].
    refusals: u8,
    saved_session: Option<SavedSession>,
    origin: Origin,
    renegotiation_info: bool,
    validity: Validity,
}

impl<R: TryCryptoRng> Client<R> {
    /// Starts a session. The first flight is due: send what
    /// [`poll_transmit`](Self::poll_transmit) returns.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if the configuration has certificates and the build neither
    /// the feature `rsa` nor `p256`, which leaves no cipher suite to offer; [`Error::Random`]; [`Error::OutOfMemory`].
    pub fn new(config: Config, mut random: R, now: Instant) -> Result<Self, Error> {
        let (mtu, validity) = (config.mtu, Validity::unlimited(config.checks_dates()));
        let mut reader = RecordReader::new(config.connection_id.unwrap_or_default());
        reader.set_max_forgeries(config.max_forgeries);
        let retransmission = Retransmission::started(config.first_timeout, config.max_timeout, now);
        let mut flight = Flight::default();
        let handshake = Handshake::start(config, &mut flight, &mut random)?;
        let mut client = Self::from_parts(
            random,
            Some(handshake),
            flight,
            retransmission,
            None,
            reader,
            RecordWriter::new(),
        );
        client.mtu = mtu;
        client.validity = validity;
        Ok(client)
    }

    /// Makes a client with a handshake, or a connected client with the keys of a
    /// checkpoint.
    fn from_parts(
        random: R,
        handshake: Option<Boxed<Handshake>>,
        flight: Flight,
        retransmission: Retransmission,
        keys: Option<Keys>,
        reader: RecordReader,
        writer: RecordWriter,
    ) -> Self {
        Self {
            random,
            state: if keys.is_some() { State::Connected } else { State::Handshaking },
            handshake,
            flight,
            retransmission,
            origin: if keys.is_some() { Origin::Restored } else { Origin::Full },
            keys,
            reader,
            writer,
            mtu: DEFAULT_MTU,
            alert: None,
            renegotiation_refused: false,
            refusals: 0,
            saved_session: None,
            renegotiation_info: true,
            validity: Validity::unlimited(true),
        }
    }

    /// The state of the session. It stays [`State::Handshaking`] for as long as the server is
    /// silent, also to a wrong pre-shared key: see [`was_answered`](Self::was_answered).
    pub fn state(&self) -> State {
        self.state
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` if no timer runs, as
    /// after the handshake.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.retransmission.deadline()
    }

    /// Tells the client that it is `now`. If the server has not answered a flight in time,
    /// the flight is due again. Has no effect before
    /// [`next_timeout`](Self::next_timeout).
    ///
    /// Before there are keys, anybody may have sent an alert or an invalid message. Those do
    /// not end the handshake at once, but only if the server does not answer the flight that
    /// is retransmitted afterwards: by default 3 s after the first flight, and later if the
    /// network has shown to be slow.
    ///
    /// # Errors
    ///
    /// The handshake has failed in this way: [`Error::PeerAlert`],
    /// [`Violation::Unexpected`], [`Violation::Contradiction`] or [`Violation::TooLong`]; or
    /// [`Error::OutOfMemory`].
    ///
    /// [`Violation::Unexpected`]: crate::Violation::Unexpected
    /// [`Violation::Contradiction`]: crate::Violation::Contradiction
    /// [`Violation::TooLong`]: crate::Violation::TooLong
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        match self.retransmission.handle_timeout(now) {
            Ok(false) => {}
            Ok(true) => self.repeat_flight()?,
            Err(error) => return Err(self.end(error)),
        }
        Ok(())
    }

    fn repeat_flight(&mut self) -> Result<(), Error> {
        self.flight.rewind();
        let Some(handshake) = &mut self.handshake else { return Ok(()) };
        match handshake.try_other_cookie(&mut self.flight) {
            Ok(false) => Ok(()),
            Ok(true) => {
                // Perhaps the server uses the first cookie. The handshake then gets stuck.
                self.retransmission.note_unauthenticated_error(Violation::Contradiction.into());
                Ok(())
            }
            Err(error) => Err(self.end(error)),
        }
    }

    /// How long the server took to answer the latest flight of the handshake that was sent
    /// only once, from when the flight was due until its answer began to arrive. `None` if
    /// every flight was sent again, since it is unknown which transmission was answered
    /// (Karn's algorithm), and after [`restore`](Self::restore).
    ///
    /// Timers of the application can start from it. It tends to be too long, since it
    /// includes the computations of both sides. Before there are keys, anybody can make it
    /// shorter with a forged message, but not longer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.retransmission.round_trip()
    }

    /// Ends the session. [`poll_transmit`](Self::poll_transmit) returns the closing alert.
    pub fn close(&mut self) {
        if !matches!(self.state, State::Ended(_)) {
            self.end(Error::Closed);
        }
    }

    /// Returns the session for [`Config::resume`], once. It is available after the handshake
    /// if the server supports resumption.
    pub fn take_saved_session(&mut self) -> Option<SavedSession> {
        self.saved_session.take()
    }

    /// Whether the server resumed the session of [`Config::resume`].
    pub fn was_resumed(&self) -> bool {
        self.origin == Origin::Resumed
    }

    /// Whether the session comes from [`restore`](Self::restore).
    pub fn was_restored(&self) -> bool {
        self.origin == Origin::Restored
    }

    /// The name of the cipher suite in IANA's registry, once there are keys.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.keys.as_ref().map(|keys| keys.secrets.suite.name)
    }

    /// Whether the suite is one that [`Config::cbc`] allows. False before there are keys.
    ///
    /// [`Config::cbc`]: crate::Config::cbc
    pub fn uses_cbc(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.secrets.suite.algorithm.is_cbc())
    }

    /// Whether the server, or somebody in its name, has refused the offer, by
    /// handshake_failure or insufficient_security, twice or after a cookie. The handshake
    /// fails only if the server sends nothing else (see
    /// [`handle_timeout`](Self::handle_timeout)). A caller that can offer more need not
    /// wait for that: if the refusal is forged, the server's own answer arrives within a
    /// round trip; after that, another client can begin from another port.
    pub fn is_refused(&self) -> bool {
        self.refusals == MAX_REFUSALS
            && self.handshake.as_ref().is_some_and(|handshake| !handshake.has_server_hello())
    }

    /// Whether the server, or somebody in its name, has answered a flight of a handshake that
    /// is in progress. False after the handshake.
    ///
    /// If it stays true and the handshake is not done in time, with a pre-shared key, compare
    /// identity and key: servers say nothing to a client whose key is another.
    pub fn was_answered(&self) -> bool {
        self.handshake.as_ref().is_some_and(|handshake| !handshake.is_first_hello())
    }

    /// Whether a handshake in progress has a ServerHello, so that the server has chosen
    /// from the offer. False after the handshake.
    pub fn has_server_hello(&self) -> bool {
        self.handshake.as_ref().is_some_and(|handshake| handshake.has_server_hello())
    }

    /// How often the latest flight was sent again. The number grows if the server is gone,
    /// or if an answer was forged, so that the server waits for something else.
    pub fn flight_repeats(&self) -> u8 {
        self.retransmission.repeats()
    }

    /// Whether recorded traffic stays secret if the server's key or the pre-shared key is
    /// disclosed later. False before there are keys.
    pub fn has_forward_secrecy(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.secrets.suite.has_forward_secrecy())
    }

    /// Whether records to the server carry a connection id, so that the server recognizes
    /// them from any address. False before there are keys.
    pub fn uses_connection_id(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| !keys.peer_id.is_empty())
    }

    /// False if certificates were accepted without checking their dates, since there was no
    /// clock. For a resumed or restored session, this is about the first handshake.
    pub fn certificate_dates_were_checked(&self) -> bool {
        self.validity.dates_checked
    }

    /// Whether the server's certificates may be accepted at `time`, in seconds since 1970,
    /// or without a clock. If their dates were not checked, they may not be accepted as
    /// soon as there is a clock.
    ///
    /// A handshake checks that itself, also for a session that it resumes. Call this after
    /// [`restore`](Self::restore), and start a new session if it returns false.
    pub fn is_valid_at(&self, time: Option<u64>) -> bool {
        self.validity.allows(time)
    }

    /// Whether the server has sent renegotiation_info (RFC 5746). Its absence is worth a
    /// warning; with [`Config::require_renegotiation_info`] such a server is refused. True
    /// before the handshake is done, and after [`restore`](Self::restore).
    pub fn server_sent_renegotiation_info(&self) -> bool {
        self.renegotiation_info
    }

    /// Whether it is time to open a new session beside this one: half of the forged records
    /// that are allowed have arrived (RFC 9147, section 4.5.3;
    /// [`Config::max_forgeries`](crate::Config::max_forgeries)), or 2^24 records were sent
    /// (RFC 8446, section 5.5). The session goes on until [`Error::TooManyForgeries`] or
    /// [`Error::SequenceExhausted`]. Forged records are counted from the start, or from
    /// [`restore`](Self::restore).
    pub fn needs_renewal(&self) -> bool {
        let is_worn_out = |keys| self.reader.is_worn_out(keys, true) || self.writer.is_worn_out();
        matches!(self.state, State::Connected) && self.keys.as_ref().is_some_and(is_worn_out)
    }

    /// How many records and messages were received and dropped.
    pub fn dropped(&self) -> Dropped {
        self.reader.dropped()
    }

    /// Ends the session with an error, unless it has ended before, and returns the error.
    fn end(&mut self, error: Error) -> Error {
        if matches!(self.state, State::Ended(_)) {
            return error;
        }
        self.state = State::Ended(error);
        self.handshake = None;
        self.retransmission.stop();
        self.flight.clear();
        self.alert = error.alert();
        error
    }
}
