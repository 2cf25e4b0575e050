//! Hazard: a fifth of the datagrams of a handshake is lost between the server and clients that
//! nobody here wrote, each with timers of its own.
//!
//! They double their timers up to a minute, so the loss ends before these are long: then a
//! client that does not get through has met a server that is stuck.
//!
//! `DTLS_LOSS_SEEDS` sets the number of handshakes with each client; 4 by default.

use std::net::SocketAddr;
use std::time::Duration;

use iot_coap_test_support::certificates::ecdsa;
use iot_coap_test_support::dtls::PSK;
use iot_coap_test_support::network::{Fate, Proxy, by_seed};
use iot_coap_test_support::served::clients::{ForeignClient, Libcoap, MbedTls, Trust};
use iot_coap_test_support::served::signing::with_identity;
use iot_coap_test_support::served::socket::SocketServer;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};

use super::libcoap::in_capitals;

const LOST_PERCENT: u64 = 20;
/// So many datagrams of each direction are lost, repeated or late by lot. A handshake takes
/// three to seven of each if nothing is lost.
const LOSSY: usize = 14;
/// How long a client may take to connect and to get its line back.
const PATIENCE: Duration = Duration::from_secs(100);

const KEY: Trust<'static> = Trust::PreSharedKey(PSK);

/// `exchange` starts a client of the server at an address, which has to get an answer.
fn each_seed(server: impl Fn() -> Endpoint + Sync, exchange: impl Fn(SocketAddr) + Sync) {
    let seeds = std::env::var("DTLS_LOSS_SEEDS").map_or(4, |seeds| seeds.parse().unwrap());
    std::thread::scope(|scope| {
        for seed in 0..seeds {
            let (server, exchange) = (&server, &exchange);
            scope.spawn(move || {
                let server = SocketServer::start(server());
                let mut by_lot = by_seed(seed, LOST_PERCENT);
                let decide = move |to, number| match number {
                    ..LOSSY => by_lot(to, number),
                    _ => Fate::times(1),
                };
                let proxy = Proxy::start(server.address(), decide);
                exchange(proxy.address());
            });
        }
    });
}

fn echoes() -> Endpoint {
    Endpoint::new(pre_shared_key())
}

/// The client's line comes back.
fn line_comes_back(mut client: ForeignClient) {
    client.exchange_through_loss("it is 21.5 degrees", PATIENCE);
}

#[test]
fn openssl() {
    each_seed(echoes, |server| {
        line_comes_back(ForeignClient::openssl(server, &KEY, &["-cipher", "PSK"]));
    });
}

#[test]
fn gnutls() {
    let priority = "NORMAL:-KX-ALL:+PSK:-VERS-ALL:+VERS-DTLS1.2";
    each_seed(echoes, |server| {
        line_comes_back(ForeignClient::gnutls(server, &KEY, priority, &[]));
    });
}

#[test]
fn mbedtls() {
    for version in [MbedTls::V2_28, MbedTls::V3_6] {
        each_seed(echoes, |server| {
            line_comes_back(ForeignClient::mbedtls(version, server, &KEY, &["suites=0xA8"]));
        });
    }
}

/// It gives up after four timeouts in a row. Then another one begins anew, at the same address.
#[test]
fn libcoap() {
    for build in [Libcoap::OpenSsl, Libcoap::GnuTls] {
        each_seed(
            || in_capitals(pre_shared_key()),
            |server| {
                let is_answered = (0..3).any(|_| {
                    let mut client = ForeignClient::libcoap(build, server, &KEY, "it is warm");
                    assert!(client.ends_within(PATIENCE));
                    client.printed().contains("IT IS WARM")
                });
                assert!(is_answered, "{build:?}");
            },
        );
    }
}

#[test]
fn openssl_with_certificates() {
    let (root, identity) = ecdsa();
    let pem = root.pem();
    let trust = Trust::Root(&pem);
    each_seed(
        || Endpoint::new(with_identity(pre_shared_key(), &identity, &[]).mtu(400)),
        |server| line_comes_back(ForeignClient::openssl(server, &trust, &["-mtu", "400"])),
    );
}
