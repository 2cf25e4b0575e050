//! Networks that lose, repeat and reorder datagrams, with each kind of server. The
//! environment variable `DTLS_LOSS_SEEDS` sets the number of seeds; 8 by default.
#![cfg(feature = "full")]

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use iot_coap_dtls::{Client, Config};
use iot_coap_test_support::certificates::rsa;
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, SystemRandom, certificates, pre_shared_key};
use iot_coap_test_support::network::{Decide, Direction, Fate, Proxy, by_seed};
use iot_coap_test_support::peers::servers::{Resumption, Server, Suite, Wish};
use iot_coap_test_support::peers::{Peer, Proof};
use iot_coap_test_support::threads::in_parallel;

const LOST_PERCENT: u64 = 20;
/// How many sessions run at the same time. They mostly wait.
const MAX_PARALLEL: usize = 24;

fn seeds() -> u64 {
    std::env::var("DTLS_LOSS_SEEDS").map_or(8, |seeds| seeds.parse().expect("a number of seeds"))
}

/// The settings of all servers here. Mbed TLS retransmits sooner than by default.
const WISH: Wish = Wish {
    suite: None,
    group: None,
    encrypt_then_mac: true,
    extended_master_secret: true,
    renegotiation_info: true,
    signatures: None,
    cookies: false,
    resumption: Resumption::Tickets,
    requests_certificate: false,
    mtu: None,
    timeout_ms: 200,
    connection_id: None,
    forward: None,
};

/// With a short first timeout. A longest timeout of a few seconds would block with GnuTLS,
/// whose server postpones its own retransmission at each datagram, each time for longer.
fn quick(config: Config) -> Config {
    use iot_coap_dtls::Duration;
    config.timeouts(Duration::from_millis(200), Duration::from_secs(60))
}

/// Asserts that a handshake and an exchange succeed through a network with faults.
fn assert_gets_through(
    config: Config,
    peer: &Peer,
    resumed: bool,
    decide: impl Decide,
    what: &str,
) {
    let start = Instant::now();
    let proxy = Proxy::start(peer.address(), decide);
    let mut link = Link::connect(quick(config), proxy.address())
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(link.client.was_resumed(), resumed, "{what}");
    let connected = start.elapsed();
    link.exchange_through_loss(b"echo 1\n");
    assert!(link.client.take_saved_session().is_some(), "{what}");
    assert_eq!(link.client.dropped().forged, 0, "{what}");
    let (sent, received) = (link.sent, link.received);
    eprintln!("{what}: connected in {connected:?}, {sent:?} + {received:?}");
}

fn by_each_seed(server: Server) {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    in_parallel(seeds() as usize, MAX_PARALLEL, |seed| {
        let seed = seed as u64;
        let peer = WISH.start(server, &proof);
        let what = format!("{server:?}, seed {seed}, full");
        let decide = by_seed(seed, LOST_PERCENT);
        assert_gets_through(certificates(&root), &peer, false, decide, &what);
        let peer = WISH.start(server, &proof);
        let what = format!("{server:?}, seed {seed}, resumed");
        let saved = Link::saved_session(certificates(&root), peer.address());
        let decide = by_seed(!seed, LOST_PERCENT);
        assert_gets_through(certificates(&root).resume(saved), &peer, true, decide, &what);
    });
}

#[test]
fn openssl_with_a_fifth_lost() {
    by_each_seed(Server::OpenSsl);
}

#[test]
fn gnutls_with_a_fifth_lost() {
    by_each_seed(Server::GnuTls);
}

#[test]
fn mbedtls_2_28_with_a_fifth_lost() {
    by_each_seed(Server::Mbed2);
}

#[test]
fn mbedtls_3_6_with_a_fifth_lost() {
    by_each_seed(Server::Mbed3);
}

/// With pre-shared keys, and a client address that changes once connection ids are in use.
#[test]
fn a_fifth_lost_and_every_third_from_elsewhere() {
    let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    let wish = Wish { suite: Some(Suite::PSK_CCM_8), connection_id: Some("c0ffee"), ..WISH };
    in_parallel(seeds() as usize, MAX_PARALLEL, |seed| {
        let peer = wish.start(Server::Mbed3, &proof);
        let connected = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let mut faults = by_seed(seed as u64, LOST_PERCENT);
        let proxy = Proxy::start(peer.address(), {
            let connected = connected.clone();
            move |direction, number| {
                let fate = faults(direction, number);
                let moves = direction == Direction::ToServer && number % 3 == 0;
                if moves && connected.load(Ordering::SeqCst) { fate.rebound() } else { fate }
            }
        });
        let config = pre_shared_key().connection_id(b"own").unwrap();
        let mut link = Link::connect(quick(config), proxy.address()).unwrap();
        link.exchange_through_loss(b"before");
        connected.store(true, Ordering::SeqCst);
        for number in 0..8 {
            link.exchange_through_loss(format!("message {number}").as_bytes());
        }
        peer.wait_for("moved");
    });
}

