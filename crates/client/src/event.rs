//! The client's output: the results of datagrams, events, and the reasons in both.

use core::fmt;
use core::ops::Range;

use crate::code::Code;
use crate::format::FormatError;
use crate::option::OptionNumber;
use crate::request::SendError;

/// The result of a datagram.
#[derive(Debug)]
pub enum Received<A> {
    /// An answer to deliver.
    Response(Response<A>),
    /// Nothing to deliver: an acknowledgement, the answer to a sign-in, or a request from
    /// the server.
    Handled,
    /// The client ignored the datagram, or rejected it with a Reset.
    Dropped(Dropped),
}

/// Why a datagram was ignored or rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is not a CoAP message.
    Malformed(FormatError),
    /// It answers no outstanding request.
    Unmatched,
    /// It is a copy of a message that was handled before.
    Duplicate,
    /// It carries a critical option that is unknown (RFC 7252 section 5.4.1), has an
    /// invalid length (5.4.3) or occurs twice (5.4.5).
    CriticalOption(OptionNumber),
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed: {error}"),
            Self::Unmatched => f.write_str("answers no outstanding request"),
            Self::Duplicate => f.write_str("a copy of a message that was handled"),
            Self::CriticalOption(number) => write!(f, "unknown critical option {}", number.0),
        }
    }
}

impl core::error::Error for Dropped {}

/// An answer to a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<A> {
    /// The application's data for the message.
    pub application: A,
    /// The response code.
    pub code: Code,
    /// Where in the datagram the decrypted payload is.
    pub payload: Range<usize>,
    /// Where in the datagram the options are, for
    /// [`find_option`](crate::find_option).
    pub options: Range<usize>,
    /// The token of the message, its four bytes in little-endian order.
    pub token: u32,
}

/// Something that the application should know.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<A> {
    /// There is a new access token.
    SignedIn,
    /// A sign-in brought no access token.
    SignInFailed(SignInError),
    /// The cloud refused a message for its access token, and the client could not get a
    /// valid one. Of the answer, only the code is left.
    Refused {
        /// The application's data for the message.
        application: A,
        /// The code of the refusal: 4.01 or 4.02.
        code: Code,
        /// The token of the message.
        token: u32,
    },
    /// The client gave a message up, which may or may not have arrived at the server.
    GaveUp {
        /// The application's data for the message.
        application: A,
        /// Why.
        reason: GiveUp,
        /// The token of the message.
        token: u32,
    },
}

impl<A> fmt::Display for Event<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedIn => f.write_str("signed in"),
            Self::SignInFailed(error) => write!(f, "the sign-in failed: {error}"),
            Self::Refused { code, .. } => write!(f, "the message was refused with {code}"),
            Self::GaveUp { reason, .. } => write!(f, "the message was given up: {reason}"),
        }
    }
}

/// Why the client gave a message up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Confirmable, and neither acknowledged nor answered within 93 s
    /// (`MAX_TRANSMIT_WAIT`, RFC 7252 section 4.8.2).
    NotAcknowledged,
    /// Acknowledged or Non-confirmable, and not answered within its lifetime.
    NotAnswered,
    /// The peer rejected it with a Reset.
    Reset,
    /// Non-confirmable, and given up for a newer message, since
    /// [`Config::max_outstanding`](crate::Config::max_outstanding) were outstanding. The
    /// event comes with the first [`handle_timeout`](crate::Client::handle_timeout) at
    /// least 100 ms later. If as many such events are pending as messages may be
    /// outstanding, the oldest is dropped.
    Displaced,
    /// Never sent: there was no access token, and the client could not get one.
    NotSignedIn,
    /// Never sent: it was due, but nobody fetched it from
    /// [`Client::poll_transmit`](crate::Client::poll_transmit) within 247 s, by default.
    NotFetched,
    /// Never sent: it was held back for 247 s, by default, since
    /// [`Config::max_in_flight`](crate::Config::max_in_flight) other messages were in
    /// flight.
    HeldBack,
    /// The answer does not decrypt with the key of its sign-in.
    Undecryptable,
    /// The message could not be encoded with a new access token.
    Unsendable(SendError),
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAcknowledged => f.write_str("not acknowledged in time"),
            Self::NotAnswered => f.write_str("not answered within its lifetime"),
            Self::Reset => f.write_str("rejected by the peer with a Reset"),
            Self::Displaced => f.write_str("Non-confirmable and given up for a newer message"),
            Self::NotSignedIn => f.write_str("not sent, since signing in failed"),
            Self::NotFetched => {
                f.write_str("not sent: no connection within its lifetime (247 s by default)")
            }
            Self::HeldBack => {
                f.write_str("not sent: others were in flight for its lifetime (247 s by default)")
            }
            Self::Undecryptable => f.write_str("answered, but the answer does not decrypt"),
            Self::Unsendable(error) => write!(f, "could not be sent again: {error}"),
        }
    }
}

impl core::error::Error for GiveUp {}

/// Why a sign-in failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInError {
    /// The cloud refused the request with this code. After a 4.01 check the product key, the
    /// device name and the device secret, which must be those of one device, with neither
    /// spaces nor the end of a line.
    Refused(Code),
    /// There was no answer within the time limit.
    NotAnswered,
    /// The answer has no usable access token.
    BadReply,
    /// The heap is exhausted, and the access token could not be stored.
    OutOfMemory,
    /// [`Client::cancel_sign_in`](crate::Client::cancel_sign_in) cancelled it.
    Cancelled,
    /// The request could not be made.
    NotSent(SendError),
}

impl fmt::Display for SignInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => write!(f, "refused with {code}"),
            Self::NotAnswered => f.write_str("not answered in time"),
            Self::BadReply => f.write_str("answered without a usable access token"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::NotSent(error) => write!(f, "not sent: {error}"),
        }
    }
}

impl core::error::Error for SignInError {}
