//! Why a server's certificates do not lead to a trust anchor.

use crate::error::CertificateError;

/// Why there is no path, from the least specific reason to the most. The most specific is
/// what is said, the first of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    NoIssuer,
    Malformed,
    Version,
    /// A signature is by an unknown algorithm, or not by that of the key.
    Algorithm,
    NoAuthority,
    PathTooLong,
    WrongNames,
    WrongUsage,
    WrongSignature,
    /// It is not valid yet, or has expired.
    Date,
    TooManySignatures,
}

impl From<CertificateError> for Reason {
    /// Of a certificate that cannot be read.
    fn from(error: CertificateError) -> Self {
        if error == CertificateError::Version { Self::Version } else { Self::Malformed }
    }
}
