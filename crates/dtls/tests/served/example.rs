//! `examples/dtls_server.rs` serves, and the README shows it as it is.

use std::net::UdpSocket;
use std::sync::Arc;

use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{self, PSK};
use iot_coap_test_support::served::clients::{ForeignClient, Trust};
use iot_coap_test_support::served::pre_shared_key;

#[allow(dead_code, reason = "elsewhere it is a program of its own")]
#[path = "../../examples/dtls_server.rs"]
mod dtls_server;

#[test]
fn the_example_serves_several_clients() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // It serves until the process ends.
    std::thread::spawn(move || {
        let ended = dtls_server::serve(&socket, &Arc::new(pre_shared_key()));
        panic!("{ended:?}");
    });
    let key = Trust::PreSharedKey(PSK);
    let mut foreign = ForeignClient::openssl(address, &key, &["-cipher", "PSK-AES128-GCM-SHA256"]);
    foreign.exchange("it is 21.5 degrees");
    let mut link = Link::connect(dtls::pre_shared_key(), address).unwrap();
    assert_eq!(link.exchange(b"and 21.6 here"), b"and 21.6 here");
    foreign.exchange("still 21.5 degrees");
    link.close();
}

#[test]
fn the_readme_shows_the_example() {
    const EXAMPLE: &str = include_str!("../../examples/dtls_server.rs");
    let code = &EXAMPLE[EXAMPLE.find("use std").unwrap()..].replace("pub(crate) ", "");
    assert!(include_str!("../../README.md").contains(code), "put into the README:\n{code}");
}
