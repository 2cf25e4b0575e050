//! The simulated link between real sockets: what passes takes the time that the model says,
//! and at least that by the machine's clock.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use iot_coap_test_support::network::{
    Conditions, Direction, Fate, HEADERS, Proxy, SimulatedLink, losing,
};

/// Sends back what it gets, as often as it is told.
fn echoes(times: usize) -> std::net::SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        for _ in 0..times {
            let (len, from) = socket.recv_from(&mut buffer).expect("a datagram");
            socket.send_to(&buffer[..len], from).expect("it is sent");
        }
    });
    address
}

fn client(proxy: &Proxy) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(proxy.address()).expect("it can be connected");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
    socket
}

fn round_trip(socket: &UdpSocket, datagram: &[u8]) -> Duration {
    let start = Instant::now();
    socket.send(datagram).expect("it is sent");
    let mut buffer = [0; 2048];
    let len = socket.recv(&mut buffer).expect("it comes back");
    assert_eq!(buffer[..len], *datagram);
    start.elapsed()
}

/// 97 bytes and 28 of headers at 10 kbit/s are 100 ms; with 50 ms of delay there, and back
/// without a limit, that is 200 ms.
#[test]
fn delay_and_bandwidth_are_those_of_the_model() {
    assert_eq!(97 + HEADERS, 125);
    let delayed = Conditions::delayed(iot_coap_time::Duration::from_millis(50));
    let slow = Conditions { bits_per_second: Some(10_000), ..delayed };
    let link = SimulatedLink::new(slow, delayed, 0, |_, _| Fate::ARRIVES);
    let proxy = Proxy::over(echoes(1), link);
    let took = round_trip(&client(&proxy), &[7; 97]);
    // Milliseconds are cut off twice.
    assert!(took >= Duration::from_millis(198), "{took:?}");
    let passed = proxy.passed();
    let there = passed[0].arrival.expect("it arrived") - passed[0].at;
    let back = passed[1].arrival.expect("it arrived") - passed[1].at;
    assert_eq!((there.as_millis(), back.as_millis()), (150, 50));
}

#[test]
fn a_link_can_be_changed_under_a_client() {
    let proxy = Proxy::start(echoes(2), losing(Direction::ToServer, [0]));
    let client = client(&proxy);
    client.send(b"lost").expect("it is sent");
    assert!(round_trip(&client, b"first") < Duration::from_secs(10));
    assert_eq!(proxy.seen(), [2, 1]);
    proxy.change(SimulatedLink::ideal(|_, _| Fate::ARRIVES));
    round_trip(&client, b"second");
    assert_eq!(proxy.seen(), [1, 1]);
    assert_eq!(proxy.from_client(), [b"second"]);
}
