//! The server's side of a handshake: it keeps the transcript and the keys, and
//! makes the messages that a well-behaved server would; a test may say others.

pub mod honest;

use openssl::derive::Deriver;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};

use super::PSK;
use super::crypto::{Algorithm, Header, Key, keys, prf, sha256};
use super::messages::{self, Hello, fragment, message, record};

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// TLS_PSK_WITH_AES_128_GCM_SHA256.
    PskGcm,
    /// TLS_PSK_WITH_AES_128_CCM_8.
    PskCcm8,
    /// TLS_PSK_WITH_AES_128_CBC_SHA.
    PskCbcSha,
    /// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256.
    EcdheEcdsaGcm,
    /// TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256.
    EcdheRsaCbcSha256,
    /// TLS_RSA_WITH_AES_256_CBC_SHA256.
    RsaAes256CbcSha256,
}

impl Suite {
    /// Its number in IANA's registry.
    pub fn number(self) -> u16 {
        match self {
            Self::PskGcm => 0x00a8,
            Self::PskCcm8 => 0xc0a8,
            Self::PskCbcSha => 0x008c,
            Self::EcdheEcdsaGcm => 0xc02b,
            Self::EcdheRsaCbcSha256 => 0xc027,
            Self::RsaAes256CbcSha256 => 0x003d,
        }
    }

    /// How it protects records.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::PskGcm | Self::EcdheEcdsaGcm => Algorithm::Gcm,
            Self::PskCcm8 => Algorithm::Ccm8,
            Self::PskCbcSha => Algorithm::Cbc { key_len: 16, sha256: false },
            Self::EcdheRsaCbcSha256 => Algorithm::Cbc { key_len: 16, sha256: true },
            Self::RsaAes256CbcSha256 => Algorithm::Cbc { key_len: 32, sha256: true },
        }
    }
}

/// What proves the server.
#[derive(Clone)]
pub enum Secret {
    /// The pre-shared key.
    Psk,
    /// An ephemeral key of X25519.
    X25519(PKey<Private>),
    /// A key that clients encrypt the premaster secret for.
    Rsa(PKey<Private>),
}

/// A server, somewhere in a session.
#[derive(Clone)]
pub struct Server {
    suite: Suite,
    /// Of the ServerHello.
    pub random: [u8; 32],
    /// Of the ClientHello.
    pub client_random: [u8; 32],
    /// Of the ClientHello.
    pub session_id: Vec<u8>,
    /// What the key exchange is by.
    pub secret: Secret,
    transcript: Vec<u8>,
    /// The number of the server's next message.
    pub message_seq: u16,
    /// The next number of a record in each epoch.
    pub sequence: [u64; 2],
    /// In records to the client.
    pub client_id: Vec<u8>,
    /// In records of the client.
    pub own_id: Vec<u8>,
    extended: bool,
    encrypt_then_mac: bool,
    /// Of the session.
    pub master_secret: Vec<u8>,
    keys: Option<(Key, Key)>,
}

impl Server {
    /// One that has heard nothing yet.
    pub fn new(suite: Suite) -> Self {
        Self {
            suite,
            random: [0x42; 32],
            client_random: [0; 32],
            session_id: Vec::new(),
            secret: Secret::Psk,
            transcript: Vec::new(),
            message_seq: 0,
            sequence: [0; 2],
            client_id: Vec::new(),
            own_id: Vec::new(),
            extended: false,
            encrypt_then_mac: false,
            master_secret: Vec::new(),
            keys: None,
        }
    }

    /// Takes the first flight, or the same again with a cookie.
    pub fn read_hello(&mut self, datagrams: &[Vec<u8>]) {
        let records = messages::records(&datagrams[0], 0);
        let hello = records[0].fragment;
        assert_eq!(hello[0], messages::CLIENT_HELLO);
        let body = &hello[12..];
        self.client_random.copy_from_slice(&body[2..34]);
        let id_len = usize::from(body[34]);
        self.session_id = body[35..35 + id_len].to_vec();
        self.transcript = hello.to_vec();
    }

    /// A record without protection.
    pub fn plain(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let sequence = self.sequence[0];
        self.sequence[0] += 1;
        record(content_type, 0, sequence, content)
    }

    /// A message, of which the transcript takes note.
    pub fn message(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let message = message(kind, self.message_seq, body);
        self.message_seq += 1;
        self.transcript.extend_from_slice(&message);
        message
    }

    /// A message in a record of its own.
    pub fn say(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let message = self.message(kind, body);
        self.plain(messages::HANDSHAKE, &message)
    }

    /// A ServerHello, which decides on the extensions for both sides.
    pub fn say_hello(&mut self, hello: &Hello) -> Vec<u8> {
        self.extended = hello.has(messages::EXTENDED_MASTER_SECRET);
        self.encrypt_then_mac = hello.has(messages::ENCRYPT_THEN_MAC);
        self.say(messages::SERVER_HELLO, &hello.body(&self.random))
    }

    /// A Certificate with these certificates, in DER.
    pub fn say_certificate(&mut self, chain: &[&[u8]]) -> Vec<u8> {
        let mut list = Vec::new();
        for certificate in chain {
            list.extend_from_slice(&messages::u24(certificate.len()));
            list.extend_from_slice(certificate);
        }
        let body = [&messages::u24(list.len())[..], &list].concat();
        self.say(messages::CERTIFICATE, &body)
    }

    /// A ServerHelloDone.
    pub fn say_done(&mut self) -> Vec<u8> {
        self.say(messages::SERVER_HELLO_DONE, &[])
    }

