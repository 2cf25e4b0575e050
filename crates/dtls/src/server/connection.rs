//! A connection combines the handshake, the records and the timer.

use alloc::sync::Arc;
use alloc::vec::Vec;

use iot_coap_time::Instant;
use rand_core::TryCryptoRng;

use super::config::Config;
use super::cookies::Hello;
use super::handshake::Handshake;
use crate::alert::Alert;
use crate::error::Error;
use crate::handshake::Flight;
use crate::key_schedule::RANDOM_LEN;
use crate::keys::Keys;
use crate::memory::Boxed;
use crate::record::{ConnectionId, ContentType, FragmentLength};
use crate::session::{Dropped, Outgoing, RecordReader, RecordWriter, Retransmission, State};

/// One session with one client.
///
/// It is used like a [`Client`](crate::Client), with four kinds of methods: getters;
/// `handle_*` for datagrams and time, datagrams first; commands; and
/// [`poll_transmit`](Self::poll_transmit), which must be called until it returns `None`
/// after each call of a `handle_*` method or a command. The caller must know the client's
/// address. Nothing is allocated after the handshake.
pub struct Connection<R> {
    pub(super) random: R,
    pub(super) state: State,
    pub(super) handshake: Option<Boxed<Handshake>>,
    /// The messages that this side has sent and may have to send again. After the handshake
    /// it is empty, or the last flight.
    pub(super) flight: Flight,
    pub(super) retransmission: Retransmission,
    pub(super) keys: Option<Keys>,
    pub(super) reader: RecordReader,
    pub(super) writer: RecordWriter,
    pub(super) mtu: usize,
    pub(super) max_repeats: u8,
    /// When the handshake is given up, or the last flight forgotten.
    pub(super) limit: Option<Instant>,
    /// The alert that is due.
    pub(super) alert: Option<Alert>,
    pub(super) renegotiation_refused: bool,
    /// The client's identity; empty without a pre-shared key.
    pub(super) identity: Vec<u8>,
    pub(super) arrived: Arrived,
    pub(super) was_resumed: bool,
}

/// Which kinds of records have arrived since the caller last asked.
#[derive(Default)]
pub(super) struct Arrived {
    /// An authentic record.
    pub(super) authentic: bool,
    /// A record that is newer than all earlier ones, and has the connection id.
    pub(super) newest: bool,
}

impl<R: TryCryptoRng> Connection<R> {
    /// Makes a connection for a ClientHello whose cookie is valid. Pass it the datagram
    /// with the ClientHello next.
    ///
    /// If the client knows connection ids (RFC 9146), it puts `connection_id` into its
    /// records; choose an id that no other connection has. With an empty id, only the
    /// client may choose an id; `None` turns connection ids off.
    /// [`uses_connection_id`](Self::uses_connection_id) returns whether the id is used.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if `connection_id` is longer than 32 bytes;
    /// [`Error::OutOfMemory`].
    pub fn accept(
        config: &Arc<Config>,
        hello: &Hello,
        connection_id: Option<&[u8]>,
        random: R,
        now: Instant,
    ) -> Result<Self, Error> {
        let own_id = match connection_id {
            Some(id) => Some(
                ConnectionId::new(id)
                    .ok_or(Error::Configuration("a connection id can have at most 32 bytes"))?,
            ),
            None => None,
        };
        let mut reader = RecordReader::new(ConnectionId::default());
        reader.set_max_forgeries(config.max_forgeries);
        Ok(Self {
            random,
            state: State::Handshaking,
            handshake: Some(Handshake::start(Arc::clone(config), hello, own_id)?),
            flight: Flight::default(),
            retransmission: Retransmission::started(config.first_timeout, config.max_timeout, now),
            keys: None,
            reader,
            // The record that answers a ClientHello has the same number (RFC 6347, section
            // 4.2.1).
            writer: RecordWriter::starting_at(hello.sequence),
            mtu: config.mtu,
            max_repeats: config.max_repeats,
            limit: Some(now + config.handshake_limit),
            alert: None,
            renegotiation_refused: false,
            identity: Vec::new(),
            arrived: Arrived::default(),
            was_resumed: false,
        })
    }

