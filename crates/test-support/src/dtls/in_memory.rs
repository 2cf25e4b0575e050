//! A server by OpenSSL in this process, without sockets: what a client and it
//! say to each other goes from one to the other at once, whole and in order.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use iot_coap_dtls::{Client, Config, Datagram, Error, Instant, State};
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVersion};

use super::SystemRandom;
use crate::certificates::Identity;

/// OpenSSL adds this to the number of an alert to make an error's reason.
const ALERT_REASONS: i32 = 1000;

/// What waits for the server and for the client.
#[derive(Default)]
pub struct Datagrams {
    /// From the client.
    pub to_server: VecDeque<Vec<u8>>,
    /// From the server.
    pub to_client: VecDeque<Vec<u8>>,
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

/// How a handshake ended on both sides.
pub struct Ended {
    /// The client afterwards.
    pub client: Client<SystemRandom>,
    /// What the client says of its handshake.
    pub result: Result<(), Error>,
    /// The alert that the server was sent.
    pub alert: Option<u8>,
}

/// A server with a certificate, the ones that it sends along, and suites in
/// OpenSSL's words. It takes keys and signatures of any strength.
pub fn server(identity: &Identity, between: &[&Identity], suites: &str) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::dtls_server()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).unwrap();
    builder.set_cipher_list(&format!("{suites}:@SECLEVEL=0")).unwrap();
    builder.set_certificate(&identity.certificate).unwrap();
    builder.set_private_key(&identity.key).unwrap();
    for identity in between {
        builder.add_extra_chain_cert(identity.certificate.clone()).unwrap();
    }
    builder.set_options(SslOptions::NO_QUERY_MTU);
    builder.build()
}

/// A handshake of a client with a server.
pub fn handshake(server: &SslContext, config: Config) -> Ended {
    session(server, config).0
}

/// Leaves both sides as they are after the handshake.
pub fn session(server: &SslContext, config: Config) -> (Ended, SslStream<Datagrams>) {
    let mut ssl = Ssl::new(server).unwrap();
    ssl.set_mtu(1200).unwrap();
    let mut stream = SslStream::new(ssl, Datagrams::default()).unwrap();
    let mut client = Client::new(config, SystemRandom::default(), Instant::from_millis(0)).unwrap();
    let mut result = Ok(());
    let mut alert = None;
    let mut timeouts = 0..3;
    loop {
        let sent = send(&mut client, stream.get_mut());
        match stream.accept() {
            Ok(()) => {}
            Err(error) if error.code() == ErrorCode::WANT_READ => {}
            Err(error) => alert = alert.or_else(|| alert_in(&error)),
        }
        let received = receive(&mut client, stream.get_mut(), &mut result);
        if sent || received {
            continue;
        }
        if client.state() != State::Handshaking {
            return (Ended { client, result, alert }, stream);
        }
        // What is not protected ends a handshake only if nothing better comes
        // in time.
        let deadline = client.next_timeout().unwrap();
        let state = stream.ssl().state_string_long();
        assert!(timeouts.next().is_some(), "both sides wait; the server: {state:?}");
        result = client.handle_timeout(deadline);
    }
}

fn send(client: &mut Client<SystemRandom>, datagrams: &mut Datagrams) -> bool {
    let mut buffer = [0; 2048];
    let mut any = false;
    while let Some(len) = client.poll_transmit(&mut buffer) {
        datagrams.to_server.push_back(buffer[..len].to_vec());
        any = true;
    }
    any
}

fn receive(
    client: &mut Client<SystemRandom>,
    datagrams: &mut Datagrams,
    result: &mut Result<(), Error>,
) -> bool {
    let mut any = false;
    for mut datagram in datagrams.to_client.drain(..) {
        any = true;
        if result.is_ok() {
            *result = client
                .handle_datagram(Instant::from_millis(0), &mut Datagram::new(&mut datagram))
                .map(|_| ());
        }
    }
    any
}

fn alert_in(error: &openssl::ssl::Error) -> Option<u8> {
    let reasons = error.ssl_error()?.errors().iter();
    reasons
        .map(|error| error.reason_code() - ALERT_REASONS)
        .find_map(|alert| u8::try_from(alert).ok())
}
