//! What a service answers, before it is made a message.

use crate::payload::TEXT;
use crate::text::cut;

pub(crate) const CONTENT: u8 = 0x45;
pub(crate) const BAD_REQUEST: u8 = 0x80;
pub(crate) const UNAUTHORIZED: u8 = 0x81;
pub(crate) const BAD_OPTION: u8 = 0x82;
pub(crate) const FORBIDDEN: u8 = 0x83;
pub(crate) const NOT_FOUND: u8 = 0x84;
pub(crate) const METHOD_NOT_ALLOWED: u8 = 0x85;
pub(crate) const NOT_ACCEPTABLE: u8 = 0x86;
pub(crate) const REQUEST_ENTITY_TOO_LARGE: u8 = 0x8D;
/// 4.14 is not in RFC 7252's registry; the cloud answers it to long topics.
pub(crate) const TOPIC_TOO_LONG: u8 = 0x8E;
pub(crate) const UNSUPPORTED_CONTENT_FORMAT: u8 = 0x8F;
pub(crate) const TOO_MANY_REQUESTS: u8 = 0x9D;
pub(crate) const INTERNAL_SERVER_ERROR: u8 = 0xA0;
pub(crate) const SERVICE_UNAVAILABLE: u8 = 0xA3;
pub(crate) const PROXYING_NOT_SUPPORTED: u8 = 0xA5;

/// What a topic message taken is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reply {
    /// A small JSON object (CBOR if Accept asks for it).
    #[default]
    Json,
    /// No payload.
    Empty,
    /// The message's own payload.
    Echo,
}

/// How a response travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Piggybacked,
    /// After an empty acknowledgement, confirmable or not.
    Separate {
        confirmable: bool,
    },
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u8,
    pub(crate) content_format: Option<u16>,
    pub(crate) payload: Vec<u8>,
    /// The cloud message id.
    pub(crate) cloud_message_id: Option<String>,
    /// Seconds after which a refused request may come again (Max-Age with 5.03, RFC 7252
    /// section 5.9.3.4, and with 4.29, RFC 8516).
    pub(crate) retry_after: Option<u16>,
    /// What the request itself asked for; a fault may change it.
    pub(crate) delivery: Delivery,
}

impl Answer {
    pub(crate) fn new(code: u8, content_format: Option<u16>, payload: Vec<u8>) -> Self {
        Self {
            code,
            content_format,
            payload,
            cloud_message_id: None,
            retry_after: None,
            delivery: Delivery::Piggybacked,
        }
    }

    pub(crate) fn text(code: u8, text: &str) -> Self {
        Self::new(code, Some(TEXT), text.as_bytes().to_vec())
    }
}

/// A refusal: the code, what the client is told, and what the event log is besides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: u8,
    pub(crate) reason: String,
    /// The check that failed, by a word, and what to do about it; for the log alone.
    pub(crate) check: &'static str,
    pub(crate) remedy: String,
    /// Seconds after which the request may come again.
    pub(crate) retry_after: Option<u16>,
    /// Somebody asked for such refusals: by a fault, or by what access tokens are good for.
    pub(crate) as_asked: bool,
}

impl Refused {
    /// A long reason is cut: it may repeat what the peer said.
    pub(crate) fn new(code: u8, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: cut(reason),
            check: "",
            remedy: String::new(),
            retry_after: None,
            as_asked: false,
        }
    }

    /// The same with what the log says about it, and the client is not told.
    pub(crate) fn by(mut self, check: &'static str, remedy: impl Into<String>) -> Self {
        (self.check, self.remedy) = (check, remedy.into());
        self
    }

    /// The same, which somebody asked for.
    pub(crate) fn asked_for(self, as_asked: bool) -> Self {
        Self { as_asked, ..self }
    }

    /// A request that came too soon after others.
    pub(crate) fn too_often(reason: &str, retry_after: u16) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(TOO_MANY_REQUESTS, reason) }
    }
}
