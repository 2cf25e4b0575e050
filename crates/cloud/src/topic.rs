//! `POST /topic/<productKey>/<deviceName>/…`: who may publish where, and
//! whether a message is taken.

use std::time::SystemTime;

use serde::Serialize;

use crate::access_token::{AccessTokens, PLAUSIBLE_LENGTHS, TokenId};
use crate::answer::{
    Answer, BAD_OPTION, BAD_REQUEST, CONTENT, METHOD_NOT_ALLOWED, NOT_FOUND, Refused, Reply,
    TOPIC_TOO_LONG, UNAUTHORIZED,
};
use crate::auth::{POST, Proof};
use crate::devices::Devices;
use crate::events::Message;
use crate::payload::Encoding;
use crate::request::Request;
use crate::symmetric::{SymmetricSessions, Unopened};
use crate::transport::Transport;

const TOPIC_CHARACTERS: usize = 128;

#[derive(Serialize)]
struct Taken {
    code: u16,
    message: &'static str,
}

/// Where a request wants to publish.
pub(crate) struct Topic {
    pub(crate) product_key: String,
    pub(crate) device_name: String,
    /// With its leading slash.
    pub(crate) name: String,
}

impl Topic {
    /// The topic that the path names, however wrong it is.
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let segment = |index| request.path.get(index).cloned().unwrap_or_default();
        let segments = request.path.get(1..).unwrap_or_default();
        Self {
            product_key: segment(1),
            device_name: segment(2),
            name: format!("/{}", segments.join("/")),
        }
    }
}

/// The device whose access token a request carries.
pub(crate) fn authorize(
    request: &Request<'_>,
    topic: &Topic,
    now: SystemTime,
    devices: &Devices,
    tokens: &AccessTokens,
) -> Result<Proof, Refused> {
    if request.method != POST {
        return Err(Refused::new(METHOD_NOT_ALLOWED, "POST"));
    }
    if request.has_query {
        return Err(Refused::new(BAD_REQUEST, "a topic takes no query"));
    }
    let (_, token) =
        request.access_token.ok_or_else(|| Refused::new(BAD_OPTION, "access token is missing"))?;
    if !PLAUSIBLE_LENGTHS.contains(&token.len()) {
        return Err(Refused::new(BAD_OPTION, "access token has a bad length"));
    }
    let id = tokens.verify(now, token)?;
    let complete = request.path.len() > 3 && !request.path.iter().any(String::is_empty);
    let own = tokens.belongs_to(&id, &topic.product_key, &topic.device_name);
    if !complete || !own {
        return Err(Refused::new(NOT_FOUND, "no such topic, or it is not the device's own"));
    }
    if topic.name.contains('?') {
        // Of a client that takes a path for a URL: what it meant as a query is part of the name.
        return Err(Refused::new(NOT_FOUND, "no such topic: ? begins no query, and is in no name"));
    }
    let device = match devices.get(&topic.product_key, &topic.device_name) {
        Some((_, device)) if device.disabled => {
            return Err(Refused::new(UNAUTHORIZED, "the device is disabled"));
        }
        Some((number, _)) => number,
        // It was, when it signed in.
        None => return Err(Refused::new(UNAUTHORIZED, "the device is not registered")),
    };
    if topic.name.chars().count() > TOPIC_CHARACTERS {
        return Err(Refused::new(TOPIC_TOO_LONG, "the topic is longer than 128 characters"));
    }
    Ok(Proof { device, token: id, is_sign_in: false })
}

/// The payload as the application sees it, and its sequence number in
/// symmetric mode.
pub(crate) fn payload(
    request: &Request<'_>,
    id: &TokenId,
    sessions: &mut SymmetricSessions,
) -> Result<(Vec<u8>, Option<u64>), Refused> {
    if request.peer.transport != Transport::Symmetric {
        return Ok((request.payload.to_vec(), None));
    }
    sessions
        .open(id, request.sequence, request.payload)
        .map(|(sequence, payload)| (payload, Some(sequence)))
        .map_err(|unopened| match unopened {
            Unopened::NoSession => Refused::new(
                UNAUTHORIZED,
                "this server has no key for the token: it was given elsewhere, or long ago",
            ),
            Unopened::NoSequence => Refused::new(BAD_REQUEST, "option 2089 is missing"),
            // Signing in again gives the client a key and an offset that fit.
            Unopened::BadSequence => Refused::new(
                UNAUTHORIZED,
                "option 2089 is not a decimal number under the session's key",
            ),
            Unopened::Repeated(number) => Refused::new(
                UNAUTHORIZED,
                format!("sequence number {number} is repeated, or not above seqOffset"),
            ),
            Unopened::BadPayload => {
                Refused::new(BAD_REQUEST, "the payload does not decrypt under the session's key")
            }
        })
}

/// The answer to a message that was taken.
pub(crate) fn taken(message: &Message, reply: Reply) -> Answer {
    match reply {
        Reply::Json => {
            let encoding = message.accept.and_then(Encoding::from_format).unwrap_or(Encoding::Json);
            let body = Taken { code: 200, message: "success" };
            Answer::new(CONTENT, Some(encoding.format()), encoding.encode(&body))
        }
        Reply::Empty => Answer::new(CONTENT, None, Vec::new()),
        Reply::Echo => Answer::new(CONTENT, message.content_format, message.payload.clone()),
    }
}
