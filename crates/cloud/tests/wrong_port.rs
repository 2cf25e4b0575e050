//! Hazard: a program speaks CoAP to the port of DTLS, or DTLS to another, waits for an answer in
//! vain, and the log does not say so; or a flood of such datagrams is one of lines.

use coap_lite::Packet;
use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_cloud::*;
use iot_coap_test_support::served::scripted_client::ScriptedClient;

/// What came to the wrong port, and what to do about it.
fn told(cloud: &Cloud) -> Vec<(Transport, String, String)> {
    let told = |event| match event {
        Event::WrongPort { transport, what, remedy, .. } => Some((transport, what, remedy)),
        _ => None,
    };
    cloud.events().into_iter().filter_map(told).collect()
}

/// A CoAP ping over the port of `coap://` is answered: what was sent before has been read.
fn wait(cloud: &Cloud) {
    let socket = socket_to(cloud.address(Transport::Udp));
    socket.send(&[0x40, 0, 0, 9]).expect("sent");
    assert_eq!(socket.recv(&mut [0; 16]).expect("a pong"), 4);
    // Sockets are read in any order; this one has been read since.
    let tls = socket_to(cloud.address(Transport::Dtls));
    let mark = cloud.event_count();
    tls.send(b"neither of them").expect("sent");
    let garbage = |event: &Event| {
        matches!(event, Event::Malformed { transport: Transport::Dtls, reason, .. }
            if reason == "no record of DTLS")
    };
    cloud.wait_for_since(mark, PATIENCE, garbage).expect("it is told");
}

fn sign_in(cloud: &Cloud) -> Packet {
    TestDevice::over(cloud, Transport::Udp).auth("hmacmd5", &[])
}

#[test]
fn coap_at_the_port_of_dtls_is_told_once_for_each_peer_with_where_to_go() {
    let cloud = cloud();
    let request = sign_in(&cloud).to_bytes().expect("encoded");
    let dtls = cloud.address(Transport::Dtls);
    let peers = [socket_to(dtls), socket_to(dtls)];
    for socket in &peers {
        for _ in 0..5 {
            socket.send(&request).expect("sent");
        }
    }
    wait(&cloud);
    let told = told(&cloud);
    assert_eq!(told.len(), peers.len(), "{told:?}");
    let remedy = format!(
        "this is the port of coaps://; use {} or {}",
        cloud.url(Transport::Udp),
        cloud.url(Transport::Symmetric)
    );
    for each in told {
        assert_eq!(each, (Transport::Dtls, "CoAP without DTLS".into(), remedy.clone()));
    }
}

#[test]
fn dtls_at_another_port_is_told_once_and_is_not_malformed() {
    let cloud = cloud();
    let hello = ScriptedClient::default().hello();
    for transport in [Transport::Udp, Transport::Symmetric] {
        let socket = socket_to(cloud.address(transport));
        for _ in 0..5 {
            socket.send(&hello).expect("sent");
        }
        let remedy = |event: &Event| match event {
            Event::WrongPort { transport: of, what, remedy, .. } => {
                *of == transport && what == "a DTLS record" && remedy.contains("coaps://127.0.0.1:")
            }
            _ => false,
        };
        cloud.wait_for(PATIENCE, remedy).expect("it is told");
        // The same socket still serves whoever speaks its language.
        socket.send(&[0x40, 0, 0, 9]).expect("sent");
        assert_eq!(socket.recv(&mut [0; 16]).expect("a pong"), 4);
    }
    assert_eq!(told(&cloud).len(), 2);
    assert!(!cloud.events().iter().any(|event| matches!(event, Event::Malformed { .. })));
}

#[test]
fn where_nothing_else_is_served_the_option_is_named() {
    let cloud = start(Config { dtls_port: None, symmetric_port: None, ..Config::default() });
    let socket = socket_to(cloud.address(Transport::Udp));
    socket.send(&ScriptedClient::default().hello()).expect("sent");
    let told = cloud.wait_for(PATIENCE, |event| matches!(event, Event::WrongPort { .. }));
    let Some(Event::WrongPort { remedy, .. }) = told else { panic!("it is told") };
    assert!(remedy.contains("--dtls-port"), "{remedy}");
}
