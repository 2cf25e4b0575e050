//! Messages and records, right or wrong, as bytes.

use super::crypto::Header;

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;
pub(crate) const WITH_CONNECTION_ID: u8 = 25;

pub(crate) const HELLO_REQUEST: u8 = 0;
pub(crate) const CLIENT_HELLO: u8 = 1;
pub(crate) const SERVER_HELLO: u8 = 2;
pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;
pub(crate) const NEW_SESSION_TICKET: u8 = 4;
pub(crate) const CERTIFICATE: u8 = 11;
pub(crate) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(crate) const SERVER_HELLO_DONE: u8 = 14;
pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
pub(crate) const FINISHED: u8 = 20;

pub(crate) const SERVER_NAME: u16 = 0;
pub(crate) const EC_POINT_FORMATS: u16 = 11;
pub(crate) const ENCRYPT_THEN_MAC: u16 = 22;
pub(crate) const EXTENDED_MASTER_SECRET: u16 = 23;
pub(crate) const SESSION_TICKET: u16 = 35;
pub(crate) const CONNECTION_ID: u16 = 54;
pub(crate) const RENEGOTIATION_INFO: u16 = 0xff01;

/// What a ServerHello says.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) version: [u8; 2],
    pub(crate) session_id: Vec<u8>,
    pub(crate) suite: u16,
    pub(crate) compression: u8,
    pub(crate) extensions: Vec<(u16, Vec<u8>)>,
    /// Behind all that.
    pub(crate) tail: Vec<u8>,
}

impl Hello {
    /// A good one, with an extended master secret.
    pub(crate) fn new(suite: super::Suite) -> Self {
        Self {
            version: [0xfe, 0xfd],
            session_id: Vec::new(),
            suite: suite.number(),
            compression: 0,
            extensions: vec![(RENEGOTIATION_INFO, vec![0]), (EXTENDED_MASTER_SECRET, vec![])],
            tail: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, number: u16, content: &[u8]) -> Self {
        self.extensions.push((number, content.to_vec()));
        self
    }

    pub(crate) fn without(mut self, number: u16) -> Self {
        self.extensions.retain(|(other, _)| *other != number);
        self
    }

    pub(crate) fn has(&self, number: u16) -> bool {
        self.extensions.iter().any(|(other, _)| *other == number)
    }

    pub(crate) fn body(&self, random: &[u8; 32]) -> Vec<u8> {
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

pub(crate) fn vector16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

pub(crate) fn u24(value: usize) -> [u8; 3] {
    let [_, a, b, c] = (value as u32).to_be_bytes();
    [a, b, c]
}

/// A fragment of a message of `len` bytes, whatever it says of itself.
pub(crate) fn fragment(
    kind: u8,
    message_seq: u16,
    len: usize,
    offset: usize,
    bytes: &[u8],
) -> Vec<u8> {
    let mut fragment = vec![kind];
    fragment.extend_from_slice(&u24(len));
    fragment.extend_from_slice(&message_seq.to_be_bytes());
    fragment.extend_from_slice(&u24(offset));
    fragment.extend_from_slice(&u24(bytes.len()));
    fragment.extend_from_slice(bytes);
    fragment
}

/// A message in one piece.
pub(crate) fn message(kind: u8, message_seq: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, message_seq, body.len(), 0, body)
}

/// A record without protection.
pub(crate) fn record(content_type: u8, epoch: u16, sequence: u64, content: &[u8]) -> Vec<u8> {
    Header { content_type, epoch, sequence, connection_id: Vec::new() }.record(content)
}

/// A record without a connection id, taken apart.
pub(crate) struct Record<'a> {
    pub(crate) header: Header,
    pub(crate) fragment: &'a [u8],
}

/// The records of a datagram in which there is nothing else. `id_len` is that of
/// connection ids.
pub(crate) fn records(mut datagram: &[u8], id_len: usize) -> Vec<Record<'_>> {
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
