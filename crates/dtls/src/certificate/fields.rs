//! Reads a certificate (RFC 5280, section 4.1). Every part is read, so that a certificate
//! with a malformed part is not accepted.

use super::time::time;
use crate::der::{BIT_STRING, Der, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context};
use crate::error::CertificateError;

/// RFC 5280, section 4.2.1.12: 1.3.6.1.5.5.7.3.1.
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// RFC 6962, section 3.3: 1.3.6.1.4.1.11129.2.4.2.
const SIGNED_TIMESTAMPS: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];

/// The fields of a certificate.
#[derive(Clone, Copy)]
#[cfg_attr(all(feature = "webpki", not(test)), allow(dead_code, reason = "rustls-webpki reads it"))]
pub(super) struct Certificate<'c> {
    /// The part that its issuer signed: the TBSCertificate in DER.
    pub(super) signed: &'c [u8],
    /// The signature algorithm: the content of the AlgorithmIdentifier.
    pub(super) algorithm: &'c [u8],
    pub(super) signature: &'c [u8],
    /// The content of the Name.
    pub(super) issuer: &'c [u8],
    /// The content of the Name.
    pub(super) subject: &'c [u8],
    /// The content of the SubjectPublicKeyInfo.
    pub(super) key: &'c [u8],
    /// The start of the validity period, in seconds since 1970.
    pub(super) not_before: u64,
    /// The end of the validity period, in seconds since 1970.
    pub(super) not_after: u64,
    /// The content of the subjectAltName, if there is one.
    pub(super) names: Option<&'c [u8]>,
    /// The content of the name constraints, if there are any.
    pub(super) constraints: Option<&'c [u8]>,
    /// The cA field of the basic constraints.
    pub(super) is_authority: bool,
    /// The pathLenConstraint field of the basic constraints.
    pub(super) max_path_len: Option<u8>,
    /// The first byte of the key usage extension, if there is one.
    pub(super) key_usage: Option<u8>,
    /// Whether the extended key usages, if there are any, include server authentication.
    pub(super) serves: Option<bool>,
}

/// The content of the extensions that are checked. Each may occur once.
type Extensions<'c> = [Option<&'c [u8]>; 7];

impl<'c> Certificate<'c> {
    /// Bit 0, counted from the left (RFC 5280, section 4.2.1.3).
    pub(super) const DIGITAL_SIGNATURE: u8 = 0x80;
    /// Bit 2.
    pub(super) const KEY_ENCIPHERMENT: u8 = 0x20;
    /// Bit 5.
    const KEY_CERT_SIGN: u8 = 0x04;

    /// Reads a certificate in DER.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Version`] if it is not of version 3;
    /// [`CertificateError::Malformed`], also if it has an unknown extension that is critical.
    pub(super) fn read(der: &'c [u8]) -> Result<Self, CertificateError> {
        Self::read_as(der, false)
    }

    /// Reads a trust anchor, whose unknown extensions are ignored, and which may be of
    /// version 1.
    pub(super) fn read_anchor(der: &'c [u8]) -> Result<Self, CertificateError> {
        match Self::read_as(der, true) {
            Err(CertificateError::Version) => {
                Self::read_version_1(der).ok_or(CertificateError::Malformed)
            }
            read => read,
        }
    }

    fn read_as(der: &'c [u8], is_anchor: bool) -> Result<Self, CertificateError> {
        let (mut tbs, outer) = Self::read_outer(der).ok_or(CertificateError::Malformed)?;
        // The version is encoded as one less, and left out if it is 1.
        let mut version = tbs.enter(context(0)).ok_or(CertificateError::Version)?;
        let number = version.unsigned().ok_or(CertificateError::Malformed)?;
        if number != [2] || !version.is_empty() {
            return Err(CertificateError::Version);
        }
        outer.read_version_3(tbs, is_anchor).ok_or(CertificateError::Malformed)
    }

    /// The values of the TBSCertificate, and the parts around it.
    fn read_outer(der: &'c [u8]) -> Option<(Der<'c>, Self)> {
        let mut der = Der::new(der);
        let mut certificate = der.enter(SEQUENCE)?;
        let (signed, tbs) = certificate.encoded(|der| der.enter(SEQUENCE))?;
        let outer = Self {
            signed,
            algorithm: certificate.value(SEQUENCE)?,
            signature: certificate.value(BIT_STRING)?,
            issuer: &[],
            subject: &[],
            key: &[],
            not_before: 0,
            not_after: 0,
            names: None,
            constraints: None,
            is_authority: false,
            max_path_len: None,
            key_usage: None,
            serves: None,
        };
        certificate.finish().and(der.finish())?;
        Some((tbs, outer))
    }

