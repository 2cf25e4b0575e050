//! How a session ends otherwise than by its owner's wish.

use core::fmt;

use crate::alert::Alert;
#[cfg(feature = "certificates")]
use crate::certificate::CertificateError;

/// Why a call failed. After any error of [`Client::read`](crate::Client::read)
/// or [`Client::tick`](crate::Client::tick) the session is over, and
/// [`Client::transmit`](crate::Client::transmit) hands out the alert that is
/// owed to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer ended the session by a fatal alert.
    PeerAlert(Alert),
    /// The peer, or the owner, closed the session.
    Closed,
    /// The peer broke the protocol: in which message, and how.
    Protocol(Violation),
    /// The server's certificate is not to be believed.
    #[cfg(feature = "certificates")]
    Certificate(CertificateError),
    /// The caller's source of randomness failed.
    Random,
    /// Memory ran out; nothing was sent or kept.
    OutOfMemory,
    /// The handshake is not done.
    NotConnected,
    /// The plaintext, or the buffer given for it, has the wrong length.
    BadLength,
    /// Every sequence number of the session is spent; make a new one.
    SequenceExhausted,
    /// Every sequence number that was reserved is spent; call
    /// [`Client::checkpoint`](crate::Client::checkpoint) and store what it
    /// returns, then go on.
    ReservationExhausted,
    /// The configuration cannot be used: what is wrong with it.
    Configuration(&'static str),
}

/// How a peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A message does not parse, or carries a value that makes no sense.
    Malformed(&'static str),
    /// A message of the handshake came out of turn.
    Unexpected(&'static str),
    /// The server chose what was not offered.
    NotOffered(&'static str),
    /// The server answered an extension that was not offered.
    Extension,
    /// The server takes this handshake for one that follows another, which
    /// somebody between must have made (RFC 5746, section 3.4).
    Renegotiation,
    /// The server does not speak DTLS 1.2.
    Version,
    /// The server's signature over its key exchange is wrong.
    KeyExchangeSignature,
    /// The server's Finished does not fit what was said.
    Finished,
    /// A session was resumed with other properties than it was made with.
    Resumption,
    /// A message is longer than this side is ready to hold.
    TooLong,
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Protocol(violation)
    }
}

impl From<Alert> for Error {
    fn from(alert: Alert) -> Self {
        Self::PeerAlert(alert)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerAlert(alert) => write!(f, "the peer sent the alert {alert}"),
            Self::Closed => f.write_str("the session is closed"),
            Self::Protocol(violation) => violation.fmt(f),
            #[cfg(feature = "certificates")]
            Self::Certificate(error) => error.fmt(f),
            Self::Random => f.write_str("the source of randomness failed"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::NotConnected => f.write_str("the handshake is not done"),
            Self::BadLength => f.write_str("a plaintext or a buffer of the wrong length"),
            Self::SequenceExhausted => f.write_str("every sequence number is spent"),
            Self::ReservationExhausted => {
                f.write_str("every reserved sequence number is spent: make a checkpoint")
            }
            Self::Configuration(what) => write!(f, "cannot be configured so: {what}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "the peer sent a malformed {what}"),
            Self::Unexpected(what) => write!(f, "the peer sent {what} out of turn"),
            Self::NotOffered(what) => write!(f, "the peer chose {what} that was not offered"),
            Self::Extension => f.write_str("the peer chose an extension that was not offered"),
            Self::Renegotiation => {
                f.write_str("the peer takes this first handshake for a renegotiation")
            }
            Self::Version => f.write_str("the peer does not speak DTLS 1.2"),
            Self::KeyExchangeSignature => {
                f.write_str("the server's signature over its key exchange is wrong")
            }
            Self::Finished => f.write_str("the server's Finished does not fit the handshake"),
            Self::Resumption => {
                f.write_str("the server resumed a session with other properties than it had")
            }
            Self::TooLong => f.write_str("the peer sent a message that is too long"),
        }
    }
}

impl core::error::Error for Error {}

impl Error {
    /// The alert that the peer is owed for this error.
    pub(crate) fn alert(self) -> Option<Alert> {
        Some(match self {
            Self::PeerAlert(_) | Self::NotConnected | Self::BadLength => return None,
            Self::ReservationExhausted | Self::Configuration(_) => return None,
            Self::Closed => Alert::CLOSE_NOTIFY,
            Self::SequenceExhausted => Alert::CLOSE_NOTIFY,
            Self::Protocol(violation) => match violation {
                Violation::Malformed(_) | Violation::TooLong => Alert::DECODE_ERROR,
                Violation::Unexpected(_) => Alert::UNEXPECTED_MESSAGE,
                Violation::NotOffered(_) => Alert::ILLEGAL_PARAMETER,
                Violation::Extension => Alert::UNSUPPORTED_EXTENSION,
                Violation::Version => Alert::PROTOCOL_VERSION,
                Violation::KeyExchangeSignature | Violation::Finished => Alert::DECRYPT_ERROR,
                Violation::Resumption | Violation::Renegotiation => Alert::HANDSHAKE_FAILURE,
            },
            #[cfg(feature = "certificates")]
            Self::Certificate(error) => error.alert(),
            Self::Random | Self::OutOfMemory => Alert::INTERNAL_ERROR,
        })
    }
}
