//! Trust anchors: the names and keys of trusted certification authorities, and
//! certificates of servers that are trusted as they are. The signature of an anchor's
//! own certificate is ignored, and so are the dates of an authority; roots that are
//! self-signed with SHA-1 are in use.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};

use super::fields::Certificate;
use super::pem;
use crate::error::CertificateError;
use crate::wire::{Reader, Writer};

/// The certificates that the client trusts: those of certification authorities, and those
/// of servers, each of which is trusted for the names in it and for no other certificate.
///
/// An authority is a certificate that says so in its basic constraints, and, if it has them,
/// in its key usage and extended key usages; or one of version 1, which can't say it.
#[derive(Clone)]
pub struct TrustAnchors {
    /// One [`Anchor`] after the other.
    condensed: Cow<'static, [u8]>,
}

/// What is kept of a certificate.
#[derive(Clone, Copy)]
pub(super) struct Anchor<'a> {
    /// It may sign certificates.
    is_authority: bool,
    /// With at most so many authorities below it; [`NO_LIMIT`](Self::NO_LIMIT) is more than
    /// are ever considered.
    max_path_len: u8,
    /// The content of the Name in DER.
    pub(super) subject: &'a [u8],
    /// The content of the SubjectPublicKeyInfo.
    pub(super) key: &'a [u8],
    /// The content of the NameConstraints; empty if there are none.
    pub(super) constraints: &'a [u8],
    /// The SHA-256 of the certificate.
    digest: [u8; 32],
}

impl<'a> Anchor<'a> {
    const NO_LIMIT: u8 = u8::MAX;

    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self {
            is_authority: reader.u8()? != 0,
            max_path_len: reader.u8()?,
            subject: reader.vector16()?,
            key: reader.vector16()?,
            constraints: reader.vector16()?,
            digest: reader.array()?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u8(self.is_authority.into());
        writer.u8(self.max_path_len);
        for part in [self.subject, self.key, self.constraints] {
            writer.vector16(|writer| writer.bytes(part));
        }
        writer.bytes(&self.digest);
    }

    /// Whether it may have issued a path with so many authorities below it. RFC 5280 leaves
    /// that to the one who trusts (section 6.2); RFC 5937 and other stacks heed it.
    pub(super) fn allows(&self, authorities: usize) -> bool {
        self.is_authority && authorities <= self.max_path_len.into()
    }
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
        let mut condensed = Vec::new();
        pem::for_each(pem, |der| add(&mut condensed, der))?;
        if condensed.is_empty() {
            return Err(CertificateError::NoAnchors);
        }
        Ok(Self { condensed: condensed.into() })
    }

    /// Reads one certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Malformed`] if it does not parse;
    /// [`CertificateError::OutOfMemory`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let mut condensed = Vec::new();
        add(&mut condensed, der)?;
        Ok(Self { condensed: condensed.into() })
    }

    /// Trusts what [`condensed`](Self::condensed) returned of other anchors, by this version
    /// of the crate: a program makes it once, where there is time and memory, and is built
    /// with it. It takes a third of the room of the PEM text, no heap, and nothing to parse.
    /// What is cut short ends before the anchor that is not whole.
    #[must_use]
    pub const fn from_condensed(condensed: &'static [u8]) -> Self {
        Self { condensed: Cow::Borrowed(condensed) }
    }

    /// All that is kept of the certificates: their names and keys, what they may be used for,
    /// and their digests.
    #[must_use]
    pub fn condensed(&self) -> &[u8] {
        &self.condensed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Anchor<'_>> {
        let mut reader = Reader::new(&self.condensed);
        core::iter::from_fn(move || Anchor::read(&mut reader))
    }

    /// Whether a certificate is an anchor itself, byte for byte.
    pub(super) fn contains(&self, certificate: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(certificate).into();
        self.iter().any(|anchor| anchor.digest == digest)
    }
}

/// Appends what is kept of a certificate.
fn add(condensed: &mut Vec<u8>, der: &[u8]) -> Result<(), CertificateError> {
    let certificate = Certificate::read_anchor(der)?;
    let anchor = Anchor {
        is_authority: certificate.is_authority
            && certificate.key_signs_certificates()
            && certificate.serves != Some(false),
        max_path_len: certificate.max_path_len.unwrap_or(Anchor::NO_LIMIT),
        subject: certificate.subject,
        key: certificate.key,
        constraints: certificate.constraints.unwrap_or_default(),
        digest: Sha256::digest(der).into(),
    };
    let mut writer = Writer::new(condensed);
    anchor.write(&mut writer);
    writer.finish().map_err(|_| CertificateError::OutOfMemory)
}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchors({})", self.iter().count())
    }
}
