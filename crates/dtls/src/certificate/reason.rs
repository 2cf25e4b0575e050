//! Why a server's certificates do not lead to a trust anchor.

use crate::error::CertificateError;

/// Why there is no path, from the least specific reason to the most specific. The most
/// specific one is reported; of several equal ones, the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    NoIssuer,
    Malformed,
    Version,
    /// A signature has an unknown algorithm, or another algorithm than its key.
    Algorithm,
    NoAuthority,
    PathTooLong,
    WrongNames,
    WrongUsage,
    WrongSignature,
    /// The certificate is not valid yet, or has expired.
    Date,
    TooManySignatures,
}

impl From<CertificateError> for Reason {
    /// The reason for a certificate that cannot be read.
    fn from(error: CertificateError) -> Self {
        if error == CertificateError::Version { Self::Version } else { Self::Malformed }
    }
}
