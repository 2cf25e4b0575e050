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

/// The certificates that the client trusts. They belong to certification authorities, or to
/// servers. A server's certificate is trusted for its own names, but not to sign other
/// certificates.
///
/// A certificate belongs to an authority if its basic constraints say so, and its key usage
/// and extended key usages, if any, allow it. A certificate of version 1, which has none of
/// these, counts as an authority's, too.
#[derive(Clone)]
pub struct TrustAnchors {
    /// The encoded [`Anchor`]s, one after another.
    condensed: Cow<'static, [u8]>,
}

/// The part of a certificate that is kept.
#[derive(Clone, Copy)]
pub(super) struct Anchor<'a> {
    /// It may sign certificates.
    is_authority: bool,
    /// The most authorities below it; [`NO_LIMIT`](Self::NO_LIMIT) is more than are ever
    /// considered.
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

    /// Whether it may have issued a path with this many authorities below it. RFC 5280
    /// leaves that to the relying party (section 6.2); RFC 5937 and other stacks check it.
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
    /// [`CertificateError::MalformedAnchor`] if one does not parse;
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
    /// [`CertificateError::MalformedAnchor`] if it does not parse;
    /// [`CertificateError::OutOfMemory`].
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let mut condensed = Vec::new();
        add(&mut condensed, der)?;
        Ok(Self { condensed: condensed.into() })
    }

    /// Trusts anchors from the bytes that [`condensed`](Self::condensed) returned in this
    /// version of the crate. A program can generate them when it is built, and contain
    /// them. They take a third of the room of the PEM text, need no heap, and are not
    /// parsed. If the bytes are cut short, an incomplete last anchor is ignored.
    #[must_use]
    pub const fn from_condensed(condensed: &'static [u8]) -> Self {
        Self { condensed: Cow::Borrowed(condensed) }
    }

    /// The bytes that are kept of the certificates: their names, keys, permitted uses and
    /// digests.
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

/// Appends the kept part of a certificate.
fn add(condensed: &mut Vec<u8>, der: &[u8]) -> Result<(), CertificateError> {
    let certificate =
        Certificate::read_anchor(der).map_err(|_| CertificateError::MalformedAnchor)?;
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
