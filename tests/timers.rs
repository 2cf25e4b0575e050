//! What a program says of its network, and what was learned of it, reaches the timers of
//! messages and of handshakes.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged};
use iot_coap_test_support::network::{Conditions, Direction, Fate, Proxy, SimulatedLink};
use iot_coap_test_support::scripted::messages::{CLIENT_HELLO, HANDSHAKE};
use iot_coap_test_support::waiting::becomes_so;

/// By how much what is seen of a timer may differ from it: either of two datagrams may be late.
const LATE: u64 = 700;

fn start() -> Cloud {
    collect();
    Cloud::start(Config::default()).expect("the local cloud starts")
}

fn is_hello(datagram: &[u8]) -> bool {
    datagram[0] == HANDSHAKE && datagram.get(13) == Some(&CLIENT_HELLO)
}

/// When the client sent the datagrams that are so, in milliseconds.
fn times(network: &Proxy, is_so: impl Fn(&[u8]) -> bool) -> Vec<u64> {
    let passed = network.passed().into_iter();
    let fits = passed.filter(|one| one.direction == Direction::ToServer && is_so(&one.datagram));
    fits.map(|one| one.at.as_millis()).collect()
}

/// Yields until there are two times; returns how far they are apart.
fn apart(client: &Client, times: impl Fn() -> Vec<u64>) -> u64 {
    let start = Instant::now();
    loop {
        let times = times();
        if let [first, second, ..] = times[..] {
            return second - first;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{times:?}: {}", logged());
        assert_eq!(client.yield_once(), 0);
    }
}

#[test]
fn a_handshake_starts_with_the_time_out_of_the_option() {
    collect();
    let root = iot_coap_test_support::certificates::ecdsa().0.pem();
    thread::scope(|scope| {
        for (ack_timeout_ms, expected) in [(0, 1000), (3000, 3000)] {
            let root = &root;
            scope.spawn(move || {
                let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                let network =
                    Proxy::start(silent.local_addr().expect("bound"), |_, _| Fate::ARRIVES);
                let url = format!("coaps://127.0.0.1:{}", network.port());
                let client = Client::init_trusting(&url, 200, root, |options| {
                    (options.ack_timeout_ms, options.connect_limit_ms) = (ack_timeout_ms, 8000);
                });
                assert!(client.is_none());
                let times = times(&network, is_hello);
                let second = times[1] - times[0];
                assert!(second.abs_diff(expected) < LATE, "{times:?}");
            });
        }
    });
}

#[test]
fn a_message_starts_with_the_time_out_of_the_option() {
    let cloud = start();
    thread::scope(|scope| {
        for (ack_timeout_ms, expected) in [(0, 2000), (6000, 6000)] {
            let cloud = &cloud;
            scope.spawn(move || {
                let network = Proxy::start(cloud.address(Transport::Udp), |_, _| Fate::ARRIVES);
                let url = format!("coap://127.0.0.1:{}", network.port());
                let client = Client::init_trusting(&url, 200, cloud.root_pem(), |options| {
                    options.ack_timeout_ms = ack_timeout_ms;
                });
                let client = client.unwrap_or_else(|| panic!("{}", logged()));
                assert_eq!(client.sign_in(), 0, "{}", logged());
                network.change(SimulatedLink::ideal(|_, _| Fate::LOST));
                assert_eq!(client.confirm(0), 0);
                let second = apart(&client, || times(&network, |_| true));
                // A factor of up to 1.5 is drawn.
                assert!((expected - LATE..expected * 3 / 2 + LATE).contains(&second), "{second}");
            });
        }
    });
}

/// The network is as slow for the next handshake as it was for messages.
#[test]
fn a_later_handshake_starts_with_what_was_learned() {
    let cloud = start();
    let is_gone = Arc::new(AtomicBool::new(false));
    let slow = Conditions::delayed(iot_coap_client::Duration::from_millis(700));
    let link = SimulatedLink::new(slow, slow, 1, {
        let is_gone = Arc::clone(&is_gone);
        move |_, _| Fate::times(usize::from(!is_gone.load(Ordering::SeqCst)))
    });
    let network = Proxy::over(cloud.address(Transport::Dtls), link);
    let url = format!("coaps://127.0.0.1:{}", network.port());
    let client = Client::init_trusting(&url, 200, cloud.root_pem(), |_| {});
    let client = client.unwrap_or_else(|| panic!("{}", logged()));
    assert_eq!(client.sign_in(), 0, "{}", logged());
    let before = network.passed().len();
    assert_eq!(cloud.close_dtls_sessions(), 1);
    assert!(becomes_so(|| network.passed().len() > before), "the goodbye is on its way");
    is_gone.store(true, Ordering::SeqCst);
    let before = times(&network, is_hello).len();
    assert_eq!(client.confirm(0), 0);
    let apart = apart(&client, || times(&network, is_hello).split_off(before));
    // Of a network where nothing was learned it is 1 s; here it is above ACK_TIMEOUT.
    assert!(apart > 2000, "{apart}");
}

#[test]
fn no_more_messages_are_in_flight_than_the_option_says() {
    let cloud = start();
    for max_in_flight in [0, 1] {
        let network = Proxy::start(cloud.address(Transport::Udp), |_, _| Fate::ARRIVES);
        let url = format!("coap://127.0.0.1:{}", network.port());
        let client = Client::init_trusting(&url, 200, cloud.root_pem(), |options| {
            options.max_in_flight = max_in_flight;
        });
        let client = client.unwrap_or_else(|| panic!("{}", logged()));
        assert_eq!(client.sign_in(), 0, "{}", logged());
        network.change(SimulatedLink::ideal(|_, _| Fate::ARRIVES));
        for message in 0..3 {
            assert_eq!(client.confirm(message), 0);
        }
        if max_in_flight == 0 {
            assert!(becomes_so(|| network.from_client().len() == 3), "all go at once");
        }
        client.await_answers(3, Duration::from_secs(5));
        let directions = network.passed().into_iter().map(|one| one.direction);
        let directions: Vec<_> = directions.collect();
        let in_turn = [Direction::ToServer, Direction::ToClient].repeat(3);
        assert!(max_in_flight == 0 || directions == in_turn, "{directions:?}");
    }
}
