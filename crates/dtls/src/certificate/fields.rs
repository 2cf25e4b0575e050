//! Reads fields of a certificate that rustls-webpki does not expose: the validity
//! period, for devices without a clock, the key usage and the key.

use der::asn1::{BitStringRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UtcTime};
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber};

/// RFC 5280, section 4.2.1.3.
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// RFC 8017, appendix C.
#[cfg(feature = "rsa")]
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields<'d> {
    /// The start of the validity period, in seconds since 1970.
    pub(super) not_before: u64,
    /// Its end.
    pub(super) not_after: u64,
    /// The SubjectPublicKeyInfo in DER.
    pub(super) public_key: &'d [u8],
    /// The first byte of the key usage extension, if there is one.
    pub(super) key_usage: Option<u8>,
}

impl<'d> Fields<'d> {
    /// Bit 0, counted from the left (RFC 5280, section 4.2.1.3).
    pub(super) const DIGITAL_SIGNATURE: u8 = 0x80;
    /// Bit 2.
    pub(super) const KEY_ENCIPHERMENT: u8 = 0x20;

    /// Reads the fields of a certificate in DER.
    pub(super) fn read(certificate: &'d [u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(certificate)?;
        let mut certificate = enter(&mut outer, Tag::Sequence)?;
        let mut tbs = enter(&mut certificate, Tag::Sequence)?;
        // The version is optional.
        if tbs.peek_byte() == Some(0xa0) {
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
        let public_key = tbs.tlv_bytes()?;
        let mut key_usage = None;
        while !tbs.is_finished() {
            let header = Header::decode(&mut tbs)?;
            let content = tbs.read_slice(header.length())?;
            let number = TagNumber(3);
            if header.tag() == (Tag::ContextSpecific { constructed: true, number }) {
                key_usage = read_key_usage(content)?;
            }
        }
        Ok(Self { not_before, not_after, public_key, key_usage })
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

fn read_key_usage(extensions: &[u8]) -> der::Result<Option<u8>> {
    let mut outer = SliceReader::new(extensions)?;
    let mut extensions = enter(&mut outer, Tag::Sequence)?;
    while !extensions.is_finished() {
        let mut extension = enter(&mut extensions, Tag::Sequence)?;
        if ObjectIdentifier::decode(&mut extension)? != KEY_USAGE {
            continue;
        }
        // Whether the extension is critical.
        if extension.peek_byte() == Some(0x01) {
            skip(&mut extension)?;
        }
        let value = <&OctetStringRef>::decode(&mut extension)?;
        let bits = BitStringRef::from_der(value.as_bytes())?;
        return Ok(Some(bits.raw_bytes().first().copied().unwrap_or(0)));
    }
    Ok(None)
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
