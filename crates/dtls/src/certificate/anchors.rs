//! Trust anchors: the names and keys of trusted certification authorities. The
//! signature of an anchor's own certificate is ignored; roots that are self-signed
//! with SHA-1 are in use.

use alloc::vec::Vec;
use core::fmt;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::error::CertificateError;
use crate::memory::can_allocate;

/// The certification authorities that the client trusts.
#[derive(Clone)]
pub struct TrustAnchors(Vec<TrustAnchor<'static>>);

impl TrustAnchors {
    /// Reads one or more certificates in PEM. Text between them is ignored.
    ///
    /// # Errors
    ///
    /// [`CertificateError::NoAnchors`] if there is no certificate;
    /// [`CertificateError::Malformed`] if one does not parse;
    /// [`CertificateError::OutOfMemory`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        // `rustls-pki-types` needs up to that much: a growing buffer for one certificate,
        // and copies of the parts of all.
        if !can_allocate::<4>(pem.len()) {
            return Err(CertificateError::OutOfMemory);
        }
        let mut anchors = Self(Vec::new());
        for certificate in CertificateDer::pem_slice_iter(pem) {
            anchors.add(&certificate.map_err(|_| CertificateError::Malformed)?)?;
        }
        if anchors.0.is_empty() { Err(CertificateError::NoAnchors) } else { Ok(anchors) }
    }

    /// Reads one certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] if it does not parse;
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
        if !can_allocate::<1>(certificate.len()) {
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
