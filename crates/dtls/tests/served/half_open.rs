//! Hazard: ten thousand handshakes that are begun and never ended, and a server that has no room
//! for anybody else.
//!
//! From forged addresses there is nothing to keep: `cookies.rs`. Here each client has received
//! its cookie.

use std::sync::Arc;

use iot_coap_dtls::server::{Config, Connection, Cookies, Greeting};
use iot_coap_dtls::{Datagram, Error, SealingKey, State};
use iot_coap_test_heap::live;
use iot_coap_test_support::certificates::{ecdsa, intermediate};
use iot_coap_test_support::scripted::messages::{
    CLIENT_KEY_EXCHANGE, HANDSHAKE, SESSION_TICKET, fragment, record,
};
use iot_coap_test_support::scripted::{Numbers, at};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::signing::with_identity;
use iot_coap_test_support::served::{COOKIE_SECRET, pre_shared_key};

const CLIENTS: u32 = 10_000;
/// How long a handshake may take, in milliseconds.
const LIMIT: u64 = 90_000;

/// The heap that each of the connections holds, with the connection itself. Each has said hello,
/// and then what `rest` makes of it.
fn held_by_each(
    config: Config,
    hello: &ScriptedClient,
    rest: impl Fn(&mut ScriptedClient) -> Vec<Vec<u8>>,
) -> usize {
    let (config, cookies) = (Arc::new(config), Cookies::new(COOKIE_SECRET));
    let before = live();
    let mut connections = Vec::with_capacity(CLIENTS as usize);
    let mut sent = [0; 2048];
    for number in 0..CLIENTS {
        let mut client = hello.clone();
        client.random[..4].copy_from_slice(&number.to_be_bytes());
        let peer = number.to_be_bytes();
        let Greeting::Unverified(answer) = cookies.examine(&peer, &mut client.hello()) else {
            panic!("there is no cookie yet");
        };
        client.read_cookie(&answer);
        let mut hello = client.hello();
        let Greeting::Verified(verified) = cookies.examine(&peer, &mut hello) else {
            panic!("the cookie is valid");
        };
        let random = Numbers::new(number.into());
        let id = Some(&peer[..]);
        let mut connection =
            Box::new(Connection::accept(&config, &verified, id, random, at(0)).unwrap());
        for mut datagram in std::iter::once(hello).chain(rest(&mut client)) {
            let mut datagram = Datagram::new(&mut datagram);
            assert_eq!(connection.handle_datagram(at(0), &mut datagram), Ok(None));
            while connection.poll_transmit(&mut sent).is_some() {}
        }
        assert_eq!(connection.state(), State::Handshaking);
        connections.push(connection);
    }
    let held = (live() - before).unsigned_abs() / CLIENTS as usize;
    // All of them end by themselves, and leave nothing but the connection, which is the caller's
    // to drop.
    for connection in &mut connections {
        for _ in 0..20 {
            let Some(deadline) = connection.next_timeout() else { break };
            assert!(deadline <= at(LIMIT));
            let _ = connection.handle_timeout(deadline);
            while connection.poll_transmit(&mut sent).is_some() {}
        }
        assert_eq!(connection.state(), State::Ended(Error::TimedOut));
    }
    let left = (live() - before).unsigned_abs() / CLIENTS as usize;
    let own = size_of::<Connection<Numbers>>() + size_of::<Box<Connection<Numbers>>>();
    assert!(left <= own + 16, "{left} bytes are left, {own} of them the connection");
    eprintln!("{held} bytes each");
    held
}

#[test]
fn with_a_pre_shared_key() {
    let client = ScriptedClient::default();
    let held = held_by_each(pre_shared_key(), &client, |_| vec![]);
    assert!(held <= 3072, "{held}");
}

/// The chain is in the flight of each, since it may have to be sent again.
#[test]
fn with_certificates() {
    let (root, leaf) = ecdsa();
    let between = intermediate(&root, iot_coap_test_support::certificates::ec_key());
    let chain = [&leaf, &between].map(|one| one.certificate.to_der().unwrap().len());
    let config = with_identity(Config::new(), &leaf, &[&between]);
    let mut client = ScriptedClient { suites: vec![0xc02b], ..ScriptedClient::default() };
    client.extensions.push((10, vec![0, 2, 0, 29]));
    client.extensions.push((13, vec![0, 2, 4, 3]));
    let held = held_by_each(config, &client, |_| vec![]);
    let chain: usize = chain.iter().sum();
    assert!(held <= 3584 + chain, "{held}, of which the chain takes {chain}");
}

/// Each sends as much as it may besides: beginnings of messages, up to the limit.
#[test]
fn with_as_much_as_a_client_may_send() {
    const LONGEST: usize = 1000;
    let keys = [SealingKey::new(&[1; 32]).unwrap()];
    let config = pre_shared_key().ticket_keys(keys.into(), 60).max_message_len(LONGEST);
    let mut client = ScriptedClient::default();
    client.extensions.push((SESSION_TICKET, vec![7; 500]));
    let held = held_by_each(config, &client, |_| {
        let begin = |number: u16, len: usize| {
            let part = fragment(CLIENT_KEY_EXCHANGE, number, len, 0, &[1]);
            record(HANDSHAKE, 0, u64::from(number), &part)
        };
        (2..12).map(|number| begin(number, LONGEST)).chain((2..12).map(|n| begin(n, 90))).collect()
    });
    assert!(held <= 3072 + 2 * LONGEST, "{held}");
}
