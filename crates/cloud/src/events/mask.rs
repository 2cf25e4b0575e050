//! Keeps secrets out of the log: what a device sends may hold its access token or its secret by
//! mistake.

use std::borrow::Cow;

use super::{Event, Message};
use crate::access_token::TOKEN_START;

/// Bytes of a token that stay, at its start and at its end.
const LEFT: (usize, usize) = (6, 4);

/// Shorter secrets could be any word.
const LEAST_SECRET: usize = 6;

/// Names of values that nobody else shall read, as far as they are called by these words.
const SECRET_WORDS: [&str; 4] = ["secret", "password", "token", "privatekey"];

/// The event as it may be written, if that is not what it is. `secret` is that of the device
/// that it is about.
pub(super) fn masked<'e>(event: &'e Event, secret: Option<&str>) -> Cow<'e, Event> {
    let is_clean = |text: &[u8]| find(text, secret).is_none();
    match event {
        Event::Message(message) => {
            let Message { payload, topic, reason, .. } = message;
            if [payload.as_slice(), topic.as_bytes(), reason.as_bytes()].into_iter().all(is_clean) {
                return Cow::Borrowed(event);
            }
            let mut message = message.clone();
            mask(&mut message.payload, secret);
            message.topic = masked_text(&message.topic, secret);
            message.device_name = masked_text(&message.device_name, secret);
            message.product_key = masked_text(&message.product_key, secret);
            message.reason = masked_text(&message.reason, secret);
            Cow::Owned(Event::Message(message))
        }
        Event::RequestRefused { path, reason, .. }
            if !is_clean(path.as_bytes()) || !is_clean(reason.as_bytes()) =>
        {
            let mut event = event.clone();
            if let Event::RequestRefused { path, reason, .. } = &mut event {
                (*path, *reason) = (masked_text(path, secret), masked_text(reason, secret));
            }
            Cow::Owned(event)
        }
        Event::SignInRefused { reason, .. } if !is_clean(reason.as_bytes()) => {
            let mut event = event.clone();
            if let Event::SignInRefused { reason, .. } = &mut event {
                *reason = masked_text(reason, secret);
            }
            Cow::Owned(event)
        }
        _ => Cow::Borrowed(event),
    }
}

/// A value that a device has sent under a name that nobody expects, as it may be told.
pub(crate) fn masked_value(name: &str, value: &str, secret: &str) -> String {
    if is_secret(name) {
        return "*".repeat(value.chars().count().min(8));
    }
    masked_text(value, Some(secret))
}

/// Whether nobody else shall read a value of this name.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn masked_text(text: &str, secret: Option<&str>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask(&mut bytes, secret);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Overwrites secrets and the middle of access tokens with as many asterisks, so that what is
/// around them still parses.
fn mask(bytes: &mut [u8], secret: Option<&str>) {
    let mut rest = bytes;
    while let Some((start, end)) = find(rest, secret) {
        rest[start..end].fill(b'*');
        rest = &mut rest[end..];
    }
}

/// Where the next of them begins and ends.
fn find(bytes: &[u8], secret: Option<&str>) -> Option<(usize, usize)> {
    let token = position(bytes, TOKEN_START.as_bytes()).map(|start| {
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let end = start + bytes[start..].iter().take_while(|byte| is_token(byte)).count();
        (start + LEFT.0, (end - LEFT.1).max(start + LEFT.0))
    });
    let secret = secret.filter(|secret| secret.len() >= LEAST_SECRET).and_then(|secret| {
        position(bytes, secret.as_bytes()).map(|start| (start, start + secret.len()))
    });
    token.into_iter().chain(secret).min()
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_tokens_are_overwritten_and_the_rest_stays() {
        let token = format!("{TOKEN_START}jAwIn0.abcdefghij-_");
        let text = format!("{{\"a\":\"{token}\",\"b\":\"hushhush\",\"c\":\"{token}\"}}");
        let masked = masked_text(&text, Some("hushhush"));
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains("hush") && !masked.contains("In0.abc"), "{masked}");
        assert!(
            masked.starts_with("{\"a\":\"eyJ0b2***") && masked.ends_with("***ij-_\"}"),
            "{masked}"
        );
        // What begins like one, and what is too short to be one.
        assert_eq!(masked_text(&TOKEN_START[..12], Some("hush")), TOKEN_START[..12]);
        assert_eq!(masked_text(TOKEN_START, None).len(), TOKEN_START.len());
        assert_eq!(masked_text("hush", Some("hush")), "hush");
    }

    #[test]
    fn a_value_that_is_called_a_secret_is_not_told() {
        assert_eq!(masked_value("deviceSecret", "anything at all", "hushhush"), "********");
        assert_eq!(masked_value("zone", "hushhush!", "hushhush"), "********!");
        assert_eq!(masked_value("zone", "x", "hushhush"), "x");
    }
}
