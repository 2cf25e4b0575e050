//! A client of which a test chooses every byte, by OpenSSL's cryptography: it shares nothing
//! with the engine. It has a pre-shared key.

use crate::dtls::{IDENTITY, PSK};
use crate::scripted::crypto::{Algorithm, Header, Key, keys, prf, sha256};
use crate::scripted::messages::{
    self, CHANGE_CIPHER_SPEC, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, EXTENDED_MASTER_SECRET, FINISHED,
    HANDSHAKE, RENEGOTIATION_INFO, WITH_CONNECTION_ID, message, record, vector16,
};

/// TLS_PSK_WITH_AES_128_GCM_SHA256.
const SUITE: u16 = 0x00a8;

/// A client, somewhere in a session.
#[derive(Clone)]
pub struct ScriptedClient {
    /// Of the ClientHello.
    pub random: [u8; 32],
    /// Of the ClientHello.
    pub session_id: Vec<u8>,
    /// Of the ClientHello; empty before there is one.
    pub cookie: Vec<u8>,
    /// Of the ClientHello.
    pub suites: Vec<u16>,
    /// Numbers and contents of the ClientHello's extensions.
    pub extensions: Vec<(u16, Vec<u8>)>,
    /// What it calls itself.
    pub identity: Vec<u8>,
    /// The key that it takes for that of the server.
    pub key: Vec<u8>,
    /// The number of the next message.
    pub message_seq: u16,
    /// The next number of a record in each epoch.
    pub sequence: [u64; 2],
    /// All messages of both sides so far.
    pub transcript: Vec<u8>,
    /// Of the session.
    pub master_secret: Vec<u8>,
    /// How its records with keys are protected. It must fit the suite.
    pub algorithm: Algorithm,
    /// Whether the MAC of a block cipher covers what was encrypted.
    pub encrypt_then_mac: bool,
    /// The connection id in its records with keys; empty if they have none.
    pub connection_id: Vec<u8>,
    /// Of its records and of the server's.
    pub keys: Option<(Key, Key)>,
}

impl Default for ScriptedClient {
    fn default() -> Self {
        Self {
            random: [0x17; 32],
            session_id: Vec::new(),
            cookie: Vec::new(),
            suites: vec![SUITE],
            extensions: vec![(RENEGOTIATION_INFO, vec![0]), (EXTENDED_MASTER_SECRET, vec![])],
            identity: IDENTITY.as_bytes().to_vec(),
            key: PSK.to_vec(),
            message_seq: 0,
            sequence: [0; 2],
            transcript: Vec::new(),
            master_secret: Vec::new(),
            algorithm: Algorithm::Gcm,
            encrypt_then_mac: false,
            connection_id: Vec::new(),
            keys: None,
        }
    }
}

