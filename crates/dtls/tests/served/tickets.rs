//! Resumption by tickets: taken as long as the key is there, by each server that has it, and not
//! from anybody else.

use std::sync::Arc;

use iot_coap_dtls::server::{Config, PreSharedKeys};
use iot_coap_dtls::{Error, PreSharedKey, SavedSession, SealingKey, State, Violation};
use iot_coap_test_support::certificates::{ecdsa, rsa};
use iot_coap_test_support::dtls::{PSK, certificates};
use iot_coap_test_support::folders::Folder;
use iot_coap_test_support::network::{Fate, by_seed};
use iot_coap_test_support::scripted::messages::{
    ALERT, EXTENDED_MASTER_SECRET, NEW_SESSION_TICKET, RENEGOTIATION_INFO, SESSION_TICKET, record,
};
use iot_coap_test_support::served::clients::{ForeignClient, Trust};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::signing::with_identity;
use iot_coap_test_support::served::socket::SocketServer;
use iot_coap_test_support::served::virtual_time::Pair;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};
use iot_coap_test_support::waiting::becomes_so;

use super::pair;

const LIFETIME: u32 = 86_400;

/// With keys that are made of these numbers.
fn keys(config: Config, numbers: &[u8]) -> Config {
    let keys: Vec<_> =
        numbers.iter().map(|number| SealingKey::new(&[*number; 32]).unwrap()).collect();
    config.ticket_keys(keys.into(), LIFETIME)
}

fn psk() -> iot_coap_dtls::Config {
    iot_coap_test_support::dtls::pre_shared_key().connection_id(b"own").unwrap()
}

/// Connects, and returns what was saved, and whether the session was resumed.
fn visit(client: iot_coap_dtls::Config, server: Config) -> (Option<SavedSession>, bool) {
    let mut pair = Pair::new(client, Endpoint::new(server), |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(20_000), Ok(true));
    pair.exchange(b"21.5");
    let resumed = pair.client.was_resumed();
    assert_eq!(pair.server.only().connection.was_resumed(), resumed);
    if resumed {
        // Two round trips, one of them for the cookie.
        let (received, sent) = pair.server.bytes;
        eprintln!("resumed: {received} + {sent} bytes");
    }
    (pair.client.take_saved_session(), resumed)
}

#[test]
fn a_session_is_resumed_as_long_as_its_key_is_there() {
    let server = |numbers: &[u8]| keys(pre_shared_key(), numbers);
    let (saved, resumed) = visit(psk(), server(&[1]));
    let saved = saved.unwrap();
    assert!(!resumed);
    assert_eq!(saved.lifetime_hint(), Some(LIFETIME));
    // By the same key, by one that seals no more, and again: it gets no other ticket.
    for numbers in [&[1][..], &[2, 1], &[3, 2, 1]] {
        let (again, resumed) = visit(psk().resume(saved.clone()), server(numbers));
        assert!(resumed);
        assert_eq!(again.unwrap().to_bytes().unwrap(), saved.to_bytes().unwrap());
    }
    // By none: a full handshake, and a new ticket.
    let (other, resumed) = visit(psk().resume(saved.clone()), server(&[3, 2]));
    assert!(!resumed);
    assert!(visit(psk().resume(other.unwrap()), server(&[3])).1);
    // Without keys there are no tickets.
    let (none, resumed) = visit(psk().resume(saved), pre_shared_key());
    assert!(none.is_none() && !resumed);
}

#[test]
fn sessions_with_certificates_are_resumed() {
    for (root, identity) in [ecdsa(), rsa()] {
        let server = || keys(with_identity(Config::new(), &identity, &[]), &[1]);
        let (saved, _) = visit(certificates(&root), server());
        let resumed = certificates(&root).resume(saved.unwrap());
        assert!(visit(resumed.clone(), server()).1);
        // The server has no such key any more.
        let server = keys(pre_shared_key(), &[1]);
        let mut pair = Pair::new(resumed, Endpoint::new(server), |_, _| Fate::ARRIVES);
        assert!(pair.connect(20_000).is_err());
    }
}

/// A key that was taken away ends what it began.
#[test]
fn a_client_whose_key_is_gone_does_not_resume() {
    struct Others;
    impl PreSharedKeys for Others {
        fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error> {
            let key = PreSharedKey::new(identity, PSK)?;
            Ok((identity == b"sensor-8").then_some(key))
        }
    }
    let (saved, _) = visit(psk(), keys(pre_shared_key(), &[1]));
    let server = keys(Config::new().pre_shared_keys(Arc::new(Others)), &[1]);
    let client = psk().resume(saved.unwrap());
    let mut pair = Pair::new(client, Endpoint::new(server), |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(20_000), Ok(false));
}

