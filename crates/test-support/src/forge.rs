//! Certificates of which a test chooses every byte, right or wrong. What `certificates`
//! makes is as OpenSSL makes it; this writes DER on its own, so that it may also be odd.

use openssl::asn1::Asn1Object;
use openssl::base64::encode_block;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;

/// BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTF8String.
pub const UTF8_STRING: u8 = 0x0c;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// SET.
pub const SET: u8 = 0x31;
/// PrintableString.
pub const PRINTABLE_STRING: u8 = 0x13;
/// TeletexString, which is also called T61String.
pub const TELETEX_STRING: u8 = 0x14;
/// IA5String.
pub const IA5_STRING: u8 = 0x16;
/// UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// UniversalString.
pub const UNIVERSAL_STRING: u8 = 0x1c;
/// BMPString.
pub const BMP_STRING: u8 = 0x1e;

/// A value with its tag and its length.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len: Vec<u8> = len.into_iter().skip_while(|&byte| byte == 0).collect();
    let head = match len[..] {
        [] => vec![tag, 0],
        [short] if short < 0x80 => vec![tag, short],
        _ => [&[tag, 0x80 | len.len() as u8], &len[..]].concat(),
    };
    [&head[..], content].concat()
}

/// The same with more bytes for the length than it needs: BER, but not DER.
pub fn tlv_with_long_length(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = (content.len() as u32).to_be_bytes();
    [&[tag, 0x84], &len[..], content].concat()
}

/// A SEQUENCE of encoded values.
pub fn sequence(values: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &values.concat())
}

/// An OBJECT IDENTIFIER by its numbers with dots between them.
pub fn oid(numbers: &str) -> Vec<u8> {
    tlv(OBJECT_IDENTIFIER, Asn1Object::from_str(numbers).unwrap().as_slice())
}

/// A BIT STRING without unused bits.
pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], bytes].concat())
}

/// A Name of one common name, as a string of this type.
pub fn name(string_type: u8, common: &[u8]) -> Vec<u8> {
    let attribute = sequence(&[&oid("2.5.4.3"), &tlv(string_type, common)]);
    sequence(&[&tlv(SET, &attribute)])
}

/// An Extension. `critical` is the content of the BOOLEAN, where it is not left out.
pub fn extension(numbers: &str, critical: Option<u8>, value: &[u8]) -> Vec<u8> {
    let critical = critical.map_or(Vec::new(), |value| tlv(BOOLEAN, &[value]));
    sequence(&[&oid(numbers), &critical, &tlv(OCTET_STRING, value)])
}

/// A certificate in PEM, whatever it is.
pub fn pem(der: &[u8]) -> String {
    let text = encode_block(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The AlgorithmIdentifier of signatures of a key over such a digest.
pub fn algorithm(key: &PKey<Private>, digest: MessageDigest) -> Vec<u8> {
    let bits = digest.size() * 8;
    let numbers = match (key.id(), bits) {
        (Id::EC, 160) => "1.2.840.10045.4.1",
        (Id::EC, 224) => "1.2.840.10045.4.3.1",
        (Id::EC, 256) => "1.2.840.10045.4.3.2",
        (Id::EC, 384) => "1.2.840.10045.4.3.3",
        (Id::EC, 512) => "1.2.840.10045.4.3.4",
        (Id::RSA, 128) => "1.2.840.113549.1.1.4",
        (Id::RSA, 160) => "1.2.840.113549.1.1.5",
        (Id::RSA, 224) => "1.2.840.113549.1.1.14",
        (Id::RSA, 256) => "1.2.840.113549.1.1.11",
        (Id::RSA, 384) => "1.2.840.113549.1.1.12",
        (Id::RSA, 512) => "1.2.840.113549.1.1.13",
        (Id::ED25519, _) => "1.3.101.112",
        other => panic!("{other:?}"),
    };
    let parameters: &[u8] = if key.id() == Id::RSA { &[5, 0] } else { &[] };
    sequence(&[&oid(numbers), parameters])
}

/// A signature by a key.
pub fn sign(key: &PKey<Private>, digest: MessageDigest, message: &[u8]) -> Vec<u8> {
    let mut signer = if key.id() == Id::ED25519 {
        Signer::new_without_digest(key).unwrap()
    } else {
        Signer::new(digest, key).unwrap()
    };
    signer.sign_oneshot_to_vec(message).unwrap()
}

/// What a certificate says: its fields, each encoded as it shall stand there.
#[derive(Clone)]
pub struct Says {
    /// The number of the version, which is one less than its name; left out if `None`.
    pub version: Option<u8>,
    /// The content of the serial number.
    pub serial: Vec<u8>,
    /// The Name of who issues it.
    pub issuer: Vec<u8>,
    /// The start of the validity.
    pub not_before: Vec<u8>,
    /// Its end.
    pub not_after: Vec<u8>,
    /// The Name of whom it is for.
    pub subject: Vec<u8>,
    /// The SubjectPublicKeyInfo.
    pub key: Vec<u8>,
    /// What stands before the extensions: unique identifiers.
    pub identifiers: Vec<u8>,
    /// The extensions; there is no list of them if it is empty.
    pub extensions: Vec<Vec<u8>>,
    /// What stands behind the extensions.
    pub tail: Vec<u8>,
}

impl Says {
    /// The TBSCertificate, with this AlgorithmIdentifier.
    pub fn to_be_signed(&self, algorithm: &[u8]) -> Vec<u8> {
        let version =
            self.version.map_or(Vec::new(), |version| tlv(0xa0, &tlv(INTEGER, &[version])));
        let extensions = if self.extensions.is_empty() {
            Vec::new()
        } else {
            tlv(0xa3, &tlv(SEQUENCE, &self.extensions.concat()))
        };
        sequence(&[
            &version,
            &tlv(INTEGER, &self.serial),
            algorithm,
            &self.issuer,
            &sequence(&[&self.not_before, &self.not_after]),
            &self.subject,
            &self.key,
            &self.identifiers,
            &extensions,
            &self.tail,
        ])
    }

    /// The certificate, signed by this key.
    pub fn sign(&self, key: &PKey<Private>, digest: MessageDigest) -> Vec<u8> {
        let algorithm = algorithm(key, digest);
        let to_be_signed = self.to_be_signed(&algorithm);
        let signature = sign(key, digest, &to_be_signed);
        sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)])
    }
}
