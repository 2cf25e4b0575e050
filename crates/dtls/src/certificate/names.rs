//! Host names: the name that the client connects to, and the names in certificates.

use core::net::IpAddr;

use crate::der::Der;
use crate::error::CertificateError;

/// The tags of a GeneralName (RFC 5280, section 4.2.1.6).
pub(super) const DNS_NAME: u8 = 0x82;
pub(super) const IP_ADDRESS: u8 = 0x87;

/// The longest DNS name in text (RFC 1035, section 2.3.4).
pub(super) const MAX_NAME_LEN: usize = 253;
const MAX_LABEL_LEN: usize = 63;

/// The host that the client connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host<'h> {
    /// A DNS name, without the dot at its end.
    Name(&'h str),
    Address(IpAddr),
}

impl<'h> Host<'h> {
    /// `None` if it is neither a DNS name nor an IP address.
    pub(crate) fn parse(text: &'h str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        // A name that ends with a number, even a hexadecimal one, is meant as an address.
        let last = name.as_bytes().rsplit(|byte| *byte == b'.').next();
        let is_hexadecimal = matches!(
            last,
            Some([b'0', b'x' | b'X', digits @ ..]) if digits.iter().all(u8::is_ascii_hexdigit)
        );
        if text.len() <= MAX_NAME_LEN && is_name(name.as_bytes()) && !is_hexadecimal {
            return Some(Self::Name(name));
        }
        text.parse().ok().map(Self::Address)
    }

    /// Whether a subjectAltName names the host.
    ///
    /// # Errors
    ///
    /// [`CertificateError::WrongName`]; [`CertificateError::Malformed`].
    pub(super) fn verify(self, names: &[u8]) -> Result<(), CertificateError> {
        let mut names = Der::new(names);
        while !names.is_empty() {
            let (tag, name) = general_name(&mut names).ok_or(CertificateError::Malformed)?;
            let is_named = match (tag, self) {
                (DNS_NAME, Self::Name(host)) => is_named_by(host.as_bytes(), name),
                (IP_ADDRESS, Self::Address(IpAddr::V4(host))) => host.octets() == *name,
                (IP_ADDRESS, Self::Address(IpAddr::V6(host))) => host.octets() == *name,
                _ => false,
            };
            if is_named {
                return Ok(());
            }
        }
        Err(CertificateError::WrongName)
    }
}

/// The tag and the content of a GeneralName.
pub(super) fn general_name<'d>(names: &mut Der<'d>) -> Option<(u8, &'d [u8])> {
    names.any().filter(|(tag, _)| matches!(tag, 0xa0 | 0x81 | 0x82 | 0xa3..=0xa5 | 0x86..=0x88))
}

/// Whether `name`, from a certificate, is the host's name, or matches it with an asterisk
/// as its first label.
fn is_named_by(host: &[u8], name: &[u8]) -> bool {
    let host = match name {
        [b'*', ..] => host.iter().position(|byte| *byte == b'.').and_then(|dot| host.get(dot..)),
        _ => Some(host),
    };
    let rest = name.strip_prefix(b"*").unwrap_or(name);
    is_presented(name) && host.is_some_and(|host| host.eq_ignore_ascii_case(rest))
}

/// Whether it may be the dNSName of a subjectAltName: a name, or an asterisk before a name
/// of at least two labels.
pub(super) fn is_presented(name: &[u8]) -> bool {
    name.len() <= MAX_NAME_LEN
        && match name.strip_prefix(b"*.") {
            Some(rest) => is_name(rest) && rest.contains(&b'.'),
            None => is_name(name),
        }
}

/// Whether it consists of labels with dots between them. As elsewhere on the web,
/// underscores count as letters. The last label is not a number.
pub(super) fn is_name(name: &[u8]) -> bool {
    let mut last_is_number = false;
    name.split(|byte| *byte == b'.').all(|label| {
        last_is_number = label.iter().all(u8::is_ascii_digit);
        (1..=MAX_LABEL_LEN).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && label.first() != Some(&b'-')
            && label.last() != Some(&b'-')
    }) && !last_is_number
}
