//! One session: the engine, its socket, and the records on their way out. Nothing here
//! waits; [`crate::link`] decides when to call.

#[cfg(feature = "extension")]
mod kept;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use iot_coap_client::{Duration, Instant};
#[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
use iot_coap_dtls::CertificateError;
use iot_coap_dtls::{Alert, Datagram, Error, SUPPORTS_CBC, State};

use super::age::Age;
use super::offer::{self, Client, Keys, Offer, Room, Started, Verdict};
use super::old_servers;
use super::resumption::{self, Key};
use super::terms::Terms;
use crate::fallible::room;
use crate::log::{Queue, log, log_later};
use crate::port::secrets::PreSharedKey;
use crate::port::{IoError, Replies, Udp};

/// Why plaintext was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteError {
    /// The session is over.
    Ended(Error),
    /// The port refused the datagram.
    Io(IoError),
    /// The server agreed to shorter ones.
    TooLong,
    /// There is no room for the record now.
    NoMemory,
}

/// A session, from the start of its handshake.
pub(crate) struct Session {
    client: Box<Client>,
    socket: Udp,
    key: Key,
    /// The handshake is done.
    is_open: bool,
    /// It was saved after the handshake, or cannot be saved.
    is_saved: bool,
    /// The buffer that records are written to, as long as the longest record so far.
    out: Vec<u8>,
    /// The time-out that was kept with the session, in milliseconds; 0 if there is none.
    kept_timeout_ms: u32,
    offer: Offer,
    /// The generation of this session in the store; 0 if it is not there.
    kept_as: u64,
    /// The age of this session or, once the server has resumed it, of the session that it
    /// was resumed from.
    age: Age,
}

impl Session {
    /// Starts a session, whose first flight is then due. Takes over the socket. If the
    /// session cannot be made, logs that and closes the socket.
    pub(crate) fn connect(socket: Udp, terms: &Terms<'_>, now: Instant) -> Option<Box<Self>> {
        Self::make(socket, terms, |keys, room| offer::begin(terms, keys, room, now))
    }

    fn make(
        socket: Udp,
        terms: &Terms<'_>,
        make: impl FnOnce(Keys<'_>, Room) -> Result<Started, Error>,
    ) -> Option<Box<Self>> {
        let made = Self::assemble(socket, terms, make);
        if let Err(error) = &made {
            socket.close();
            let (host, port) = (terms.host(), terms.peer.port);
            log!(Error, "no DTLS session with {host} port {port}: {error}");
        }
        made.ok()
    }

    fn assemble(
        socket: Udp,
        terms: &Terms<'_>,
        make: impl FnOnce(Keys<'_>, Room) -> Result<Started, Error>,
    ) -> Result<Box<Self>, Error> {
        let (place, room) = room().zip(room()).ok_or(Error::OutOfMemory)?;
        let mut secret = PreSharedKey::new();
        let pre_shared_key = secret.ask(terms.peer.host);
        #[cfg(not(feature = "port-linux"))]
        if let Some((_, key)) = pre_shared_key {
            crate::port::hedge::mix(key);
        }
        let key = Key::of(terms, pre_shared_key);
        let Started { client, age, offer } = make((key, pre_shared_key), room)?;
        let session = Self {
            client,
            socket,
            key,
            is_open: false,
            is_saved: false,
            out: Vec::new(),
            kept_timeout_ms: 0,
            offer,
            kept_as: 0,
            age,
        };
        Ok(Box::write(place, session))
    }

    /// The socket to read from.
    pub(crate) const fn socket(&self) -> Udp {
        self.socket
    }

    /// How long the peer took to answer the latest flight that was sent only once. `None`
    /// without a handshake, or if every flight was repeated.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.client.round_trip()
    }

    /// The time-out that was kept with the session, whether the session is restored or only
    /// resumed; `None` if there is none.
    pub(crate) fn kept_timeout(&self) -> Option<Duration> {
        (self.kept_timeout_ms != 0).then(|| Duration::from_millis(self.kept_timeout_ms.into()))
    }

    /// Whether plaintext can be written.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open && matches!(self.client.state(), State::Connected)
    }

