//! Hosts other than the tests' own, as far as a server on this machine can tell: each address
//! of 127.0.0.0/8 is one.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use iot_coap_cloud::{Cloud, Transport};
use iot_coap_test_support::served::scripted_client::ScriptedClient;

use super::{Link, PATIENCE, SILENCE, TestDevice};

/// A socket of 127.0.0.`last`.
pub fn host(last: u8, server: SocketAddr) -> UdpSocket {
    host_at(Ipv4Addr::new(127, 0, 0, last), server)
}

/// A socket of this address.
pub fn host_at(address: Ipv4Addr, server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).expect("a loopback address");
    socket.connect(server).expect("loopback connects");
    socket.set_read_timeout(Some(SILENCE)).expect("not zero");
    socket
}

/// A device at 127.0.0.`last`, over plain UDP or in the symmetric mode.
pub fn device_at(last: u8, cloud: &Cloud, transport: Transport) -> TestDevice {
    TestDevice::new(Link::Udp(host(last, cloud.address(transport))))
}

/// A client that has its cookie at this socket, and has not shown it yet.
pub fn with_cookie(socket: &UdpSocket, random: u32) -> ScriptedClient {
    let mut client = ScriptedClient::default();
    client.random[..4].copy_from_slice(&random.to_be_bytes());
    let mut buffer = [0; 2_048];
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "a cookie comes");
        socket.send(&client.hello()).expect("sent");
        // Flights of handshakes before may still be on their way.
        while let Ok(length) = socket.recv(&mut buffer) {
            if buffer[13] == 3 {
                client.read_cookie(&buffer[..length]);
                return client;
            }
        }
    }
}
