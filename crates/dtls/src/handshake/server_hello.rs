//! Reads the ServerHello and the HelloVerifyRequest, and checks that the server chose
//! only what was offered.

use super::extension;
use crate::config::Config;
use crate::error::{Error, Violation};
use crate::key_schedule::RANDOM_LEN;
use crate::record::{ConnectionId, FragmentLength, VERSION};
use crate::suite::Suite;
use crate::wire::Reader;

const MALFORMED: Violation = Violation::Malformed("ServerHello");

/// A ServerHello whose choices were offered.
#[expect(clippy::struct_excessive_bools, reason = "each stands for an extension")]
pub(crate) struct ServerHello<'m> {
    pub(crate) random: [u8; RANDOM_LEN],
    pub(crate) session_id: &'m [u8],
    pub(crate) suite: &'static Suite,
    pub(crate) extended_master_secret: bool,
    pub(crate) encrypt_then_mac: bool,
    /// The server answered the signaling value of RFC 5746.
    pub(crate) renegotiation_info: bool,
    pub(crate) max_fragment: FragmentLength,
    /// Whether the server will send a NewSessionTicket.
    pub(crate) ticket: bool,
    /// The id for records to the server; `None` if connection ids are not used.
    pub(crate) connection_id: Option<ConnectionId>,
}

impl<'m> ServerHello<'m> {
    pub(crate) fn read(body: &'m [u8], config: &Config) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        if reader.array().ok_or(MALFORMED)? != VERSION {
            return Err(Violation::Version.into());
        }
        let random = reader.array().ok_or(MALFORMED)?;
        let session_id = reader.vector8().filter(|id| id.len() <= 32).ok_or(MALFORMED)?;
        let suite = reader.u16().ok_or(MALFORMED)?;
        let suite = config.policy().suite(suite).ok_or(Violation::NotOffered("a cipher suite"))?;
        if reader.u8().ok_or(MALFORMED)? != 0 {
            return Err(Violation::NotOffered("a compression method").into());
        }
        let mut hello = Self {
            random,
            session_id,
            suite,
            extended_master_secret: false,
            encrypt_then_mac: false,
            renegotiation_info: false,
            max_fragment: FragmentLength::default(),
            ticket: false,
            connection_id: None,
        };
        if !reader.is_empty() {
            let extensions = reader.vector16().filter(|_| reader.is_empty()).ok_or(MALFORMED)?;
            hello.read_extensions(Reader::new(extensions), config)?;
        }
        if config.renegotiation_info_required && !hello.renegotiation_info {
            return Err(Violation::NoRenegotiationInfo.into());
        }
        // Encrypt-then-MAC is defined for block ciphers only (RFC 7366, section 3).
        if hello.encrypt_then_mac && !suite.algorithm.is_cbc() {
            return Err(Violation::NotOffered("encrypt-then-MAC for an AEAD").into());
        }
        Ok(hello)
    }

    fn read_extensions(&mut self, mut reader: Reader<'m>, config: &Config) -> Result<(), Error> {
        let mut seen = 0_u16;
        while !reader.is_empty() {
            let number = reader.u16().ok_or(MALFORMED)?;
            let content = reader.vector16().ok_or(MALFORMED)?;
            let bit = match number {
                extension::RENEGOTIATION_INFO => {
                    if content != [0] {
                        return Err(Violation::Renegotiation.into());
                    }
                    self.renegotiation_info = true;
                    0
                }
                extension::EXTENDED_MASTER_SECRET if content.is_empty() => {
                    self.extended_master_secret = true;
                    1
                }
                extension::ENCRYPT_THEN_MAC if content.is_empty() => {
                    self.encrypt_then_mac = true;
                    2
                }
                extension::SESSION_TICKET if content.is_empty() => {
                    self.ticket = true;
                    3
                }
                extension::CONNECTION_ID if config.connection_id.is_some() => {
                    let mut content = Reader::new(content);
                    let id = content.vector8().filter(|_| content.is_empty()).ok_or(MALFORMED)?;
                    let id = ConnectionId::new(id)
                        .ok_or(Violation::NotOffered("a connection id of over 32 bytes"))?;
                    self.connection_id = Some(id);
                    4
                }
                extension::MAX_FRAGMENT_LENGTH if !config.max_fragment.is_none() => {
                    if content != [config.max_fragment.code()] {
                        return Err(Violation::NotOffered("a length of records").into());
                    }
                    self.max_fragment = config.max_fragment;
                    7
                }
                // The contents do not matter. They should be empty, but some servers
                // repeat the list of point formats.
                #[cfg(feature = "certificates")]
                extension::SERVER_NAME if config.host_name().is_some() => 5,
                extension::EC_POINT_FORMATS if !config.policy().psk => 6,
                extension::EXTENDED_MASTER_SECRET
                | extension::ENCRYPT_THEN_MAC
                | extension::SESSION_TICKET => return Err(MALFORMED.into()),
                _ => return Err(Violation::Extension.into()),
            };
            if seen & 1 << bit != 0 {
                return Err(MALFORMED.into());
            }
            seen |= 1 << bit;
        }
        Ok(())
    }
}

/// The cookie of a HelloVerifyRequest (RFC 6347, section 4.2.1).
pub(crate) fn read_cookie(body: &[u8]) -> Result<&[u8], Error> {
    let malformed = Violation::Malformed("HelloVerifyRequest");
    let mut reader = Reader::new(body);
    // The minor version is ignored: servers of DTLS 1.2 may send 1.0 here.
    let [0xfe, _] = reader.array().ok_or(malformed)? else {
        return Err(Violation::Version.into());
    };
    let cookie = reader.vector8().filter(|_| reader.is_empty()).ok_or(malformed)?;
    Ok(cookie)
}