    /// Whether there is a record number left that may be used.
    pub(crate) fn can_write(&self) -> bool {
        !self.client.needs_checkpoint()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is next due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let next = self.client.next_timeout()?;
        Some(self.offer.next_timeout().map_or(next, |at| at.min(next)))
    }

    /// Sends the first flight, if a handshake is needed, which may take `most`.
    pub(crate) fn start(&mut self, now: Instant, most: Duration, log: &mut Queue) {
        self.offer.start(now, most);
        // If the flight is lost, it is sent again.
        let _ = self.flush();
        self.note_progress(now, log);
    }

    /// Handles records from the network, up to the next one that carries plaintext. Returns
    /// where the plaintext is, and where the records behind it begin; `None` once all are
    /// read.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        records: &mut [u8],
        log: &mut Queue,
    ) -> Result<Option<(Range<usize>, usize)>, Error> {
        let (start, len) = (records.as_ptr().addr(), records.len());
        let mut datagram = Datagram::new(records);
        let read = self.client.handle_datagram(now, &mut datagram).map(|plaintext| {
            plaintext.map(|plaintext| {
                let from = plaintext.as_ptr().addr() - start;
                from..from + plaintext.len()
            })
        });
        let rest = len - datagram.rest().len();
        // A reply may be due. If it is lost, the peer asks again.
        let _ = self.flush();
        self.note_progress(now, log);
        read.map(|plaintext| plaintext.map(|plaintext| (plaintext, rest)))
    }

    /// Repeats a flight of the handshake, if that is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, log: &mut Queue) {
        // An error that ends the session is kept in its state.
        let _ = self.client.handle_timeout(now);
        self.offer.handle_timeout(now);
        let _ = self.flush();
        self.note_progress(now, log);
    }

    /// Whether another session should take its place before it ends.
    pub(crate) fn needs_renewal(&self) -> bool {
        self.client.needs_renewal()
    }

    /// Why the session is over, if it is.
    pub(crate) fn ended(&self) -> Option<Error> {
        match self.client.state() {
            State::Ended(error) => Some(error),
            State::Handshaking | State::Connected => None,
        }
    }

    /// Sends plaintext as one record.
    pub(crate) fn write(&mut self, plaintext: &[u8], replies: Replies) -> Result<(), WriteError> {
        let needed = plaintext.len() + self.client.record_overhead();
        self.make_room(needed).ok_or(WriteError::NoMemory)?;
        let len = match self.client.send(plaintext, &mut self.out) {
            Ok(len) => len,
            Err(Error::BadLength) => return Err(WriteError::TooLong),
            Err(error) => return Err(WriteError::Ended(error)),
        };
        let record = self.out.get(..len).unwrap_or_default();
        self.socket.write(record, replies).map_err(WriteError::Io)?;
        // The last flight of the handshake may be sent along.
        self.flush().map_err(WriteError::Io)
    }

    /// Makes `out` at least `len` bytes long; `None` if there is no memory.
    fn make_room(&mut self, len: usize) -> Option<()> {
        if len > self.out.len() {
            // Free the old memory first: both at once would raise the peak.
            self.out = Vec::new();
            self.out.try_reserve_exact(len).ok()?;
            self.out.resize(len, 0);
        }
        Some(())
    }

    /// Sends every datagram that is due; returns the last error of the port.
    fn flush(&mut self) -> Result<(), IoError> {
        let mut sent = Ok(());
        // A flight has several datagrams. After the handshake, and to an alert, there is no
        // answer.
        let replies = match self.client.state() {
            State::Handshaking => Replies::Several,
            State::Connected | State::Ended(_) => Replies::None,
        };
        loop {
            // If there is no memory, the rest of the flight waits until it is due again.
            let due = self.client.transmit_len();
            if due == 0 || self.make_room(due).is_none() {
                break;
            }
            let Some(len) = self.client.poll_transmit(&mut self.out) else { break };
            let written = self.socket.write(self.out.get(..len).unwrap_or_default(), replies);
            sent = written.and(sent);
        }
        sent
    }

    /// When the handshake is done or the session is over, remembers or forgets the session,
    /// and logs that.
    fn note_progress(&mut self, now: Instant, log: &mut Queue) {
        match self.client.state() {
            State::Handshaking => {
                if let Some(verdict) = self.offer.judge(now, &self.client) {
                    self.note_verdict(verdict, log);
                }
            }
            State::Ended(Error::Closed) => {}
            State::Connected if self.is_open => {}
            State::Connected => {
                self.is_open = true;
                self.note_opened(log);
            }
            State::Ended(error) => {
                if self.is_open {
                    // RFC 5246, section 7.2.2: a session with a fatal alert is not resumed.
                    resumption::forget(&self.key);
                    log_later!(log, Warning, "the DTLS session failed: {error}");
                } else if self.offer.verdict().is_none() {
                    let hint = match error {
                        Error::PeerAlert(Alert::HANDSHAKE_FAILURE) => {
                            ", perhaps no cipher in common"
                        }
                        #[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
                        Error::Certificate(CertificateError::UnknownIssuer) => {
                            if cfg!(feature = "port-linux") {
                                ": if the server is yours, return its root from iotx_coap_get_ca \
                                 (for the local cloud, compile c_examples/local_root.c as well)"
                            } else {
                                ": if the server is yours, return its root from iotx_coap_get_ca \
                                 (for the local cloud, see docs/board.md)"
                            }
                        }
                        _ => "",
                    };
                    log_later!(log, Error, "the DTLS handshake failed: {error}{hint}");
                    let verdict = self.offer.judge_end(error);
                    self.note_verdict(verdict, log);
                }
            }
        }
    }

    /// Notes that the handshake was given up.
    fn note_verdict(&mut self, verdict: Verdict, log: &mut Queue) {
        // The next handshake is a full one, with all the extensions of a full one.
        resumption::forget(&self.key);
        if verdict != Verdict::Failed && self.offer.leaves_out() {
            old_servers::remember(&self.key);
            log_later!(
                log,
                Warning,
                "the first DTLS offer was refused or not answered; offering AES-CBC and, to \
                 certificates, static RSA too"
            );
        } else if self.ended().is_none() {
            log_later!(
                log,
                Warning,
                "the server does not go on with the DTLS handshake, as with a wrong pre-shared key"
            );
        }
    }

    /// Why the handshake was given up, if it was.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.offer.verdict()
    }

    fn note_opened(&mut self, log: &mut Queue) {
        let round_trip = self.round_trip();
        let client = &mut self.client;
        let suite = client.cipher_suite().unwrap_or("no cipher suite");
        let how = match (client.was_restored(), client.was_resumed()) {
            (true, _) => "restored",
            (false, true) => "resumed",
            (false, false) => "opened",
        };
        log_later!(log, Info, "DTLS session {how}, {suite}");
        if let Some(round_trip) = round_trip {
            log_later!(log, Debug, "the handshake's round trip: {round_trip}");
        }
        if !client.has_forward_secrecy() {
            log_later!(log, Warning, "the server offers no forward secrecy: {suite}");
        }
        if !client.server_sent_renegotiation_info() {
            log_later!(log, Warning, "the server does not know RFC 5746 (secure renegotiation)");
        }
        if !client.certificate_dates_were_checked() {
            log_later!(
                log,
                Warning,
                "the clock is not set: the dates of the server's certificate were not checked"
            );
        }
        if client.was_restored() {
            return;
        }
        if SUPPORTS_CBC && !client.uses_cbc() {
            old_servers::forget(&self.key);
        }
        if !client.was_resumed() {
            self.age = Age::new();
        }
        match client.take_saved_session() {
            Some(session) => resumption::remember(self.key, &session, self.age),
            None => resumption::forget(&self.key),
        }
    }

    /// Forgets the saved session and everything else that is known of the server, since the
    /// handshake took too long.
    pub(crate) fn abandon(&mut self) {
        resumption::forget(&self.key);
        if SUPPORTS_CBC {
            old_servers::forget(&self.key);
        }
    }

    /// Sends a close_notify, if the session has not ended, and closes the socket.
    pub(crate) fn close(mut self) {
        // A server that refuses the handshake has no session to end. A server that says
        // nothing, such as GnuTLS's sample, may wait for ever after an alert that it does
        // not expect.
        if self.ended().is_none() && self.verdict().is_none() {
            self.client.close();
        }
        // After the peer's close_notify, ours is due too (RFC 5246, section 7.2.1). If it
        // is lost, the peer has a time-out of its own.
        let _ = self.flush();
        self.socket.close();
    }
}
