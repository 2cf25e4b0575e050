//! Hazards of a handshake that does not get through at first: somebody else speaks in the
//! server's name, the server refuses, is silent or starts late, and the next handshake comes
//! from another port.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged, was_logged};
use iot_coap_test_support::certificates;
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::echo::{Manner, Server};
use iot_coap_test_support::peers::servers::{self, Wish};
use iot_coap_test_support::scripted::messages::{
    ALERT, HANDSHAKE, HELLO_VERIFY_REQUEST, SERVER_HELLO, message, record,
};
use iot_coap_test_support::scripted::{Hello, Suite};
use iot_coap_test_support::waiting::{becomes_so, timed};

/// Stands between clients and a DTLS server, behind which each client has a socket of its own.
/// Ends with the test.
#[derive(Clone)]
struct Relay {
    front: Arc<UdpSocket>,
    server: Arc<Mutex<SocketAddr>>,
    /// Those that have come so far.
    clients: Arc<Mutex<Vec<SocketAddr>>>,
    /// The first ones get these, one each, before the server hears of them.
    forged: Vec<Vec<u8>>,
    /// Of the first ones, so many have nothing else.
    deaf_to: usize,
    /// No alert of the server arrives.
    drops_alerts: bool,
    /// Each gets this before the second datagram of the server.
    before_second: Option<Vec<u8>>,
}

impl Relay {
    fn new(server: SocketAddr) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), server)
    }

    fn at(address: SocketAddr, server: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind(address).expect("nobody has taken it"));
        let server = Arc::new(Mutex::new(server));
        Self {
            front,
            server,
            clients: Arc::default(),
            forged: Vec::new(),
            deaf_to: 0,
            drops_alerts: false,
            before_second: None,
        }
    }

    fn forging(server: SocketAddr, forged: &[Vec<u8>]) -> Self {
        Self { forged: forged.to_vec(), ..Self::new(server) }
    }

    fn url(&self) -> String {
        format!("coaps://localhost:{}", self.front.local_addr().expect("bound").port())
    }

    fn clients(&self) -> Vec<SocketAddr> {
        self.clients.lock().unwrap().clone()
    }

    fn start(&self) {
        let relay = self.clone();
        thread::spawn(move || {
            let mut behind: HashMap<SocketAddr, Option<UdpSocket>> = HashMap::new();
            let mut buffer = [0; 2048];
            while let Ok((len, from)) = relay.front.recv_from(&mut buffer) {
                let back = behind.entry(from).or_insert_with(|| relay.meet(from));
                if let Some(back) = back {
                    let _ = back.send(&buffer[..len]);
                }
            }
        });
    }

    /// The socket to the server of a client that comes; `None` if it has none.
    fn meet(&self, client: SocketAddr) -> Option<UdpSocket> {
        let mut clients = self.clients.lock().unwrap();
        let number = clients.len();
        clients.push(client);
        if let Some(forged) = self.forged.get(number) {
            let _ = self.front.send_to(forged, client);
        }
        if number < self.deaf_to {
            return None;
        }
        let back = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        back.connect(*self.server.lock().unwrap()).expect("loopback is there");
        let (reader, front) = (back.try_clone().expect("a socket"), Arc::clone(&self.front));
        let (before_second, drops_alerts) = (self.before_second.clone(), self.drops_alerts);
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            let mut count = 0;
            while let Ok(len) = reader.recv(&mut buffer) {
                if drops_alerts && buffer[0] == ALERT {
                    continue;
                }
                count += 1;
                if let Some(forged) = before_second.as_ref().filter(|_| count == 2) {
                    let _ = front.send_to(forged, client);
                }
                let _ = front.send_to(&buffer[..len], client);
            }
        });
        Some(back)
    }
}

/// A ServerHello that anybody can send.
fn forged_hello(suite: u16) -> Vec<u8> {
    let hello = Hello { suite, ..Hello::new(Suite::EcdheEcdsaGcm) };
    record(HANDSHAKE, 0, 777, &message(SERVER_HELLO, 0, &hello.body(&[0x66; 32])))
}

