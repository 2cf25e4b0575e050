//! Handshakes with OpenSSL that were recorded once: what the server sent fits a
//! client with the same configuration and the same random numbers, as long as
//! what the client sends stays the same. `cargo run -p iot-coap-dtls --example
//! record_handshakes` records them anew.

use iot_coap_dtls::{Client, Config, Error, Instant, PreSharedKey, SavedSession, TrustAnchors};

use super::numbers::Numbers;
use super::{IDENTITY, PSK};

/// What the server says once it is connected.
pub const GREETING: &[u8] = b"greetings";

/// A handshake, as a file holds it: vectors behind their lengths in two bytes.
pub struct Recording {
    /// The suite in OpenSSL's words, `PSK` before those of a pre-shared key.
    pub suite: Vec<u8>,
    /// Seconds since 1970; eight bytes.
    pub time: Vec<u8>,
    /// The root of the server's certificate, in DER.
    pub root: Vec<u8>,
    /// What is resumed, if anything.
    pub session: Vec<u8>,
    /// What the server sent, a record each; the last one has [`GREETING`].
    pub records: Vec<Vec<u8>>,
}

impl Recording {
    /// Reads what [`Recording::to_bytes`] wrote.
    pub fn from_bytes(mut bytes: &[u8]) -> Self {
        let mut take = || {
            let (len, rest) = bytes.split_at(2);
            let (taken, rest) = rest.split_at(u16::from_be_bytes([len[0], len[1]]).into());
            bytes = rest;
            (taken.to_vec(), rest.is_empty())
        };
        let [suite, time, root, session] = [(); 4].map(|()| take().0);
        let mut records = Vec::new();
        loop {
            let (record, is_last) = take();
            records.push(record);
            if is_last {
                return Self { suite, time, root, session, records };
            }
        }
    }

    /// As a file holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let fields = [&self.suite, &self.time, &self.root, &self.session];
        for field in fields.into_iter().chain(&self.records) {
            bytes.extend_from_slice(&(field.len() as u16).to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    /// The configuration of the client for which it was recorded.
    pub fn config(&self) -> Config {
        let config = if self.suite.starts_with(b"PSK") {
            Config::with_pre_shared_key(PreSharedKey::new(IDENTITY, PSK).unwrap())
        } else {
            let time = u64::from_be_bytes(self.time[..].try_into().unwrap());
            let anchors = TrustAnchors::from_der(&self.root).unwrap();
            Config::with_certificates("localhost", anchors, Some(time)).unwrap()
        };
        let config = config.cbc(true).static_rsa(true).connection_id(b"").unwrap();
        match SavedSession::from_bytes(&self.session) {
            Some(session) => config.resume(session),
            None => config,
        }
    }

    /// The client for which it was recorded.
    pub fn client(&self) -> Result<Client<Numbers>, Error> {
        Client::new(self.config(), Numbers::new(7), Instant::from_millis(0))
    }

    /// The record with the server's Finished.
    pub fn finished(&self) -> usize {
        let is_finished = |record: &Vec<u8>| record[0] == 22 && record[3..5] == [0, 1];
        self.records.iter().position(is_finished).unwrap()
    }
}
