//! OpenSSL's DTLS server in virtual time. It reads the machine's clock for its own timer,
//! which has no time to run out here; this module sends a flight again in its place, after
//! 1 s and then twice as long each time, as OpenSSL does (RFC 6347, section 4.2.4.1). Where
//! the machine is so busy that OpenSSL's timer may have run out all the same,
//! [`Server::was_held_up`] says so, and what was measured is worth nothing.

use std::io::{Read, Write};

use iot_coap_client::{Duration, Instant};
use iot_coap_test_support::certificates::Identity;
use iot_coap_test_support::dtls::in_memory::Datagrams;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslSessionCacheMode, SslStream, SslVersion,
};

const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// What OpenSSL's own timer of 1 s must not have passed, in milliseconds.
const HELD_UP_MS: u128 = 900;

/// As `iot-coap-cloud` has it.
const MTU: u32 = 1200;

/// Of TLS records and handshake messages (RFC 5246, section 6.2.1, and RFC 6347, section
/// 4.3.2).
const HANDSHAKE: u8 = 22;
const HELLO_VERIFY_REQUEST: u8 = 3;
const RECORD_HEADER: usize = 13;

/// What all sessions share: a certificate, and cookies as a server on the Internet asks
/// for them.
pub(crate) fn context(identity: &Identity) -> SslContext {
    const COOKIE: [u8; 32] = [0xC0; 32];
    let mut builder = SslContext::builder(SslMethod::dtls_server()).expect("a context");
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).expect("DTLS 1.2");
    builder.set_cipher_list("ECDHE-RSA-AES128-GCM-SHA256").expect("a suite");
    builder.set_certificate(&identity.certificate).expect("a certificate");
    builder.set_private_key(&identity.key).expect("its key");
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::COOKIE_EXCHANGE);
    builder.set_cookie_generate_cb(|_, buffer| {
        buffer[..COOKIE.len()].copy_from_slice(&COOKIE);
        Ok(COOKIE.len())
    });
    builder.set_cookie_verify_cb(|_, shown| shown == COOKIE);
    builder.build()
}

/// One session, from its handshake on.
pub(crate) struct Server {
    stream: SslStream<Datagrams>,
    is_open: bool,
    /// What was sent last in the handshake.
    flight: Vec<Vec<u8>>,
    timer: Option<(Instant, Duration)>,
    /// By the machine's clock, when OpenSSL may have started its timer.
    since: std::time::Instant,
    was_held_up: bool,
}

impl Server {
    /// Waits for a client.
    pub(crate) fn new(context: &SslContext) -> Self {
        let mut ssl = Ssl::new(context).expect("a session");
        ssl.set_mtu(MTU).expect("an MTU");
        let stream = SslStream::new(ssl, Datagrams::default()).expect("a stream");
        Self {
            stream,
            is_open: false,
            flight: Vec::new(),
            timer: None,
            since: std::time::Instant::now(),
            was_held_up: false,
        }
    }

    /// Takes a datagram, and returns what was encrypted in it.
    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: Vec<u8>) -> Vec<Vec<u8>> {
        self.stream.get_mut().to_server.push_back(datagram);
        if !self.is_open {
            let accepted = self.stream.accept();
            // After the call, since OpenSSL looks at its clock within it.
            self.was_held_up |= self.since.elapsed().as_millis() >= HELD_UP_MS;
            self.is_open = accepted.is_ok();
            if let Err(error) = accepted {
                assert_eq!(error.code(), ErrorCode::WANT_READ, "{error}");
            }
            self.start_timer(now);
        }
        let mut plaintexts = Vec::new();
        let mut buffer = [0; 2048];
        while self.is_open {
            match self.stream.read(&mut buffer) {
                Ok(len) if len > 0 => plaintexts.push(buffer[..len].to_vec()),
                _ => break,
            }
        }
        plaintexts
    }

    /// The datagram that holds a plaintext.
    pub(crate) fn encrypt(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.stream.write_all(plaintext).expect("the session is open");
        self.poll_transmit().expect("it was just written")
    }

    /// A datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.stream.get_mut().to_client.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timer.map(|(at, _)| at)
    }

    /// Sends the flight again if the client has not answered it in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Some((_, timeout)) = self.timer.filter(|(at, _)| *at <= now) else {
            return;
        };
        self.stream.get_mut().to_client.extend(self.flight.iter().cloned());
        let timeout = timeout.saturating_mul(2).min(Duration::from_secs(60));
        self.timer = Some((now + timeout, timeout));
    }

    /// Whether OpenSSL may have sent something by its own timer.
    pub(crate) fn was_held_up(&self) -> bool {
        self.was_held_up
    }

    /// A new flight starts the timer; the end of the handshake stops it: then a client
    /// that has not got the last flight sends its own again, which OpenSSL answers. So does
    /// whoever has not got the request for a cookie.
    fn start_timer(&mut self, now: Instant) {
        if self.is_open {
            self.timer = None;
            return;
        }
        let sent = &self.stream.get_ref().to_client;
        if sent.is_empty() {
            return;
        }
        let asks_for_cookie = sent[0].first() == Some(&HANDSHAKE)
            && sent[0].get(RECORD_HEADER) == Some(&HELLO_VERIFY_REQUEST);
        if !asks_for_cookie {
            self.flight = sent.iter().cloned().collect();
            self.since = std::time::Instant::now();
            self.timer = Some((now + FIRST_TIMEOUT, FIRST_TIMEOUT));
        }
    }
}
