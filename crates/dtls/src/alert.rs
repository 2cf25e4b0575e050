//! Alerts (RFC 5246, section 7.2).

use core::fmt;

/// The description in an alert, as a number from IANA's registry. `Display` and `Debug` write
/// the registered name, if there is one, and the number.
///
/// ```
/// use iot_coap_dtls::{Alert, Error};
///
/// let error = Error::PeerAlert(Alert::HANDSHAKE_FAILURE);
/// assert_eq!(format!("{error:?}"), "PeerAlert(handshake_failure (40))");
/// assert_eq!(format!("{:?}", Alert(255)), "255");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Alert(pub u8);

/// The length of an alert on the wire.
pub(crate) const ALERT_LEN: usize = 2;

const WARNING: u8 = 1;
const FATAL: u8 = 2;

impl Alert {
    pub(crate) const CLOSE_NOTIFY: Self = Self(0);
    pub(crate) const UNEXPECTED_MESSAGE: Self = Self(10);
    /// The server accepts nothing that the client offered.
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    pub(crate) const BAD_CERTIFICATE: Self = Self(42);
    pub(crate) const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    pub(crate) const CERTIFICATE_EXPIRED: Self = Self(45);
    pub(crate) const CERTIFICATE_UNKNOWN: Self = Self(46);
    pub(crate) const ILLEGAL_PARAMETER: Self = Self(47);
    pub(crate) const UNKNOWN_CA: Self = Self(48);
    pub(crate) const DECODE_ERROR: Self = Self(50);
    pub(crate) const DECRYPT_ERROR: Self = Self(51);
    pub(crate) const PROTOCOL_VERSION: Self = Self(70);
    /// The server accepts nothing that the client offered, and wants something stronger.
    pub const INSUFFICIENT_SECURITY: Self = Self(71);
    pub(crate) const INTERNAL_ERROR: Self = Self(80);
    pub(crate) const USER_CANCELED: Self = Self(90);
    pub(crate) const NO_RENEGOTIATION: Self = Self(100);
    pub(crate) const UNSUPPORTED_EXTENSION: Self = Self(110);

    /// Whether this alert says that the server accepts nothing of the offer.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::HANDSHAKE_FAILURE | Self::INSUFFICIENT_SECURITY)
    }

    /// The alert on the wire. Every alert is sent as fatal except the three that
    /// RFC 5246 defines as warnings.
    pub(crate) fn encode(self) -> [u8; ALERT_LEN] {
        let level = match self {
            Self::CLOSE_NOTIFY | Self::USER_CANCELED | Self::NO_RENEGOTIATION => WARNING,
            _ => FATAL,
        };
        [level, self.0]
    }

    /// The alert, and whether it is fatal; `None` if `bytes` are not an alert.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, bool)> {
        match *bytes {
            [level @ (WARNING | FATAL), description] => Some((Self(description), level == FATAL)),
            _ => None,
        }
    }

    /// The name in IANA's registry.
    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            115 => "unknown_psk_identity",
            120 => "no_application_protocol",
            _ => return None,
        })
    }
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}
