//! Messages and records, right or wrong, as bytes.

use super::crypto::Header;

/// Records that change the keys (RFC 5246, section 6.2.1).
pub const CHANGE_CIPHER_SPEC: u8 = 20;
/// Records of alerts.
pub const ALERT: u8 = 21;
/// Records of the handshake.
pub const HANDSHAKE: u8 = 22;
/// Records of plaintexts.
pub const APPLICATION_DATA: u8 = 23;
/// Records with a connection id (RFC 9146, section 3).
pub const WITH_CONNECTION_ID: u8 = 25;

/// HelloRequest (RFC 5246, section 7.4).
pub const HELLO_REQUEST: u8 = 0;
/// ClientHello.
pub const CLIENT_HELLO: u8 = 1;
/// ServerHello.
pub const SERVER_HELLO: u8 = 2;
/// HelloVerifyRequest (RFC 6347, section 4.3.2).
pub const HELLO_VERIFY_REQUEST: u8 = 3;
/// NewSessionTicket (RFC 5077, section 3.3).
pub const NEW_SESSION_TICKET: u8 = 4;
/// Certificate.
pub const CERTIFICATE: u8 = 11;
/// ServerKeyExchange.
pub const SERVER_KEY_EXCHANGE: u8 = 12;
/// ServerHelloDone.
pub const SERVER_HELLO_DONE: u8 = 14;
/// ClientKeyExchange.
pub const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Finished.
pub const FINISHED: u8 = 20;

/// The extension server_name (RFC 6066, section 3).
pub const SERVER_NAME: u16 = 0;
/// The extension max_fragment_length (RFC 6066, section 4).
pub const MAX_FRAGMENT_LENGTH: u16 = 1;
/// The extension ec_point_formats (RFC 8422, section 5.1.2).
pub const EC_POINT_FORMATS: u16 = 11;
/// The extension encrypt_then_mac (RFC 7366).
pub const ENCRYPT_THEN_MAC: u16 = 22;
/// The extension extended_master_secret (RFC 7627).
pub const EXTENDED_MASTER_SECRET: u16 = 23;
/// The extension SessionTicket (RFC 5077).
pub const SESSION_TICKET: u16 = 35;
/// The extension connection_id (RFC 9146).
pub const CONNECTION_ID: u16 = 54;
/// The extension renegotiation_info (RFC 5746).
pub const RENEGOTIATION_INFO: u16 = 0xff01;

/// The signature scheme rsa_pss_rsae_sha256 (RFC 8446, section 4.2.3).
pub const RSA_PSS_SHA256: u16 = 0x0804;

/// What a ServerHello says.
#[derive(Clone)]
pub struct Hello {
    /// The version that it chooses.
    pub version: [u8; 2],
    /// The id of the session; empty for none.
    pub session_id: Vec<u8>,
    /// The suite that it chooses.
    pub suite: u16,
    /// The compression that it chooses; 0 is none.
    pub compression: u8,
    /// Numbers and contents, in this order.
    pub extensions: Vec<(u16, Vec<u8>)>,
    /// Behind all that.
    pub tail: Vec<u8>,
}

impl Hello {
    /// A good one, with an extended master secret.
    pub fn new(suite: super::Suite) -> Self {
        Self {
            version: [0xfe, 0xfd],
            session_id: Vec::new(),
            suite: suite.number(),
            compression: 0,
            extensions: vec![(RENEGOTIATION_INFO, vec![0]), (EXTENDED_MASTER_SECRET, vec![])],
            tail: Vec::new(),
        }
    }

    /// The same with one more extension.
    #[must_use]
    pub fn with(mut self, number: u16, content: &[u8]) -> Self {
        self.extensions.push((number, content.to_vec()));
        self
    }

    /// The same without an extension.
    #[must_use]
    pub fn without(mut self, number: u16) -> Self {
        self.extensions.retain(|(other, _)| *other != number);
        self
    }

    /// Whether an extension is among them.
    pub fn has(&self, number: u16) -> bool {
        self.extensions.iter().any(|(other, _)| *other == number)
    }

    /// The body of the message.
    pub fn body(&self, random: &[u8; 32]) -> Vec<u8> {
        let mut body = self.version.to_vec();
        body.extend_from_slice(random);
        body.push(self.session_id.len() as u8);
        body.extend_from_slice(&self.session_id);
        body.extend_from_slice(&self.suite.to_be_bytes());
        body.push(self.compression);
        let mut extensions = Vec::new();
        for (number, content) in &self.extensions {
            extensions.extend_from_slice(&number.to_be_bytes());
            extensions.extend(vector16(content));
        }
        body.extend(vector16(&extensions));
        body.extend_from_slice(&self.tail);
        body
    }
}

/// Bytes behind their length in two bytes.
pub fn vector16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

/// A number in three bytes.
pub fn u24(value: usize) -> [u8; 3] {
    let [_, a, b, c] = (value as u32).to_be_bytes();
    [a, b, c]
}

/// A fragment of a message of `len` bytes, whatever it says of itself.
pub fn fragment(kind: u8, message_seq: u16, len: usize, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut fragment = vec![kind];
    fragment.extend_from_slice(&u24(len));
    fragment.extend_from_slice(&message_seq.to_be_bytes());
    fragment.extend_from_slice(&u24(offset));
    fragment.extend_from_slice(&u24(bytes.len()));
    fragment.extend_from_slice(bytes);
    fragment
}

/// A message in one piece.
pub fn message(kind: u8, message_seq: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, message_seq, body.len(), 0, body)
}

/// A record without protection.
pub fn record(content_type: u8, epoch: u16, sequence: u64, content: &[u8]) -> Vec<u8> {
    Header { content_type, epoch, sequence, connection_id: Vec::new() }.record(content)
}

/// A record without a connection id, taken apart.
pub struct Record<'a> {
    /// What stands before the fragment.
    pub header: Header,
    /// The rest, protected or not.
    pub fragment: &'a [u8],
}

/// The records of a datagram in which there is nothing else. `id_len` is that of
/// connection ids.
pub fn records(mut datagram: &[u8], id_len: usize) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let content_type = datagram[0];
        let number = u64::from_be_bytes(datagram[3..11].try_into().unwrap());
        let id_len = if content_type == WITH_CONNECTION_ID { id_len } else { 0 };
        let (connection_id, rest) = datagram[11..].split_at(id_len);
        let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        let (fragment, rest) = rest[2..].split_at(len);
        let header = Header {
            content_type,
            epoch: (number >> 48) as u16,
            sequence: number & ((1 << 48) - 1),
            connection_id: connection_id.to_vec(),
        };
        records.push(Record { header, fragment });
        datagram = rest;
    }
    records
}
