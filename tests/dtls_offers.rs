//! Hazard: a device offers weak ciphers to a server that knows better, or is cut off from one
//! that does not, or pays for it with each connection.

use std::ffi::{c_char, c_int, c_uint};
use std::sync::OnceLock;
use std::time::Duration;

use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged, was_logged};
use iot_coap_test_library::trust;
use iot_coap_test_support::certificates::{self, Identity};
use iot_coap_test_support::hellos::offered_in;
use iot_coap_test_support::network::{Fate, Proxy};
use iot_coap_test_support::peers::echo::{self, Manner};
use iot_coap_test_support::peers::servers::{Server, Suite, Wish};
use iot_coap_test_support::peers::{Peer, Proof};
use iot_coap_test_support::waiting::timed;

const IDENTITY: &str = "sensor-7";
const PSK: &[u8] = b"0123456789abcdef";
const STRONG: &[u16] = &[0xc02b, 0xc02f, 0xc0ae];
const FOR_OLD_SERVERS: [u16; 8] = [0xc023, 0xc027, 0xc009, 0xc013, 0x003c, 0x003d, 0x002f, 0x0035];
const STRONG_PSK: &[u16] = &[0x00a8, 0xc0a8];

/// A key for the server at this address, which certificates name `localhost`.
#[unsafe(no_mangle)]
extern "C" fn HAL_DTLSSession_psk(
    host: *const c_char,
    identity: *mut u8,
    identity_len: *mut c_uint,
    key: *mut u8,
    key_len: *mut c_uint,
) -> c_int {
    // SAFETY: what the function's documentation promises; there is room for both.
    unsafe {
        if std::ffi::CStr::from_ptr(host) != c"127.0.0.1" {
            return -1;
        }
        identity.copy_from_nonoverlapping(IDENTITY.as_ptr(), IDENTITY.len());
        *identity_len = IDENTITY.len() as c_uint;
        key.copy_from_nonoverlapping(PSK.as_ptr(), PSK.len());
        *key_len = PSK.len() as c_uint;
    }
    0
}

/// A root that `iotx_coap_get_ca` returns, and a server's certificate.
fn identities() -> &'static (Identity, Identity) {
    static MADE: OnceLock<(Identity, Identity)> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = certificates::rsa();
        trust::set(&made.0.pem());
        made
    })
}

/// What is offered, hello by hello.
fn offers(network: &Proxy) -> Vec<Vec<u16>> {
    network.from_client().iter().filter_map(|datagram| offered_in(datagram)).collect()
}

fn is_strong(offer: &[u16]) -> bool {
    offer == STRONG || offer == STRONG_PSK
}

fn everything(server: std::net::SocketAddr) -> Proxy {
    Proxy::start(server, |_, _| Fate::ARRIVES)
}

fn old_openssl(identity: &Identity, resumes: bool) -> echo::Server {
    echo::Server::start(
        identity,
        &Manner { ciphers: "AES128-SHA256", resumes, ..Manner::default() },
    )
}

#[test]
fn a_server_that_knows_better_is_never_offered_less() {
    collect();
    let (_, leaf) = identities();
    let server = echo::Server::start(leaf, &Manner::default());
    let network = everything(server.address());
    for _ in 0..2 {
        let client = Client::init(&format!("coaps://localhost:{}", network.port()), 500);
        drop(client.unwrap_or_else(|| panic!("{}", logged())));
    }
    let offers = offers(&network);
    assert!(offers.len() >= 2 && offers.iter().all(|offer| is_strong(offer)), "{offers:x?}");
}

/// Connects twice by `IOT_CoAP_Init` alone: the first time costs a few round trips more. What
/// was offered with the second connection comes back.
fn assert_reached(network: &Proxy, host: &str) -> Vec<Vec<u16>> {
    let url = format!("coaps://{host}:{}", network.port());
    let (client, took) = timed(|| Client::init(&url, 500));
    drop(client.unwrap_or_else(|| panic!("{}", logged())));
    assert!(took < Duration::from_secs(1), "{took:?}");
    let first = offers(network);
    assert!(is_strong(&first[0]) && !is_strong(first.last().unwrap()), "{first:x?}");
    assert!(was_logged(&["Warning", "refused or not answered"]), "{}", logged());
    drop(Client::init(&url, 500).unwrap_or_else(|| panic!("{}", logged())));
    offers(network).split_off(first.len())
}

