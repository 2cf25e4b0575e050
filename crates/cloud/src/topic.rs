//! `POST /topic/<productKey>/<deviceName>/…`: who may publish where, and
//! whether a message is taken.

use std::collections::HashMap;
use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::access_token::{AccessTokens, PLAUSIBLE_LENGTHS, TokenId};
use crate::answer::{
    Answer, BAD_OPTION, BAD_REQUEST, CONTENT, METHOD_NOT_ALLOWED, NOT_FOUND, Refused, Reply,
    TOO_MANY_REQUESTS, TOPIC_TOO_LONG, UNAUTHORIZED,
};
use crate::auth::POST;
use crate::devices::Devices;
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
) -> Result<TokenId, Refused> {
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
    let id = tokens
        .verify(now, token)
        .map_err(|refusal| Refused::new(UNAUTHORIZED, refusal.reason()))?;
    let complete = request.path.len() > 3 && !request.path.iter().any(String::is_empty);
    let own = tokens.belongs_to(&id, &topic.product_key, &topic.device_name);
    if !complete || !own {
        return Err(Refused::new(NOT_FOUND, "no such topic, or it is not the device's own"));
    }
    match devices.get(&topic.product_key, &topic.device_name) {
        Some(device) if device.disabled => {
            return Err(Refused::new(UNAUTHORIZED, "the device is disabled"));
        }
        Some(_) => {}
        // It was, when it signed in.
        None => return Err(Refused::new(UNAUTHORIZED, "the device is not registered")),
    }
    if topic.name.chars().count() > TOPIC_CHARACTERS {
        return Err(Refused::new(TOPIC_TOO_LONG, "the topic is longer than 128 characters"));
    }
    Ok(id)
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
pub(crate) fn taken(request: &Request<'_>, reply: Reply, payload: &[u8]) -> Answer {
    match reply {
        Reply::Json => {
            let encoding = request.accept.and_then(Encoding::from_format).unwrap_or(Encoding::Json);
            let body = Taken { code: 200, message: "success" };
            Answer::new(CONTENT, Some(encoding.format()), encoding.encode(&body))
        }
        Reply::Empty => Answer::new(CONTENT, None, Vec::new()),
        Reply::Echo => Answer::new(CONTENT, request.content_format, payload.to_vec()),
    }
}

/// So many messages a second and device, in bursts of as many.
pub(crate) struct RateLimit {
    limit: Option<u32>,
    buckets: HashMap<(String, String), (Instant, f64)>,
}

impl RateLimit {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, buckets: HashMap::new() }
    }

    /// Takes a message of a device that is known (which bounds the buckets).
    pub(crate) fn take(&mut self, now: Instant, topic: &Topic) -> Result<(), Refused> {
        let Some(limit) = self.limit.map(f64::from) else {
            return Ok(());
        };
        let device = (topic.product_key.clone(), topic.device_name.clone());
        let (since, left) = self.buckets.entry(device).or_insert((now, limit));
        let refilled = now.saturating_duration_since(*since).as_secs_f64() * limit;
        *left = (*left + refilled).min(limit);
        *since = now;
        if *left < 1.0 {
            return Err(Refused::new(TOO_MANY_REQUESTS, "too many messages"));
        }
        *left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_limited_and_time_restores_it() {
        let topic =
            Topic { product_key: "pk".into(), device_name: "dn".into(), name: "/pk/dn/x".into() };
        let mut rate = RateLimit::new(Some(2));
        let now = Instant::now();
        assert!(rate.take(now, &topic).is_ok());
        assert!(rate.take(now, &topic).is_ok());
        let refused = rate.take(now, &topic).expect_err("the third");
        assert_eq!(refused.code, TOO_MANY_REQUESTS);
        assert!(rate.take(now + Duration::from_millis(500), &topic).is_ok());
        assert!(rate.take(now + Duration::from_millis(501), &topic).is_err());
    }
}
