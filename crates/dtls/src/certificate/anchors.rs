//! Trust anchors: the names and keys of trusted certification authorities, and
//! certificates of servers that are trusted as they are. The signature of an anchor's
//! own certificate is ignored, and so are the dates of an authority; roots that are
//! self-signed with SHA-1 are in use.

use alloc::vec::Vec;
use core::fmt;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use sha2::{Digest, Sha256};

use super::fields::Fields;
use crate::error::CertificateError;
use crate::memory::can_allocate;

/// The certificates that the client trusts: those of certification authorities, and those
/// of servers, each of which is trusted for the names in it and for no other certificate.
///
/// An authority is a certificate that says so in its basic constraints, and, if it has them,
/// in its key usage and extended key usages; or one of version 1, which can't say it.
#[derive(Clone)]
pub struct TrustAnchors {
    /// What rustls-webpki knows of them.
    anchors: Vec<TrustAnchor<'static>>,
    /// What else there is to know, in the same order.
    limits: Vec<Limits>,
}

/// What an anchor may be used for.
#[derive(Clone, Copy)]
struct Limits {
    /// The SHA-256 of the certificate.
    digest: [u8; 32],
    /// It may sign certificates.
    is_authority: bool,
    /// With at most so many authorities below it.
    max_path_len: Option<u8>,
}

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
        let mut anchors = Self::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            anchors.add(&certificate.map_err(|_| CertificateError::Malformed)?)?;
        }
        if anchors.anchors.is_empty() { Err(CertificateError::NoAnchors) } else { Ok(anchors) }
    }

    /// Reads one certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] if it does not parse;
    /// [`CertificateError::OutOfMemory`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let mut anchors = Self::new();
        anchors.add(&CertificateDer::from(der))?;
        Ok(anchors)
    }

    const fn new() -> Self {
        Self { anchors: Vec::new(), limits: Vec::new() }
    }

    fn add(&mut self, certificate: &CertificateDer<'_>) -> Result<(), CertificateError> {
        let anchor = webpki::anchor_from_trusted_cert(certificate)
            .map_err(|_| CertificateError::Malformed)?;
        let fields = Fields::read(certificate).map_err(|_| CertificateError::Malformed)?;
        self.anchors.try_reserve(1).map_err(|_| CertificateError::OutOfMemory)?;
        self.limits.try_reserve(1).map_err(|_| CertificateError::OutOfMemory)?;
        if !can_allocate::<1>(certificate.len()) {
            return Err(CertificateError::OutOfMemory);
        }
        self.limits.push(Limits {
            digest: Sha256::digest(certificate).into(),
            is_authority: fields.is_version_1
                || fields.is_authority
                    && fields.key_signs_certificates()
                    && fields.serves != Some(false),
            max_path_len: fields.max_path_len,
        });
        self.anchors.push(anchor.to_owned());
        Ok(())
    }

    pub(super) fn as_slice(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// Whether a certificate is an anchor itself, byte for byte.
    pub(super) fn contains(&self, certificate: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(certificate).into();
        self.limits.iter().any(|limits| limits.digest == digest)
    }

    /// Whether an anchor, which is one of [`as_slice`](Self::as_slice), may have issued a
    /// path with so many authorities below it. RFC 5280 leaves that to the one who trusts
    /// (section 6.2); RFC 5937 and other stacks heed it.
    pub(super) fn allows(&self, anchor: &TrustAnchor<'_>, authorities: usize) -> bool {
        let index = self.anchors.iter().position(|ours| core::ptr::eq(ours, anchor));
        let limits = index.and_then(|index| self.limits.get(index));
        limits.is_some_and(|limits| {
            let max = limits.max_path_len.map_or(usize::MAX, usize::from);
            limits.is_authority && authorities <= max
        })
    }
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.anchors.len())
    }
}
