//! What a DTLS engine must do: datagrams and plaintext in and out. It knows no
//! socket and does not wait, so that one session type serves every engine and
//! can receive without holding the engine.

use core::mem::MaybeUninit;
use core::time::Duration;

use super::Failure;

/// Whom to connect to, and whom to believe.
pub struct Peer<'a> {
    /// A name or an IP address, without brackets.
    pub host: &'a str,
    /// Its UDP port.
    pub port: u16,
    /// Certificates to trust, one after another.
    pub authorities_pem: &'a [u8],
    /// Whether key exchange by static RSA may be offered.
    pub may_use_static_rsa: bool,
    /// An identity and its key, where the program or firmware has them: what
    /// proves the two sides to each other, in the place of certificates.
    pub pre_shared_key: Option<(&'a [u8], &'a [u8])>,
}

/// How a session is kept without power, and for whom.
pub struct Keeping<'a> {
    /// Seals it.
    pub secret: &'a [u8],
    /// What the seal is good for: whose session it is, and where.
    pub context: &'a [u8],
    /// The number of what is kept; of what is restored, the smallest that will
    /// do.
    pub generation: u64,
    /// How many records this session may go on to write meanwhile.
    pub reserve: u32,
}

/// How far a handshake is.
pub enum Progress {
    /// The session stands.
    Done,
    /// Call again with a datagram, or when this time is over.
    Waiting(Duration),
}

/// One client session. `now` is the time in milliseconds, of a clock that never
/// goes back.
///
/// # Errors
///
/// Each error is the session's end, but for [`Failure::BadParameter`],
/// [`Failure::Reservation`], [`Failure::NotKept`] and [`Failure::OutOfMemory`].
#[allow(clippy::missing_errors_doc, reason = "said above for all")]
pub trait Engine: Send + Sized {
    /// A session with the handshake before it. Logs why there is none.
    fn new(peer: &Peer<'_>, now: u64) -> Result<Self, Failure>;

    /// Goes on with the session that was saved in `blob`, or begins anew where
    /// that cannot be.
    fn restore(
        peer: &Peer<'_>,
        _keeping: &Keeping<'_>,
        _blob: &[u8],
        now: u64,
    ) -> Result<Self, Failure> {
        Self::new(peer, now)
    }

    /// Goes on with the handshake, by a datagram from the network or because
    /// time has passed. Logs why it failed.
    fn handshake(&mut self, datagram: Option<&mut [u8]>, now: u64) -> Result<Progress, Failure>;

    /// Called when the handshake is given up.
    fn abandon(&mut self);

    /// Hands over every datagram that is due.
    fn transmit(&mut self, send: impl FnMut(&[u8]));

    /// Makes one record of the plaintext, which is due then.
    fn seal(&mut self, plaintext: &[u8]) -> Result<(), Failure>;

    /// Takes a datagram from the network, and its first record's plaintext,
    /// whole, into `out`; `None` where it carries none.
    fn receive(
        &mut self,
        datagram: &mut [u8],
        out: &mut [MaybeUninit<u8>],
        now: u64,
    ) -> Result<Option<usize>, Failure>;

    /// The plaintext of the next record that came in an earlier datagram.
    fn pending(&mut self, out: &mut [MaybeUninit<u8>], now: u64) -> Result<Option<usize>, Failure>;

    /// Writes what the session is restored from into `out`; its length.
    fn save(&mut self, _keeping: &Keeping<'_>, _out: &mut [u8]) -> Result<usize, Failure> {
        Err(Failure::NotKept)
    }

    /// What was saved last is stored.
    fn is_saved(&mut self) {}

    /// Says goodbye, if the session still stands.
    fn close(&mut self);
}
