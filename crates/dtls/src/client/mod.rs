//! The client: a handshake, records and a timer tied together behind calls that
//! take time and datagrams and give datagrams and plaintext.

mod checkpoint;
mod receive;
mod transmit;

pub use checkpoint::RestoreError;
use rand_core::TryCryptoRng;

use crate::alert::Alert;
use crate::config::Config;
use crate::error::Error;
use crate::handshake::{Flight, Handshake, Keys};
use crate::record::{Connection, ReplayWindow, SEQUENCE_END};
use crate::saved_session::SavedSession;

/// What was received and not used, since the session began. Each is dropped in
/// silence, as RFC 6347, section 4.1.2.7, has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Records, and messages of the handshake, that are none, or of no epoch or
    /// type that is expected.
    pub malformed: u32,
    /// Records that do not decrypt.
    pub forged: u32,
    /// Records that came before, or too late to tell.
    pub replayed: u32,
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The handshake is under way.
    Handshaking,
    /// Plaintext may be sent and received.
    Connected,
    /// The session is over, by this reason.
    Ended(Error),
}

/// How a session came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// By a full handshake, unless one is under way.
    Full,
    Resumed,
    Restored,
}

/// What would end the handshake if it were proved: an alert, or a message that
/// does not fit. Anybody may have sent it, so the handshake goes on: the flight
/// goes out once more, and only if that is not answered in time either does it
/// count. So a server that refuses is reported within three times the timeout,
/// and nobody else ends a handshake with a server that answers.
#[derive(Clone, Copy)]
struct Suspicion {
    error: Error,
    /// The flight has gone out again since.
    sent_again: bool,
}

struct Timer {
    deadline: u64,
    timeout: u32,
}

/// One session with one server. Times are in milliseconds from any start, and
/// never go back. Nothing here blocks, and after the handshake nothing
/// allocates.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # fn now() -> u64 { 0 }
/// # struct Rng;
/// # impl rand_core::TryRng for Rng {
/// #     type Error = std::convert::Infallible;
/// #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { unimplemented!() }
/// #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { unimplemented!() }
/// #     fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> { unimplemented!() }
/// # }
/// # impl rand_core::TryCryptoRng for Rng {}
/// # let system_random = Rng;
/// use iot_coap_dtls::{Client, Config, Datagram, PreSharedKey, State};
///
/// let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
/// socket.connect("192.0.2.1:5684")?;
/// let key = PreSharedKey::new(b"sensor-7", b"not a secret")?;
/// let config = Config::with_pre_shared_key(key);
/// let mut client = Client::new(config, system_random, now())?;
/// let mut buffer = [0; 2048];
/// loop {
///     while let Some(len) = client.transmit(&mut buffer) {
///         socket.send(&buffer[..len])?;
///     }
///     match client.state() {
///         State::Connected => break,
///         State::Ended(error) => return Err(error.into()),
///         State::Handshaking => {}
///     }
///     let wait = client.deadline().map_or(60_000, |deadline| deadline.saturating_sub(now()));
///     socket.set_read_timeout(Some(std::time::Duration::from_millis(wait.max(1))))?;
///     if let Ok(len) = socket.recv(&mut buffer) {
///         // No plaintext comes before the handshake is done.
///         client.read(&mut Datagram::new(&mut buffer[..len]), now())?;
///     }
///     client.tick(now())?;
/// }
/// let len = client.send(b"21.5", &mut buffer)?;
/// socket.send(&buffer[..len])?;
/// let len = socket.recv(&mut buffer)?;
/// let mut datagram = Datagram::new(&mut buffer[..len]);
/// while let Some(plaintext) = client.read(&mut datagram, now())? {
///     println!("{plaintext:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Client<R> {
    random: R,
    state: State,
    handshake: Option<Handshake>,
    flight: Flight,
    timer: Option<Timer>,
    mtu: usize,
    first_timeout: u32,
    longest_timeout: u32,
    /// When the flight was last sent or due.
    flight_due: u64,
    /// How often the last flight went out beside plaintext, for want of a sign
    /// that the server has it.
    flight_repeats: u8,
    suspicion: Option<Suspicion>,
    plain_sequence: u64,
    keys: Option<Keys>,
    /// Our ChangeCipherSpec has gone out.
    writes_protected: bool,
    sequence: u64,
    /// Sequence numbers from here on are not reserved; see
    /// [`checkpoint`](Self::checkpoint).
    sequence_limit: u64,
    /// The limit once the last checkpoint is stored.
    reserved: Option<u64>,
    replay: ReplayWindow,
    own_id: Connection,
    alert: Option<Alert>,
    renegotiation_refused: bool,
    saved: Option<SavedSession>,
    origin: Origin,
    dates_checked: bool,
    dropped: Dropped,
}

