//! Why calls fail and how sessions end.

#[cfg(feature = "certificates")]
mod certificate;

use core::fmt;

#[cfg(feature = "certificates")]
pub use certificate::CertificateError;

use crate::alert::Alert;

/// Why a call failed or a session ended.
///
/// An error of [`Client::handle_datagram`] or [`Client::handle_timeout`], or of the server's
/// methods of these names, ends the session. [`Client::poll_transmit`] then returns the alert
/// for the peer, if one is due.
///
/// [`Client::handle_datagram`]: crate::Client::handle_datagram
/// [`Client::handle_timeout`]: crate::Client::handle_timeout
/// [`Client::poll_transmit`]: crate::Client::poll_transmit
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer ended the session with a fatal alert.
    PeerAlert(Alert),
    /// The peer closed the session, or [`Client::close`](crate::Client::close)
    /// did.
    Closed,
    /// The peer violated the protocol.
    Protocol(Violation),
    /// The server's certificate was rejected.
    #[cfg(feature = "certificates")]
    Certificate(CertificateError),
    /// The source of randomness failed.
    Random,
    /// The heap is exhausted. Nothing was sent or changed.
    OutOfMemory,
    /// The handshake is not complete yet.
    NotConnected,
    /// The plaintext is too long, or the output buffer is too short.
    BadLength,
    /// All sequence numbers of the session are used up. Start a new session.
    SequenceExhausted,
    /// More records were forged than the cipher suite allows. Start a new session,
    /// preferably earlier, when [`Client::needs_renewal`](crate::Client::needs_renewal)
    /// returns true.
    TooManyForgeries,
    /// All reserved sequence numbers are used up. Call [`Client::checkpoint`],
    /// store the blob and call [`Client::confirm_checkpoint`] to go on.
    ///
    /// [`Client::checkpoint`]: crate::Client::checkpoint
    /// [`Client::confirm_checkpoint`]: crate::Client::confirm_checkpoint
    ReservationExhausted,
    /// The last flight of the handshake was not sent yet, or may have to be sent again: the
    /// server has not shown that it has the flight.
    FlightDue,
    /// The client did not complete the handshake in time.
    #[cfg(feature = "server")]
    TimedOut,
    /// The server's private key made no signature.
    #[cfg(feature = "server")]
    Signature,
    /// The configuration is invalid, for the reason given.
    Configuration(&'static str),
}

