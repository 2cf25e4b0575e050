//! A DTLS server by OpenSSL in a thread: one session at a time, which answers
//! each record with the same bytes, and obeys a few words.
//!
//! A datagram from a new address begins a new session, as a client that came
//! back would.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode,
    SslStream, SslVersion,
};
use openssl::x509::X509;

use crate::certificates::Identity;
use crate::waiting::becomes_so;

/// The server closes the session.
pub const BYE: &[u8] = b"bye";
/// The server answers with two records in one datagram.
pub const TWICE: &[u8] = b"twice";
/// The server answers with a record of 1000 bytes, then "short".
pub const LONG: &[u8] = b"long";

/// What a server is like besides its certificate.
pub struct Manner {
    /// Its cipher suites, in OpenSSL's words.
    pub ciphers: &'static str,
    /// The certificates between its own and the root.
    pub chain: Vec<X509>,
    /// Session tickets and the cache.
    pub resumes: bool,
    /// The schemes of its signatures, in OpenSSL's words.
    pub signatures: &'static str,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            ciphers: "ALL",
            chain: Vec::new(),
            resumes: true,
            signatures: "RSA+SHA256:RSA-PSS+SHA256:ECDSA+SHA256",
        }
    }
}

/// A server that runs, and is stopped when this is dropped.
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counters {
    handshakes: AtomicU32,
    resumed: AtomicU32,
    closed_by_client: AtomicU32,
}

impl Server {
    /// Starts one on a free port.
    pub fn start(identity: &Identity, manner: &Manner) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let counters = Arc::new(Counters::default());
        let context = context(identity, manner);
        let thread = thread::spawn({
            let (stop, counters) = (stop.clone(), counters.clone());
            move || serve(&socket, &context, &stop, &counters)
        });
        Self { address, stop, counters, thread: Some(thread) }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many handshakes it has finished.
    pub fn handshakes(&self) -> u32 {
        self.counters.handshakes.load(Ordering::SeqCst)
    }

    /// How many of them resumed a session.
    pub fn resumed(&self) -> u32 {
        self.counters.resumed.load(Ordering::SeqCst)
    }

    /// Whether the client has said goodbye so often, soon.
    pub fn sees_goodbyes(&self, count: u32) -> bool {
        becomes_so(|| self.counters.closed_by_client.load(Ordering::SeqCst) == count)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn context(identity: &Identity, manner: &Manner) -> SslContext {
    let mut builder = SslContextBuilder::new(SslMethod::dtls_server()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).unwrap();
    builder.set_cipher_list(manner.ciphers).unwrap();
    builder.set_sigalgs_list(manner.signatures).unwrap();
    builder.set_certificate(&identity.certificate).unwrap();
    builder.set_private_key(&identity.key).unwrap();
    for certificate in &manner.chain {
        builder.add_extra_chain_cert(certificate.clone()).unwrap();
    }
    builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::COOKIE_EXCHANGE);
    builder.set_cookie_generate_cb(|_, cookie| {
        cookie[..16].copy_from_slice(b"a cookie of ours");
        Ok(16)
    });
    builder.set_cookie_verify_cb(|_, cookie| cookie == b"a cookie of ours");
    builder.set_session_id_context(b"test").unwrap();
    if !manner.resumes {
        builder.set_options(SslOptions::NO_TICKET);
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    }
    builder.build()
}

/// Datagrams of one peer. `NotConnected` when another one calls.
struct OnePeer {
    socket: UdpSocket,
    peer: SocketAddr,
    stop: Arc<AtomicBool>,
    held: Option<Vec<u8>>,
    hold: Arc<AtomicBool>,
}

impl Read for OnePeer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        match self.socket.peek_from(&mut [0; 1]) {
            Ok((_, from)) if from != self.peer => Err(io::ErrorKind::ConnectionAborted.into()),
            Ok(_) => self.socket.recv(buffer),
            Err(error) => Err(error),
        }
    }
}

impl Write for OnePeer {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        if self.hold.swap(false, Ordering::SeqCst) {
            self.held = Some(record.to_vec());
            return Ok(record.len());
        }
        let mut datagram = self.held.take().unwrap_or_default();
        datagram.extend_from_slice(record);
        self.socket.send_to(&datagram, self.peer)?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn serve(socket: &UdpSocket, context: &SslContext, stop: &Arc<AtomicBool>, counters: &Counters) {
    while !stop.load(Ordering::SeqCst) {
        let Ok((_, peer)) = socket.peek_from(&mut [0; 1]) else {
            continue;
        };
        let mut ssl = Ssl::new(context).unwrap();
        ssl.set_mtu(1200).unwrap();
        let hold = Arc::new(AtomicBool::new(false));
        let stream = OnePeer {
            socket: socket.try_clone().unwrap(),
            peer,
            stop: stop.clone(),
            held: None,
            hold: hold.clone(),
        };
        let mut stream = SslStream::new(ssl, stream).unwrap();
        let accepted = loop {
            match stream.accept() {
                Ok(()) => break true,
                Err(error) if error.code() == ErrorCode::WANT_READ => {}
                Err(_) => break false,
            }
        };
        if accepted {
            counters.handshakes.fetch_add(1, Ordering::SeqCst);
            if stream.ssl().session_reused() {
                counters.resumed.fetch_add(1, Ordering::SeqCst);
            }
            converse(&mut stream, &hold, counters);
        }
    }
}

fn converse(stream: &mut SslStream<OnePeer>, hold: &AtomicBool, counters: &Counters) {
    let mut buffer = [0; 2048];
    loop {
        let len = match stream.ssl_read(&mut buffer) {
            Ok(len) => len,
            Err(error) if error.code() == ErrorCode::WANT_READ => continue,
            Err(error) => {
                if error.code() == ErrorCode::ZERO_RETURN {
                    counters.closed_by_client.fetch_add(1, Ordering::SeqCst);
                }
                return;
            }
        };
        match &buffer[..len] {
            BYE => {
                let _ = stream.shutdown();
            }
            TWICE => {
                hold.store(true, Ordering::SeqCst);
                stream.ssl_write(b"first").unwrap();
                stream.ssl_write(b"second").unwrap();
            }
            LONG => {
                stream.ssl_write(&[b'l'; 1000]).unwrap();
                stream.ssl_write(b"short").unwrap();
            }
            echoed => {
                stream.ssl_write(echoed).unwrap();
            }
        }
    }
}
