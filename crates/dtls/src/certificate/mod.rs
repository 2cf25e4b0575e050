//! The server's certificate: that its chain ends in a trust anchor, that it is
//! for this host, for a server and of this time, and that its key signed the
//! key exchange. Paths and names are rustls-webpki's work.

mod anchors;
mod error;
mod fields;
mod signature;

use alloc::vec::Vec;

use der::Decode;
use fields::Fields;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

pub use anchors::TrustAnchors;
pub use error::CertificateError;
pub(crate) use signature::SignatureScheme;

use crate::config::copy;
use crate::error::{Error, Violation};
use crate::suite::KeyExchange;
use crate::wire::Reader;

/// More than anybody needs; what a hostile server may make a device compute is
/// bounded by rustls-webpki as well.
const MOST_INTERMEDIATES: usize = 8;

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
        let time = match time {
            Some(time) => time,
            None => time_of_common_validity(&end_entity, &intermediates)?,
        };
        verify_path(&end_entity, &intermediates, anchors, host, time)?;
        verify_key_usage(&end_entity, key_exchange)?;
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
        let is_good = scheme
            .algorithms()
            .any(|algorithm| certificate.verify_signature(algorithm, message, signature).is_ok());
        if is_good {
            return Ok(());
        }
        // With a key that is not used at all, no signature is good.
        if !scheme.is_ecdsa() {
            self.rsa_key()?;
        }
        Err(Violation::KeyExchangeSignature.into())
    }

    /// The key for encrypting to the server.
    pub(crate) fn rsa_key(&self) -> Result<rsa::PublicKey, Error> {
        let certificate = CertificateDer::from(self.certificate.as_slice());
        // It takes any certificate apart, an anchor or not.
        let parts = webpki::anchor_from_trusted_cert(&certificate)
            .map_err(|error| CertificateError::from_path(&error))?;
        let info = webpki::spki_for_anchor(&parts);
        let info = rsa::pkcs8::SubjectPublicKeyInfoRef::from_der(&info)
            .map_err(|_| CertificateError::Malformed)?;
        let is_rsa = info.algorithm.oid == rsa::pkcs1::ALGORITHM_OID;
        info.subject_public_key
            .as_bytes()
            .filter(|_| is_rsa)
            .and_then(signature::rsa_key)
            .ok_or(Error::Certificate(CertificateError::Key))
    }
}

fn verify_path(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    anchors: &TrustAnchors,
    host: &str,
    time: u64,
) -> Result<(), CertificateError> {
    let told = |error: webpki::Error| CertificateError::from_path(&error);
    let certificate = EndEntityCert::try_from(end_entity).map_err(told)?;
    let name = ServerName::try_from(host).map_err(|_| CertificateError::WrongName)?;
    certificate
        .verify_for_usage(
            signature::ALL,
            anchors.as_slice(),
            intermediates,
            UnixTime::since_unix_epoch(core::time::Duration::from_secs(time)),
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(told)?;
    certificate.verify_is_valid_for_subject_name(&name).map_err(told)
}

/// RFC 5246, section 7.4.2: a key that is restricted must be allowed to sign,
/// or for static RSA to decrypt.
fn verify_key_usage(
    end_entity: &CertificateDer<'_>,
    key_exchange: KeyExchange,
) -> Result<(), CertificateError> {
    let fields = Fields::read(end_entity).map_err(|_| CertificateError::Malformed)?;
    let needed = match key_exchange {
        KeyExchange::Rsa => Fields::KEY_ENCIPHERMENT,
        _ => Fields::DIGITAL_SIGNATURE,
    };
    match fields.key_usage {
        Some(usage) if usage & needed == 0 => Err(CertificateError::WrongUsage),
        _ => Ok(()),
    }
}

/// A time at which all these certificates were valid.
fn time_of_common_validity(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<u64, CertificateError> {
    let (mut latest_start, mut earliest_end) = (0, u64::MAX);
    for certificate in core::iter::once(end_entity).chain(intermediates) {
        let fields = Fields::read(certificate).map_err(|_| CertificateError::Malformed)?;
        latest_start = latest_start.max(fields.not_before);
        earliest_end = earliest_end.min(fields.not_after);
    }
    if latest_start <= earliest_end { Ok(latest_start) } else { Err(CertificateError::NeverValid) }
}

impl From<CertificateError> for Error {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}