/// How a peer violated the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The named message does not parse or has an invalid field.
    Malformed(&'static str),
    /// The named handshake message came out of order.
    Unexpected(&'static str),
    /// A message arrived twice with different content, so one of the two was forged, and
    /// the handshake could not continue.
    Contradiction,
    /// The server chose something that the client did not offer.
    NotOffered(&'static str),
    /// The server answered an extension that the client did not send.
    Extension,
    /// The client offers nothing of a kind that the server supports.
    #[cfg(feature = "server")]
    NothingInCommon(&'static str),
    /// The peer treats this initial handshake as a renegotiation. That happens
    /// when an attacker splices two connections (RFC 5746, section 3.4).
    Renegotiation,
    /// The server did not send renegotiation_info, and
    /// [`Config::require_renegotiation_info`](crate::Config::require_renegotiation_info) asks
    /// for it.
    NoRenegotiationInfo,
    /// The peer does not speak DTLS 1.2.
    Version,
    /// The server's signature over its key exchange is wrong.
    KeyExchangeSignature,
    /// The peer's Finished does not match the handshake.
    Finished,
    /// The server resumed a session with different properties than the original.
    Resumption,
    /// A handshake message exceeds
    /// [`Config::max_message_len`](crate::Config::max_message_len).
    TooLong {
        /// The length of the message, in bytes.
        len: usize,
        /// The limit.
        limit: usize,
    },
}

/// Why [`Client::restore`](crate::Client::restore) rejected a blob. Start a new
/// session instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// The blob was sealed with another key or for another context, or it was
    /// modified.
    Foreign,
    /// The blob is not the latest, or it was restored before.
    Stale,
    /// The blob has a format that this version does not know.
    Format,
}

impl Error {
    /// The alert to send to the peer for this error.
    pub(crate) fn alert(self) -> Option<Alert> {
        Some(match self {
            Self::PeerAlert(_) | Self::NotConnected | Self::BadLength => return None,
            Self::ReservationExhausted | Self::FlightDue | Self::Configuration(_) => return None,
            Self::Closed => Alert::CLOSE_NOTIFY,
            #[cfg(feature = "server")]
            Self::TimedOut => return None,
            Self::SequenceExhausted | Self::TooManyForgeries => Alert::CLOSE_NOTIFY,
            Self::Protocol(violation) => violation.alert(),
            #[cfg(feature = "certificates")]
            Self::Certificate(error) => error.alert(),
            Self::Random | Self::OutOfMemory => Alert::INTERNAL_ERROR,
            #[cfg(feature = "server")]
            Self::Signature => Alert::INTERNAL_ERROR,
        })
    }
}

impl Violation {
    fn alert(self) -> Alert {
        match self {
            Self::Malformed(_) | Self::TooLong { .. } => Alert::DECODE_ERROR,
            Self::Unexpected(_) | Self::Contradiction => Alert::UNEXPECTED_MESSAGE,
            Self::NotOffered(_) => Alert::ILLEGAL_PARAMETER,
            Self::Extension => Alert::UNSUPPORTED_EXTENSION,
            Self::Version => Alert::PROTOCOL_VERSION,
            #[cfg(feature = "server")]
            Self::NothingInCommon(_) => Alert::HANDSHAKE_FAILURE,
            Self::KeyExchangeSignature | Self::Finished => Alert::DECRYPT_ERROR,
            Self::Resumption | Self::Renegotiation | Self::NoRenegotiationInfo => {
                Alert::HANDSHAKE_FAILURE
            }
        }
    }
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

#[cfg(feature = "certificates")]
impl From<CertificateError> for Error {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
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
            Self::NotConnected => f.write_str("the handshake is not complete"),
            Self::BadLength => f.write_str("the plaintext is too long or the buffer too short"),
            Self::SequenceExhausted => f.write_str("all sequence numbers are used up"),
            Self::TooManyForgeries => f.write_str("too many forged records have come"),
            Self::ReservationExhausted => {
                f.write_str("all reserved sequence numbers are used up: make a checkpoint")
            }
            Self::FlightDue => f.write_str("the last flight of the handshake may still be due"),
            #[cfg(feature = "server")]
            Self::TimedOut => f.write_str("the client did not complete the handshake in time"),
            #[cfg(feature = "server")]
            Self::Signature => f.write_str("the private key made no signature"),
            Self::Configuration(reason) => write!(f, "invalid configuration: {reason}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "the peer sent a malformed {what}"),
            Self::Unexpected(what) => write!(f, "the peer sent {what} out of order"),
            Self::Contradiction => {
                f.write_str("a message came twice and differed: one of the two was forged")
            }
            Self::NotOffered(what) => write!(f, "the peer chose {what} that was not offered"),
            Self::Extension => f.write_str("the peer sent an extension that was not offered"),
            #[cfg(feature = "server")]
            Self::NothingInCommon(what) => write!(f, "the peer offers no {what} that is supported"),
            Self::Renegotiation => {
                f.write_str("the peer treats this initial handshake as a renegotiation")
            }
            Self::NoRenegotiationInfo => f.write_str("the peer does not know RFC 5746"),
            Self::Version => f.write_str("the peer does not speak DTLS 1.2"),
            Self::KeyExchangeSignature => {
                f.write_str("the server's signature over its key exchange is wrong")
            }
            Self::Finished => f.write_str("the peer's Finished does not match the handshake"),
            Self::Resumption => {
                f.write_str("the server resumed a session with different properties")
            }
            Self::TooLong { len, limit } => {
                write!(f, "the peer sent a handshake message of {len} bytes: the limit is {limit}")
            }
        }
    }
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the saved session is damaged, or from another device or server",
            Self::Stale => "the saved session is not the latest, or was used before",
            Self::Format => "the saved session is from another version",
        })
    }
}

impl core::error::Error for Error {}
impl core::error::Error for Violation {}
impl core::error::Error for RestoreError {}