impl<R: TryCryptoRng> Client<R> {
    /// A client whose first flight is due: send what
    /// [`transmit`](Self::transmit) gives.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`], [`Error::Random`], [`Error::OutOfMemory`].
    pub fn new(config: Config, mut random: R, now: u64) -> Result<Self, Error> {
        let mut flight = Flight::default();
        let (mtu, first_timeout) = (config.mtu, config.first_timeout_ms);
        let longest_timeout = config.longest_timeout_ms;
        let own_id = config.connection_id.unwrap_or_default();
        let dates_checked = config.checks_dates();
        let handshake = Handshake::start(config, &mut flight, &mut random)?;
        let mut client = Self {
            random,
            state: State::Handshaking,
            handshake: Some(handshake),
            flight,
            timer: None,
            mtu,
            first_timeout,
            longest_timeout,
            flight_due: now,
            flight_repeats: 0,
            suspicion: None,
            plain_sequence: 0,
            keys: None,
            writes_protected: false,
            sequence: 0,
            sequence_limit: SEQUENCE_END,
            reserved: None,
            replay: ReplayWindow::default(),
            own_id,
            alert: None,
            renegotiation_refused: false,
            saved: None,
            origin: Origin::Full,
            dates_checked,
            dropped: Dropped::default(),
        };
        client.arm(now);
        Ok(client)
    }

    /// Where the session is.
    pub fn state(&self) -> State {
        self.state
    }

    /// When [`tick`](Self::tick) is next due; `None` when it is not.
    pub fn deadline(&self) -> Option<u64> {
        self.timer.as_ref().map(|timer| timer.deadline)
    }

    /// Lets time pass: a flight that was not answered is due again.
    ///
    /// Before there are keys anybody may have sent an alert or a message that
    /// does not fit. So neither ends the handshake at once: it does when the
    /// flight has gone out once more since and is not answered in time either,
    /// by default 3 s after the first flight.
    ///
    /// # Errors
    ///
    /// Such an end: [`Error::PeerAlert`], [`Violation::Unexpected`],
    /// [`Violation::TooLong`].
    ///
    /// [`Violation::Unexpected`]: crate::Violation::Unexpected
    /// [`Violation::TooLong`]: crate::Violation::TooLong
    pub fn tick(&mut self, now: u64) -> Result<(), Error> {
        let Some(timer) = &mut self.timer else { return Ok(()) };
        if now < timer.deadline {
            return Ok(());
        }
        match &mut self.suspicion {
            Some(Suspicion { error, sent_again: true }) => {
                let error = *error;
                return Err(self.end(error));
            }
            Some(suspicion) => suspicion.sent_again = true,
            None => {}
        }
        timer.timeout = timer.timeout.saturating_mul(2).min(self.longest_timeout);
        timer.deadline = now.saturating_add(timer.timeout.into());
        self.flight_due = now;
        self.flight.rewind();
        Ok(())
    }

    /// Ends the session; [`transmit`](Self::transmit) hands out the goodbye.
    pub fn close(&mut self) {
        if !matches!(self.state, State::Ended(_)) {
            self.end(Error::Closed);
        }
    }

    /// The session for [`Config::resume`], handed out once. It is there after
    /// the handshake, where the server allows it.
    pub fn take_saved_session(&mut self) -> Option<SavedSession> {
        self.saved.take()
    }

    /// Whether the server went on with the session of [`Config::resume`].
    pub fn was_resumed(&self) -> bool {
        self.origin == Origin::Resumed
    }

    /// Whether this came from a blob, by [`restore`](Self::restore).
    pub fn was_restored(&self) -> bool {
        self.origin == Origin::Restored
    }

    /// The name of the cipher suite in IANA's registry, once there is one.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.keys.as_ref().map(|keys| keys.secrets.suite.name)
    }

    /// Whether the keys stay secret when the server's key, or the pre-shared
    /// one, gets out later.
    pub fn has_forward_secrecy(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.secrets.suite.has_forward_secrecy())
    }

    /// Whether records to the server carry a connection id, so that it knows
    /// them from any address.
    pub fn uses_connection_id(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| !keys.peer_id.is_empty())
    }

    /// False where certificates were believed without a clock to check their
    /// dates by.
    pub fn certificate_dates_were_checked(&self) -> bool {
        self.dates_checked
    }

    /// What was received and not used.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Ends the session by an error, which it returns.
    fn end(&mut self, error: Error) -> Error {
        if matches!(self.state, State::Ended(_)) {
            return error;
        }
        self.state = State::Ended(error);
        self.handshake = None;
        self.timer = None;
        self.flight.clear();
        self.alert = error.alert();
        error
    }

    /// Takes note of what ends the handshake if nothing better comes in time.
    fn suspect(&mut self, error: Error) {
        self.suspicion.get_or_insert(Suspicion { error, sent_again: false });
    }

    /// A flight is due for the first time.
    fn arm(&mut self, now: u64) {
        let timeout = self.first_timeout;
        self.flight_due = now;
        self.timer = Some(Timer { deadline: now.saturating_add(timeout.into()), timeout });
    }
}
