//! Reads certificates in PEM (RFC 7468).

use alloc::vec::Vec;

use crate::error::CertificateError;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Passes each certificate to `take`, in DER. Everything else is ignored, including keys.
///
/// # Errors
///
/// The errors of `take`; [`CertificateError::MalformedAnchor`] if a certificate does not end or
/// is not in base64; [`CertificateError::OutOfMemory`].
pub(super) fn for_each(
    pem: &[u8],
    mut take: impl FnMut(&[u8]) -> Result<(), CertificateError>,
) -> Result<(), CertificateError> {
    let mut current: Option<Base64> = None;
    for line in pem.split(|byte| matches!(byte, b'\n' | b'\r')) {
        match &mut current {
            None if line.trim_ascii_end() == BEGIN => current = Some(Base64::default()),
            None => {}
            Some(certificate) if line.starts_with(END) => {
                take(&certificate.bytes)?;
                current = None;
            }
            Some(certificate) => certificate.read(line)?,
        }
    }
    if current.is_some() { Err(CertificateError::MalformedAnchor) } else { Ok(()) }
}

/// Text in base64 (RFC 4648, section 4) that is read line by line.
#[derive(Default)]
struct Base64 {
    bytes: Vec<u8>,
    /// The bits that do not make a byte yet, the last one at the right, and their number.
    bits: u32,
    count: u32,
    has_ended: bool,
}

impl Base64 {
    fn read(&mut self, line: &[u8]) -> Result<(), CertificateError> {
        // Three bytes for four characters.
        let reserved = self.bytes.try_reserve(line.len());
        reserved.map_err(|_| CertificateError::OutOfMemory)?;
        for byte in line {
            let value = match *byte {
                upper @ b'A'..=b'Z' => upper - b'A',
                lower @ b'a'..=b'z' => lower - b'a' + 26,
                digit @ b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.has_ended = true;
                    continue;
                }
                space if space.is_ascii_whitespace() => continue,
                _ => return Err(CertificateError::MalformedAnchor),
            };
            if self.has_ended {
                return Err(CertificateError::MalformedAnchor);
            }
            self.bits = self.bits << 6 | u32::from(value);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                self.bytes.push((self.bits >> self.count) as u8);
            }
        }
        Ok(())
    }
}