/// The possible faults of a datagram.
const FAULTS: [Fate; 3] = [Fate::LOST, Fate::times(2), Fate::ARRIVES.late()];

/// Applies one fault at a time, to each datagram of a handshake and an exchange. That
/// includes each flight, the NewSessionTicket, and the final flight of either side.
fn each_single_datagram(
    server: Server,
    wish: &Wish,
    proof: &Proof<'_>,
    config: &(dyn Fn() -> Config + Sync),
    resumed: bool,
) {
    let start = || {
        let peer = wish.start(server, proof);
        let config = if resumed {
            config().resume(Link::saved_session(config(), peer.address()))
        } else {
            config()
        };
        (peer, config)
    };
    let (peer, clean) = start();
    let proxy = Proxy::start(peer.address(), |_, _| Fate::ARRIVES);
    let mut link = Link::connect(clean, proxy.address()).unwrap();
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
    let (to_server, to_client) = (link.sent.0, link.received.0);
    assert_eq!(proxy.seen(), [to_server, to_client]);
    let places: Vec<(Direction, usize)> = (0..to_server)
        .map(|number| (Direction::ToServer, number))
        .chain((0..to_client).map(|number| (Direction::ToClient, number)))
        .collect();
    in_parallel(places.len() * FAULTS.len(), MAX_PARALLEL, |index| {
        let (place, fate) = (places[index / FAULTS.len()], FAULTS[index % FAULTS.len()]);
        let (peer, config) = start();
        let decide = move |direction, number| {
            if (direction, number) == place { fate } else { Fate::ARRIVES }
        };
        let what =
            format!("{server:?} {:?}, resumed {resumed}, {place:?} {fate:?}", wish.resumption);
        assert_gets_through(config, &peer, resumed, decide, &what);
    });
}

fn each_single_datagram_with_certificates(server: Server) {
    let (root, leaf) = rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    let config = || certificates(&root);
    each_single_datagram(server, &WISH, &proof, &config, false);
    for resumption in [Resumption::Tickets, Resumption::Ids] {
        let wish = Wish { resumption, ..WISH };
        each_single_datagram(server, &wish, &proof, &config, true);
    }
}

#[test]
fn openssl_without_any_one_datagram() {
    each_single_datagram_with_certificates(Server::OpenSsl);
}

#[test]
fn gnutls_without_any_one_datagram() {
    each_single_datagram_with_certificates(Server::GnuTls);
}

#[test]
fn mbedtls_2_28_without_any_one_datagram() {
    each_single_datagram_with_certificates(Server::Mbed2);
}

#[test]
fn mbedtls_3_6_without_any_one_datagram() {
    each_single_datagram_with_certificates(Server::Mbed3);
}

/// The protected records of the handshake already carry connection ids.
#[test]
fn pre_shared_keys_and_connection_ids_without_any_one_datagram() {
    let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    let wish = Wish { connection_id: Some("c0ffee"), cookies: true, ..WISH };
    let config = || pre_shared_key().connection_id(b"own").unwrap();
    for resumed in [false, true] {
        each_single_datagram(Server::Mbed3, &wish, &proof, &config, resumed);
    }
}

/// Flights of more than twenty datagrams, of which some are lost each time.
#[test]
fn many_fragments_with_a_fifth_lost() {
    let (root, leaf) = rsa();
    let wish = Wish { mtu: Some(300), ..WISH };
    for server in Server::ALL {
        in_parallel(seeds().div_ceil(2) as usize, MAX_PARALLEL, |seed| {
            let peer = wish.start(server, &Proof::Certificate(&leaf, &[]));
            let config = certificates(&root).mtu(256);
            let what = format!("{server:?} in fragments, seed {seed}");
            assert_gets_through(config, &peer, false, by_seed(seed as u64, LOST_PERCENT), &what);
        });
    }
}

/// The timeouts of RFC 6347, section 4.2.4.1: one second, doubled each time, up to 60.
#[test]
fn a_server_that_never_answers() {
    let at = iot_coap_dtls::Instant::from_millis;
    let mut client = Client::new(pre_shared_key(), SystemRandom::default(), at(0)).unwrap();
    let mut buffer = [0; 2048];
    let mut sent = Vec::new();
    let mut last = Vec::new();
    let mut now = 0;
    while now < Duration::from_secs(400).as_millis() as u64 {
        while let Some(len) = client.poll_transmit(&mut buffer) {
            sent.push(now / 1000);
            // The same flight each time, in a new record.
            let message = buffer[13..len].to_vec();
            assert!(last.is_empty() || last == message);
            last = message;
        }
        now = client.next_timeout().unwrap().as_millis();
        assert_eq!(client.handle_timeout(at(now - 1)), Ok(()));
        assert!(client.poll_transmit(&mut buffer).is_none(), "too early");
        client.handle_timeout(at(now)).unwrap();
    }
    assert_eq!(sent, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
}
