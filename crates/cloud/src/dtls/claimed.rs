//! Why a client with a pre-shared key does not get in, as far as TLS lets a server know: which
//! identity it claimed, and whether that is known. Of a key that differs a server sees only that
//! nothing decrypts.

use crate::sign::equal;
use crate::text::cut;

/// What a client has claimed to be, measured by the one identity that is known, and its key.
#[derive(Debug)]
pub(super) enum Claimed {
    /// An identity that is not known, and the one that is.
    Unknown(String, String),
    /// The identity that is known.
    Known(String),
    /// The key in the place of the identity.
    Key,
}

impl Claimed {
    pub(super) fn of(shown: &[u8], (identity, key): (&str, &str)) -> Self {
        if equal(shown, identity.as_bytes()) {
            return Self::Known(cut(identity));
        }
        if equal(shown, key.as_bytes()) {
            return Self::Key;
        }
        Self::Unknown(cut(String::from_utf8_lossy(shown)), cut(identity))
    }

    pub(super) fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Why its handshake fails, and what to do.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Unknown(shown, known) => format!(
                "the identity {shown} of the client's pre-shared key is unknown: --psk has the \
                 identity {known}"
            ),
            Self::Known(identity) => format!(
                "the key differs: the client claims the identity {identity}, and what it encrypts \
                 does not decrypt with the key of --psk"
            ),
            Self::Key => "the client's identity is the key of --psk: give it IDENTITY and KEY in \
                          each other's places"
                .into(),
        }
    }
}

/// What to say of a handshake in which the two sides have nothing in common, where this one has
/// no pre-shared key.
pub(super) fn without_key(reason: String, has_key: bool) -> String {
    if has_key || !NO_SUITE.contains(&reason.as_str()) {
        return reason;
    }
    format!("{reason}: a client with a pre-shared key needs --psk")
}

/// As `iot-coap-dtls` and OpenSSL say it.
const NO_SUITE: [&str; 2] =
    ["the peer offers no cipher suite that is supported", "no shared cipher"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_the_identity_and_never_the_key() {
        let of = |shown: &str| Claimed::of(shown.as_bytes(), ("sensor", "hush hush"));
        for (shown, is_known, says) in [
            ("sensor", true, "the key differs: the client claims the identity sensor"),
            ("senser", false, "the identity senser of"),
            ("hush hush", false, "in each other's places"),
        ] {
            let claimed = of(shown);
            assert_eq!(claimed.is_known(), is_known, "{shown}");
            let reason = claimed.reason();
            assert!(reason.contains(says) && !reason.contains("hush"), "{reason}");
        }
        assert!(of(&"x".repeat(1_000)).reason().len() < 500);
    }
}
