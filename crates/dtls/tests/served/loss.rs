//! Hazard: datagrams are lost, repeated and reordered, and a handshake gets stuck.

use iot_coap_dtls::server::HELLO_VERIFY_REQUEST_LEN;
use iot_coap_dtls::{Config, Dropped, State};
use iot_coap_test_support::dtls::pre_shared_key;
use iot_coap_test_support::network::{Direction, Fate, by_seed, losing};
use iot_coap_test_support::scripted::messages::{CLIENT_HELLO, HANDSHAKE, fragment, record};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::virtual_time::Pair;
use iot_coap_test_support::served::{self, Endpoint};

use super::pair as scripted;

fn server() -> Endpoint {
    Endpoint::new(served::pre_shared_key())
}

fn client() -> Config {
    pre_shared_key().connection_id(b"own").unwrap()
}

#[test]
fn a_handshake_takes_three_round_trips() {
    let mut pair = Pair::new(client(), server(), |_, _| Fate::ARRIVES);
    assert!(pair.connect(10_000).unwrap());
    assert_eq!(pair.now.as_millis(), 6 * 40);
    pair.exchange(b"21.5");
    let served = pair.server.only();
    assert_eq!(served.connection.state(), State::Connected);
    assert_eq!(served.connection.dropped(), Dropped::default());
    // No timer runs any more.
    assert_eq!(served.connection.next_timeout(), None);
    assert_eq!(pair.client.dropped(), Dropped::default());
}

/// Two flights of each side, and the request for a cookie.
#[test]
fn each_datagram_of_the_handshake_may_be_lost() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        for lost in 0..4 {
            for twice in [false, true] {
                let lost = if twice { vec![lost, lost + 1] } else { vec![lost] };
                let mut pair = Pair::new(client(), server(), losing(direction, lost.clone()));
                let connected = pair.connect(20_000);
                assert_eq!(connected, Ok(true), "{direction:?} {lost:?}");
                pair.exchange(b"21.5");
                assert_eq!(pair.server.accepted, 1);
            }
        }
    }
}

#[test]
fn handshakes_succeed_at_twenty_percent_loss() {
    let mut longest = 0;
    for seed in 0..64 {
        let mut pair = Pair::new(client(), server(), by_seed(seed, 20));
        assert_eq!(pair.connect(90_000), Ok(true), "seed {seed}");
        longest = longest.max(pair.now.as_millis());
        pair.exchange(b"21.5");
        assert_eq!(pair.server.only().connection.identity(), Some(&b"sensor-7"[..]));
    }
    eprintln!("64 of 64; the longest took {longest} ms");
}

/// A repeated datagram is answered once, or each side would answer the other's for ever.
#[test]
fn repeated_datagrams_are_not_answered_each_time() {
    let mut pair = Pair::new(client(), server(), |_, _| Fate::times(3));
    assert_eq!(pair.connect(10_000), Ok(true));
    pair.exchange(b"21.5");
    let (received, sent) = pair.server.bytes;
    assert!(sent < received, "{sent} bytes for {received}");
    assert_eq!(pair.server.only().received.len(), 1);
}

/// The last flight is lost, and the client repeats its own: until it has said something, it may
/// need this side's again.
#[test]
fn the_last_flight_is_kept_until_it_has_arrived() {
    // HelloVerifyRequest, ServerHello and ServerHelloDone, and then the last flight.
    let mut pair = Pair::new(client(), server(), losing(Direction::ToClient, [2, 3, 4]));
    assert_eq!(pair.connect(20_000), Ok(true));
    assert!(pair.now.as_millis() > 1000);
    pair.exchange(b"21.5");
    assert_eq!(pair.server.only().connection.next_timeout(), None);
    // A client that says nothing does not hold it for ever.
    let mut pair = Pair::new(client(), server(), |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(20_000), Ok(true));
    assert!(pair.server.only().connection.next_timeout().is_some());
    pair.run(100_000).unwrap();
    assert_eq!(pair.server.only().connection.next_timeout(), None);
    assert_eq!(pair.server.only().connection.state(), State::Connected);
    pair.exchange(b"21.5");
}

/// RFC 6347, section 4.2.4.1: from one second on, twice as long each time; and 90 seconds in all.
#[test]
fn each_time_the_server_waits_twice_as_long() {
    let mut pair = scripted::Pair::begun(ScriptedClient::default());
    let mut sent_at = Vec::new();
    while let Some(deadline) = pair.server.next_timeout().filter(|_| sent_at.len() < 20) {
        let sent = pair.server.handle_timeout(deadline);
        sent_at.push((deadline.as_millis(), sent.len()));
    }
    let seconds = [1, 3, 7, 15, 31, 63].map(|seconds| (seconds * 1000, 1));
    let (last, flights) = sent_at.split_last().unwrap();
    assert_eq!((flights, *last), (&seconds[..], (90_000, 0)));
    assert_eq!(pair.state(), None);
}

/// What a client that is gone has left goes too.
#[test]
fn an_unfinished_handshake_ends() {
    let only = |count| {
        move |to, number| Fate::times(usize::from(to == Direction::ToClient || number < count))
    };
    let mut pair = Pair::new(client(), server(), only(2));
    assert_eq!(pair.connect(80_000), Ok(false));
    assert_eq!(pair.server.served.len(), 1);
    pair.run(20_000).unwrap();
    assert_eq!(pair.server.served.len(), 0);
    // Its flight went out once, and then as often as is allowed.
    let flight = 13 + 12 + 2 + 32 + 1 + 2 + 1 + 2 + 5 + 4 + (4 + 1 + 4) + 13 + 12;
    let cookie = HELLO_VERIFY_REQUEST_LEN;
    assert_eq!(pair.server.bytes.1, cookie + 7 * flight);
}

/// The network repeats the first ClientHello, which had no cookie, when the connection is there.
/// It is from before that, and says nothing against the client: however long the client is away,
/// the handshake goes on.
#[test]
fn a_first_hello_that_comes_again_late_does_no_harm() {
    let first = scripted::Pair::new(ScriptedClient::default()).client.hello();
    let cut = record(HANDSHAKE, 0, 5, &fragment(CLIENT_HELLO, 0, 99, 3, &first[30..60]));
    for is_begun in [false, true] {
        let mut pair = scripted::Pair::begun(ScriptedClient::default());
        let exchange = pair.client.key_exchange();
        if is_begun {
            pair.feed(&exchange);
        }
        assert_eq!(pair.feed(&first)[0].len(), HELLO_VERIFY_REQUEST_LEN);
        assert!(pair.feed(&cut).is_empty());
        assert_eq!(pair.dropped(), Dropped::default());
        for _ in 0..3 {
            let deadline = pair.server.next_timeout().unwrap();
            pair.now = deadline.as_millis();
            assert_eq!(pair.server.handle_timeout(deadline).len(), 1);
            assert_eq!(pair.state(), Some(State::Handshaking));
        }
        pair.finish_after(exchange);
    }
}
