//! Hazards of the way to the cloud: a name with an address that is dead, a name that moves,
//! an address of the device's own that changes. Every transport heals.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::Command;

use iot_coap_client::Duration;
use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};
use iot_coap_test_support::network::{Conditions, Fate, Proxy, SimulatedLink};

/// A cloud at 127.0.0.1 and 127.0.0.3, on the same ports.
fn cloud_at_two_addresses() -> Cloud {
    let bind = [1, 3].map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    for _ in 0..20 {
        // Free at one address, and most probably at the other.
        let sockets = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        let [udp, dtls, symmetric] =
            sockets.map(|socket| socket.local_addr().expect("it is bound").port());
        let started = Cloud::start(Config {
            bind: bind.into(),
            udp_port: Some(udp),
            dtls_port: Some(dtls),
            symmetric_port: Some(symmetric),
            ..Config::default()
        });
        if let Ok(cloud) = started {
            return cloud;
        }
    }
    panic!("no port is free at both addresses");
}

fn heals(kinds: &[&str]) {
    let cloud = cloud_at_two_addresses();
    let program = compile("healing.c", Linkage::Static, Language::C89);
    for transport in [Transport::Udp, Transport::Symmetric, Transport::Dtls] {
        for kind in kinds {
            let port = cloud.address(transport).port().to_string();
            eprintln!("{transport:?}, {kind}");
            let mut healing = Command::new(&program);
            succeed(healing.arg(transport.scheme()).arg(port).arg(cloud.root_path()).arg(kind));
        }
    }
}

#[test]
fn the_next_address_is_tried_where_the_first_is_dead() {
    heals(&["refused-first", "other-family", "silent-first"]);
}

#[test]
fn a_name_that_moves_is_looked_up_again() {
    heals(&["moved", "moved-non"]);
}

#[test]
fn another_address_of_the_device_costs_no_message() {
    heals(&["redial"]);
}

/// On a clock that runs ten times as fast, the round trip is 18 s.
#[test]
fn a_session_over_a_slow_link_is_waited_for() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let program = compile("healing.c", Linkage::Static, Language::C89);
    for transport in [Transport::Udp, Transport::Dtls] {
        let slow = Conditions::delayed(Duration::from_millis(900));
        let link = SimulatedLink::new(slow, slow, 1, |_, _| Fate::ARRIVES);
        let network = Proxy::over(cloud.address(transport), link);
        let mut healing = Command::new(&program);
        healing.args([transport.scheme(), &network.port().to_string()]);
        succeed(healing.arg(cloud.root_path()).arg("slow"));
    }
    let is_opened = |event: &&Event| matches!(event, Event::DtlsOpened { .. });
    assert_eq!(cloud.events().iter().filter(is_opened).count(), 1, "no session was given up");
}
