//! Records the handshakes in `recordings`, which tests and fuzz targets play back. They are
//! between this client with fixed random numbers and OpenSSL's server. Run it again whenever
//! what the client sends changes:
//!
//! ```sh
//! cargo run -p iot-coap-dtls --example record_handshakes
//! ```

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::Path;

use iot_coap_dtls::{Datagram, Instant, SavedSession, State};
use iot_coap_test_support::certificates::{GOOD, Identity, ec_key, leaf, root, rsa_key};
use iot_coap_test_support::scripted::recording::{GREETING, Recording};
use iot_coap_test_support::scripted::{IDENTITY, PSK};
use openssl::hash::MessageDigest;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVersion};

/// The datagrams in flight.
#[derive(Default)]
struct Datagrams {
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
}

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.to_server.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.to_client.push_back(datagram.to_vec());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn server(suite: &str, identity: Option<&Identity>) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::dtls_server()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).unwrap();
    builder.set_cipher_list(&format!("{suite}:@SECLEVEL=0")).unwrap();
    builder.set_options(SslOptions::NO_QUERY_MTU);
    if let Some(identity) = identity {
        builder.set_certificate(&identity.certificate).unwrap();
        builder.set_private_key(&identity.key).unwrap();
    } else {
        builder.set_psk_server_callback(|_, identity, key| {
            assert_eq!(identity, Some(IDENTITY));
            key[..PSK.len()].copy_from_slice(PSK);
            Ok(PSK.len())
        });
    }
    builder.build()
}

/// Runs a handshake, adds the records of the server, and returns the session.
fn record(server: &SslContext, recording: &mut Recording) -> SavedSession {
    let mut ssl = Ssl::new(server).unwrap();
    ssl.set_mtu(700).unwrap();
    let mut stream = SslStream::new(ssl, Datagrams::default()).unwrap();
    let mut client = recording.client().unwrap();
    let mut buffer = [0; 2048];
    let mut greeted = false;
    while !greeted {
        while let Some(len) = client.poll_transmit(&mut buffer) {
            stream.get_mut().to_server.push_back(buffer[..len].to_vec());
        }
        if stream.accept().is_ok() && client.state() == State::Connected {
            stream.ssl_write(GREETING).unwrap();
            greeted = true;
        }
        while let Some(mut datagram) = stream.get_mut().to_client.pop_front() {
            let mut rest = &datagram[..];
            while let Some(len) = rest.get(11..13) {
                let len = 13 + usize::from(u16::from_be_bytes([len[0], len[1]]));
                recording.records.push(rest[..len].to_vec());
                rest = &rest[len..];
            }
            let mut datagram = Datagram::new(&mut datagram);
            let read = client.handle_datagram(Instant::from_millis(0), &mut datagram).unwrap();
            assert_eq!(read.is_some(), greeted);
        }
    }
    client.take_saved_session().unwrap()
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    std::fs::create_dir_all(&folder).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for (name, suite) in [
        ("ecdhe-ecdsa-gcm", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("ecdhe-rsa-cbc", "ECDHE-RSA-AES128-SHA256"),
        ("rsa-cbc-sha", "AES128-SHA"),
        ("psk-gcm", "PSK-AES128-GCM-SHA256"),
        ("psk-cbc-sha", "PSK-AES128-CBC-SHA"),
    ] {
        let key = if suite.contains("ECDSA") { ec_key } else { rsa_key };
        let root = root(key(), MessageDigest::sha256());
        let identity = leaf(&root, key(), &GOOD);
        let mut recording = Recording {
            suite: suite.into(),
            time: now.as_secs().to_be_bytes().to_vec(),
            root: root.certificate.to_der().unwrap(),
            session: Vec::new(),
            records: Vec::new(),
        };
        let server = server(suite, Some(&identity).filter(|_| !suite.starts_with("PSK")));
        let session = record(&server, &mut recording);
        std::fs::write(folder.join(name), recording.to_bytes()).unwrap();
        if name == "psk-gcm" {
            recording.session = session.to_bytes().unwrap().to_vec();
            recording.records.clear();
            record(&server, &mut recording);
            std::fs::write(folder.join("resumed"), recording.to_bytes()).unwrap();
        }
    }
}
