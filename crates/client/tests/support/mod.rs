//! What the tests share: a client with a clock of its own, and the cloud's side
//! of the wire, written and read by coap-lite.

// Each test uses a part of it.
#![allow(dead_code)]

use std::fmt::Write;

use coap_lite::{MessageClass, MessageType, Packet};
use iot_coap_client::{
    Attempt, Client, Config, ContentFormat, Device, Duration, Endpoint, Event, ExchangeId, Instant,
    Received, Request, Response, SendError, SignInError,
};

// The published sample's identity (vectors.json, sign_plain).
pub(crate) const PRODUCT_KEY: &str = "a1RP1qZfrEi";
pub(crate) const DEVICE_NAME: &str = "example1";
pub(crate) const DEVICE_SECRET: &str = "fPloaszb6saUFJte4EhyuBHQpR9SuKHb";
pub(crate) const PATH: &[u8] = b"/topic/a1RP1qZfrEi/example1/update";

pub(crate) const CON: MessageType = MessageType::Confirmable;
pub(crate) const NON: MessageType = MessageType::NonConfirmable;
pub(crate) const ACK: MessageType = MessageType::Acknowledgement;
pub(crate) const RST: MessageType = MessageType::Reset;

// Codes by their numbers in RFC 7252 section 12.1, as c.dd is c * 32 + dd.
pub(crate) const EMPTY: u8 = 0;
pub(crate) const CONTENT: u8 = 2 * 32 + 5;
pub(crate) const BAD_REQUEST: u8 = 4 * 32;
pub(crate) const UNAUTHORIZED: u8 = 4 * 32 + 1;
pub(crate) const BAD_OPTION: u8 = 4 * 32 + 2;
pub(crate) const FORBIDDEN: u8 = 4 * 32 + 3;
pub(crate) const NOT_FOUND: u8 = 4 * 32 + 4;
pub(crate) const METHOD_NOT_ALLOWED: u8 = 4 * 32 + 5;
pub(crate) const PROXYING_NOT_SUPPORTED: u8 = 5 * 32 + 5;
pub(crate) const TOO_MANY_REQUESTS: u8 = 4 * 32 + 29;
pub(crate) const INTERNAL_SERVER_ERROR: u8 = 5 * 32;

// Options by their numbers in RFC 7252 section 12.2 and the cloud's documents.
pub(crate) const URI_PATH: u16 = 11;
pub(crate) const CONTENT_FORMAT: u16 = 12;
pub(crate) const ACCEPT: u16 = 17;
pub(crate) const ACCESS_TOKEN: u16 = 61;
pub(crate) const ACCESS_TOKEN_LINK: u16 = 2088;
pub(crate) const SEQUENCE: u16 = 2089;

// Times of the tests' clock, in milliseconds.
pub(crate) const SECOND: u64 = 1000;
pub(crate) const HOUR: u64 = 3600 * SECOND;

/// What the cloud hands out at a sign-in, unless a test says otherwise.
pub(crate) const FIRST_TOKEN: &str = "the-first-access-token";

pub(crate) fn device() -> Device {
    Device::new(PRODUCT_KEY, DEVICE_NAME, "", DEVICE_SECRET).unwrap()
}

pub(crate) fn config_for(url: &str) -> Config {
    seeded_config_for(url, 0x5EED)
}

pub(crate) fn seeded_config_for(url: &str, seed: u64) -> Config {
    Config::new(device(), &Endpoint::parse(url).unwrap(), seed)
}

pub(crate) fn seeded_config(seed: u64) -> Config {
    seeded_config_for("coap://127.0.0.1", seed)
}

pub(crate) fn config() -> Config {
    config_for("coap://127.0.0.1")
}

