//! Reads fields of a certificate that rustls-webpki does not expose: the validity
//! period, for devices without a clock, the key, and what the certificate may be used for.

use der::asn1::{BitStringRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UtcTime};
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber};

/// RFC 5280, section 4.2.1.3.
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// RFC 8017, appendix C.
#[cfg(feature = "rsa")]
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5280, section 4.2.1.6.
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// RFC 5280, section 4.2.1.9.
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
/// RFC 5280, section 4.2.1.12.
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
/// RFC 5280, section 4.2.1.12.
const SERVER_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields<'d> {
    /// The start of the validity period, in seconds since 1970.
    pub(super) not_before: u64,
    /// Its end.
    pub(super) not_after: u64,
    /// The SubjectPublicKeyInfo in DER.
    pub(super) public_key: &'d [u8],
    /// Of X.509 version 1, so that there are no extensions.
    pub(super) is_version_1: bool,
    /// The first byte of the key usage extension, if there is one.
    pub(super) key_usage: Option<u8>,
    /// Whether the extended key usages, if there are any, name that of servers.
    pub(super) serves: Option<bool>,
    /// Whether there is a subjectAltName.
    pub(super) has_names: bool,
    /// The cA of the basic constraints.
    pub(super) is_authority: bool,
    /// Their pathLenConstraint.
    pub(super) max_path_len: Option<u8>,
}

impl<'d> Fields<'d> {
    /// Bit 0, counted from the left (RFC 5280, section 4.2.1.3).
    pub(super) const DIGITAL_SIGNATURE: u8 = 0x80;
    /// Bit 2.
    pub(super) const KEY_ENCIPHERMENT: u8 = 0x20;
    /// Bit 5.
    const KEY_CERT_SIGN: u8 = 0x04;

    /// Reads the fields of a certificate in DER.
    pub(super) fn read(certificate: &'d [u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(certificate)?;
        let mut certificate = enter(&mut outer, Tag::Sequence)?;
        let mut tbs = enter(&mut certificate, Tag::Sequence)?;
        // The version is left out if it is 1.
        let is_version_1 = tbs.peek_byte() != Some(0xa0);
        if !is_version_1 {
            skip(&mut tbs)?;
        }
        // The serial number, the signature algorithm and the issuer.
        for _ in 0..3 {
            skip(&mut tbs)?;
        }
        let mut validity = enter(&mut tbs, Tag::Sequence)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        // The subject.
        skip(&mut tbs)?;
        let mut fields = Self {
            not_before,
            not_after,
            public_key: tbs.tlv_bytes()?,
            is_version_1,
            key_usage: None,
            serves: None,
            has_names: false,
            is_authority: false,
            max_path_len: None,
        };
        while !tbs.is_finished() {
            let header = Header::decode(&mut tbs)?;
            let content = tbs.read_slice(header.length())?;
            let number = TagNumber(3);
            if header.tag() == (Tag::ContextSpecific { constructed: true, number }) {
                fields.read_extensions(content)?;
            }
        }
        Ok(fields)
    }

    fn read_extensions(&mut self, extensions: &[u8]) -> der::Result<()> {
        let mut outer = SliceReader::new(extensions)?;
        let mut extensions = enter(&mut outer, Tag::Sequence)?;
        while !extensions.is_finished() {
            let mut extension = enter(&mut extensions, Tag::Sequence)?;
            let id = ObjectIdentifier::decode(&mut extension)?;
            // Whether the extension is critical.
            if extension.peek_byte() == Some(0x01) {
                skip(&mut extension)?;
            }
            let value = <&OctetStringRef>::decode(&mut extension)?.as_bytes();
            match id {
                KEY_USAGE => {
                    let bits = BitStringRef::from_der(value)?;
                    self.key_usage = Some(bits.raw_bytes().first().copied().unwrap_or(0));
                }
                SUBJECT_ALT_NAME => self.has_names = true,
                BASIC_CONSTRAINTS => self.read_basic_constraints(value)?,
                EXTENDED_KEY_USAGE => self.serves = Some(is_for_servers(value)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_basic_constraints(&mut self, value: &[u8]) -> der::Result<()> {
        let mut outer = SliceReader::new(value)?;
        let mut constraints = enter(&mut outer, Tag::Sequence)?;
        if constraints.peek_byte() == Some(0x01) {
            self.is_authority = bool::decode(&mut constraints)?;
        }
        if !constraints.is_finished() {
            self.max_path_len = Some(u8::decode(&mut constraints)?);
        }
        constraints.finish()
    }

    /// Whether the key usage, if there is one, allows to sign certificates (RFC 5280,
    /// section 6.1.4 (n)).
    pub(super) fn key_signs_certificates(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage & Self::KEY_CERT_SIGN != 0)
    }

    /// The key as an RSAPublicKey in DER, if it is one of RSA.
    #[cfg(feature = "rsa")]
    pub(super) fn rsa_key(&self) -> der::Result<Option<&'d [u8]>> {
        let mut outer = SliceReader::new(self.public_key)?;
        let mut info = enter(&mut outer, Tag::Sequence)?;
        let algorithm = ObjectIdentifier::decode(&mut enter(&mut info, Tag::Sequence)?)?;
        let key = BitStringRef::decode(&mut info)?.as_bytes();
        Ok(key.filter(|_| algorithm == RSA_ENCRYPTION))
    }
}

fn is_for_servers(usages: &[u8]) -> der::Result<bool> {
    let mut outer = SliceReader::new(usages)?;
    let mut usages = enter(&mut outer, Tag::Sequence)?;
    while !usages.is_finished() {
        if ObjectIdentifier::decode(&mut usages)? == SERVER_AUTHENTICATION {
            return Ok(true);
        }
    }
    Ok(false)
}

fn enter<'d>(reader: &mut SliceReader<'d>, tag: Tag) -> der::Result<SliceReader<'d>> {
    let header = Header::decode(reader)?;
    header.tag().assert_eq(tag)?;
    SliceReader::new(reader.read_slice(header.length())?)
}

fn skip(reader: &mut SliceReader<'_>) -> der::Result<()> {
    let header = Header::decode(reader)?;
    reader.read_slice(header.length()).map(drop)
}

fn time(reader: &mut SliceReader<'_>) -> der::Result<u64> {
    let seconds = if Tag::peek(reader)? == Tag::UtcTime {
        UtcTime::decode(reader)?.to_unix_duration()
    } else {
        GeneralizedTime::decode(reader)?.to_unix_duration()
    };
    Ok(seconds.as_secs())
}