/// Anybody can send a refusal (ICMP), and a server that starts sends some.
#[test]
fn one_refusal_does_not_end_a_handshake() {
    collect();
    let (root, leaf) = certificates::ecdsa();
    let server = Server::start(&leaf, &Manner::default());
    // Nobody listens there at first.
    let address = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let address = address.expect("a socket");
    let late = thread::spawn({
        let server = server.address();
        move || {
            thread::sleep(Duration::from_millis(400));
            Relay::at(address, server).start();
        }
    });
    let url = format!("coaps://localhost:{}", address.port());
    let (client, took) = timed(|| Client::init_trusting(&url, 500, &root.pem(), |_| {}));
    assert!(client.is_some(), "{}", logged());
    assert!(becomes_so(|| server.handshakes() == 1), "{}", logged());
    late.join().expect("the relay starts");
    assert!(took < Duration::from_secs(3), "{took:?}: {}", logged());
    assert!(was_logged(&["the handshake goes on after an error"]), "{}", logged());
}

/// A ServerHello with a suite that no client offers ends a handshake. Somebody else may have
/// sent it, so the next one begins at once.
#[test]
fn a_forged_answer_does_not_end_a_connection_but_two_do() {
    let (root, leaf) = certificates::ecdsa();
    for times in 1..=2 {
        collect();
        let server = Server::start(&leaf, &Manner::default());
        let relay = Relay::forging(server.address(), &vec![forged_hello(0xabcd); times]);
        relay.start();
        let (client, took) =
            timed(|| Client::init_trusting(&relay.url(), 500, &root.pem(), |_| {}));
        assert_eq!(client.is_some(), times == 1, "{}", logged());
        assert_eq!(relay.clients().len(), 2, "from two ports: {}", logged());
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(was_logged(&["the peer chose a cipher suite that was not offered"]));
    }
}

/// After the cookie, a refusal of somebody else comes just before the server's answer. Servers
/// that talk to one client at a time would not hear of another handshake.
#[test]
fn a_forged_refusal_changes_nothing() {
    let (root, leaf) = certificates::rsa();
    let wish = Wish { cookies: true, ..Wish::default() };
    for server in servers::Server::ALL {
        for alert in [40, 71] {
            collect();
            let peer = wish.start(server, &Proof::Certificate(&leaf, &[]));
            let before_second = Some(record(ALERT, 0, 555, &[2, alert]));
            let relay = Relay { before_second, ..Relay::new(peer.address()) };
            relay.start();
            let (client, took) =
                timed(|| Client::init_trusting(&relay.url(), 500, &root.pem(), |_| {}));
            assert!(client.is_some(), "{server:?}: {}", logged());
            assert_eq!(relay.clients().len(), 1, "{server:?}: {}", logged());
            assert!(took < Duration::from_secs(1), "{server:?} {took:?}");
        }
    }
}

/// One server that says nothing of what it refuses, and somebody who answers in its place.
#[test]
fn a_forged_answer_does_not_keep_a_client_from_an_old_server() {
    collect();
    let (root, leaf) = certificates::rsa();
    let manner = Manner { ciphers: "AES128-SHA256", ..Manner::default() };
    let server = Server::start(&leaf, &manner);
    let forging = Relay::forging(server.address(), &[forged_hello(0xc02f)]);
    let relay = Relay { drops_alerts: true, ..forging };
    relay.start();
    let limited = |options: &mut iot_coap::iotx_coap_options_t| options.connect_limit_ms = 12_000;
    let client = Client::init_trusting(&relay.url(), 500, &root.pem(), limited);
    assert!(client.is_some(), "{}", logged());
}

/// The server is not the one who says nothing more: it has not heard of this client. Half of
/// the time is left to the next handshake.
#[test]
fn a_handshake_that_gets_stuck_is_begun_anew() {
    collect();
    let (root, leaf) = certificates::ecdsa();
    let server = Server::start(&leaf, &Manner::default());
    let relay = Relay { deaf_to: 1, ..Relay::forging(server.address(), &[forged_hello(0xc02b)]) };
    relay.start();
    let limited = |options: &mut iot_coap::iotx_coap_options_t| {
        (options.connect_limit_ms, options.refuse_static_rsa) = (8000, 1);
    };
    let (client, took) = timed(|| Client::init_trusting(&relay.url(), 500, &root.pem(), limited));
    assert!(client.is_some(), "{}", logged());
    assert_eq!(relay.clients().len(), 2, "{}", logged());
    assert!((4000..8000).contains(&took.as_millis()), "{took:?}");
    assert!(was_logged(&["Warning", "the server does not go on"]), "{}", logged());
}

