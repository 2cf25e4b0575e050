//! Parses endpoint URLs: host, port and protection. The board port resolves the name.

use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;

use crate::out_of_memory::{OutOfMemory, joined};

/// The longest host, in bytes.
pub const MAX_HOST_LEN: usize = 127;

/// How the datagrams to an endpoint are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// `coap://`: no protection.
    None,
    /// `coaps://`: DTLS, which is the caller's part: the client's datagrams are the plaintext
    /// of a session such as that of `iot-coap-dtls`. Over a bare socket they go out in clear.
    Dtls,
    /// `coap-psk://`: the client encrypts payloads and sequence numbers. Needs the feature
    /// `symmetric`.
    Symmetric,
}

/// The server that a client connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The protection, from the URL's scheme.
    pub security: Security,
    /// A host name or an IP address, without brackets.
    pub host: String,
    /// The UDP port.
    pub port: u16,
}

/// Why a URL is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// The scheme is not `coap://`, `coaps://` or `coap-psk://`.
    Scheme,
    /// The scheme is `coap-psk://`, in a build without the feature `symmetric`.
    NoSymmetric,
    /// There is no host, or it contains a character that no host has; or it is an IPv6
    /// address, in a build without the feature `ipv6`.
    Host,
    /// The host has 128 characters or more.
    HostTooLong,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The heap is exhausted.
    OutOfMemory,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URL must start with coap://, coaps:// or coap-psk://",
            Self::NoSymmetric => "coap-psk:// needs a build with the feature symmetric",
            Self::Host if cfg!(not(feature = "ipv6")) => {
                "the URL needs a host name or an IPv4 address (IPv6 needs the feature ipv6)"
            }
            Self::Host => "the URL needs a host name or an IP address (IPv6 in brackets)",
            Self::HostTooLong => "the host must be shorter than 128 characters",
            Self::Port => "the port must be a number from 1 to 65535",
            Self::OutOfMemory => "out of memory",
        })
    }
}

impl core::error::Error for UrlError {}

impl From<OutOfMemory> for UrlError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl Endpoint {
    /// Reads `scheme://host[:port][/ignored]`. Without a port, `coaps` means
    /// 5684 and the others 5683.
    ///
    /// ```
    /// use iot_coap_client::{Endpoint, Security, UrlError};
    ///
    /// let endpoint = Endpoint::parse("coaps://a1RP1qZfrEi.iot-as-coap.cn-shanghai.aliyuncs.com")?;
    /// assert_eq!((endpoint.security, endpoint.port), (Security::Dtls, 5684));
    /// assert_eq!(Endpoint::parse("http://127.0.0.1"), Err(UrlError::Scheme));
    /// # Ok::<(), UrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UrlError`] names the part that is wrong.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = split_at(url, b":").ok_or(UrlError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::Scheme)?;
        let (security, default_port) = if scheme.eq_ignore_ascii_case("coap") {
            (Security::None, 5683)
        } else if scheme.eq_ignore_ascii_case("coaps") {
            (Security::Dtls, 5684)
        } else if scheme.eq_ignore_ascii_case("coap-psk") {
            if cfg!(not(feature = "symmetric")) {
                return Err(UrlError::NoSymmetric);
            }
            (Security::Symmetric, 5683)
        } else {
            return Err(UrlError::Scheme);
        };
        let authority = split_at(rest, b"/?#").map_or(rest, |(authority, _)| authority);
        let (host, port) = split_port(authority)?;
        if host.len() > MAX_HOST_LEN {
            return Err(UrlError::HostTooLong);
        }
        let port = match port {
            None => default_port,
            Some(digits) => parse_port(digits)?,
        };
        Ok(Self { security, host: joined(&[host])?, port })
    }

    /// The endpoint of a device of `product_key` without a URL.
    ///
    /// # Errors
    ///
    /// [`UrlError::OutOfMemory`].
    pub fn default_for(product_key: &str) -> Result<Self, UrlError> {
        let host = joined(&[product_key, ".iot-as-coap.cn-shanghai.aliyuncs.com"])?;
        Ok(Self { security: Security::Dtls, host, port: 5684 })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    let is_host_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if cfg!(feature = "ipv6")
        && let Some(bracketed) = authority.strip_prefix("[")
    {
        let (host, rest) = split_at(bracketed, b"]").ok_or(UrlError::Host)?;
        // A link-local address names its interface after a percent sign.
        let (address, zone) = split_at(host, b"%").unwrap_or((host, "1"));
        let zone_is_sound = !zone.is_empty() && zone.bytes().all(is_host_byte);
        if address.parse::<Ipv6Addr>().is_err() || !zone_is_sound {
            return Err(UrlError::Host);
        }
        return match rest {
            "" => Ok((host, None)),
            _ => Ok((host, Some(rest.strip_prefix(":").ok_or(UrlError::Host)?))),
        };
    }
    let (host, port) = match split_at(authority, b":") {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.is_empty() || !host.bytes().all(is_host_byte) {
        return Err(UrlError::Host);
    }
    Ok((host, port))
}

/// Splits `text` at the first of `separators`, which are ASCII. (`str::split_once` would
/// add a searcher for all of Unicode.)
#[allow(clippy::manual_contains, reason = "brings a search that is fast in long texts")]
fn split_at<'t>(text: &'t str, separators: &[u8]) -> Option<(&'t str, &'t str)> {
    let at = text.bytes().position(|byte| separators.iter().any(|&separator| separator == byte))?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn parse_port(digits: &str) -> Result<u16, UrlError> {
    let port = digits.bytes().try_fold(0_u16, |port, byte| {
        let digit = char::from(byte).to_digit(10)?;
        port.checked_mul(10)?.checked_add(digit as u16)
    });
    port.filter(|&port| port != 0).ok_or(UrlError::Port)
}