pub(crate) const fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A client on a virtual clock in milliseconds. What the application ties to each
/// message is a number.
pub(crate) struct Bench {
    pub(crate) client: Client<u32>,
    pub(crate) now: u64,
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        Self { client: Client::new(config), now: 1_000_000 }
    }

    /// A client that has signed in and got [`FIRST_TOKEN`].
    pub(crate) fn signed_in() -> Self {
        Self::signed_in_with(config())
    }

    pub(crate) fn signed_in_with(config: Config) -> Self {
        let mut bench = Self::new(config);
        bench.sign_in(FIRST_TOKEN);
        bench
    }

    /// Signs in and has the cloud answer with `access_token`.
    pub(crate) fn sign_in(&mut self, access_token: &str) {
        self.start_sign_in(10 * SECOND);
        let request = self.one();
        self.grant(&request, access_token);
        assert_eq!(self.events(), [Event::SignedIn]);
    }

    /// Asks for a sign-in within `limit` milliseconds.
    pub(crate) fn start_sign_in(&mut self, limit: u64) -> Attempt {
        self.client.sign_in(at(self.now), ms(limit))
    }

    /// How an attempt ended.
    pub(crate) fn sign_in_outcome(&self, attempt: Attempt) -> Option<Result<(), SignInError>> {
        self.client.sign_in_outcome(at(self.now), attempt)
    }

    /// Has the cloud answer the sign-in `request` with `access_token`.
    pub(crate) fn grant(&mut self, request: &[u8], access_token: &str) {
        assert!(is_sign_in(request), "not a sign-in: {request:02x?}");
        let payload = format!(r#"{{"token":"{access_token}"}}"#);
        self.answer(request, CONTENT, payload.as_bytes());
    }

    /// Has the cloud answer `request` in the acknowledgement, with nothing to
    /// deliver.
    pub(crate) fn answer(&mut self, request: &[u8], code: u8, payload: &[u8]) {
        let received = self.receive(&piggybacked(request, code, payload));
        assert!(matches!(received, Received::Handled), "{received:?}");
    }

    /// Has the cloud answer `request` in the acknowledgement, to be delivered.
    pub(crate) fn answered(&mut self, request: &[u8], code: u8) -> (u32, u8) {
        let response = response(self.receive(&piggybacked(request, code, b"")));
        (response.application, response.code.0)
    }

    pub(crate) fn send(&mut self, request: &Request<'_>, application: u32) -> ExchangeId {
        self.try_send(request, application).expect("accepted")
    }

    /// Sends a Confirmable message and returns its datagram.
    pub(crate) fn post(&mut self, application: u32) -> Vec<u8> {
        self.send(&con(b"{}"), application);
        self.one()
    }

    /// Sends a Non-confirmable message and returns its datagram.
    pub(crate) fn post_non(&mut self, application: u32) -> Vec<u8> {
        self.send(&non(b"{}"), application);
        self.one()
    }

    pub(crate) fn try_send(
        &mut self,
        request: &Request<'_>,
        application: u32,
    ) -> Result<ExchangeId, SendError> {
        self.client.send(at(self.now), request, application).map_err(|unsent| {
            assert_eq!(unsent.application, application);
            unsent.error
        })
    }

    pub(crate) fn try_post(&mut self, application: u32) -> Result<ExchangeId, SendError> {
        self.try_send(&con(b"{}"), application)
    }

    /// All datagrams that are due.
    pub(crate) fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(transmit) = self.client.poll_transmit(at(self.now)) {
            all.push(transmit.datagram.to_vec());
        }
        all
    }

    /// The one datagram that is due.
    pub(crate) fn one(&mut self) -> Vec<u8> {
        let mut all = self.sent();
        assert_eq!(all.len(), 1, "one datagram: {all:02x?}");
        all.remove(0)
    }

    pub(crate) fn is_silent(&mut self) -> bool {
        self.sent().is_empty()
    }

    pub(crate) fn events(&mut self) -> Vec<Event<u32>> {
        core::iter::from_fn(|| self.client.poll_event()).collect()
    }

    pub(crate) fn receive(&mut self, datagram: &[u8]) -> Received<u32> {
        self.receive_in_place(&mut datagram.to_vec())
    }

    /// As [`Bench::receive`], of a datagram in which the payload is then in clear.
    pub(crate) fn receive_in_place(&mut self, datagram: &mut [u8]) -> Received<u32> {
        self.client.handle_datagram(at(self.now), datagram)
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        self.client.next_timeout().map(Instant::as_millis)
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.pass_until(self.now + ms);
    }

    pub(crate) fn pass_until(&mut self, now: u64) {
        assert!(now >= self.now, "the clock does not go back");
        self.now = now;
        self.client.handle_timeout(at(now));
    }

    /// Lets time pass until the next timeout, and says when that was.
    pub(crate) fn pass_timeout(&mut self) -> u64 {
        let timeout = self.next_timeout().expect("something to wait for");
        self.pass_until(timeout.max(self.now));
        timeout
    }

    /// Lets time pass until `end`, timeout by timeout, and returns what was sent and
    /// when.
    pub(crate) fn run_until(&mut self, end: u64) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        self.serve_until(end, &mut |bench, datagram| all.push((bench.now, datagram)));
        all
    }

    /// Lets time pass until `end`, timeout by timeout, and gives each datagram to
    /// `server` when it is sent.
    pub(crate) fn serve_until(&mut self, end: u64, server: &mut dyn FnMut(&mut Self, Vec<u8>)) {
        let mut rounds_at_once = 0;
        loop {
            while let Some(transmit) = self.client.poll_transmit(at(self.now)) {
                let datagram = transmit.datagram.to_vec();
                server(self, datagram);
            }
            match self.next_timeout() {
                Some(timeout) if timeout < end => {
                    rounds_at_once = if timeout > self.now { 0 } else { rounds_at_once + 1 };
                    assert!(rounds_at_once < 100, "a timeout that does not move");
                    self.pass_until(timeout.max(self.now));
                }
                _ => break,
            }
        }
        self.now = end.max(self.now);
    }
}