/// A server that refuses a forged cookie may be deaf to this port for ever after, as one is
/// that calls OpenSSL's SSL_accept.
#[test]
fn a_forged_cookie_does_not_end_a_connection() {
    let (root, leaf) = certificates::ecdsa();
    let body = [&[0xfe, 0xff, 20][..], &[0x5a; 20]].concat();
    let forged = record(HANDSHAKE, 0, 0, &message(HELLO_VERIFY_REQUEST, 0, &body));
    let wish = Wish { cookies: true, ..Wish::default() };
    for refuse_static_rsa in [0, 1] {
        let connect = |what: &str, server: SocketAddr| {
            collect();
            let relay = Relay::forging(server, std::slice::from_ref(&forged));
            relay.start();
            let (client, took) = timed(|| {
                Client::init_trusting(&relay.url(), 500, &root.pem(), |options| {
                    options.refuse_static_rsa = refuse_static_rsa;
                })
            });
            assert!(client.is_some(), "{what}: {}", logged());
            assert!(took < Duration::from_millis(3900), "{what} {took:?}");
        };
        for server in [servers::Server::OpenSsl, servers::Server::Mbed2, servers::Server::Mbed3] {
            let peer = wish.start(server, &Proof::Certificate(&leaf, &[]));
            connect(&format!("{server:?}"), peer.address());
        }
        connect("SSL_accept", Server::start(&leaf, &Manner::default()).address());
    }
}

/// With a session, RSA-PSS is left out of what is offered. A server that signs by nothing else
/// must be reached when it has forgotten the session.
#[test]
fn a_server_that_has_forgotten_the_session_is_reached_without_it() {
    let (root, leaf) = certificates::rsa();
    for refuse_static_rsa in [0, 1] {
        collect();
        let manner = Manner { signatures: "RSA-PSS+SHA256", ..Manner::default() };
        let first = Server::start(&leaf, &manner);
        let relay = Relay::new(first.address());
        relay.start();
        let connect = || {
            Client::init_trusting(&relay.url(), 500, &root.pem(), |options| {
                options.refuse_static_rsa = refuse_static_rsa;
            })
        };
        drop(connect().unwrap_or_else(|| panic!("{}", logged())));
        drop(first);
        let second = Server::start(&leaf, &manner);
        *relay.server.lock().unwrap() = second.address();
        collect();
        let (client, took) = timed(connect);
        assert!(client.is_some(), "{}", logged());
        assert!(took < Duration::from_millis(3900), "{took:?} {}", logged());
        assert_eq!(relay.clients().len(), 3, "{}", logged());
    }
}

/// Half of the forged records that AES-CBC bears (2^16) make the client open another session,
/// in which nothing was forged yet.
#[test]
fn many_forged_records_renew_the_session() {
    collect();
    let (root, leaf) = certificates::rsa();
    let ciphers = "ECDHE-RSA-AES128-SHA256";
    let server = Server::start(&leaf, &Manner { ciphers, ..Manner::default() });
    let relay = Relay::new(server.address());
    relay.start();
    let client = Client::init_trusting(&relay.url(), 500, &root.pem(), |_| {});
    let client = client.unwrap_or_else(|| panic!("{}", logged()));
    assert!(becomes_so(|| server.handshakes() == 1), "{}", logged());
    let from = *relay.clients().last().expect("a client");
    let mut forged = vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 64];
    forged.extend([0x5a; 64]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                for _ in 0..20 {
                    relay.front.send_to(&forged, from).expect("loopback takes all");
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let start = Instant::now();
        while server.handshakes() == 1 && start.elapsed() < Duration::from_secs(60) {
            assert!(client.yield_once() >= 0);
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(server.handshakes(), 2, "{}", logged());
    assert!(was_logged(&["many forged records; opening another session"]), "{}", logged());
    assert!(!was_logged(&["too many forged records have come"]), "{}", logged());
}
