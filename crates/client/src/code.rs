//! Message codes (RFC 7252 sections 3 and 12.1): a class of 3 bits and a detail of 5 bits.
//! This module knows only numbers; `client/` decides what a code means for an exchange.

use core::fmt;

/// A method or response code. `Display` writes it as `c.dd`, and `Debug` with its name.
///
/// ```
/// use iot_coap_client::Code;
///
/// assert_eq!(format!("{}", Code::UNAUTHORIZED), "4.01");
/// assert_eq!(format!("{:?}", Code::UNAUTHORIZED), "4.01 Unauthorized");
/// assert_eq!(format!("{:?}", Code(0xFF)), "7.31");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u8);

impl Code {
    /// 0.00, an Empty message.
    pub const EMPTY: Self = Self(0x00);
    /// 0.02, the only method that the cloud accepts.
    pub const POST: Self = Self(0x02);
    /// 2.05 Content.
    pub const CONTENT: Self = Self(0x45);
    /// 4.00 Bad Request.
    pub const BAD_REQUEST: Self = Self(0x80);
    /// 4.01 Unauthorized: the access token is invalid or has expired.
    pub const UNAUTHORIZED: Self = Self(0x81);
    /// 4.02 Bad Option: the access token is missing or of a bad length.
    pub const BAD_OPTION: Self = Self(0x82);
    /// 4.04 Not Found.
    pub const NOT_FOUND: Self = Self(0x84);
    /// 4.05 Method Not Allowed.
    pub const METHOD_NOT_ALLOWED: Self = Self(0x85);
    /// 4.29 Too Many Requests (RFC 8516).
    pub const TOO_MANY_REQUESTS: Self = Self(0x9D);
    /// 5.00 Internal Server Error.
    pub const INTERNAL_SERVER_ERROR: Self = Self(0xA0);
    /// 5.03 Service Unavailable, for the time in Max-Age.
    pub const SERVICE_UNAVAILABLE: Self = Self(0xA3);
    /// 5.05 Proxying Not Supported.
    pub const PROXYING_NOT_SUPPORTED: Self = Self(0xA5);

    /// The class, 0 to 7: 0 a request or Empty, 2 success, 4 and 5 errors.
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The detail within the class, 0 to 31.
    pub const fn detail(self) -> u8 {
        self.0 & 0x1F
    }

    /// Whether this is a method (0.01 to 0.31).
    pub const fn is_request(self) -> bool {
        self.class() == 0 && self.0 != 0
    }

    /// Whether this is a response code (classes 2, 4 and 5; the others are
    /// reserved, RFC 7252 section 12.1.2).
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2 | 4 | 5)
    }

    /// The name in IANA's registry.
    const fn name(self) -> Option<&'static str> {
        Some(match (self.class(), self.detail()) {
            (0, 0) => "Empty",
            (0, 1) => "GET",
            (0, 2) => "POST",
            (0, 3) => "PUT",
            (0, 4) => "DELETE",
            (0, 5) => "FETCH",
            (0, 6) => "PATCH",
            (0, 7) => "iPATCH",
            (2, 1) => "Created",
            (2, 2) => "Deleted",
            (2, 3) => "Valid",
            (2, 4) => "Changed",
            (2, 5) => "Content",
            (2, 31) => "Continue",
            (4, 0) => "Bad Request",
            (4, 1) => "Unauthorized",
            (4, 2) => "Bad Option",
            (4, 3) => "Forbidden",
            (4, 4) => "Not Found",
            (4, 5) => "Method Not Allowed",
            (4, 6) => "Not Acceptable",
            (4, 8) => "Request Entity Incomplete",
            (4, 9) => "Conflict",
            (4, 12) => "Precondition Failed",
            (4, 13) => "Request Entity Too Large",
            (4, 15) => "Unsupported Content-Format",
            (4, 22) => "Unprocessable Entity",
            (4, 29) => "Too Many Requests",
            (5, 0) => "Internal Server Error",
            (5, 1) => "Not Implemented",
            (5, 2) => "Bad Gateway",
            (5, 3) => "Service Unavailable",
            (5, 4) => "Gateway Timeout",
            (5, 5) => "Proxying Not Supported",
            (5, 8) => "Hop Limit Reached",
            _ => return None,
        })
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{self} {name}"),
            None => write!(f, "{self}"),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.detail())
    }
}
