//! Why a certificate is not believed.

use core::fmt;

use webpki::Error as PathError;

use crate::alert::Alert;

/// Which check of the server's certificate failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The server sent none.
    Missing,
    /// It does not parse as X.509.
    Malformed,
    /// No trust anchor has signed it, directly or through the certificates that
    /// the server sent: another root, an intermediate is missing, or a signature
    /// is wrong or made by an RSA key of less than 2048 or more than 4096 bits.
    /// The first five that the server sent along are considered.
    UnknownIssuer,
    /// It is for other names or addresses than the host's.
    WrongName,
    /// It, or one between it and the anchor, is no longer valid.
    Expired {
        /// The time of the check, in seconds since 1970.
        time: u64,
        /// The end of its validity.
        not_after: u64,
    },
    /// It, or one between it and the anchor, is not valid yet.
    NotYetValid {
        /// The time of the check, in seconds since 1970.
        time: u64,
        /// The beginning of its validity.
        not_before: u64,
    },
    /// Without a date to check: at no time was everything between it and the
    /// anchor valid.
    NeverValid,
    /// It may not be used by a server, or not for this key exchange.
    WrongUsage,
    /// A certificate between it and the anchor may not sign certificates, or
    /// not such ones.
    WrongAuthority,
    /// It, or one between it and the anchor, is signed otherwise than by RSA
    /// PKCS #1 v1.5 or by ECDSA on P-256 or P-384 (that with the feature `p384`),
    /// with SHA-256 or longer. SHA-1 and RSA-PSS are not believed.
    Signature,
    /// The certificates that the server sent make so many paths that more than
    /// eight signatures would have to be checked.
    TooManySignatures,
    /// Its key is of another kind than the cipher suite needs, or too short.
    Key,
    /// The trust anchors contain no certificate.
    NoAnchors,
    /// Memory ran out while the trust anchors were read.
    OutOfMemory,
}

impl CertificateError {
    pub(crate) fn from_path(error: &PathError) -> Self {
        match error {
            PathError::CertExpired { time, not_after } => {
                Self::Expired { time: time.as_secs(), not_after: not_after.as_secs() }
            }
            PathError::CertNotValidYet { time, not_before } => {
                Self::NotYetValid { time: time.as_secs(), not_before: not_before.as_secs() }
            }
            PathError::CertNotValidForName(_) => Self::WrongName,
            PathError::UnknownIssuer | PathError::InvalidSignatureForPublicKey => {
                Self::UnknownIssuer
            }
            PathError::RequiredEkuNotFoundContext(_)
            | PathError::EmptyEkuExtension
            | PathError::CaUsedAsEndEntity => Self::WrongUsage,
            PathError::EndEntityUsedAsCa
            | PathError::PathLenConstraintViolated
            | PathError::NameConstraintViolation => Self::WrongAuthority,
            PathError::MaximumSignatureChecksExceeded
            | PathError::MaximumPathBuildCallsExceeded
            | PathError::MaximumNameConstraintComparisonsExceeded => Self::TooManySignatures,
            PathError::UnsupportedSignatureAlgorithmContext(_)
            | PathError::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::Signature,
            _ => Self::Malformed,
        }
    }

    pub(crate) fn alert(self) -> Alert {
        match self {
            Self::UnknownIssuer | Self::NoAnchors => Alert::UNKNOWN_CA,
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::NeverValid => {
                Alert::CERTIFICATE_EXPIRED
            }
            Self::WrongName => Alert::CERTIFICATE_UNKNOWN,
            Self::WrongUsage | Self::Key => Alert::UNSUPPORTED_CERTIFICATE,
            Self::OutOfMemory => Alert::INTERNAL_ERROR,
            Self::Missing
            | Self::Malformed
            | Self::WrongAuthority
            | Self::Signature
            | Self::TooManySignatures => Alert::BAD_CERTIFICATE,
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server's certificate ")?;
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Malformed => "does not parse",
            Self::UnknownIssuer => "comes from an unknown root",
            Self::WrongName => "is for another host",
            Self::Expired { time, not_after } => {
                return write!(f, "has expired {} s ago", time.saturating_sub(*not_after));
            }
            Self::NotYetValid { time, not_before } => {
                let wait = not_before.saturating_sub(*time);
                return write!(f, "is not valid yet, but in {wait} s; is the clock right?");
            }
            Self::NeverValid => "and those above it were never valid at the same time",
            Self::WrongUsage => "may not be used for this",
            Self::WrongAuthority => "is signed by one that may not sign it",
            Self::Signature => "is signed by an algorithm that is not believed",
            Self::TooManySignatures => "comes with more signatures than are checked",
            Self::Key => "has a key that cannot be used",
            Self::OutOfMemory => "cannot be checked: out of memory",
            Self::NoAnchors => "cannot be checked: there is no certificate to trust",
        })
    }
}

impl core::error::Error for CertificateError {}