    fn read_version_3(mut self, mut tbs: Der<'c>, is_anchor: bool) -> Option<Self> {
        // The signature is a BIT STRING of whole bytes.
        self.signature = self.signature.strip_prefix(&[0])?;
        if self.read_common(&mut tbs)? != self.algorithm {
            return None;
        }
        // Unique identifiers may come before the extensions, but nobody uses them.
        if let Some(extensions) = (!tbs.is_empty()).then(|| tbs.enter(context(3))) {
            self.read_extensions(extensions?, is_anchor)?;
        }
        tbs.finish()?;
        Some(self)
    }

    /// Reads a certificate of version 1. It may sign certificates, since it has no field
    /// for its uses.
    fn read_version_1(der: &'c [u8]) -> Option<Self> {
        let (mut tbs, mut certificate) = Self::read_outer(der)?;
        certificate.read_common(&mut tbs)?;
        tbs.finish()?;
        certificate.is_authority = true;
        Some(certificate)
    }

    /// Reads the fields that all versions have. Returns the signature algorithm that the
    /// issuer stated.
    fn read_common(&mut self, tbs: &mut Der<'c>) -> Option<&'c [u8]> {
        // The serial number, which may be negative.
        tbs.value(crate::der::INTEGER)?;
        let algorithm = tbs.value(SEQUENCE)?;
        self.issuer = tbs.value(SEQUENCE)?;
        let mut validity = tbs.enter(SEQUENCE)?;
        self.not_before = time(&mut validity)?;
        self.not_after = time(&mut validity)?;
        validity.finish()?;
        self.subject = tbs.value(SEQUENCE)?;
        self.key = tbs.value(SEQUENCE)?;
        Some(algorithm)
    }

    fn read_extensions(&mut self, mut outer: Der<'c>, is_anchor: bool) -> Option<()> {
        let mut found = Extensions::default();
        let mut extensions = outer.enter(SEQUENCE)?;
        outer.finish()?;
        while !extensions.is_empty() {
            let mut extension = extensions.enter(SEQUENCE)?;
            let id = extension.value(OBJECT_IDENTIFIER)?;
            let is_critical = extension.flag()?;
            let mut content = extension.enter(OCTET_STRING)?;
            extension.finish()?;
            // 2.5.29 and the number of RFC 5280, section 4.2.1.
            let (place, tag) = match id {
                [0x55, 0x1d, 15] => (0, BIT_STRING),
                [0x55, 0x1d, 17] => (1, SEQUENCE),
                [0x55, 0x1d, 19] => (2, SEQUENCE),
                [0x55, 0x1d, 30] => (3, SEQUENCE),
                [0x55, 0x1d, 37] => (4, SEQUENCE),
                // Ignored: where the revocation lists are, and which logs have the
                // certificate.
                [0x55, 0x1d, 31] => (5, SEQUENCE),
                SIGNED_TIMESTAMPS => (6, OCTET_STRING),
                _ if is_critical && !is_anchor => return None,
                _ => continue,
            };
            let place = found.get_mut(place).filter(|place| place.is_none())?;
            *place = Some(content.value(tag)?);
            content.finish()?;
        }
        let [key_usage, names, basic_constraints, name_constraints, usages, _, _] = found;
        self.names = names;
        self.constraints = name_constraints;
        if let Some(bits) = key_usage {
            self.key_usage = Some(first_bits(bits)?);
        }
        if let Some(constraints) = basic_constraints {
            self.read_basic_constraints(Der::new(constraints))?;
        }
        if let Some(usages) = usages {
            self.serves = Some(is_for_servers(Der::new(usages))?);
        }
        Some(())
    }

    fn read_basic_constraints(&mut self, mut constraints: Der<'c>) -> Option<()> {
        self.is_authority = constraints.flag()?;
        if !constraints.is_empty() {
            self.max_path_len = match constraints.unsigned()? {
                [] => Some(0),
                [len] => Some(*len),
                _ => return None,
            };
        }
        constraints.finish()
    }

    /// # Errors
    ///
    /// [`CertificateError::NotYetValid`]; [`CertificateError::Expired`].
    pub(super) fn verify_date(&self, time: u64) -> Result<(), CertificateError> {
        let Self { not_before, not_after, .. } = *self;
        match time {
            _ if time < not_before => Err(CertificateError::NotYetValid { time, not_before }),
            _ if time > not_after => Err(CertificateError::Expired { time, not_after }),
            _ => Ok(()),
        }
    }

    /// Whether the key usage, if there is one, permits signing certificates (RFC 5280,
    /// section 6.1.4 (n)).
    pub(super) fn key_signs_certificates(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage & Self::KEY_CERT_SIGN != 0)
    }
}

/// The first byte of a BIT STRING, 0 if there is none.
fn first_bits(bits: &[u8]) -> Option<u8> {
    match *bits {
        [0] => Some(0),
        [0..=7, first, ..] => Some(first),
        _ => None,
    }
}

fn is_for_servers(mut usages: Der<'_>) -> Option<bool> {
    while !usages.is_empty() {
        if usages.value(OBJECT_IDENTIFIER)? == SERVER_AUTHENTICATION {
            return Some(true);
        }
    }
    Some(false)
}
