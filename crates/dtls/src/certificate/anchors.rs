//! Whom to believe: trust anchors, as the keys and names that they are. How an
//! anchor's own certificate is signed does not matter; roots that signed
//! themselves with SHA-1 are in the field.

use alloc::vec::Vec;
use core::fmt;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::CertificateError;

/// The roots that a server's certificate may lead to.
#[derive(Clone)]
pub struct TrustAnchors(Vec<TrustAnchor<'static>>);

impl TrustAnchors {
    /// From certificates in PEM, one after another, with anything between them.
    ///
    /// # Errors
    ///
    /// [`CertificateError::NoAnchors`] if there is none,
    /// [`CertificateError::Malformed`] if one does not parse.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| CertificateError::Malformed)?;
            anchors.push(anchor(&certificate)?);
        }
        Self::new(anchors)
    }

    /// From one certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] if it does not parse.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        Self::new(alloc::vec![anchor(&CertificateDer::from(der))?])
    }

    fn new(anchors: Vec<TrustAnchor<'static>>) -> Result<Self, CertificateError> {
        if anchors.is_empty() { Err(CertificateError::NoAnchors) } else { Ok(Self(anchors)) }
    }

    pub(super) fn as_slice(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

fn anchor(certificate: &CertificateDer<'_>) -> Result<TrustAnchor<'static>, CertificateError> {
    webpki::anchor_from_trusted_cert(certificate)
        .map(|anchor| anchor.to_owned())
        .map_err(|_| CertificateError::Malformed)
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.0.len())
    }
}
