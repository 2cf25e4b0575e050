//! A message that the application posts, and the reasons to refuse one.

use core::fmt;

use crate::encode::EncodeError;
use crate::identifiers::IdsExhausted;
use crate::option::ContentFormat;
use crate::out_of_memory::OutOfMemory;

/// The longest path of a request, in bytes (`IOTX_URI_MAX_LEN`).
pub const MAX_PATH_LEN: usize = 135;

/// A message to post.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Confirmable (retransmitted until the peer acknowledges it) or
    /// Non-confirmable (transmitted once).
    pub confirmable: bool,
    /// `/topic/<productKey>/<deviceName>/…`, at most [`MAX_PATH_LEN`] bytes. Slashes
    /// separate the segments; leading, trailing and repeated slashes are ignored. Any bytes are
    /// sent: an empty path is the root of RFC 7252, which the cloud answers with 4.04.
    pub path: &'a [u8],
    /// How the payload is encoded.
    pub content_format: ContentFormat,
    /// The payload; about 1 KB at most, see
    /// [`MAX_MESSAGE_LEN`](crate::MAX_MESSAGE_LEN).
    pub payload: &'a [u8],
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The client has never signed in.
    NotSignedIn,
    /// The path is longer than [`MAX_PATH_LEN`].
    PathTooLong,
    /// The message would be longer than
    /// [`MAX_MESSAGE_LEN`](crate::MAX_MESSAGE_LEN).
    MessageTooLong,
    /// The option of [`Config::access_token_option`] is out of order: its number must be
    /// above 17, for Accept, and in symmetric mode below 2089, for the sequence number.
    ///
    /// [`Config::access_token_option`]: crate::Config::access_token_option
    AccessTokenOption,
    /// [`Config::max_outstanding`](crate::Config::max_outstanding) messages are
    /// outstanding.
    TooManyOutstanding,
    /// At least 61,440 messages were sent within the last exchange lifetime of 247 s, in
    /// which no message id may be used twice (RFC 7252 section 4.4).
    MessageIdsExhausted,
    /// The heap is exhausted.
    OutOfMemory,
}

impl From<EncodeError> for SendError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::TooLong => Self::MessageTooLong,
            // Only the number of the access token's option can vary.
            EncodeError::OptionOrder => Self::AccessTokenOption,
        }
    }
}

impl From<OutOfMemory> for SendError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<IdsExhausted> for SendError {
    fn from(_: IdsExhausted) -> Self {
        Self::MessageIdsExhausted
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSignedIn => "not signed in",
            Self::PathTooLong => "path longer than 135 bytes",
            Self::MessageTooLong => "message longer than 1280 bytes",
            Self::AccessTokenOption => "the access token's option number is out of range",
            Self::TooManyOutstanding => "too many messages are outstanding",
            Self::MessageIdsExhausted => "all message ids were used within 247 s",
            Self::OutOfMemory => "out of memory",
        })
    }
}

impl core::error::Error for SendError {}

/// A message that was refused, and will not be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unsent<A> {
    /// The reason.
    pub error: SendError,
    /// The application's data for the message.
    pub application: A,
}

impl<A> fmt::Debug for Unsent<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsent").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<A> fmt::Display for Unsent<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<A> core::error::Error for Unsent<A> {}
