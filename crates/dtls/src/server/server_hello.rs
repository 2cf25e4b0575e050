//! The agreement of the two hellos, and the ServerHello (RFC 5246, section 7.4.1.3).

use alloc::vec::Vec;

use super::client_hello::ClientHello;
use crate::error::Error;
use crate::handshake::extension;
use crate::key_schedule::RANDOM_LEN;
use crate::memory::copy;
use crate::record::{ConnectionId, FragmentLength, VERSION};
#[cfg(feature = "certificates")]
use crate::suite::KeyExchange;
use crate::suite::Suite;
use crate::wire::Writer;

/// The null compression method.
const NO_COMPRESSION: u8 = 0;
#[cfg(feature = "certificates")]
const UNCOMPRESSED_POINTS: u8 = 0;

/// The agreement of the two hellos.
#[expect(clippy::struct_excessive_bools, reason = "each stands for an extension")]
pub(super) struct Negotiated {
    pub(super) suite: &'static Suite,
    pub(super) extended_master_secret: bool,
    pub(super) encrypt_then_mac: bool,
    renegotiation_info: bool,
    pub(super) max_fragment: FragmentLength,
    has_ids: bool,
    /// This side will send a NewSessionTicket.
    pub(super) ticket: bool,
    /// The id of the session: the ClientHello's if it is resumed by a ticket (RFC 5077,
    /// section 3.4), otherwise empty.
    session_id: Vec<u8>,
    /// The id in records to the client.
    pub(super) peer_id: ConnectionId,
    /// The id in records from the client.
    pub(super) own_id: ConnectionId,
    #[cfg(feature = "certificates")]
    point_formats: bool,
}

impl Negotiated {
    /// Agrees on the client's extensions. `own_id` is used if the client knows connection
    /// ids.
    pub(super) fn new(
        hello: &ClientHello<'_>,
        suite: &'static Suite,
        own_id: Option<ConnectionId>,
    ) -> Self {
        let ids = hello.connection_id.zip(own_id);
        let (peer_id, own_id) = ids.unwrap_or_default();
        Self {
            suite,
            extended_master_secret: hello.extended_master_secret,
            // Encrypt-then-MAC is defined for block ciphers only (RFC 7366, section 3).
            encrypt_then_mac: hello.encrypt_then_mac && suite.algorithm.is_cbc(),
            renegotiation_info: hello.renegotiation_info,
            max_fragment: hello.max_fragment,
            has_ids: ids.is_some(),
            ticket: false,
            session_id: Vec::new(),
            peer_id,
            own_id,
            #[cfg(feature = "certificates")]
            point_formats: hello.point_formats && suite.key_exchange != KeyExchange::Psk,
        }
    }

    /// Marks the session as resumed from a ticket.
    pub(super) fn resumed(self, session_id: &[u8]) -> Result<Self, Error> {
        Ok(Self { session_id: copy(session_id)?, ..self })
    }

    /// The client gets a ticket, if it asks for one.
    pub(super) fn with_ticket(self, hello: &ClientHello<'_>) -> Self {
        Self { ticket: hello.ticket.is_some() && hello.extended_master_secret, ..self }
    }

    /// Writes the ServerHello.
    pub(super) fn write(&self, random: &[u8; RANDOM_LEN], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut writer = Writer::new(out);
        writer.bytes(&VERSION);
        writer.bytes(random);
        writer.vector8(|writer| writer.bytes(&self.session_id));
        writer.u16(self.suite.id);
        writer.u8(NO_COMPRESSION);
        writer.vector16(|writer| self.write_extensions(writer));
        writer.finish()
    }

    fn write_extensions(&self, writer: &mut Writer<'_>) {
        if self.renegotiation_info {
            extension::write(writer, extension::RENEGOTIATION_INFO, |writer| writer.u8(0));
        }
        if !self.max_fragment.is_none() {
            extension::write(writer, extension::MAX_FRAGMENT_LENGTH, |writer| {
                writer.u8(self.max_fragment.code());
            });
        }
        #[cfg(feature = "certificates")]
        if self.point_formats {
            extension::write(writer, extension::EC_POINT_FORMATS, |writer| {
                writer.vector8(|writer| writer.u8(UNCOMPRESSED_POINTS));
            });
        }
        if self.encrypt_then_mac {
            extension::write(writer, extension::ENCRYPT_THEN_MAC, |_| ());
        }
        if self.extended_master_secret {
            extension::write(writer, extension::EXTENDED_MASTER_SECRET, |_| ());
        }
        if self.ticket {
            extension::write(writer, extension::SESSION_TICKET, |_| ());
        }
        if self.has_ids {
            extension::write(writer, extension::CONNECTION_ID, |writer| {
                writer.vector8(|writer| writer.bytes(self.own_id.as_bytes()));
            });
        }
    }
}