/// The length of records is the session's as well (RFC 6066, section 4).
#[test]
fn a_session_is_resumed_with_its_length_of_records_only() {
    let short = || psk().max_fragment_length(512).unwrap();
    let (saved, _) = visit(short(), keys(pre_shared_key(), &[1]));
    let saved = saved.unwrap();
    assert!(visit(short().resume(saved.clone()), keys(pre_shared_key(), &[1])).1);
    assert!(!visit(psk().resume(saved), keys(pre_shared_key(), &[1])).1);
    let (saved, _) = visit(psk(), keys(pre_shared_key(), &[1]));
    assert!(!visit(short().resume(saved.unwrap()), keys(pre_shared_key(), &[1])).1);
}

#[test]
fn resumptions_succeed_at_twenty_percent_loss() {
    let (saved, _) = visit(psk(), keys(pre_shared_key(), &[1]));
    let saved = saved.unwrap();
    for seed in 0..64 {
        let server = Endpoint::new(keys(pre_shared_key(), &[1]));
        let mut pair = Pair::new(psk().resume(saved.clone()), server, by_seed(seed, 20));
        assert_eq!(pair.connect(90_000), Ok(true), "seed {seed}");
        pair.exchange(b"21.5");
        assert!(pair.client.was_resumed());
    }
    // And of the full handshake, with the ticket.
    for seed in 0..64 {
        let server = Endpoint::new(keys(pre_shared_key(), &[1]));
        let mut pair = Pair::new(psk(), server, by_seed(seed, 20));
        assert_eq!(pair.connect(90_000), Ok(true), "seed {seed}");
        pair.exchange(b"21.5");
        assert!(pair.client.take_saved_session().is_some());
    }
}

#[test]
fn openssl_resumes() {
    let folder = Folder::new();
    let (root, identity) = ecdsa();
    let pem = root.pem();
    for (trust, config) in [
        (Trust::PreSharedKey(PSK), pre_shared_key()),
        (Trust::Root(&pem), with_identity(Config::new(), &identity, &[])),
    ] {
        let file = folder.write("session", b"");
        let server = SocketServer::start(Endpoint::new(keys(config, &[1])));
        let mut client = ForeignClient::openssl(server.address(), &trust, &["-sess_out", &file]);
        client.exchange("it is 21.5 degrees");
        drop(client);
        let has_session = || std::fs::metadata(&file).is_ok_and(|file| file.len() > 0);
        assert!(becomes_so(has_session));
        server.endpoint.lock().unwrap().served.clear();
        let mut client = ForeignClient::openssl(server.address(), &trust, &["-sess_in", &file]);
        client.exchange("it is 21.6 degrees");
        assert!(server.endpoint.lock().unwrap().only().connection.was_resumed());
    }
}

#[test]
fn gnutls_resumes() {
    let (root, identity) = ecdsa();
    let server = keys(with_identity(Config::new(), &identity, &[]), &[1]);
    let server = SocketServer::start(Endpoint::new(server));
    let pem = root.pem();
    let priority = "NORMAL:-VERS-ALL:+VERS-DTLS1.2";
    // It connects, ends the session and comes back.
    let mut client =
        ForeignClient::gnutls(server.address(), &Trust::Root(&pem), priority, &["--resume"]);
    client.exchange("it is 21.5 degrees");
    assert!(server.endpoint.lock().unwrap().only().connection.was_resumed());
}

/// A scripted client with the ticket that it got in a full handshake, and its secret.
fn with_ticket() -> (ScriptedClient, Vec<u8>) {
    let mut client = ScriptedClient::default();
    client.extensions.push((SESSION_TICKET, vec![]));
    let mut pair = begun(client);
    let exchange = pair.client.key_exchange();
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    let answer = pair.feed(&[exchange, finished].concat());
    // A record with the message, which begins with its lifetime and length.
    let ticket = &answer[0][13..];
    assert_eq!(ticket[0], NEW_SESSION_TICKET);
    assert_eq!(ticket[12..16], LIFETIME.to_be_bytes());
    let len = usize::from(u16::from_be_bytes([ticket[16], ticket[17]]));
    let ticket = ticket[18..18 + len].to_vec();
    // Nothing in it can be read.
    assert!(!ticket.windows(8).any(|bytes| bytes == b"sensor-7"));
    let secret = pair.client.master_secret.clone();
    assert!(!ticket.windows(8).any(|bytes| bytes == &secret[..8]));
    (ScriptedClient { random: [0x99; 32], ..ScriptedClient::default() }, ticket)
}