impl ScriptedClient {
    /// The body of the ClientHello.
    pub fn hello_body(&self) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&self.random);
        for short in [&self.session_id, &self.cookie] {
            body.push(short.len() as u8);
            body.extend_from_slice(short);
        }
        let suites: Vec<u8> = self.suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
        body.extend(vector16(&suites));
        body.extend_from_slice(&[1, 0]);
        let mut extensions = Vec::new();
        for (number, content) in &self.extensions {
            extensions.extend_from_slice(&number.to_be_bytes());
            extensions.extend(vector16(content));
        }
        body.extend(vector16(&extensions));
        body
    }

    /// A ClientHello. The transcript begins with it.
    pub fn hello(&mut self) -> Vec<u8> {
        self.transcript.clear();
        let body = self.hello_body();
        self.say(CLIENT_HELLO, &body)
    }

    /// Takes the cookie out of a HelloVerifyRequest.
    pub fn read_cookie(&mut self, datagram: &[u8]) {
        self.cookie = datagram[13 + 12 + 3..].to_vec();
    }

    /// A message in a record of its own, which goes into the transcript.
    pub fn say(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let message = message(kind, self.message_seq, body);
        self.message_seq += 1;
        self.transcript.extend_from_slice(&message);
        self.plain(HANDSHAKE, &message)
    }

    /// A record without protection.
    pub fn plain(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let sequence = self.sequence[0];
        self.sequence[0] += 1;
        record(content_type, 0, sequence, content)
    }

    /// Takes the server's flight, of whole messages.
    pub fn read_flight(&mut self, datagrams: &[Vec<u8>]) {
        for datagram in datagrams {
            for record in messages::records(datagram, 0) {
                self.transcript.extend_from_slice(record.fragment);
            }
        }
    }

    /// Its key exchange. There are keys afterwards; the server's random bytes are those in the
    /// transcript.
    pub fn key_exchange(&mut self) -> Vec<u8> {
        let body = vector16(&self.identity);
        let premaster = [vector16(&vec![0; self.key.len()]), vector16(&self.key)].concat();
        self.exchange(&body, &premaster)
    }

    /// The same with any content, and the secret that both sides make of it.
    pub fn exchange(&mut self, body: &[u8], premaster: &[u8]) -> Vec<u8> {
        let record = self.say(CLIENT_KEY_EXCHANGE, body);
        let hash = sha256(&self.transcript);
        self.take_keys(prf(premaster, b"extended master secret", &hash, 48));
        record
    }

    /// Takes the keys of a session; the server's random bytes are those in the transcript.
    pub fn take_keys(&mut self, master_secret: Vec<u8>) {
        let hello_len = 12 + self.hello_body().len();
        let server_random = self.transcript[hello_len + 12 + 2..][..32].try_into().unwrap();
        let randoms = [&self.random, &server_random];
        self.keys = Some(keys(self.algorithm, self.encrypt_then_mac, &master_secret, randoms));
        self.master_secret = master_secret;
    }

    /// The record before those with keys.
    pub fn change_cipher_spec(&mut self) -> Vec<u8> {
        self.plain(CHANGE_CIPHER_SPEC, &[1])
    }

    /// What its Finished says of all messages so far.
    pub fn verify_data(&self) -> Vec<u8> {
        prf(&self.master_secret, b"client finished", &sha256(&self.transcript), 12)
    }

    /// Its Finished, whatever it says.
    pub fn finished(&mut self, verify_data: &[u8]) -> Vec<u8> {
        let message = message(FINISHED, self.message_seq, verify_data);
        self.protected(HANDSHAKE, &message)
    }

    /// A record under its keys.
    pub fn protected(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let sequence = self.sequence[1];
        self.sequence[1] += 1;
        self.protected_as(content_type, sequence, content)
    }

    /// The same with any number. With a connection id, the type is behind the content (RFC 9146,
    /// section 4).
    pub fn protected_as(&self, content_type: u8, sequence: u64, content: &[u8]) -> Vec<u8> {
        let header = self.header(content_type, sequence);
        let content = if self.connection_id.is_empty() {
            content.to_vec()
        } else {
            [content, &[content_type]].concat()
        };
        header.record(&self.key_of_records().seal(&header, &content))
    }

    /// What stands before a record with keys.
    pub fn header(&self, content_type: u8, sequence: u64) -> Header {
        let connection_id = self.connection_id.clone();
        let content_type = if connection_id.is_empty() { content_type } else { WITH_CONNECTION_ID };
        Header { content_type, epoch: 1, sequence, connection_id }
    }

    /// The key of its records.
    pub fn key_of_records(&self) -> &Key {
        &self.keys.as_ref().unwrap().0
    }

    /// The type and the content of the server's record with keys.
    pub fn open(&self, datagram: &[u8]) -> Option<(u8, Vec<u8>)> {
        let record = messages::records(datagram, 0).pop()?;
        let content = self.keys.as_ref()?.1.open(&record.header, record.fragment)?;
        Some((record.header.content_type, content))
    }
}
