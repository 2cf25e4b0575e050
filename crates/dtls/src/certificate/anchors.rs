//! Whom to believe: trust anchors, as the keys and names that they are. How an
//! anchor's own certificate is signed does not matter; roots that signed
//! themselves with SHA-1 are in the field.

use alloc::vec::Vec;
use core::fmt;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::{CertificateError, is_there};

/// The roots that a server's certificate may lead to.
#[derive(Clone)]
pub struct TrustAnchors(Vec<TrustAnchor<'static>>);

impl TrustAnchors {
    /// From certificates in PEM, one after another, with anything between them.
    ///
    /// # Errors
    ///
    /// [`CertificateError::NoAnchors`] if there is none,
    /// [`CertificateError::Malformed`] if one does not parse,
    /// [`CertificateError::OutOfMemory`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        // A certificate as it grows, and copies of the parts of all.
        if !is_there::<4>(pem.len()) {
            return Err(CertificateError::OutOfMemory);
        }
        let mut anchors = Self(Vec::new());
        for certificate in CertificateDer::pem_slice_iter(pem) {
            anchors.add(&certificate.map_err(|_| CertificateError::Malformed)?)?;
        }
        if anchors.0.is_empty() { Err(CertificateError::NoAnchors) } else { Ok(anchors) }
    }

    /// From one certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] if it does not parse,
    /// [`CertificateError::OutOfMemory`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let mut anchors = Self(Vec::new());
        anchors.add(&CertificateDer::from(der))?;
        Ok(anchors)
    }

    fn add(&mut self, certificate: &CertificateDer<'_>) -> Result<(), CertificateError> {
        let anchor = webpki::anchor_from_trusted_cert(certificate)
            .map_err(|_| CertificateError::Malformed)?;
        self.0.try_reserve(1).map_err(|_| CertificateError::OutOfMemory)?;
        if !is_there::<1>(certificate.len()) {
            return Err(CertificateError::OutOfMemory);
        }
        self.0.push(anchor.to_owned());
        Ok(())
    }

    pub(super) fn as_slice(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.0.len())
    }
}
