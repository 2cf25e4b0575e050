//! Verifies the server's certificate: that a path leads to a trust anchor, or that it is
//! one, that it names the host, that it may be used by a server now, and that its key signed the
//! key exchange. rustls-webpki builds the paths and compares the names.

mod anchors;
mod fields;
mod signature;

use alloc::vec::Vec;

use fields::Fields;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use signature::Budget;
use webpki::{EndEntityCert, Error as PathError, KeyUsage, VerifiedPath};

pub use anchors::TrustAnchors;
pub(crate) use signature::SignatureScheme;

use crate::error::{CertificateError, Error, Violation};
use crate::memory::copy;
#[cfg(feature = "rsa")]
use crate::rsa::PublicKey;
use crate::suite::KeyExchange;
use crate::wire::Reader;

/// How many intermediates are considered. A hostile server may send certificates that
/// all have the same name, so that each may have issued any other. Five make 325
/// possible paths, eight would make 28,960.
const MAX_INTERMEDIATES: usize = 5;

/// The public key of a server whose certificate has been verified.
pub(crate) struct ServerKey {
    /// The server's certificate in DER.
    certificate: Vec<u8>,
    /// When the first certificate of the path ends, in seconds since 1970.
    not_after: u64,
}

impl ServerKey {
    /// Verifies the body of a Certificate message. `time` is the date in seconds since
    /// 1970, if it is known.
    pub(crate) fn verify(
        message: &[u8],
        anchors: &TrustAnchors,
        host: &str,
        time: Option<u64>,
        key_exchange: KeyExchange,
    ) -> Result<Self, Error> {
        let malformed = Error::from(Violation::Malformed("Certificate"));
        let mut reader = Reader::new(message);
        let list = reader.vector24().filter(|_| reader.is_empty()).ok_or(malformed)?;
        let mut list = Reader::new(list);
        if list.is_empty() {
            return Err(CertificateError::Missing.into());
        }
        let end_entity = CertificateDer::from(list.vector24().ok_or(malformed)?);
        let mut intermediates = Vec::new();
        while !list.is_empty() {
            let certificate = list.vector24().ok_or(malformed)?;
            if intermediates.len() < MAX_INTERMEDIATES {
                intermediates.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
                intermediates.push(CertificateDer::from(certificate));
            }
        }
        let fields = Fields::read(&end_entity).map_err(|_| CertificateError::Malformed)?;
        let chain = Chain::new(&end_entity, &intermediates, anchors)?;
        let not_after = match time {
            _ if anchors.contains(&end_entity) => verify_trusted(&fields, time)?,
            Some(time) => chain.verify_at(time)?,
            None => chain.verify_at_any_time(&fields)?,
        };
        if !fields.has_names {
            return Err(CertificateError::NoName.into());
        }
        chain.verify_host(host)?;
        verify_key_usage(&fields, key_exchange)?;
        Ok(Self { certificate: copy(&end_entity)?, not_after })
    }

    /// When the first certificate of the path ends, in seconds since 1970.
    pub(crate) fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Verifies a signature over `message` made with this key.
    pub(crate) fn verify_signature(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let certificate = CertificateDer::from(self.certificate.as_slice());
        let certificate = EndEntityCert::try_from(&certificate)
            .map_err(|error| CertificateError::from_path(&error))?;
        let budget = Budget::default();
        let is_valid = scheme.algorithms().any(|algorithm| {
            let algorithm = budget.meter(algorithm);
            certificate.verify_signature(&algorithm, message, signature).is_ok()
        });
        if is_valid {
            return Ok(());
        }
        budget.check()?;
        // Tell a wrong signature from a key that is never accepted.
        #[cfg(feature = "rsa")]
        if !scheme.is_ecdsa() {
            self.rsa_key()?;
        }
        Err(Violation::KeyExchangeSignature.into())
    }

    /// The key, for encrypting to the server.
    #[cfg(feature = "rsa")]
    pub(crate) fn rsa_key(&self) -> Result<PublicKey<'_>, Error> {
        let fields = Fields::read(&self.certificate).map_err(|_| CertificateError::Malformed)?;
        let key = fields.rsa_key().map_err(|_| CertificateError::Malformed)?;
        Ok(key.and_then(PublicKey::from_der).ok_or(CertificateError::Key)?)
    }
}

/// The certificates of a server and the trust anchors.
struct Chain<'c> {
    end_entity: EndEntityCert<'c>,
    intermediates: &'c [CertificateDer<'c>],
    anchors: &'c TrustAnchors,
    budget: Budget,
}

