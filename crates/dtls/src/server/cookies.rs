//! Cookies (RFC 6347, section 4.2.1): before a client has shown that it receives at its
//! address, nothing is stored for it, and little is sent to it.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::client_hello::Start;
use crate::handshake::{FragmentHeader, HANDSHAKE_HEADER_LEN, MessageType};
use crate::key_schedule::RANDOM_LEN;
use crate::record::{
    ConnectionId, ContentType, Datagram, EPOCH_PLAIN, Header, RECORD_HEADER_LEN, VERSION_1_0,
};
use crate::wire::Reader;

/// The length of the secret of [`Cookies`], in bytes.
pub const COOKIE_SECRET_LEN: usize = 32;

/// The length of a HelloVerifyRequest with its record, in bytes. The shortest ClientHello
/// that gets one has 61.
pub const HELLO_VERIFY_REQUEST_LEN: usize =
    RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN + 2 + 1 + COOKIE_LEN;

const COOKIE_LEN: usize = 16;
type Cookie = [u8; COOKIE_LEN];
type Secret = Zeroizing<[u8; COOKIE_SECRET_LEN]>;

/// The largest record number of a ClientHello. This side's records continue from it, so a
/// larger one would leave too few numbers.
const MAX_SEQUENCE: u64 = u32::MAX as u64;
/// The largest message number of a ClientHello, from which this side's messages continue.
const MAX_MESSAGE_SEQ: u16 = u8::MAX as u16;

/// Makes and checks cookies. The secrets are wiped when dropped.
pub struct Cookies {
    current: Secret,
    previous: Option<Secret>,
}

/// The kind of a datagram, for a server that knows nothing of the client yet.
#[derive(Clone, Debug)]
pub enum Greeting {
    /// It does not begin with a ClientHello. It belongs to an existing connection, or to
    /// none.
    None,
    /// It begins with a ClientHello without a valid cookie. Send these bytes in answer, and
    /// forget it.
    Unverified([u8; HELLO_VERIFY_REQUEST_LEN]),
    /// It begins with a ClientHello with a valid cookie. Make a connection, unless there is
    /// one that [began with it](super::Connection::began_with), and pass the datagram to
    /// the connection.
    Verified(Hello),
}

/// The proof that a client sent a ClientHello with a valid cookie.
#[derive(Clone, Debug)]
pub struct Hello {
    pub(super) random: [u8; RANDOM_LEN],
    pub(super) message_seq: u16,
    pub(super) sequence: u64,
}

impl Cookies {
    /// Uses a random secret. Servers that share a secret accept each other's cookies.
    pub fn new(secret: [u8; COOKIE_SECRET_LEN]) -> Self {
        Self { current: Zeroizing::new(secret), previous: None }
    }

    /// Takes a new secret. Cookies of the previous secret are still valid; older cookies
    /// are not.
    ///
    /// A client that has received a cookie can use it even after somebody else has its
    /// address, so call this about once a minute. The interval must be longer than a
    /// client's timers, since a client takes that long to return its cookie.
    pub fn rotate(&mut self, secret: [u8; COOKIE_SECRET_LEN]) {
        let before = core::mem::replace(&mut self.current, Zeroizing::new(secret));
        self.previous = Some(before);
    }

    /// Examines a datagram. `peer` is the source: address and port as bytes, always in the
    /// same format.
    ///
    /// Changes, stores and allocates nothing. If a ClientHello is fragmented, the first
    /// fragment, which has the cookie, counts. The others are [`Greeting::None`]; the
    /// client sends them again while the connection waits.
    pub fn examine(&self, peer: &[u8], datagram: &mut [u8]) -> Greeting {
        self.greeting(peer, datagram).unwrap_or(Greeting::None)
    }

    fn greeting(&self, peer: &[u8], datagram: &mut [u8]) -> Option<Greeting> {
        let record = Datagram::new(datagram).next_record(&ConnectionId::default())?;
        let header = record.header;
        if header.content_type != ContentType::Handshake || header.epoch != EPOCH_PLAIN {
            return None;
        }
        let (message, body) = FragmentHeader::read(&mut Reader::new(record.fragment))?;
        if message.kind != MessageType::CLIENT_HELLO || message.offset != 0 {
            return None;
        }
        let start = Start::read(&mut Reader::new(body))?;
        if header.sequence > MAX_SEQUENCE || message.message_seq > MAX_MESSAGE_SEQ {
            return None;
        }
        let is_valid = |secret: &Secret| {
            cookie(secret, peer, &start).is_some_and(|cookie| cookie.ct_eq(start.cookie).into())
        };
        if is_valid(&self.current) || self.previous.as_ref().is_some_and(is_valid) {
            let random = start.random;
            let (message_seq, sequence) = (message.message_seq, header.sequence);
            return Some(Greeting::Verified(Hello { random, message_seq, sequence }));
        }
        let cookie = cookie(&self.current, peer, &start)?;
        hello_verify_request(header, message.message_seq, cookie).map(Greeting::Unverified)
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

/// The cookie for a client's address and the random bytes of its ClientHello. It does not
/// depend on the session id: with a ticket, Mbed TLS changes the id when it returns the
/// cookie.
fn cookie(secret: &Secret, peer: &[u8], start: &Start<'_>) -> Option<Cookie> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret[..]).ok()?;
    mac.update(b"iot-coap-dtls cookie");
    mac.update(&(peer.len() as u64).to_be_bytes());
    mac.update(peer);
    mac.update(&start.random);
    mac.finalize().into_bytes().first_chunk().copied()
}

/// The record has the number of the ClientHello's record, as RFC 6347 requires. The message
/// has the ClientHello's number, too, since it is this side's first message.
fn hello_verify_request(
    record: Header,
    message_seq: u16,
    cookie: Cookie,
) -> Option<[u8; HELLO_VERIFY_REQUEST_LEN]> {
    let body_len = 2 + 1 + COOKIE_LEN;
    let mut out = [0; HELLO_VERIFY_REQUEST_LEN];
    record.encode(HANDSHAKE_HEADER_LEN + body_len, &mut out)?;
    let kind = MessageType::HELLO_VERIFY_REQUEST;
    let message = FragmentHeader::of_message(kind, message_seq, body_len).encode(body_len);
    let (header, body) = out.get_mut(RECORD_HEADER_LEN..)?.split_first_chunk_mut()?;
    *header = message;
    let (fields, destination) = body.split_first_chunk_mut::<3>()?;
    // The version of DTLS 1.0, whatever is negotiated later.
    *fields = [VERSION_1_0[0], VERSION_1_0[1], COOKIE_LEN as u8];
    destination.copy_from_slice(&cookie);
    Some(out)
}

/// The connection id of `len` bytes in a datagram whose first record has one. A server uses
/// it to find the connection, whatever the address is (RFC 9146, section 4). `None` if the
/// datagram begins with another record, or is too short.
pub fn connection_id(datagram: &[u8], len: usize) -> Option<&[u8]> {
    /// The id follows the type, the version, the epoch and the number.
    const START: usize = 1 + 2 + 2 + 6;
    let has_one = datagram.first() == Some(&ContentType::Tls12Cid.byte());
    datagram.get(START..)?.get(..len).filter(|_| has_one)
}
