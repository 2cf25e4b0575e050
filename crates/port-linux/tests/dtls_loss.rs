//! Hazards of the network during a handshake: every single datagram lost once,
//! every datagram twice, a peer that never answers.
#![cfg(feature = "_session")]

mod common;

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use common::hal::Dtls;
use common::{collect_log, logged, was_logged};
use iot_coap_test_support::certificates::{GOOD, Identity, leaf, root, rsa_key};
use iot_coap_test_support::network::{Direction, Fate, Proxy};
use iot_coap_test_support::peers::echo::{Manner, Server};
use iot_coap_test_support::waiting::timed;
use openssl::hash::MessageDigest;

/// A handshake has no more datagrams in one direction.
const MOST_DATAGRAMS: usize = 5;

fn identity() -> (Identity, String) {
    let root = root(rsa_key(), MessageDigest::sha256());
    (leaf(&root, rsa_key(), &GOOD), root.pem())
}

/// One exchange through a proxy; what the client sends is retried, as CoAP
/// does.
fn assert_exchange(port: u16, authorities: &str, what: &str) {
    let (session, took) = timed(|| Dtls::create("localhost", port, authorities));
    let session = session.unwrap_or_else(|| panic!("{what}: {}", logged()));
    assert!(took < Duration::from_secs(20), "{what} took {took:?}");
    let answered = (0..5).any(|_| {
        assert_eq!(session.write(b"through").0, 0);
        session.read(1500).as_deref() == Ok(b"through")
    });
    assert!(answered, "{what}: {}", logged());
}

#[test]
fn any_single_datagram_may_be_lost() {
    collect_log();
    let (server, authorities) = identity();
    thread::scope(|scope| {
        for direction in [Direction::ToServer, Direction::ToClient] {
            for lost in 0..MOST_DATAGRAMS {
                let (server, authorities) = (&server, &authorities);
                scope.spawn(move || {
                    let server = Server::start(server, &Manner::default());
                    let proxy = Proxy::start(server.address(), move |to, number| {
                        Fate::times(usize::from((to, number) != (direction, lost)))
                    });
                    let what = format!("without datagram {lost} {direction:?}");
                    assert_exchange(proxy.port(), authorities, &what);
                });
            }
        }
    });
}

#[test]
fn any_single_datagram_of_a_resumption_may_be_lost() {
    collect_log();
    let (server, authorities) = identity();
    thread::scope(|scope| {
        for direction in [Direction::ToServer, Direction::ToClient] {
            for lost in 0..3 {
                let (server, authorities) = (&server, &authorities);
                scope.spawn(move || {
                    let server = Server::start(server, &Manner::default());
                    // Two clients come through the same proxy, hence the same
                    // host and port; the fault waits for the second.
                    let second = std::sync::Arc::new(std::sync::Mutex::new(None));
                    let proxy = Proxy::start(server.address(), {
                        let second = second.clone();
                        let mut seen = [0_usize; 2];
                        move |to, _| {
                            if second.lock().unwrap().is_none() {
                                return Fate::ARRIVES;
                            }
                            let seen = &mut seen[usize::from(to == Direction::ToServer)];
                            *seen += 1;
                            Fate::times(usize::from(!(to == direction && *seen == lost + 1)))
                        }
                    });
                    let what = format!("resumed without datagram {lost} {direction:?}");
                    Dtls::create("localhost", proxy.port(), authorities)
                        .unwrap_or_else(|| panic!("{}", logged()))
                        .assert_echo(b"full");
                    assert!(server.sees_goodbyes(1));
                    *second.lock().unwrap() = Some(());
                    assert_exchange(proxy.port(), authorities, &what);
                    assert_eq!(server.resumed(), 1, "{what}");
                });
            }
        }
    });
}

#[test]
fn duplicates_change_nothing() {
    collect_log();
    let (server, authorities) = identity();
    let server = Server::start(&server, &Manner::default());
    let proxy = Proxy::start(server.address(), |_, _| Fate::times(2));
    assert_exchange(proxy.port(), &authorities, "every datagram twice");
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    collect_log();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let (_, authorities) = identity();
    let (session, took) = timed(|| Dtls::create("localhost", port, &authorities));
    assert!(session.is_none());
    assert!((29..33).contains(&took.as_secs()), "took {took:?}");
    assert!(was_logged(&["localhost", &port.to_string(), "timed out"]), "{}", logged());
    // The first flight was sent again after 1, 2, 4 and 8 seconds.
    silent.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    let mut sent = Vec::new();
    while let Ok(len) = silent.recv(&mut buffer) {
        sent.push(len);
    }
    assert!((5..=6).contains(&sent.len()), "{sent:?}");
    assert!(sent.iter().all(|len| *len < 1232));
}