impl<'c> Chain<'c> {
    fn new(
        end_entity: &'c CertificateDer<'c>,
        intermediates: &'c [CertificateDer<'c>],
        anchors: &'c TrustAnchors,
    ) -> Result<Self, CertificateError> {
        let end_entity = EndEntityCert::try_from(end_entity)
            .map_err(|error| CertificateError::from_path(&error))?;
        Ok(Self { end_entity, intermediates, anchors, budget: Budget::default() })
    }

    /// Returns when the first certificate of the path ends.
    fn verify_at(&self, time: u64) -> Result<u64, Error> {
        let mut anchors = Vec::new();
        for anchor in self.anchors.iter() {
            anchors.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
            anchors.push(TrustAnchor {
                subject: anchor.subject.into(),
                subject_public_key_info: anchor.key.into(),
                name_constraints: (!anchor.constraints.is_empty())
                    .then(|| anchor.constraints.into()),
            });
        }
        let result = self.budget.with_all(|algorithms| {
            let path = self.end_entity.verify_for_usage(
                algorithms,
                &anchors,
                self.intermediates,
                UnixTime::since_unix_epoch(core::time::Duration::from_secs(time)),
                KeyUsage::server_auth(),
                None,
                Some(&|path| verify_issuers(path, &anchors, self.anchors)),
            );
            path.map(|path| earliest_end(&path))
        });
        result.map_err(|error| match self.budget.check() {
            Ok(()) => CertificateError::from_path(&error).into(),
            Err(error) => error,
        })
    }

    /// Without a clock: requires a time at which the whole path was valid. If there is
    /// one, then the latest `not_before` on the path is one. Which certificates are on
    /// the path is unknown, so all of them are tried.
    fn verify_at_any_time(&self, end_entity: &Fields<'_>) -> Result<u64, Error> {
        let Fields { not_before, not_after, .. } = *end_entity;
        let candidates = self.intermediates.iter().filter_map(|certificate| {
            let fields = Fields::read(certificate).ok()?;
            Some(fields.not_before).filter(|time| (not_before + 1..=not_after).contains(time))
        });
        let mut result = Error::Certificate(CertificateError::NeverValid);
        for time in core::iter::once(not_before).chain(candidates) {
            match self.verify_at(time) {
                Ok(not_after) => return Ok(not_after),
                Err(Error::Certificate(
                    CertificateError::Expired { .. } | CertificateError::NotYetValid { .. },
                )) => {}
                Err(error) => result = error,
            }
        }
        Err(result)
    }

    fn verify_host(&self, host: &str) -> Result<(), CertificateError> {
        let name = ServerName::try_from(host).map_err(|_| CertificateError::WrongName)?;
        self.end_entity
            .verify_is_valid_for_subject_name(&name)
            .map_err(|error| CertificateError::from_path(&error))
    }
}

/// Verifies what rustls-webpki leaves out: whether the keys of the issuers may sign
/// certificates (RFC 5280, section 6.1.4 (n)), and what the anchor says of itself. After an
/// error another path is looked for.
fn verify_issuers(
    path: &VerifiedPath<'_>,
    known: &[TrustAnchor<'_>],
    anchors: &TrustAnchors,
) -> Result<(), PathError> {
    let mut authorities = 0;
    for issuer in path.intermediate_certificates() {
        let der = issuer.der();
        let fields = Fields::read(&der).map_err(|_| PathError::BadDer)?;
        if !fields.key_signs_certificates() {
            return Err(PathError::EndEntityUsedAsCa);
        }
        authorities += 1;
    }
    // The same one, in the same order.
    let index = known.iter().position(|known| core::ptr::eq(known, path.anchor()));
    match index.and_then(|index| anchors.iter().nth(index)) {
        Some(anchor) if anchor.allows(authorities) => Ok(()),
        _ => Err(PathError::PathLenConstraintViolated),
    }
}

/// Verifies the dates and the usage of a certificate that is an anchor itself: no other
/// certificate is needed to believe it. It may be one of an authority, as self-signed ones
/// often are. Returns its end.
fn verify_trusted(fields: &Fields<'_>, time: Option<u64>) -> Result<u64, CertificateError> {
    let Fields { not_before, not_after, .. } = *fields;
    match time {
        Some(time) if time < not_before => Err(CertificateError::NotYetValid { time, not_before }),
        Some(time) if time > not_after => Err(CertificateError::Expired { time, not_after }),
        None if not_before > not_after => Err(CertificateError::NeverValid),
        _ if fields.serves == Some(false) => Err(CertificateError::WrongUsage),
        _ => Ok(not_after),
    }
}

/// When the first certificate of a path ends; trust anchors have no dates here.
fn earliest_end(path: &VerifiedPath<'_>) -> u64 {
    let end = |certificate: &[u8]| Fields::read(certificate).map_or(0, |fields| fields.not_after);
    let issuers = path.intermediate_certificates().map(|issuer| end(&issuer.der()));
    issuers.fold(end(&path.end_entity().der()), u64::min)
}

fn verify_key_usage(
    fields: &Fields<'_>,
    key_exchange: KeyExchange,
) -> Result<(), CertificateError> {
    let needed = match key_exchange {
        #[cfg(feature = "static-rsa")]
        KeyExchange::Rsa => Fields::KEY_ENCIPHERMENT,
        _ => Fields::DIGITAL_SIGNATURE,
    };
    match fields.key_usage {
        Some(usage) if usage & needed == 0 => Err(CertificateError::WrongUsage),
        _ => Ok(()),
    }
}