pub(crate) fn con(payload: &[u8]) -> Request<'_> {
    Request { confirmable: true, path: PATH, content_format: ContentFormat::Json, payload }
}

pub(crate) fn non(payload: &[u8]) -> Request<'_> {
    Request { confirmable: false, ..con(payload) }
}

pub(crate) fn response(received: Received<u32>) -> Response<u32> {
    match received {
        Received::Response(response) => response,
        other => panic!("not a response: {other:?}"),
    }
}

/// A datagram as coap-lite reads it.
pub(crate) fn read(datagram: &[u8]) -> Packet {
    let mut datagram = datagram.to_vec();
    if cfg!(target_endian = "big") {
        swap_long_extensions(&mut datagram);
    }
    Packet::from_bytes(&datagram).expect("well-formed")
}

/// Exchanges the two bytes of each option's long number and length (RFC 7252, section 3.1),
/// which coap-lite 0.13 reads in the wrong order on a machine that has the order of networks.
fn swap_long_extensions(datagram: &mut [u8]) {
    let mut at = 4 + usize::from(datagram[0] & 0xF);
    while at < datagram.len() && datagram[at] != 0xFF {
        let nibbles = [datagram[at] >> 4, datagram[at] & 0xF];
        let mut len = 0;
        at += 1;
        for nibble in nibbles {
            len = usize::from(nibble);
            if nibble == 13 {
                len += usize::from(datagram[at]);
                at += 1;
            } else if nibble == 14 {
                len = 269 + usize::from(u16::from_be_bytes([datagram[at], datagram[at + 1]]));
                datagram.swap(at, at + 1);
                at += 2;
            }
        }
        at += len;
    }
}

pub(crate) fn id_of(datagram: &[u8]) -> u16 {
    read(datagram).header.message_id
}

/// The values of an option, in order.
pub(crate) fn option(datagram: &[u8], number: u16) -> Vec<Vec<u8>> {
    read(datagram)
        .options()
        .filter(|(found, _)| **found == number)
        .flat_map(|(_, values)| values.clone())
        .collect()
}

pub(crate) fn is_sign_in(datagram: &[u8]) -> bool {
    option(datagram, URI_PATH) == [b"auth".to_vec()]
}

/// The access token that a message carries.
pub(crate) fn access_token_of(datagram: &[u8]) -> String {
    let [value] = <[_; 1]>::try_from(option(datagram, ACCESS_TOKEN)).expect("one access token");
    String::from_utf8(value).expect("text")
}

/// Anything a cloud may send.
pub(crate) fn packet(kind: MessageType, code: u8, id: u16, token: &[u8], payload: &[u8]) -> Packet {
    let mut packet = Packet::new();
    packet.header.set_version(1);
    packet.header.set_type(kind);
    packet.header.code = MessageClass::from(code);
    packet.header.message_id = id;
    packet.set_token(token.to_vec());
    packet.payload = payload.to_vec();
    packet
}

pub(crate) fn message(
    kind: MessageType,
    code: u8,
    id: u16,
    token: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    packet(kind, code, id, token, payload).to_bytes().expect("fits")
}

/// An Empty message.
pub(crate) fn empty(kind: MessageType, id: u16) -> Vec<u8> {
    message(kind, EMPTY, id, b"", b"")
}

/// The answer to `request` in its acknowledgement.
pub(crate) fn piggybacked(request: &[u8], code: u8, payload: &[u8]) -> Vec<u8> {
    let request = read(request);
    message(ACK, code, request.header.message_id, request.get_token(), payload)
}

/// The answer to `request` in a message of its own.
pub(crate) fn separate(
    kind: MessageType,
    id: u16,
    request: &[u8],
    code: u8,
    payload: &[u8],
) -> Vec<u8> {
    message(kind, code, id, read(request).get_token(), payload)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}
