//! Access tokens: signed and stateless, so that servers with the same keys
//! accept each other's. Nothing else may look inside one.
//!
//! The shape is the cloud's: base64url of `{"token":"<id>","exp":<seconds>}`, a
//! dot, base64url of an HMAC-SHA256 over the former. The id holds when it was
//! issued (to expire all tokens at once), some random bytes, and a MAC of the
//! device (a name of its own would make the length vary).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use serde::{Deserialize, Serialize};

use crate::answer::{Refused, UNAUTHORIZED};
use crate::bounded::BoundedMap;
use crate::random;
use crate::server_keys::ServerKeys;
use crate::sign::{equal, hex, hmac, unhex};

/// Lengths that can be an access token at all; others are 4.02.
pub(crate) const PLAUSIBLE_LENGTHS: std::ops::RangeInclusive<usize> = 64..=255;

/// How every access token of this kind of server begins: `{"token":"` in base64url.
pub(crate) const TOKEN_START: &str = "eyJ0b2tlbiI6I";

/// Tokens whose uses are counted.
const COUNTED_TOKENS: usize = 65_536;

const DEVICE_MAC: usize = 12;

/// The option that carries the access token in topic messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TokenOption {
    /// 61 only: 2088 is elective and ignored, so the token is missing (4.02).
    Original,
    /// 2088 only: 61 is critical and unknown (4.02).
    Later,
    /// Either.
    #[default]
    Both,
}

/// What a token is known by.
pub(crate) type TokenId = [u8; 24];

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Forged,
    Expired,
    Used,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::new(UNAUTHORIZED, refusal.reason()).asked_for(refusal.is_asked_for())
    }
}

impl Refusal {
    /// The token was good for no longer, as the server was told: what a device meets in time.
    pub(crate) fn is_asked_for(self) -> bool {
        matches!(self, Self::Expired | Self::Used)
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Forged => "access token is not one of ours",
            Self::Expired => "access token has expired",
            Self::Used => "access token has no use left",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    token: String,
    exp: u64,
}

/// Issues access tokens and checks them.
pub(crate) struct AccessTokens {
    keys: ServerKeys,
    lifetime: Duration,
    uses: Option<u32>,
    used: BoundedMap<TokenId, u32>,
    last_issued: u64,
    expired_until: u64,
}

impl AccessTokens {
    pub(crate) fn new(keys: ServerKeys, lifetime: Duration, uses: Option<u32>) -> Self {
        Self {
            keys,
            lifetime,
            uses,
            used: BoundedMap::new(COUNTED_TOKENS),
            last_issued: 0,
            expired_until: 0,
        }
    }

