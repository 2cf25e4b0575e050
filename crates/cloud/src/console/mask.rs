//! Keeps secrets out of the page: what a device sends may hold an access token or
//! its secret by mistake, in a payload, a path or an option.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};

use crate::access_token::TOKEN_START;
use crate::devices::Device;

/// Bytes of a token that stay at its start and at its end.
const LEFT: (usize, usize) = (6, 4);

/// Shorter secrets could be any word.
const LEAST_SECRET: usize = 6;

/// What must not be shown.
#[derive(Default)]
pub(super) struct Mask(RwLock<Patterns>);

#[derive(Default)]
struct Patterns {
    secrets: BTreeSet<String>,
    /// Of the token's start, then the secrets.
    finder: Option<AhoCorasick>,
}

impl Mask {
    pub(super) fn add_secrets<'a>(&self, devices: impl IntoIterator<Item = &'a Device>) {
        let mut patterns = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let secrets = devices.into_iter().map(|device| &device.device_secret);
        patterns.secrets.extend(secrets.filter(|secret| secret.len() >= LEAST_SECRET).cloned());
        let all = std::iter::once(TOKEN_START).chain(patterns.secrets.iter().map(String::as_str));
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(all);
        patterns.finder = Some(finder.expect("there are far fewer devices than it takes"));
    }

    /// Overwrites secrets and the middle of access tokens with as many asterisks, so
    /// that what is around them still parses.
    pub(super) fn bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let patterns = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(finder) = &patterns.finder else { return bytes };
        let mut at = 0;
        while let Some(found) = finder.find(&bytes[at..]) {
            let (start, mut end) = (at + found.start(), at + found.end());
            if found.pattern().as_usize() == 0 {
                end = start + bytes[start..].iter().take_while(|byte| is_token(**byte)).count();
                bytes[start + LEFT.0..end - LEFT.1].fill(b'*');
            } else {
                bytes[start..end].fill(b'*');
            }
            at = end;
        }
        bytes
    }

    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned()
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_token::AccessTokens;
    use crate::server_keys::ServerKeys;
    use std::time::{Duration, SystemTime};

    fn mask(secrets: &[&str]) -> Mask {
        let mask = Mask::default();
        let devices: Vec<_> =
            secrets.iter().map(|secret| Device::new("pk", "dn", *secret)).collect();
        mask.add_secrets(&devices);
        mask
    }

    #[test]
    fn a_token_and_a_secret_are_covered_wherever_they_are() {
        let mask = mask(&["hush-hush", "a"]);
        let mut tokens = AccessTokens::new(ServerKeys::random(), Duration::from_hours(1), None);
        let (_, token) = tokens.issue(SystemTime::now(), "pk", "dn");
        let text = format!("{{\"a\":\"{token}\",\"b\":\"hush-hush\"}} {token}");
        let masked = mask.text(&text);
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains(&token) && !masked.contains("hush"), "{masked}");
        assert!(masked.starts_with("{\"a\":\"eyJ0b2*****"), "{masked}");
        assert!(masked.contains("\",\"b\":\"*********\"} eyJ0b2"), "{masked}");
    }

    #[test]
    fn the_longest_secret_is_covered_whole() {
        assert_eq!(mask(&["secret", "secret-two"]).text("secret-two secret"), "********** ******");
    }

    #[test]
    fn the_start_of_a_token_at_the_very_end_is_no_trouble() {
        let mask = mask(&[]);
        assert_eq!(mask.text("eyJ0b2tlbiI6I"), "eyJ0b2***iI6I");
        assert_eq!(mask.text(""), "");
    }
}