    /// Whether the connection began with this ClientHello. If so, the client, or somebody
    /// who has seen the ClientHello, repeats it. Otherwise, the client has forgotten this
    /// connection, or another client has the same address now.
    pub fn began_with(&self, hello: &Hello) -> bool {
        self.client_random().is_some_and(|random| *random == hello.random)
    }

    fn client_random(&self) -> Option<&[u8; RANDOM_LEN]> {
        match (&self.handshake, &self.keys) {
            (Some(handshake), _) => Some(&handshake.randoms.client),
            (None, Some(keys)) => Some(&keys.secrets.randoms.client),
            (None, None) => None,
        }
    }

    /// The state of the session.
    pub fn state(&self) -> State {
        self.state
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` if no timer runs.
    pub fn next_timeout(&self) -> Option<Instant> {
        match (self.retransmission.deadline(), self.limit) {
            (Some(deadline), Some(limit)) => Some(deadline.min(limit)),
            (deadline, limit) => deadline.or(limit),
        }
    }

    /// Tells the connection that it is `now`. If the client has not answered a flight in time,
    /// the flight is due again. Has no effect before [`next_timeout`](Self::next_timeout).
    ///
    /// Before there are keys, anybody may have sent an alert or an invalid message. Those do
    /// not end the handshake at once, but only if the client does not answer the flight that is
    /// sent again afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]; or the handshake has failed in this way: [`Error::PeerAlert`],
    /// [`Violation::Unexpected`], [`Violation::Contradiction`] or [`Violation::TooLong`].
    ///
    /// [`Violation::Unexpected`]: crate::Violation::Unexpected
    /// [`Violation::Contradiction`]: crate::Violation::Contradiction
    /// [`Violation::TooLong`]: crate::Violation::TooLong
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if self.limit.is_some_and(|limit| now >= limit) {
            if matches!(self.state, State::Handshaking) {
                return Err(self.end(Error::TimedOut));
            }
            self.forget_flight();
        }
        match self.retransmission.handle_timeout(now) {
            Ok(is_due) => {
                if is_due {
                    self.repeat_flight();
                }
                Ok(())
            }
            Err(error) => Err(self.end(error)),
        }
    }

    /// Makes the flight due again, unless it was sent often enough. After it has
    /// authenticated, the client may ask for the flight any number of times.
    pub(super) fn repeat_flight(&mut self) {
        let is_connected = matches!(self.state, State::Connected);
        if is_connected || self.retransmission.repeats() <= self.max_repeats {
            self.flight.rewind();
        }
    }

    /// Forgets the last flight, which has arrived or is no longer needed.
    pub(super) fn forget_flight(&mut self) {
        self.limit = None;
        self.flight = Flight::default();
    }

    /// Writes the next datagram that is due into `out` and returns its length, or `None` if
    /// nothing is due. `out` should be as long as [`Config::mtu`]. Data that does not fit,
    /// or cannot be encrypted because the source of randomness fails, remains due.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Option<usize> {
        let out = out.get_mut(..out.len().min(self.mtu))?;
        let max_fragment = match (&self.keys, &self.handshake) {
            (Some(keys), _) => keys.secrets.max_fragment,
            (None, Some(handshake)) => handshake.max_fragment(),
            (None, None) => FragmentLength::default(),
        };
        let Self { flight, writer, keys, random, alert, .. } = self;
        Outgoing { flight, writer, keys: keys.as_ref(), random, max_fragment }.poll(alert, out)
    }

    /// Encrypts `plaintext` into one record in `out` and returns the record's length, which
    /// is at most [`record_overhead`](Self::record_overhead) bytes more than the length of
    /// `plaintext`. The record is a datagram: send it after the datagrams of
    /// [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session has ended; [`Error::BadLength`] if
    /// `plaintext` is longer than [`max_plaintext_len`](Self::max_plaintext_len) or `out` is too
    /// short; [`Error::SequenceExhausted`], which ends the session; [`Error::Random`].
    pub fn send(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.state.check_connected()?;
        if self.writer.is_exhausted() {
            return Err(self.end(Error::SequenceExhausted));
        }
        let Self { keys, writer, random, .. } = self;
        let (kind, content) = (ContentType::ApplicationData, [plaintext, &[]]);
        writer.write_protected(keys.as_ref(), random, kind, content, out)
    }

    /// Ends the session. [`poll_transmit`](Self::poll_transmit) returns the closing alert.
    pub fn close(&mut self) {
        self.end(Error::Closed);
    }

    /// Whether, since the last call, an authentic record has arrived that has this side's
    /// connection id and is newer than all earlier ones. If so, the client is at the
    /// address of that datagram, and answers go there from now on (RFC 9146, section 6).
    ///
    /// Call this after each datagram from a new address, once all of it is read. An
    /// attacker on the path can forward a genuine datagram from another address. The
    /// attacker then gets answers, which cannot be read, until the client's next datagram
    /// arrives.
    pub fn take_newest(&mut self) -> bool {
        core::mem::take(&mut self.arrived.newest)
    }

    /// Whether, since the last call, an authentic record has arrived. If an imported
    /// connection has neither received nor sent a record, it may be dropped and imported
    /// from the same blob again.
    pub fn take_authentic(&mut self) -> bool {
        core::mem::take(&mut self.arrived.authentic)
    }

    /// The alert by which the client gives the handshake up, as it seems: anybody may have sent
    /// it, so the handshake goes on until the client does not answer either, or answers. For a
    /// log that tells at once why a client does not get in.
    pub fn unprotected_alert(&self) -> Option<Alert> {
        match (self.state, self.retransmission.unauthenticated_error()?) {
            (State::Handshaking, Error::PeerAlert(alert)) => Some(alert),
            _ => None,
        }
    }

    /// Whether the session was resumed from a ticket. False before the handshake is done.
    pub fn was_resumed(&self) -> bool {
        self.was_resumed
    }

    /// The identity of the client's pre-shared key, once the handshake is done. For a
    /// resumed session, it is the identity of the first handshake.
    pub fn identity(&self) -> Option<&[u8]> {
        Some(&self.identity[..]).filter(|identity| !identity.is_empty())
    }

    /// The name of the cipher suite in IANA's registry, once there are keys.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.keys.as_ref().map(|keys| keys.secrets.suite.name)
    }

    /// Whether recorded traffic stays secret if the server's key or the pre-shared key is
    /// disclosed later. False before there are keys.
    pub fn has_forward_secrecy(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.secrets.suite.has_forward_secrecy())
    }

    /// Whether records of the client carry the connection id that was chosen for this side.
    /// False before there are keys.
    pub fn uses_connection_id(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| !keys.own_id.is_empty())
    }

    /// The longest plaintext of a record, in bytes: 16,384, or what the client asked for.
    pub fn max_plaintext_len(&self) -> usize {
        let keys = self.keys.as_ref();
        keys.map_or(FragmentLength::default(), |keys| keys.secrets.max_fragment).bytes()
    }

    /// How many bytes a record is longer than its plaintext, at most; 0 before there are keys.
    pub fn record_overhead(&self) -> usize {
        self.keys.as_ref().map_or(0, Keys::record_overhead)
    }

    /// How many records and messages were received and dropped.
    pub fn dropped(&self) -> Dropped {
        self.reader.dropped()
    }

    /// Ends the session with an error, unless it has ended before, and returns the error.
    pub(super) fn end(&mut self, error: Error) -> Error {
        if matches!(self.state, State::Ended(_)) {
            return error;
        }
        self.state = State::Ended(error);
        self.handshake = None;
        self.retransmission.stop();
        self.forget_flight();
        self.alert = error.alert();
        error
    }
}
