//! Writing the ClientHello (RFC 5246, section 7.4.1.2; RFC 6347, section 4.2.1).

use alloc::vec::Vec;

use super::extension;
use crate::config::Config;
use crate::error::Error;
use crate::key_schedule::RANDOM_LEN;
use crate::record::VERSION;
use crate::wire::Writer;

/// The signaling value for a handshake that is no renegotiation: three bytes
/// shorter than the extension (RFC 5746, section 3.4).
const NO_RENEGOTIATION: u16 = 0x00ff;
/// The null method, the only one there is.
const NO_COMPRESSION: u8 = 0;
#[cfg(feature = "certificates")]
const HOST_NAME: u8 = 0;
#[cfg(feature = "certificates")]
const UNCOMPRESSED_POINTS: u8 = 0;

/// What a ClientHello says beside the configuration.
pub(crate) struct ClientHello<'h> {
    pub(crate) random: &'h [u8; RANDOM_LEN],
    /// Empty, or that of the session to resume if there is no ticket.
    pub(crate) session_id: &'h [u8],
    /// Empty until the server has asked for it.
    pub(crate) cookie: &'h [u8],
    /// Empty where there is none: then one is asked for.
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
            writer.u16(NO_RENEGOTIATION);
        });
        writer.vector8(|writer| writer.u8(NO_COMPRESSION));
        writer.vector16(|writer| self.write_extensions(config, writer));
        writer.finish()
    }

    fn write_extensions(&self, config: &Config, writer: &mut Writer<'_>) {
        #[cfg(feature = "certificates")]
        if let Some(name) = config.host_name() {
            write(writer, extension::SERVER_NAME, |writer| {
                writer.vector16(|writer| {
                    writer.u8(HOST_NAME);
                    writer.vector16(|writer| writer.bytes(name.as_bytes()));
                });
            });
        }
        #[cfg(feature = "certificates")]
        if !config.policy().psk {
            write(writer, extension::SUPPORTED_GROUPS, |writer| {
                writer.vector16(|writer| {
                    for group in extension::group::OFFERED {
                        writer.u16(*group);
                    }
                });
            });
            write(writer, extension::EC_POINT_FORMATS, |writer| {
                writer.vector8(|writer| writer.u8(UNCOMPRESSED_POINTS));
            });
            write(writer, extension::SIGNATURE_ALGORITHMS, |writer| {
                writer.vector16(|writer| {
                    for scheme in crate::certificate::SignatureScheme::ALL {
                        writer.u16(scheme.number());
                    }
                });
            });
        }
        if config.policy().suites().any(|suite| suite.algorithm.is_cbc()) {
            write(writer, extension::ENCRYPT_THEN_MAC, |_| ());
        }
        write(writer, extension::EXTENDED_MASTER_SECRET, |_| ());
        write(writer, extension::SESSION_TICKET, |writer| writer.bytes(self.ticket));
        if let Some(id) = config.connection_id {
            write(writer, extension::CONNECTION_ID, |writer| {
                writer.vector8(|writer| writer.bytes(id.as_bytes()));
            });
        }
    }
}

fn write(writer: &mut Writer<'_>, number: u16, content: impl FnOnce(&mut Writer<'_>)) {
    writer.u16(number);
    writer.vector16(content);
}
