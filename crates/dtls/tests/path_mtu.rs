//! Hazard: a path that loses long datagrams and says nothing, so that a long flight never
//! arrives, however often it is sent (RFC 6347, section 4.1.1.1). The time is virtual.
#![cfg(feature = "full")]

use iot_coap_dtls::{Config, SavedSession};
use iot_coap_test_support::certificates::{GOOD, Identity, leaf, root, rsa_key, rsa_key_of};
use iot_coap_test_support::dtls::delayed::{Delayed, Network};
use iot_coap_test_support::dtls::{certificates, in_memory};
use iot_coap_test_support::network::Direction;
use openssl::hash::MessageDigest;
use openssl::ssl::SslContext;

/// The longest datagram that the path takes.
const LONGEST: usize = 600;

/// The client's longest datagram once it has given up longer ones.
const CUT: usize = 548;

/// A server whose flights fit the path, with a key of 4096 bits: as long is what a client
/// sends to exchange a key by static RSA.
fn server() -> (Identity, SslContext) {
    let root = root(rsa_key(), MessageDigest::sha256());
    let server = leaf(&root, rsa_key_of(4096), &GOOD);
    let context = in_memory::server(&server, &[], "AES128-SHA256");
    (root, context)
}

fn config(root: &Identity) -> Config {
    certificates(root).cbc(true).static_rsa(true)
}

/// A session with a ticket of this length, which the server does not know.
fn session(context: &SslContext, config: Config, ticket_len: usize) -> SavedSession {
    let ended = in_memory::handshake(context, config);
    let mut client = ended.client;
    let mut bytes = client.take_saved_session().unwrap().to_bytes().unwrap().to_vec();
    // Format, suite, master secret, dates, what the server says of the ticket, and an empty
    // session id are before the ticket.
    bytes.truncate(1 + 2 + 48 + 9 + 4 + 1);
    assert_eq!(bytes.last(), Some(&0));
    bytes.extend_from_slice(&(ticket_len as u16).to_be_bytes());
    bytes.resize(bytes.len() + ticket_len, 0x5a);
    SavedSession::from_bytes(&bytes).unwrap()
}

/// The lengths of the datagrams that the client sent.
fn lengths(
    context: &SslContext,
    config: Config,
    loses: &mut dyn FnMut(Direction, usize, usize) -> bool,
) -> Vec<usize> {
    let network = Network { round_trip_ms: 50, server_mtu: 500, loses };
    let mut link = Delayed::connect(context, config, network).unwrap();
    link.exchange_through_loss();
    assert!(!link.client.was_resumed());
    link.sent.iter().map(|(_, datagram)| datagram.len()).collect()
}

#[test]
fn a_long_flight_is_cut_after_two_retransmissions() {
    let (root, context) = server();
    let sent = lengths(&context, config(&root), &mut |_, _, len| len > LONGEST);
    let [hello, whole @ .., cut, rest] = &sent[..] else { panic!("{sent:?}") };
    assert!(*hello < CUT, "{sent:?}");
    assert_eq!(whole.len(), 3, "{sent:?}");
    assert!(whole.iter().all(|len| *len > LONGEST), "{sent:?}");
    assert!(*cut <= CUT && *rest <= CUT, "{sent:?}");
}

/// The path is the same for later flights.
#[test]
fn once_cut_always_cut() {
    let (root, context) = server();
    let saved = session(&context, config(&root), 1030);
    let config = config(&root).resume(saved);
    let sent = lengths(&context, config, &mut |_, _, len| len > LONGEST);
    let whole = sent.iter().filter(|len| **len > LONGEST).count();
    assert_eq!(whole, 3, "the hello, and no later flight: {sent:?}");
    assert!(sent[whole..].iter().all(|len| *len <= CUT), "{sent:?}");
}

/// Two losses are no reason: a hello in fragments costs more, and some servers take none.
#[test]
fn what_arrives_in_time_is_sent_whole() {
    let (root, context) = server();
    let saved = session(&context, config(&root), 1030);
    let mut loses = |direction, number, _| direction == Direction::ToServer && number < 2;
    let sent = lengths(&context, config(&root).resume(saved), &mut loses);
    assert!(sent[..3].iter().all(|len| *len == sent[0]) && sent[0] > 1030, "{sent:?}");
    assert!(sent[3] > LONGEST, "{sent:?}");
}

/// A flight that fits is lost for other reasons: the next one may be long.
#[test]
fn losses_of_short_flights_say_nothing_of_long_ones() {
    let (root, context) = server();
    let mut loses = |direction, number, _| direction == Direction::ToServer && number < 4;
    let sent = lengths(&context, config(&root), &mut loses);
    assert!(sent[..5].iter().all(|len| *len == sent[0] && *len < CUT), "{sent:?}");
    assert!(sent[5] > LONGEST, "{sent:?}");
}

/// Where a device maker knows the path, nothing is lost first.
#[test]
fn nothing_exceeds_the_mtu_that_is_set() {
    let (root, context) = server();
    for mtu in [256, 400, LONGEST] {
        let saved = session(&context, config(&root), 1030);
        let config = config(&root).resume(saved).mtu(mtu);
        let sent = lengths(&context, config, &mut |_, _, len| len > LONGEST);
        assert!(sent.iter().all(|len| *len <= mtu), "{mtu}: {sent:?}");
        assert!(sent.len() <= (1300 + 700) / (mtu - 60) + 2, "nothing twice: {sent:?}");
    }
}
