//! The server's certificate: that its chain ends in a trust anchor, that it is
//! for this host, for a server and of this time, and that its key signed the
//! key exchange. Paths and names are rustls-webpki's work.

mod anchors;
mod error;
mod fields;
mod signature;

use alloc::vec::Vec;

use fields::Fields;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use signature::Effort;
use webpki::{EndEntityCert, KeyUsage};

pub use anchors::TrustAnchors;
pub use error::CertificateError;
pub(crate) use signature::SignatureScheme;

use crate::config::copy;
use crate::error::{Error, Violation};
use crate::suite::KeyExchange;
use crate::wire::Reader;

/// More than anybody needs. Those that a hostile server sends may all have one
/// name, so that each may have issued each other one, and so many make 325 paths
/// to try; eight would make 28,960.
const MOST_INTERMEDIATES: usize = 5;

/// The key of a server whose certificate has been verified.
pub(crate) struct ServerKey {
    /// The certificate, in DER.
    certificate: Vec<u8>,
}

impl ServerKey {
    /// Checks the body of a Certificate message.
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
            if intermediates.len() < MOST_INTERMEDIATES {
                intermediates.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
                intermediates.push(CertificateDer::from(certificate));
            }
        }
        let fields = Fields::read(&end_entity).map_err(|_| CertificateError::Malformed)?;
        let chain = Chain::new(&end_entity, &intermediates, anchors)?;
        match time {
            Some(time) => chain.verify_at(time)?,
            None => chain.verify_at_some_time(&fields)?,
        }
        chain.verify_host(host)?;
        verify_key_usage(&fields, key_exchange)?;
        Ok(Self { certificate: copy(&end_entity)? })
    }

    /// Checks a signature over `message` by this key.
    pub(crate) fn verify_signature(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let certificate = CertificateDer::from(self.certificate.as_slice());
        let certificate = EndEntityCert::try_from(&certificate)
            .map_err(|error| CertificateError::from_path(&error))?;
        let effort = Effort::default();
        let is_good = scheme.algorithms().any(|algorithm| {
            let algorithm = effort.meter(algorithm);
            certificate.verify_signature(&algorithm, message, signature).is_ok()
        });
        if is_good {
            return Ok(());
        }
        effort.was_enough()?;
        // With a key that is not used at all, no signature is good.
        #[cfg(feature = "rsa")]
        if !scheme.is_ecdsa() {
            self.rsa_key()?;
        }
        Err(Violation::KeyExchangeSignature.into())
    }

    /// The key for encrypting to the server.
    #[cfg(feature = "rsa")]
    pub(crate) fn rsa_key(&self) -> Result<rsa::PublicKey, Error> {
        use der::Decode;
        use rsa::pkcs8::SubjectPublicKeyInfoRef;

        let fields = Fields::read(&self.certificate).map_err(|_| CertificateError::Malformed)?;
        let info = SubjectPublicKeyInfoRef::from_der(fields.public_key)
            .map_err(|_| CertificateError::Malformed)?;
        let is_rsa = info.algorithm.oid == rsa::pkcs1::ALGORITHM_OID;
        let key = info.subject_public_key.as_bytes().filter(|_| is_rsa);
        key.map_or(Ok(None), signature::rsa_key)?.ok_or(CertificateError::Key.into())
    }
}

/// A server's certificate, those that it sent along, and those that are trusted.
struct Chain<'c> {
    end_entity: EndEntityCert<'c>,
    intermediates: &'c [CertificateDer<'c>],
    anchors: &'c TrustAnchors,
    effort: Effort,
}

impl<'c> Chain<'c> {
    fn new(
        end_entity: &'c CertificateDer<'c>,
        intermediates: &'c [CertificateDer<'c>],
        anchors: &'c TrustAnchors,
    ) -> Result<Self, CertificateError> {
        let end_entity = EndEntityCert::try_from(end_entity)
            .map_err(|error| CertificateError::from_path(&error))?;
        Ok(Self { end_entity, intermediates, anchors, effort: Effort::default() })
    }

    fn verify_at(&self, time: u64) -> Result<(), Error> {
        let result = self.effort.with_all(|algorithms| {
            let path = self.end_entity.verify_for_usage(
                algorithms,
                self.anchors.as_slice(),
                self.intermediates,
                UnixTime::since_unix_epoch(core::time::Duration::from_secs(time)),
                KeyUsage::server_auth(),
                None,
                None,
            );
            path.map(drop)
        });
        result.map_err(|error| match self.effort.was_enough() {
            Ok(()) => CertificateError::from_path(&error).into(),
            Err(error) => error,
        })
    }

    /// Without a clock: at a time at which the whole path was valid. Wherever
    /// there is one, the latest beginning on the path is one, too; which
    /// certificates are on it is not known before.
    fn verify_at_some_time(&self, end_entity: &Fields<'_>) -> Result<(), Error> {
        let Fields { not_before, not_after, .. } = *end_entity;
        let others = self.intermediates.iter().filter_map(|certificate| {
            let fields = Fields::read(certificate).ok()?;
            Some(fields.not_before).filter(|time| (not_before + 1..=not_after).contains(time))
        });
        let mut refusal = Error::Certificate(CertificateError::NeverValid);
        for time in core::iter::once(not_before).chain(others) {
            match self.verify_at(time) {
                Ok(()) => return Ok(()),
                Err(Error::Certificate(
                    CertificateError::Expired { .. } | CertificateError::NotYetValid { .. },
                )) => {}
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn verify_host(&self, host: &str) -> Result<(), CertificateError> {
        let name = ServerName::try_from(host).map_err(|_| CertificateError::WrongName)?;
        self.end_entity
            .verify_is_valid_for_subject_name(&name)
            .map_err(|error| CertificateError::from_path(&error))
    }
}

/// Whether there is memory for so many pieces of this length: for crates that
/// allocate without asking, and abort where there is none. On a heap that others
/// use at the same time it may be gone again.
fn is_there<const PIECES: usize>(len: usize) -> bool {
    let mut pieces: [Vec<u8>; PIECES] = core::array::from_fn(|_| Vec::new());
    let is_there = pieces.iter_mut().all(|piece| piece.try_reserve_exact(len).is_ok());
    // Or the compiler leaves out what is not used.
    drop(core::hint::black_box(pieces));
    is_there
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

impl From<CertificateError> for Error {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}