    pub(crate) fn issue(
        &mut self,
        now: SystemTime,
        product_key: &str,
        device_name: &str,
    ) -> (TokenId, String) {
        // Never twice the same, nor one that `expire_all` has covered already.
        let issued = microseconds(now).max(self.last_issued + 1).max(self.expired_until + 1);
        self.last_issued = issued;

        let mut id: TokenId = [0; 24];
        id[..8].copy_from_slice(&issued.to_be_bytes());
        id[8..12].copy_from_slice(&random::unpredictable::<4>());
        let device = device_mac(self.keys.first(), &id, product_key, device_name);
        id[12..].copy_from_slice(&device);

        let claims = Claims { token: hex(&id), exp: self.expiry(now) };
        let claims = serde_json::to_vec(&claims).expect("two plain fields serialize");
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let mac = hmac(MessageDigest::sha256(), self.keys.first(), claims.as_bytes());
        (id, format!("{claims}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// When a token issued now expires, in seconds since 1970.
    pub(crate) fn expiry(&self, now: SystemTime) -> u64 {
        // Whole seconds, rounded up: no token lives shorter than it was promised.
        microseconds(now + self.lifetime + Duration::from_millis(999)) / 1_000_000
    }

    /// Says which token this is, if it is a valid one.
    pub(crate) fn verify(&self, now: SystemTime, token: &[u8]) -> Result<TokenId, Refusal> {
        let dot = token.iter().position(|byte| *byte == b'.').ok_or(Refusal::Forged)?;
        let (claims, mac) = (&token[..dot], &token[dot + 1..]);
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Refusal::Forged)?;
        let signed_by = |key| equal(&mac, &hmac(MessageDigest::sha256(), key, claims));
        if !self.keys.all().any(signed_by) {
            return Err(Refusal::Forged);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| Refusal::Forged)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| Refusal::Forged)?;
        let id: TokenId = unhex(claims.token.as_bytes())
            .and_then(|id| id.try_into().ok())
            .ok_or(Refusal::Forged)?;
        let mut issued = [0; 8];
        issued.copy_from_slice(&id[..8]);
        let out_of_time = microseconds(now) / 1_000_000 >= claims.exp;
        if out_of_time || u64::from_be_bytes(issued) <= self.expired_until {
            return Err(Refusal::Expired);
        }
        Ok(id)
    }

    /// Whether this device signed in for it.
    pub(crate) fn belongs_to(&self, id: &TokenId, product_key: &str, device_name: &str) -> bool {
        self.keys.all().any(|key| equal(&id[12..], &device_mac(key, id, product_key, device_name)))
    }

    /// Changes the keys; tokens of keys that are gone are refused.
    pub(crate) fn set_keys(&mut self, keys: ServerKeys) {
        self.keys = keys;
    }

    /// Takes one of the token's uses.
    pub(crate) fn spend(&mut self, id: &TokenId) -> Result<(), Refusal> {
        let Some(uses) = self.uses else { return Ok(()) };
        let used = self.used.get(id).copied().unwrap_or(0);
        if used >= uses {
            return Err(Refusal::Used);
        }
        self.used.insert(*id, used + 1);
        Ok(())
    }

    /// Refuses every token issued so far, by whichever server. Returns the time, in
    /// microseconds since 1970.
    pub(crate) fn expire_all(&mut self, now: SystemTime) -> u64 {
        self.expired_until = microseconds(now).max(self.last_issued);
        self.expired_until
    }

    /// Refuses tokens that were issued until then.
    pub(crate) fn expire_until(&mut self, until: u64) {
        self.expired_until = until;
    }

    pub(crate) fn set_uses(&mut self, uses: Option<u32>) {
        self.uses = uses;
        self.used.clear();
    }
}

fn device_mac(key: &[u8], id: &TokenId, product_key: &str, device_name: &str) -> Vec<u8> {
    let mut content = id[..12].to_vec();
    content.extend_from_slice(product_key.as_bytes());
    content.push(b'/');
    content.extend_from_slice(device_name.as_bytes());
    let mut mac = hmac(MessageDigest::sha256(), key, &content);
    mac.truncate(DEVICE_MAC);
    mac
}

/// What of a token may be written down; nothing of what is too short to be one.
pub(crate) fn abbreviated(token: &str) -> String {
    if token.len() < *PLAUSIBLE_LENGTHS.start() {
        return "…".into();
    }
    let start: String = token.chars().take(6).collect();
    let end: String = token.chars().skip(token.len().saturating_sub(4)).collect();
    format!("{start}…{end}")
}

fn microseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> AccessTokens {
        AccessTokens::new(ServerKeys::random(), Duration::from_hours(48), None)
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_498_812_395)
    }

    #[test]
    fn a_token_has_the_published_shape_and_one_length() {
        let mut tokens = tokens();
        for name in ["d", "a-device-name-of-thirty-two-chars"] {
            let (id, token) = tokens.issue(now(), "pk", name);
            assert_eq!(token.len(), 147);
            assert_eq!(tokens.verify(now(), token.as_bytes()), Ok(id));
            assert!(tokens.belongs_to(&id, "pk", name));
            assert!(!tokens.belongs_to(&id, "pk", "another"));
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let mut tokens = tokens();
        let (_, token) = tokens.issue(now(), "pk", "dn");
        // The last character holds two bits that base64 must find to be zero.
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] ^= 1;
            assert_eq!(tokens.verify(now(), &changed), Err(Refusal::Forged), "byte {index}");
        }
    }

    #[test]
    fn a_token_expires_and_not_before() {
        let mut tokens = tokens();
        let (id, token) = tokens.issue(now(), "pk", "dn");
        let almost = now() + Duration::from_hours(48) - Duration::from_millis(1);
        assert_eq!(tokens.verify(almost, token.as_bytes()), Ok(id));
        let after = now() + Duration::from_hours(48) + Duration::from_secs(1);
        assert_eq!(tokens.verify(after, token.as_bytes()), Err(Refusal::Expired));
    }

    #[test]
    fn expiring_all_spares_those_issued_later() {
        let mut tokens = tokens();
        let (_, before) = tokens.issue(now(), "pk", "dn");
        tokens.expire_all(now());
        let (id, after) = tokens.issue(now(), "pk", "dn");
        assert_eq!(tokens.verify(now(), before.as_bytes()), Err(Refusal::Expired));
        assert_eq!(tokens.verify(now(), after.as_bytes()), Ok(id));
    }

    #[test]
    fn uses_run_out() {
        let mut tokens = AccessTokens::new(ServerKeys::random(), Duration::from_hours(1), Some(2));
        let (id, _) = tokens.issue(now(), "pk", "dn");
        assert_eq!(tokens.spend(&id), Ok(()));
        assert_eq!(tokens.spend(&id), Ok(()));
        assert_eq!(tokens.spend(&id), Err(Refusal::Used));
    }

    #[test]
    fn a_token_is_never_written_whole() {
        let (_, token) = tokens().issue(now(), "pk", "dn");
        assert!(abbreviated(&token).len() < 20);
        assert_eq!(abbreviated("secret"), "…");
    }
}
