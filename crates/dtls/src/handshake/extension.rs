//! The numbers of the supported extensions and groups.

use crate::wire::Writer;

pub(crate) const SERVER_NAME: u16 = 0;
/// RFC 6066, section 4.
pub(crate) const MAX_FRAGMENT_LENGTH: u16 = 1;
pub(crate) const SUPPORTED_GROUPS: u16 = 10;
pub(crate) const EC_POINT_FORMATS: u16 = 11;
pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
pub(crate) const ENCRYPT_THEN_MAC: u16 = 22;
pub(crate) const EXTENDED_MASTER_SECRET: u16 = 23;
pub(crate) const SESSION_TICKET: u16 = 35;
/// RFC 9146, section 9.2.
pub(crate) const CONNECTION_ID: u16 = 54;
pub(crate) const RENEGOTIATION_INFO: u16 = 0xff01;

/// Writes an extension with this content.
pub(crate) fn write(writer: &mut Writer<'_>, number: u16, content: impl FnOnce(&mut Writer<'_>)) {
    writer.u16(number);
    writer.vector16(content);
}

/// The supported groups.
#[cfg(feature = "certificates")]
pub(crate) mod group {
    pub(crate) const X25519: u16 = 29;
    #[cfg(feature = "p256")]
    pub(crate) const SECP256R1: u16 = 23;
    /// The groups that are offered, in order of preference.
    pub(crate) const OFFERED: &[u16] = &[
        X25519,
        #[cfg(feature = "p256")]
        SECP256R1,
    ];
}
