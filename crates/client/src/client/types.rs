//! What goes into the client and what comes out of it.

use core::fmt;
use core::ops::Range;

use crate::access_token::ACCESS_TOKEN_LIFETIME_MS;
use crate::auth::SignInOptions;
use crate::client::sign_in::SignInError;
use crate::code::Code;
use crate::device::Device;
use crate::encode::EncodeError;
use crate::endpoint::{Endpoint, Security};
use crate::message::{FormatError, Kind, header};
use crate::option::{ContentFormat, OptionNumber, access_token_option_for_host};
use crate::timing::TransmissionParameters;

/// How many messages may wait for their answers at a time, unless configured.
pub const MAX_OUTSTANDING: usize = 32;

/// How a client behaves.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Who signs in.
    pub device: Device,
    /// How payloads are protected; only [`Security::Symmetric`] concerns the
    /// client, DTLS is below it.
    pub security: Security,
    /// Under which number the endpoint takes the access token.
    pub access_token_option: OptionNumber,
    /// How long an access token is taken to be valid, in milliseconds.
    pub access_token_lifetime_ms: u64,
    /// How to sign in.
    pub sign_in: SignInOptions,
    /// Timers of the message layer.
    pub transmission: TransmissionParameters,
    /// How many messages may wait for their answers at a time; more are
    /// refused.
    pub max_outstanding: usize,
    /// Where message ids, tokens and timeouts start from: 64 bits at random.
    pub seed: u64,
}

impl Config {
    /// What suits `device` at `endpoint`. `seed` must differ from one start of
    /// the device to the next.
    pub fn new(device: Device, endpoint: &Endpoint, seed: u64) -> Self {
        Self {
            device,
            security: endpoint.security,
            access_token_option: access_token_option_for_host(&endpoint.host),
            access_token_lifetime_ms: ACCESS_TOKEN_LIFETIME_MS,
            sign_in: SignInOptions::default(),
            transmission: TransmissionParameters::default(),
            max_outstanding: MAX_OUTSTANDING,
            seed,
        }
    }
}

/// A message to post.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// CON (transmitted until answered) or NON (transmitted once).
    pub confirmable: bool,
    /// `/topic/<productKey>/<deviceName>/…`, at most
    /// [`PATH_MAX_LEN`](crate::PATH_MAX_LEN) bytes. Slashes part the segments;
    /// leading, trailing and doubled ones mean nothing.
    pub path: &'a [u8],
    /// How the payload is encoded.
    pub content_format: ContentFormat,
    /// The payload; about 1 KB at most, see
    /// [`MAX_MESSAGE_LEN`](crate::MAX_MESSAGE_LEN).
    pub payload: &'a [u8],
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The client has never signed in.
    NotSignedIn,
    /// The path is longer than [`PATH_MAX_LEN`](crate::PATH_MAX_LEN).
    PathTooLong,
    /// The message would be longer than
    /// [`MAX_MESSAGE_LEN`](crate::MAX_MESSAGE_LEN).
    MessageTooLong,
    /// [`Config::max_outstanding`] messages wait for their answers.
    TooManyOutstanding,
    /// 61,440 messages or more were sent within the last exchange lifetime of
    /// 247 s, and a message id must not be used twice in it
    /// (RFC 7252 section 4.4).
    MessageIdsExhausted,
    /// The heap is exhausted.
    OutOfMemory,
}

impl From<EncodeError> for SendError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::TooLong | EncodeError::OptionOrder => Self::MessageTooLong,
            EncodeError::OutOfMemory => Self::OutOfMemory,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSignedIn => "not signed in",
            Self::PathTooLong => "path longer than 135 bytes",
            Self::MessageTooLong => "message longer than 1280 bytes",
            Self::TooManyOutstanding => "too many messages wait for their answers",
            Self::MessageIdsExhausted => "all message ids were used within 247 s",
            Self::OutOfMemory => "out of memory",
        })
    }
}

impl core::error::Error for SendError {}

/// Names an exchange while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeId {
    pub(crate) index: usize,
    pub(crate) token: u32,
}

/// A datagram to transmit.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// Its bytes.
    pub datagram: &'a [u8],
    /// The exchange it belongs to; none for an acknowledgement and the like.
    pub exchange: Option<ExchangeId>,
}

