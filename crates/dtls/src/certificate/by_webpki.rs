//! Verifies the path to a trust anchor and the host's name by rustls-webpki, in programs
//! that have room for it. The tests compare the validator of `path` with this one.

use alloc::vec::Vec;

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
};
use webpki::{EndEntityCert, Error as PathError, KeyUsage, VerifiedPath};

use super::anchors::{Anchor, TrustAnchors};
use super::fields::Certificate;
use super::signature::{ALL, Algorithm, Budget};
use super::{Chain, Validator};
use crate::error::{CertificateError, Error};

/// The validator of builds with rustls-webpki.
pub(super) struct Webpki;

impl Validator for Webpki {
    fn verify_path(chain: &Chain<'_>, time: u64, budget: &Budget) -> Result<u64, Error> {
        let der = CertificateDer::from(chain.server_der);
        let server = EndEntityCert::try_from(&der).map_err(|error| from_path(&error))?;
        let others = collected(chain.others().map(CertificateDer::from))?;
        let anchors = collected(chain.anchors.iter().map(|anchor| trust_anchor(&anchor)))?;
        let metered = ALL.map(|algorithm| Metered { algorithm, budget });
        let path = server.verify_for_usage(
            &metered.each_ref().map(|metered| metered as &dyn SignatureVerificationAlgorithm),
            &anchors,
            &others,
            UnixTime::since_unix_epoch(core::time::Duration::from_secs(time)),
            KeyUsage::server_auth(),
            None,
            Some(&|path| verify_issuers(path, &anchors, chain.anchors)),
        );
        match path {
            Ok(path) => Ok(earliest_end(&path)),
            Err(_) if budget.is_exceeded() => Err(CertificateError::TooManySignatures.into()),
            Err(error) => Err(from_path(&error).into()),
        }
    }

    fn verify_host(chain: &Chain<'_>, host: &str) -> Result<(), CertificateError> {
        let der = CertificateDer::from(chain.server_der);
        let server = EndEntityCert::try_from(&der).map_err(|error| from_path(&error))?;
        let name = ServerName::try_from(host).map_err(|_| CertificateError::WrongName)?;
        server.verify_is_valid_for_subject_name(&name).map_err(|error| from_path(&error))
    }
}

fn collected<T>(items: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut collected = Vec::new();
    for item in items {
        collected.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        collected.push(item);
    }
    Ok(collected)
}

fn trust_anchor<'a>(anchor: &Anchor<'a>) -> TrustAnchor<'a> {
    let constraints = (!anchor.constraints.is_empty()).then(|| anchor.constraints.into());
    TrustAnchor {
        subject: anchor.subject.into(),
        subject_public_key_info: anchor.key.into(),
        name_constraints: constraints,
    }
}

/// Verifies what rustls-webpki leaves out: that the keys of the issuers may sign
/// certificates (RFC 5280, section 6.1.4 (n)), and the limits in the anchor's own
/// certificate. After an error, another path is tried.
fn verify_issuers(
    path: &VerifiedPath<'_>,
    trusted: &[TrustAnchor<'_>],
    anchors: &TrustAnchors,
) -> Result<(), PathError> {
    let mut authorities = 0;
    for issuer in path.intermediate_certificates() {
        let der = issuer.der();
        let issuer = Certificate::read(&der).map_err(|_| PathError::BadDer)?;
        if !issuer.key_signs_certificates() {
            return Err(PathError::EndEntityUsedAsCa);
        }
        authorities += 1;
    }
    // The anchors are in the same order in both lists.
    let index = trusted.iter().position(|trusted| core::ptr::eq(trusted, path.anchor()));
    match index.and_then(|index| anchors.iter().nth(index)) {
        Some(anchor) if anchor.allows(authorities) => Ok(()),
        _ => Err(PathError::PathLenConstraintViolated),
    }
}

/// When the first certificate of a path expires. The dates of trust anchors are ignored.
fn earliest_end(path: &VerifiedPath<'_>) -> u64 {
    let end = |der: &[u8]| Certificate::read(der).map_or(0, |certificate| certificate.not_after);
    let issuers = path.intermediate_certificates().map(|issuer| end(&issuer.der()));
    issuers.fold(end(&path.end_entity().der()), u64::min)
}

/// An algorithm whose uses are counted.
#[derive(Debug)]
struct Metered<'b> {
    algorithm: &'static Algorithm,
    budget: &'b Budget,
}

impl SignatureVerificationAlgorithm for Metered<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let is_valid =
            self.budget.allows_another() && (self.algorithm.verify)(public_key, message, signature);
        if is_valid { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(self.algorithm.key)
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(self.algorithm.signature)
    }
}

fn from_path(error: &PathError) -> CertificateError {
    match error {
        PathError::CertExpired { time, not_after } => {
            CertificateError::Expired { time: time.as_secs(), not_after: not_after.as_secs() }
        }
        PathError::CertNotValidYet { time, not_before } => {
            CertificateError::NotYetValid { time: time.as_secs(), not_before: not_before.as_secs() }
        }
        PathError::UnsupportedCertVersion => CertificateError::Version,
        PathError::CertNotValidForName(_) => CertificateError::WrongName,
        PathError::UnknownIssuer | PathError::InvalidSignatureForPublicKey => {
            CertificateError::UnknownIssuer
        }
        PathError::RequiredEkuNotFoundContext(_)
        | PathError::EmptyEkuExtension
        | PathError::CaUsedAsEndEntity => CertificateError::WrongUsage,
        PathError::EndEntityUsedAsCa
        | PathError::PathLenConstraintViolated
        | PathError::NameConstraintViolation => CertificateError::WrongAuthority,
        PathError::MaximumSignatureChecksExceeded
        | PathError::MaximumPathBuildCallsExceeded
        | PathError::MaximumNameConstraintComparisonsExceeded => {
            CertificateError::TooManySignatures
        }
        PathError::UnsupportedSignatureAlgorithmContext(_)
        | PathError::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateError::Signature
        }
        _ => CertificateError::Malformed,
    }
}