#[test]
fn an_old_server_is_reached_and_remembered() {
    collect();
    let (_, leaf) = identities();
    let all = [STRONG, &FOR_OLD_SERVERS].concat();
    let server = old_openssl(leaf, false);
    let again = assert_reached(&everything(server.address()), "localhost");
    assert!(!again.is_empty() && again.iter().all(|offer| *offer == all), "{again:x?}");
    for server in [Server::OpenSsl, Server::Mbed2, Server::Mbed3] {
        for cookies in [false, true] {
            for suite in [Suite::ECDHE_RSA_CBC, Suite::RSA_CBC[0]] {
                let wish = Wish { cookies, ..Wish::only(suite) };
                let peer = wish.start(server, &Proof::Certificate(leaf, &[]));
                let again = assert_reached(&everything(peer.address()), "localhost");
                assert!(again.iter().all(|offer| *offer == all), "{server:?} {again:x?}");
            }
            let wish = Wish { cookies, ..Wish::only(Suite::PSK_CBC) };
            let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
            let peer = wish.start(server, &proof);
            let again = assert_reached(&everything(peer.address()), "127.0.0.1");
            let all = [STRONG_PSK, &[0x008c]].concat();
            assert!(again.iter().all(|offer| *offer == all), "{server:?} {again:x?}");
        }
    }
}

/// GnuTLS's server. It has half of the time that a connection may take.
#[test]
fn an_old_server_that_refuses_without_a_word_is_reached() {
    let (root, leaf) = identities();
    let proof = Proof::Certificate(leaf, &[]);
    for cookies in [false, true] {
        collect();
        let wish = Wish { cookies, ..Wish::only(Suite::RSA_CBC[0]) };
        let peer: Peer = wish.start(Server::GnuTls, &proof);
        let network = everything(peer.address());
        let connect = || {
            let url = format!("coaps://localhost:{}", network.port());
            let limit = |options: &mut iot_coap::iotx_coap_options_t| {
                options.connect_limit_ms = 4000;
            };
            timed(|| Client::init_trusting(&url, 500, &root.pem(), limit))
        };
        let (client, took) = connect();
        drop(client.unwrap_or_else(|| panic!("{}", logged())));
        assert!((2..4).contains(&took.as_secs()), "{took:?}");
        assert!(was_logged(&["Warning", "refused or not answered"]), "{}", logged());
        let (client, took) = connect();
        assert!(client.is_some() && took < Duration::from_secs(1), "{took:?}");
    }
}

/// It may have been renewed. And one that was, is offered less at once.
#[test]
fn an_old_server_is_not_held_to_be_old_for_ever() {
    collect();
    let (_, leaf) = identities();
    let server = old_openssl(leaf, false);
    let network = everything(server.address());
    let url = format!("coaps://localhost:{}", network.port());
    let mut strong_first = Vec::new();
    for _ in 0..18 {
        let before = offers(&network).len();
        drop(Client::init(&url, 500).unwrap_or_else(|| panic!("{}", logged())));
        strong_first.push(is_strong(&offers(&network)[before]));
    }
    let expected: Vec<bool> = (0..18).map(|handshake| handshake % 17 == 0).collect();
    assert_eq!(strong_first, expected);
}

#[test]
fn a_session_of_an_old_server_is_resumed() {
    collect();
    let (_, leaf) = identities();
    let server = old_openssl(leaf, true);
    let url = format!("coaps://localhost:{}", server.port());
    for _ in 0..3 {
        drop(Client::init(&url, 500).unwrap_or_else(|| panic!("{}", logged())));
    }
    assert!(server.sees_goodbyes(3));
    assert_eq!((server.handshakes(), server.resumed()), (3, 2));
}

/// Where static RSA is ruled out, nothing is offered twice.
#[test]
fn the_option_turns_the_second_offer_off() {
    collect();
    let (root, leaf) = identities();
    for suite in [Suite::ECDHE_RSA_CBC, Suite::RSA_CBC[0]] {
        let peer = Wish::only(suite).start(Server::Mbed2, &Proof::Certificate(leaf, &[]));
        let network = everything(peer.address());
        let url = format!("coaps://localhost:{}", network.port());
        let client = Client::init_trusting(&url, 500, &root.pem(), |options| {
            options.refuse_static_rsa = 1;
        });
        assert!(client.is_none());
        assert!(was_logged(&["no cipher in common"]), "{}", logged());
        let offers = offers(&network);
        assert!(offers.iter().all(|offer| offer == STRONG), "{offers:x?}");
    }
    // Of a key that both sides know it says nothing.
    let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    let peer = Wish::only(Suite::PSK_CBC).start(Server::Mbed2, &proof);
    let url = format!("coaps://127.0.0.1:{}", peer.address().port());
    let client = Client::init_trusting(&url, 500, "", |options| options.refuse_static_rsa = 1);
    assert!(client.is_some(), "{}", logged());
}