    /// The body of a ServerKeyExchange by these parameters and this key. Whatever the scheme
    /// says, the signature is over SHA-256; it is by RSA-PSS under `rsa_pss_rsae_sha256`.
    pub fn signed(&self, parameters: &[u8], scheme: u16, key: &PKey<Private>) -> Vec<u8> {
        let message = [&self.client_random[..], &self.random, parameters].concat();
        let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
        if (key.id(), scheme) == (Id::RSA, messages::RSA_PSS_SHA256) {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        let signature = signer.sign_oneshot_to_vec(&message).unwrap();
        let signature = messages::vector16(&signature);
        [parameters, &scheme.to_be_bytes(), &signature].concat()
    }

    /// Takes the client's second flight: the key exchange and its Finished,
    /// which must be right.
    pub fn read_flight(&mut self, datagrams: &[Vec<u8>]) {
        let own_id_len = self.own_id.len();
        let datagrams: Vec<_> =
            datagrams.iter().flat_map(|datagram| messages::records(datagram, own_id_len)).collect();
        for record in datagrams {
            match (record.header.content_type, record.header.epoch) {
                (messages::CHANGE_CIPHER_SPEC, 0) => assert_eq!(record.fragment, [1]),
                (messages::HANDSHAKE, 0) => {
                    assert_eq!(record.fragment[0], messages::CLIENT_KEY_EXCHANGE);
                    let message = record.fragment.to_vec();
                    self.transcript.extend_from_slice(&message);
                    self.agree(&message[12..]);
                }
                (_, 1) => {
                    let expected = self.verify_data(b"client finished");
                    let (kind, finished) = self.open_record(&record).unwrap();
                    assert_eq!((kind, finished[0]), (messages::HANDSHAKE, messages::FINISHED));
                    assert_eq!(finished[12..], expected);
                    self.transcript.extend_from_slice(&finished);
                }
                other => panic!("the client sent {other:?}"),
            }
        }
    }

    fn agree(&mut self, exchange: &[u8]) {
        let premaster = match &self.secret {
            Secret::Psk => {
                [messages::vector16(&vec![0; PSK.len()]), messages::vector16(PSK)].concat()
            }
            Secret::X25519(ours) => {
                let theirs = PKey::public_key_from_raw_bytes(&exchange[1..], Id::X25519).unwrap();
                let mut deriver = Deriver::new(ours).unwrap();
                deriver.set_peer(&theirs).unwrap();
                deriver.derive_to_vec().unwrap()
            }
            Secret::Rsa(key) => {
                let rsa = key.rsa().unwrap();
                let mut premaster = vec![0; rsa.size() as usize];
                let len =
                    rsa.private_decrypt(&exchange[2..], &mut premaster, Padding::PKCS1).unwrap();
                premaster.truncate(len);
                premaster
            }
        };
        let randoms = [&self.client_random[..], &self.random].concat();
        self.master_secret = if self.extended {
            let hash = sha256(&self.transcript);
            prf(&premaster, b"extended master secret", &hash, 48)
        } else {
            prf(&premaster, b"master secret", &randoms, 48)
        };
        self.make_keys();
    }

    /// From the master secret, which a resumed session has from before.
    pub fn make_keys(&mut self) {
        let randoms = [&self.client_random, &self.random];
        let algorithm = self.suite.algorithm();
        self.keys = Some(keys(algorithm, self.encrypt_then_mac, &self.master_secret, randoms));
    }

    fn verify_data(&self, label: &[u8]) -> Vec<u8> {
        prf(&self.master_secret, label, &sha256(&self.transcript), 12)
    }

    /// The content of a good Finished.
    pub fn finished(&mut self) -> Vec<u8> {
        let data = self.verify_data(b"server finished");
        self.message(messages::FINISHED, &data)
    }

    /// The end of the server's last flight.
    pub fn say_finished(&mut self) -> Vec<u8> {
        let finished = self.finished();
        let change = self.plain(messages::CHANGE_CIPHER_SPEC, &[1]);
        [change, self.protected(messages::HANDSHAKE, &finished)].concat()
    }

    /// The header of the next protected record.
    pub fn next_header(&mut self, content_type: u8) -> Header {
        let sequence = self.sequence[1];
        self.sequence[1] += 1;
        let connection_id = self.client_id.clone();
        let content_type =
            if connection_id.is_empty() { content_type } else { messages::WITH_CONNECTION_ID };
        Header { content_type, epoch: 1, sequence, connection_id }
    }

    /// What protects the server's records.
    pub fn key(&self) -> &Key {
        &self.keys.as_ref().unwrap().1
    }

    /// A protected record.
    pub fn protected(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let header = self.next_header(content_type);
        if self.client_id.is_empty() {
            return header.record(&self.key().seal(&header, content));
        }
        let inner = [content, &[content_type]].concat();
        header.record(&self.key().seal(&header, &inner))
    }

    /// What is in the only record of a datagram of the client's.
    pub fn open(&self, datagram: &[u8]) -> Option<(u8, Vec<u8>)> {
        let records = messages::records(datagram, self.own_id.len());
        let [record] = &records[..] else { return None };
        self.open_record(record)
    }

    fn open_record(&self, record: &messages::Record<'_>) -> Option<(u8, Vec<u8>)> {
        let (client, _) = self.keys.as_ref()?;
        let mut content = client.open(&record.header, record.fragment)?;
        match record.header.content_type {
            messages::WITH_CONNECTION_ID => content.pop().map(|kind| (kind, content)),
            kind => Some((kind, content)),
        }
    }

    /// A fragment of the server's next message, of which nobody takes note.
    pub fn fragment(&mut self, kind: u8, len: usize, offset: usize, bytes: &[u8]) -> Vec<u8> {
        let fragment = fragment(kind, self.message_seq, len, offset, bytes);
        self.plain(messages::HANDSHAKE, &fragment)
    }
}
