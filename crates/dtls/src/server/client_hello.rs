//! Reads the ClientHello (RFC 5246, section 7.4.1.2; RFC 6347, section 4.2.1).

use crate::error::{Error, Violation};
use crate::handshake::extension;
use crate::key_schedule::RANDOM_LEN;
use crate::record::{ConnectionId, FragmentLength, VERSION};
use crate::wire::Reader;

const MALFORMED: Violation = Violation::Malformed("ClientHello");

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, section 3.3).
const EMPTY_RENEGOTIATION_INFO: u16 = 0x00ff;

/// RFC 5246, section 7.4.1.2.
const MAX_SESSION_ID_LEN: usize = 32;

/// The first fields of a ClientHello, up to the cookie. Stateless answers depend only on
/// these fields, so they must be in one fragment.
pub(super) struct Start<'m> {
    pub(super) version: [u8; 2],
    pub(super) random: [u8; RANDOM_LEN],
    pub(super) session_id: &'m [u8],
    pub(super) cookie: &'m [u8],
}

impl<'m> Start<'m> {
    pub(super) fn read(reader: &mut Reader<'m>) -> Option<Self> {
        Some(Self {
            version: reader.array()?,
            random: reader.array()?,
            session_id: reader.vector8().filter(|id| id.len() <= MAX_SESSION_ID_LEN)?,
            cookie: reader.vector8()?,
        })
    }
}

/// The offer of a client.
#[cfg_attr(
    feature = "certificates",
    expect(clippy::struct_excessive_bools, reason = "each stands for an extension")
)]
pub(super) struct ClientHello<'m> {
    pub(super) random: [u8; RANDOM_LEN],
    pub(super) session_id: &'m [u8],
    suites: &'m [u8],
    pub(super) renegotiation_info: bool,
    pub(super) extended_master_secret: bool,
    pub(super) encrypt_then_mac: bool,
    pub(super) max_fragment: FragmentLength,
    /// The id for records to the client; `None` if it offers none, or one that is too long.
    pub(super) connection_id: Option<ConnectionId>,
    /// A ticket, which is empty if the client only asks for one.
    pub(super) ticket: Option<&'m [u8]>,
    /// The client lists the point formats that it knows.
    #[cfg(feature = "certificates")]
    pub(super) point_formats: bool,
    #[cfg(feature = "certificates")]
    groups: Option<&'m [u8]>,
    #[cfg(feature = "certificates")]
    schemes: &'m [u8],
}

impl<'m> ClientHello<'m> {
    pub(super) fn read(body: &'m [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let start = Start::read(&mut reader).ok_or(MALFORMED)?;
        // Later versions have smaller numbers. Their clients accept 1.2 as well, or else
        // say so in an extension.
        if start.version[0] != VERSION[0] || start.version[1] > VERSION[1] {
            return Err(Violation::Version.into());
        }
        let suites = reader.vector16().ok_or(MALFORMED)?;
        if suites.is_empty() || suites.len() % 2 != 0 {
            return Err(MALFORMED.into());
        }
        let compressions = reader.vector8().ok_or(MALFORMED)?;
        if !compressions.contains(&0) {
            return Err(MALFORMED.into());
        }
        let mut hello = Self {
            random: start.random,
            session_id: start.session_id,
            suites,
            renegotiation_info: numbers(suites).any(|suite| suite == EMPTY_RENEGOTIATION_INFO),
            extended_master_secret: false,
            encrypt_then_mac: false,
            max_fragment: FragmentLength::default(),
            connection_id: None,
            ticket: None,
            #[cfg(feature = "certificates")]
            point_formats: false,
            #[cfg(feature = "certificates")]
            groups: None,
            #[cfg(feature = "certificates")]
            schemes: &[],
        };
        if !reader.is_empty() {
            let extensions = reader.vector16().filter(|_| reader.is_empty()).ok_or(MALFORMED)?;
            hello.read_extensions(Reader::new(extensions))?;
        }
        Ok(hello)
    }

