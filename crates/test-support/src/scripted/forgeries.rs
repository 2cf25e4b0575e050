//! Datagrams that somebody else than the server makes up, who has seen the ClientHello at
//! most: one of each kind, for each place in a handshake.

use super::messages::{
    self, ALERT, APPLICATION_DATA, CERTIFICATE, CHANGE_CIPHER_SPEC, CLIENT_HELLO,
    EXTENDED_MASTER_SECRET, FINISHED, HANDSHAKE, HELLO_REQUEST, HELLO_VERIFY_REQUEST,
    NEW_SESSION_TICKET, SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE, SESSION_TICKET,
    fragment, message, record,
};
use super::{Hello, Suite};

/// CertificateRequest.
const CERTIFICATE_REQUEST: u8 = 13;

/// The number of a record that the server has not used yet.
const SEQUENCE: u64 = 777;

/// Numbers of messages that a server uses in its flights.
const MESSAGE_NUMBERS: u16 = 7;

/// A forged datagram, and what it is called.
pub type Forgery = (String, Vec<u8>);

/// What a ServerHello may say wrongly, for a client that offers `suite` and `other`.
fn hellos(suite: Suite, other: u16, session_id: &[u8]) -> Vec<(&'static str, Hello)> {
    let good = Hello::new(suite);
    vec![
        ("", good.clone()),
        ("with another suite", Hello { suite: other, ..good.clone() }),
        ("with an unknown suite", Hello { suite: 0xabcd, ..good.clone() }),
        ("with a new session", Hello { session_id: vec![9; 32], ..good.clone() }),
        ("with the old session", Hello { session_id: session_id.to_vec(), ..good.clone() }),
        ("without a master secret", good.clone().without(EXTENDED_MASTER_SECRET)),
        ("with a ticket", good.clone().with(SESSION_TICKET, &[])),
        ("with an unknown extension", good.clone().with(0xabcd, &[])),
        ("of another version", Hello { version: [0xfe, 0xff], ..good.clone() }),
        ("with something behind it", Hello { tail: vec![1], ..good }),
    ]
}

/// One of each kind. `suite` and `other` are offered; `session_id` is that of the ClientHello.
pub fn forgeries(suite: Suite, other: u16, session_id: &[u8]) -> Vec<Forgery> {
    let mut all: Vec<Forgery> = Vec::new();
    let mut add = |what: String, content_type: u8, content: &[u8]| {
        all.push((what, record(content_type, 0, SEQUENCE, content)));
    };
    for number in 0..MESSAGE_NUMBERS {
        let mut say = |what: &str, kind: u8, body: &[u8]| {
            add(format!("{what} as message {number}"), HANDSHAKE, &message(kind, number, body));
        };
        for cookie in [&[7; 16][..], &[]] {
            let body = [&[0xfe, 0xff, cookie.len() as u8], cookie].concat();
            let what = format!("HelloVerifyRequest of {} bytes", cookie.len());
            say(&what, HELLO_VERIFY_REQUEST, &body);
        }
        say("a malformed HelloVerifyRequest", HELLO_VERIFY_REQUEST, &[0xfe, 0xff, 9]);
        say("a Certificate without any", CERTIFICATE, &[0, 0, 0]);
        say("a malformed Certificate", CERTIFICATE, &[7; 300]);
        say("a malformed ServerKeyExchange", SERVER_KEY_EXCHANGE, &[3, 0, 29, 32, 1]);
        say("a hint of an identity", SERVER_KEY_EXCHANGE, &[0, 1, b'h']);
        say("CertificateRequest", CERTIFICATE_REQUEST, &[1, 64, 0, 2, 4, 1, 0, 0]);
        say("ServerHelloDone", SERVER_HELLO_DONE, &[]);
        say("a malformed ServerHelloDone", SERVER_HELLO_DONE, &[0]);
        say("NewSessionTicket", NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 3, 1, 2, 3]);
        say("a malformed NewSessionTicket", NEW_SESSION_TICKET, &[0, 0, 0, 9, 0, 3, 1]);
        say("Finished", FINISHED, &[5; 12]);
        say("a message of an unknown type", 99, &[5; 40]);
        for kind in [SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, FINISHED] {
            let what = format!("a part of message {number} of type {kind}");
            let part = |len, offset| fragment(kind, number, len, offset, &[0xee; 20]);
            add(format!("{what}, too long"), HANDSHAKE, &part(5000, 10));
            add(format!("{what}, too short"), HANDSHAKE, &part(20, 0));
            add(format!("{what}, in the middle"), HANDSHAKE, &part(80, 30));
        }
    }
    // ServerHellos answer the first ClientHello or one with a cookie.
    for number in 0..3 {
        for (what, hello) in hellos(suite, other, session_id) {
            let hello = message(SERVER_HELLO, number, &hello.body(&[0x66; 32]));
            add(format!("ServerHello {what} as message {number}"), HANDSHAKE, &hello);
            let done = message(SERVER_HELLO_DONE, number + 1, &[]);
            let what = format!("ServerHello {what} as message {number} and ServerHelloDone");
            add(what, HANDSHAKE, &[hello, done].concat());
        }
    }
    for alert in [[2, 40], [2, 10], [2, 20], [2, 51], [2, 80], [2, 0], [1, 0], [1, 90], [2, 255]] {
        add(format!("the alert {alert:?}"), ALERT, &alert);
    }
    add("a malformed alert".to_owned(), ALERT, &[2]);
    add("ChangeCipherSpec".to_owned(), CHANGE_CIPHER_SPEC, &[1]);
    add("application data".to_owned(), APPLICATION_DATA, b"open the door");
    add("HelloRequest".to_owned(), HANDSHAKE, &message(HELLO_REQUEST, 0, &[]));
    add("ClientHello".to_owned(), HANDSHAKE, &message(CLIENT_HELLO, 0, &[1; 40]));
    add("half a header".to_owned(), HANDSHAKE, &[2, 0, 0, 40, 0]);
    for content_type in [CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA] {
        for (len, epoch) in [(8, 1), (40, 1), (80, 1), (40, 2)] {
            let what = format!("{len} bytes of type {content_type} in epoch {epoch}");
            all.push((what, record(content_type, epoch, 3, &vec![0x5a; len])));
        }
    }
    all.push(("nothing".to_owned(), Vec::new()));
    all.push(("noise".to_owned(), vec![0x5a; 60]));
    all
}

/// The session id in a datagram with a ClientHello.
pub fn session_id_of(hello: &[u8]) -> Vec<u8> {
    let records = messages::records(hello, 0);
    let body = &records[0].fragment[12..];
    body[35..35 + usize::from(body[34])].to_vec()
}