/// What a datagram brought.
#[derive(Debug)]
pub enum Received<A> {
    /// An answer to deliver.
    Response(Response<A>),
    /// Nothing to deliver: an acknowledgement, a sign-in's answer, a request
    /// of the server's own.
    Handled,
    /// Nothing that was asked for.
    Dropped(Dropped),
}

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is not a CoAP message.
    Malformed(FormatError),
    /// It answers nothing that is outstanding.
    Unmatched,
    /// It was handled before.
    Duplicate,
    /// It carries a critical option that is not known (RFC 7252 section
    /// 5.4.1).
    CriticalOption(OptionNumber),
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "malformed: {error}"),
            Self::Unmatched => f.write_str("answers nothing that is outstanding"),
            Self::Duplicate => f.write_str("a copy of one that was handled"),
            Self::CriticalOption(number) => write!(f, "unknown critical option {}", number.0),
        }
    }
}

/// An answer to a message.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<A> {
    /// What the application tied to the message.
    pub application: A,
    /// The response code.
    pub code: Code,
    /// Where in the datagram the payload is, in clear.
    pub payload: Range<usize>,
    /// The token of the message, its four bytes in little-endian order.
    pub token: u32,
}

/// A message that the cloud refused for want of a valid access token, and for
/// which none could be had.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal<A> {
    /// What the application tied to the message.
    pub application: A,
    /// The code it was refused with.
    pub code: Code,
    /// The token of the message.
    pub token: u32,
}

/// Something to tell the application.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<A> {
    /// There is a new access token.
    SignedIn,
    /// There will be none.
    SignInFailed(SignInError),
    /// A message was refused: its answer is the code, without a payload.
    Refused(Refusal<A>),
    /// A message is not waited for any longer; it may or may not have arrived.
    GaveUp {
        /// What the application tied to the message.
        application: A,
        /// Why.
        reason: GiveUp,
        /// The token of the message.
        token: u32,
    },
}

/// Why a message is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Neither acknowledged nor answered after the last retransmission.
    NotAcknowledged,
    /// Acknowledged, or Non-confirmable, and not answered within its lifetime.
    NotAnswered,
    /// The peer rejected it with a Reset.
    Reset,
    /// Non-confirmable, and given up for a newer message.
    Displaced,
    /// Never sent: the client could not sign in.
    NotSignedIn,
    /// The answer does not decrypt under the session's key.
    Undecryptable,
    /// It could not be sent again with a new access token.
    Unsendable(SendError),
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAcknowledged => f.write_str("not acknowledged after the last retransmission"),
            Self::NotAnswered => f.write_str("not answered within its lifetime"),
            Self::Reset => f.write_str("rejected by the peer with a Reset"),
            Self::Displaced => f.write_str("Non-confirmable and given up for a newer message"),
            Self::NotSignedIn => f.write_str("not sent, since signing in failed"),
            Self::Undecryptable => f.write_str("answered, but the answer does not decrypt"),
            Self::Unsendable(error) => write!(f, "could not be sent again: {error}"),
        }
    }
}

/// The client's last message that belongs to no exchange: an acknowledgement, a
/// Reset, or an answer to a request of the server's.
#[derive(Debug)]
pub(crate) struct Control {
    /// A header and the longest token.
    bytes: [u8; 4 + 8],
    len: usize,
    due: bool,
}

impl Control {
    pub(crate) const fn none() -> Self {
        Self { bytes: [0; 12], len: 0, due: false }
    }

    /// Replaces it by a message without options and payload, to be sent.
    pub(crate) fn set(&mut self, kind: Kind, code: Code, id: u16, token: &[u8]) {
        // A token has 8 bytes at most, or its message would not have parsed.
        let len = token.len().min(8);
        self.bytes[..4].copy_from_slice(&header(kind, len as u8, code, id));
        self.bytes[4..4 + len].copy_from_slice(&token[..len]);
        self.len = 4 + len;
        self.due = true;
    }

    /// Whether it is to be sent.
    pub(crate) const fn is_due(&self) -> bool {
        self.due
    }

    /// Whether it is to be sent; from now on it is not.
    pub(crate) const fn take_due(&mut self) -> bool {
        core::mem::replace(&mut self.due, false)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