    /// Whether the client offers a suite.
    pub(super) fn offers(&self, suite: u16) -> bool {
        numbers(self.suites).any(|offered| offered == suite)
    }

    /// The group that this side prefers. A client that names no groups is assumed to know
    /// P-256 (RFC 8422, section 4).
    #[cfg(feature = "certificates")]
    pub(super) fn group(&self) -> Option<u16> {
        let Some(groups) = self.groups else {
            #[cfg(feature = "p256")]
            return Some(extension::group::SECP256R1);
            #[cfg(not(feature = "p256"))]
            return None;
        };
        let mut known = extension::group::OFFERED.iter().copied();
        known.find(|known| numbers(groups).any(|group| group == *known))
    }

    /// Whether the client accepts signatures by a scheme. A client that names no schemes
    /// accepts only SHA-1 (RFC 5246, section 7.4.1.4.1), which this side does not use.
    #[cfg(feature = "certificates")]
    pub(super) fn takes_scheme(&self, number: u16) -> bool {
        numbers(self.schemes).any(|scheme| scheme == number)
    }

    fn read_extensions(&mut self, mut reader: Reader<'m>) -> Result<(), Error> {
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
                extension::MAX_FRAGMENT_LENGTH => {
                    self.max_fragment = read_max_fragment(content)?;
                    3
                }
                extension::SESSION_TICKET => {
                    self.ticket = Some(content);
                    8
                }
                extension::CONNECTION_ID => {
                    let mut content = Reader::new(content);
                    let id = content.vector8().filter(|_| content.is_empty()).ok_or(MALFORMED)?;
                    self.connection_id = ConnectionId::new(id);
                    4
                }
                #[cfg(feature = "certificates")]
                extension::SUPPORTED_GROUPS => {
                    self.groups = Some(read_numbers(content)?);
                    5
                }
                #[cfg(feature = "certificates")]
                extension::SIGNATURE_ALGORITHMS => {
                    self.schemes = read_numbers(content)?;
                    6
                }
                // RFC 8422, section 5.1.2: each client knows uncompressed points.
                #[cfg(feature = "certificates")]
                extension::EC_POINT_FORMATS => {
                    let mut content = Reader::new(content);
                    let formats = content.vector8().filter(|_| content.is_empty());
                    if !formats.is_some_and(|formats| formats.contains(&0)) {
                        return Err(MALFORMED.into());
                    }
                    self.point_formats = true;
                    7
                }
                extension::EXTENDED_MASTER_SECRET | extension::ENCRYPT_THEN_MAC => {
                    return Err(MALFORMED.into());
                }
                // Unknown extensions are ignored (RFC 5246, section 7.4.1.4).
                _ => continue,
            };
            if seen & 1 << bit != 0 {
                return Err(MALFORMED.into());
            }
            seen |= 1 << bit;
        }
        Ok(())
    }
}

/// RFC 6066, section 4: any other number ends the handshake.
fn read_max_fragment(content: &[u8]) -> Result<FragmentLength, Error> {
    let length = match content {
        &[code] => FragmentLength::from_code(code).filter(|length| !length.is_none()),
        _ => return Err(MALFORMED.into()),
    };
    length.ok_or(Violation::NotOffered("a length of records").into())
}

/// Reads a list of two-byte numbers, behind its length.
#[cfg(feature = "certificates")]
fn read_numbers(content: &[u8]) -> Result<&[u8], Error> {
    let mut content = Reader::new(content);
    let list = content.vector16().filter(|list| content.is_empty() && list.len() % 2 == 0);
    list.ok_or(MALFORMED.into())
}

/// The two-byte numbers in a list.
fn numbers(list: &[u8]) -> impl Iterator<Item = u16> {
    list.chunks_exact(2).filter_map(|number| Some(u16::from_be_bytes(number.try_into().ok()?)))
}
