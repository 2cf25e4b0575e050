//! Looks for a path from a server's certificate to a trust anchor (RFC 5280, section 6).
//! Nothing is allocated: certificates are read where they are, and a path is a list of
//! stack frames, at most one for each of the intermediates that are considered.

use super::anchors::Anchor;
use super::constraints::Constraints;
use super::fields::Certificate;
use super::reason::Reason;
use super::signature::{Budget, verify};
use super::{Chain, Validator};
use crate::error::{CertificateError, Error};

/// The most comparisons of names with name constraints in one search.
const MAX_COMPARISONS: u32 = 250_000;

/// The validator of builds without rustls-webpki. It accepts the same paths, which `tests`
/// check.
pub(super) struct Own;

impl Validator for Own {
    fn verify_path(chain: &Chain<'_>, time: u64, budget: &Budget) -> Result<u64, Error> {
        let mut search = Search {
            chain,
            time,
            budget,
            comparisons: MAX_COMPARISONS,
            reason: Reason::NoIssuer,
            missed: None,
        };
        let server = Node { certificate: &chain.server, below: None, authorities: 0 };
        search.extend(&server).ok_or_else(|| search.error().into())
    }
}

/// A certificate on a path.
struct Node<'n> {
    certificate: &'n Certificate<'n>,
    /// The certificate that it issued.
    below: Option<&'n Node<'n>>,
    /// How many authorities are below it.
    authorities: usize,
}

impl<'n> Node<'n> {
    /// The certificates from this one down to the server's.
    fn down(&self) -> impl Iterator<Item = &Node<'n>> {
        core::iter::successors(Some(self), |node| node.below)
    }
}

struct Search<'s> {
    chain: &'s Chain<'s>,
    time: u64,
    budget: &'s Budget,
    comparisons: u32,
    reason: Reason,
    /// The first error about a date.
    missed: Option<CertificateError>,
}

impl Search<'_> {
    fn note(&mut self, reason: Reason) {
        self.reason = self.reason.max(reason);
    }

    fn error(&self) -> CertificateError {
        match self.reason {
            Reason::NoIssuer | Reason::WrongSignature => CertificateError::UnknownIssuer,
            Reason::Malformed => CertificateError::Malformed,
            Reason::Version => CertificateError::Version,
            Reason::Algorithm => CertificateError::Signature,
            Reason::NoAuthority | Reason::PathTooLong | Reason::WrongNames => {
                CertificateError::WrongAuthority
            }
            Reason::WrongUsage => CertificateError::WrongUsage,
            Reason::Date => self.missed.unwrap_or(CertificateError::NeverValid),
            Reason::TooManySignatures => CertificateError::TooManySignatures,
        }
    }

    /// Looks for the rest of a path, whose last certificate so far is `node`. Returns when
    /// the first certificate of the whole path expires.
    fn extend(&mut self, node: &Node<'_>) -> Option<u64> {
        let certificate = node.certificate;
        if let Err(reason) = self.verify_alone(node) {
            self.note(reason);
            return None;
        }
        for anchor in self.chain.anchors.iter() {
            if anchor.subject == certificate.issuer {
                match self.verify_from(&anchor, node) {
                    Ok(()) => {
                        return node.down().map(|node| node.certificate.not_after).min();
                    }
                    Err(reason) => self.note(reason),
                }
            }
        }
        for der in self.chain.others() {
            // Nothing more can be verified.
            if self.reason == Reason::TooManySignatures {
                return None;
            }
            let issuer = match Certificate::read(der) {
                Ok(issuer) => issuer,
                Err(error) => {
                    self.note(error.into());
                    continue;
                }
            };
            let is_same = |node: &Node<'_>| {
                node.certificate.key == issuer.key && node.certificate.subject == issuer.subject
            };
            // No loops (RFC 4158, section 5.2).
            if issuer.subject != certificate.issuer || node.down().any(is_same) {
                continue;
            }
            let authorities = node.authorities + usize::from(node.below.is_some());
            let longer = Node { certificate: &issuer, below: Some(node), authorities };
            if let Some(end) = self.extend(&longer) {
                return Some(end);
            }
        }
        None
    }

    /// Verifies what does not depend on who issued the certificate.
    fn verify_alone(&mut self, node: &Node<'_>) -> Result<(), Reason> {
        let (time, certificate) = (self.time, node.certificate);
        if certificate.not_before > certificate.not_after {
            return Err(Reason::Malformed);
        }
        if let Err(error) = certificate.verify_date(time) {
            self.missed.get_or_insert(error);
            return Err(Reason::Date);
        }
        let is_too_long = |max: u8| node.authorities > usize::from(max);
        match (node.below, certificate.is_authority) {
            (None, true) => return Err(Reason::WrongUsage),
            (Some(_), false) => return Err(Reason::NoAuthority),
            (Some(_), true) if certificate.max_path_len.is_some_and(is_too_long) => {
                return Err(Reason::PathTooLong);
            }
            _ => {}
        }
        if certificate.serves == Some(false) { Err(Reason::WrongUsage) } else { Ok(()) }
    }

    /// Verifies a whole path, from its anchor down to the server.
    fn verify_from(&mut self, anchor: &Anchor<'_>, top: &Node<'_>) -> Result<(), Reason> {
        let mut key = anchor.key;
        for node in top.down() {
            verify(self.budget, key, node.certificate)?;
            key = node.certificate.key;
        }
        let mut constraints = Some(anchor.constraints).filter(|content| !content.is_empty());
        for node in top.down() {
            if let Some(constraints) = constraints {
                let constraints = Constraints::read(constraints).ok_or(Reason::Malformed)?;
                for node in node.down() {
                    constraints.verify(node.certificate.names, &mut self.comparisons)?;
                }
            }
            constraints = node.certificate.constraints;
        }
        let mut issuers = top.down().filter(|node| node.below.is_some());
        if issuers.any(|issuer| !issuer.certificate.key_signs_certificates()) {
            return Err(Reason::NoAuthority);
        }
        let authorities = top.authorities + usize::from(top.below.is_some());
        if anchor.allows(authorities) { Ok(()) } else { Err(Reason::PathTooLong) }
    }
}
