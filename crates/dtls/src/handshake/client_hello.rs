//! Writing the ClientHello (RFC 5246, section 7.4.1.2; RFC 6347, section 4.2.1).

use alloc::vec::Vec;

use super::extension;
use crate::config::Config;
use crate::error::Error;
use crate::key_schedule::RANDOM_LEN;
use crate::record::VERSION;
use crate::wire::Writer;

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, section 3.3), three bytes shorter than the
/// extension.
const EMPTY_RENEGOTIATION_INFO: u16 = 0x00ff;
/// The null compression method.
const NO_COMPRESSION: u8 = 0;
#[cfg(feature = "certificates")]
const HOST_NAME: u8 = 0;
#[cfg(feature = "certificates")]
const UNCOMPRESSED_POINTS: u8 = 0;

/// The part of a ClientHello that does not follow from the configuration.
pub(crate) struct ClientHello<'h> {
    pub(crate) random: &'h [u8; RANDOM_LEN],
    /// The id of the session to resume, if it has no ticket; otherwise empty.
    pub(crate) session_id: &'h [u8],
    /// The cookie from a HelloVerifyRequest; empty before one.
    pub(crate) cookie: &'h [u8],
    /// The ticket of the session to resume; empty to request a new ticket.
    pub(crate) ticket: &'h [u8],
}

impl ClientHello<'_> {
    pub(crate) fn write(&self, config: &Config, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut writer = Writer::new(out);
        writer.bytes(&VERSION);
        writer.bytes(self.random);
        writer.vector8(|writer| writer.bytes(self.session_id));
        writer.vector8(|writer| writer.bytes(self.cookie));
        writer.vector16(|writer| {
            for suite in config.policy().suites() {
                writer.u16(suite.id);
            }
            writer.u16(EMPTY_RENEGOTIATION_INFO);
        });
        writer.vector8(|writer| writer.u8(NO_COMPRESSION));
        writer.vector16(|writer| self.write_extensions(config, writer));
        writer.finish()
    }

    fn write_extensions(&self, config: &Config, writer: &mut Writer<'_>) {
        #[cfg(feature = "certificates")]
        if let Some(name) = config.host_name() {
            extension::write(writer, extension::SERVER_NAME, |writer| {
                writer.vector16(|writer| {
                    writer.u8(HOST_NAME);
                    writer.vector16(|writer| writer.bytes(name.as_bytes()));
                });
            });
        }
        if !config.max_fragment.is_none() {
            extension::write(writer, extension::MAX_FRAGMENT_LENGTH, |writer| {
                writer.u8(config.max_fragment.code());
            });
        }
        #[cfg(feature = "certificates")]
        if !config.policy().psk {
            extension::write(writer, extension::SUPPORTED_GROUPS, |writer| {
                writer.vector16(|writer| {
                    for group in extension::group::OFFERED {
                        writer.u16(*group);
                    }
                });
            });
            extension::write(writer, extension::EC_POINT_FORMATS, |writer| {
                writer.vector8(|writer| writer.u8(UNCOMPRESSED_POINTS));
            });
            extension::write(writer, extension::SIGNATURE_ALGORITHMS, |writer| {
                writer.vector16(|writer| {
                    // A server that resumes a session signs nothing. If a server does not
                    // resume it and can sign by RSA-PSS only, the next handshake, without
                    // the session, succeeds. This makes each hello 6 bytes shorter.
                    let omits_pss = config.resume.is_some();
                    let schemes = crate::certificate::SignatureScheme::ALL.iter();
                    for scheme in schemes.filter(|scheme| !(omits_pss && scheme.is_pss())) {
                        writer.u16(scheme.number());
                    }
                });
            });
        }
        if config.policy().suites().any(|suite| suite.algorithm.is_cbc()) {
            extension::write(writer, extension::ENCRYPT_THEN_MAC, |_| ());
        }
        extension::write(writer, extension::EXTENDED_MASTER_SECRET, |_| ());
        extension::write(writer, extension::SESSION_TICKET, |writer| writer.bytes(self.ticket));
        if let Some(id) = config.connection_id {
            extension::write(writer, extension::CONNECTION_ID, |writer| {
                writer.vector8(|writer| writer.bytes(id.as_bytes()));
            });
        }
    }
}
