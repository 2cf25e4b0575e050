//! Why a certificate is rejected.

use core::fmt;

use crate::alert::Alert;

/// Why a server's certificate or a set of trust anchors was rejected. "Path" is
/// the server's certificate with the certificates up to the trust anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The server sent no certificate.
    Missing,
    /// A certificate is not valid X.509, or has an unknown extension that is critical (RFC
    /// 5280, section 4.2).
    Malformed,
    /// A certificate is of version 1 or 2, which has no fields for the names and the
    /// permitted uses. Only a trust anchor may be of version 1.
    Version,
    /// No path leads to a trust anchor. The anchor or an intermediate certificate
    /// is missing, or a signature is wrong, or an RSA key that signed has less than
    /// 2048 or more than 4096 bits.
    UnknownIssuer,
    /// No path leads to a trust anchor, and the server sent more than five intermediates,
    /// of which only the first five are considered.
    TooManyIntermediates,
    /// The certificate does not name the configured host.
    WrongName,
    /// The certificate has no subjectAltName. Its common name is ignored (RFC 9525, section
    /// 2).
    NoName,
    /// A certificate on the path has expired.
    Expired {
        /// The date of the check, in seconds since 1970.
        time: u64,
        /// The end of the validity period, in seconds since 1970.
        not_after: u64,
    },
    /// A certificate on the path is not valid yet.
    NotYetValid {
        /// The date of the check, in seconds since 1970.
        time: u64,
        /// The start of the validity period, in seconds since 1970.
        not_before: u64,
    },
    /// There is no clock, and the certificates on the path were never all valid at the same
    /// time.
    NeverValid,
    /// The certificate may not be used by a server, or not with this key exchange.
    WrongUsage,
    /// A certificate on the path, or its anchor, may not sign certificates, or may not sign
    /// the certificates below it.
    WrongAuthority,
    /// A certificate on the path uses an unsupported signature algorithm. Supported are RSA
    /// PKCS #1 v1.5, ECDSA on P-256 and, with the features `rsa-pss` and `p384`, RSA-PSS
    /// and ECDSA on P-384, each with SHA-256 or a longer hash. SHA-1, and RSA-PSS with a
    /// salt of another length than the hash, are not supported.
    Signature,
    /// Finding a path would take more than eight signature checks.
    TooManySignatures,
    /// The key has the wrong type for the cipher suite or an unacceptable size.
    Key,
    /// The trust anchors contain no certificate.
    NoAnchors,
    /// A certificate to trust does not parse. No server was asked.
    MalformedAnchor,
    /// The heap was exhausted while the trust anchors were read.
    OutOfMemory,
}

impl CertificateError {
    pub(super) fn alert(self) -> Alert {
        match self {
            Self::UnknownIssuer
            | Self::TooManyIntermediates
            | Self::NoAnchors
            | Self::MalformedAnchor => Alert::UNKNOWN_CA,
            Self::Expired { .. } | Self::NotYetValid { .. } | Self::NeverValid => {
                Alert::CERTIFICATE_EXPIRED
            }
            Self::WrongName | Self::NoName => Alert::CERTIFICATE_UNKNOWN,
            Self::WrongUsage | Self::Key | Self::Version => Alert::UNSUPPORTED_CERTIFICATE,
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
            Self::Malformed => {
                "or an issuer's is malformed, or has a critical extension that is not known"
            }
            Self::UnknownIssuer => "has an unknown issuer",
            Self::TooManyIntermediates => {
                "has an unknown issuer among the first 5 intermediates, and no more are considered: \
                 let the server send those of the path only"
            }
            Self::Version => {
                "or an issuer's is of X.509 version 1: issue it in version 3, with the host in \
                 subjectAltName"
            }
            Self::WrongName => "is for another host",
            Self::NoName => {
                "has no subjectAltName, and the common name does not count: issue one with the \
                 host in subjectAltName"
            }
            Self::Expired { time, not_after } => {
                return write!(f, "expired {} s ago", time.saturating_sub(*not_after));
            }
            Self::NotYetValid { time, not_before } => {
                let wait = not_before.saturating_sub(*time);
                return write!(f, "becomes valid only in {wait} s; is the clock right?");
            }
            Self::NeverValid => "and its issuers were never valid at the same time",
            Self::WrongUsage => "may not be used for this",
            Self::WrongAuthority => "has an issuer that may not sign it",
            Self::Signature => "has an unsupported signature algorithm",
            Self::TooManySignatures => "requires too many signature checks",
            Self::Key => "has an unsupported key",
            Self::OutOfMemory => "cannot be checked: out of memory",
            Self::NoAnchors => "cannot be checked: there are no trust anchors",
            Self::MalformedAnchor => "cannot be checked: a certificate to trust does not parse",
        })
    }
}

impl core::error::Error for CertificateError {}