fn begun(client: ScriptedClient) -> pair::Pair {
    let server = Endpoint::new(keys(pre_shared_key(), &[1]));
    pair::Pair { server, ..pair::Pair::new(client) }.get_cookie().begin()
}

/// Whether the server goes on with the session of a ticket.
fn is_resumed(client: ScriptedClient) -> bool {
    let pair = begun(client);
    assert_eq!(pair.state(), Some(State::Handshaking));
    // ServerHelloDone is the last message of a full handshake's first flight.
    !pair.client.transcript.ends_with(&[14, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0])
}

/// One that was changed, cut or made up: a full handshake.
#[test]
fn what_is_no_ticket_of_the_server_is_not_resumed() {
    let (client, ticket) = with_ticket();
    let resumes = |ticket: Vec<u8>| {
        let mut client = client.clone();
        client.extensions.push((SESSION_TICKET, ticket));
        is_resumed(client)
    };
    assert!(resumes(ticket.clone()));
    for index in 0..ticket.len() {
        let mut other = ticket.clone();
        other[index] ^= 1;
        assert!(!resumes(other), "{index}");
        assert!(!resumes(ticket[..index].to_vec()), "{index}");
    }
    assert!(!resumes([&ticket[..], &[0]].concat()));
    // What the key has sealed for something else.
    let key = SealingKey::new(&[1; 32]).unwrap();
    let content = vec![1; 100];
    assert!(!resumes(key.seal(b"", &content, &mut getrandom::SysRng).unwrap()));
    let odd = key.seal(b"iot-coap-dtls ticket", &content, &mut getrandom::SysRng).unwrap();
    assert!(!resumes(odd));
}

/// The session's suite must be offered again.
#[test]
fn a_ticket_of_another_suite_is_not_taken() {
    let (client, ticket) = with_ticket();
    for (suites, resumes) in
        [(vec![0xc0a8], false), (vec![0xc0a8, 0x00a8], true), (vec![0x00a8, 0xc0a8], true)]
    {
        let mut client = ScriptedClient { suites, ..client.clone() };
        client.extensions.push((SESSION_TICKET, ticket.clone()));
        assert_eq!(is_resumed(client), resumes);
    }
}

/// A ticket alone is not enough: its holder must know the secret.
#[test]
fn a_stolen_ticket_opens_nothing() {
    let (mut client, ticket) = with_ticket();
    client.extensions.push((SESSION_TICKET, ticket));
    let mut pair = begun(client);
    // The thief has other keys.
    pair.client.key_exchange();
    pair.client.message_seq -= 1;
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    assert!(pair.feed(&finished).is_empty());
    assert_eq!(pair.server.only().connection.dropped().forged, 1);
    assert_eq!(pair.state(), Some(State::Handshaking));
    let early = pair.client.protected(23, b"early");
    assert!(pair.feed(&early).is_empty());
    assert!(pair.server.only().received.is_empty());
}

/// RFC 7627, section 5.3.
#[test]
fn a_resumption_without_an_extended_master_secret_is_refused() {
    let (mut client, ticket) = with_ticket();
    client.extensions = vec![(RENEGOTIATION_INFO, vec![0]), (SESSION_TICKET, ticket)];
    let server = Endpoint::new(keys(pre_shared_key(), &[1]));
    let mut pair = pair::Pair { server, ..pair::Pair::new(client) }.get_cookie();
    let hello = pair.client.hello();
    assert_eq!(pair.feed(&hello), [record(ALERT, 0, 1, &[2, 40])]);
    assert_eq!(pair.state(), Some(State::Ended(Violation::Resumption.into())));
}

/// RFC 7627, section 5.3, as well.
#[test]
fn there_is_no_ticket_without_an_extended_master_secret() {
    let given = |extensions| {
        let pair = begun(ScriptedClient { extensions, ..ScriptedClient::default() });
        // Behind the ClientHello.
        let answer = pair.client.transcript[12 + pair.client.hello_body().len()..].to_vec();
        answer.windows(4).any(|bytes| bytes == [0, 35, 0, 0])
    };
    assert!(given(vec![(EXTENDED_MASTER_SECRET, vec![]), (SESSION_TICKET, vec![])]));
    assert!(!given(vec![(SESSION_TICKET, vec![])]));
    assert!(!given(vec![(EXTENDED_MASTER_SECRET, vec![])]));
}
