//! Hazard: servers send their handshakes in datagrams that are longer than the buffer, which
//! are dropped in silence, so that no session is ever opened and nobody knows why.

use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use iot_coap::iotx_msg_type_t::{IOTX_MESSAGE_CON, IOTX_MESSAGE_NON};
use iot_coap::iotx_ret_code_t;
use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged, was_logged};
use iot_coap_test_library::{Language, Linkage, compile, run};
use iot_coap_test_support::certificates::{
    GOOD, Identity, Leaf, ec_key, intermediate, leaf, root, rsa_key, rsa_key_of,
};
use iot_coap_test_support::folders::Folder;
use iot_coap_test_support::network::{Direction, Fate, Proxy};
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::echo;
use iot_coap_test_support::peers::servers::{Server, Wish};
use openssl::hash::MessageDigest;

/// No datagram of a handshake is longer.
const LIMIT: usize = 8192 + 512 - 1;

/// A server that answers each ClientHello by two datagrams that are too long, and refuses
/// the handshake.
struct Verbose {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Verbose {
    fn start(len: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
        let port = socket.local_addr().expect("it is bound").port();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = stop.clone();
            move || {
                let mut buffer = [0; 2048];
                while !stop.load(Ordering::SeqCst) {
                    let Ok((_, client)) = socket.recv_from(&mut buffer) else { continue };
                    // A record of a handshake, and a fatal handshake_failure.
                    let mut long = vec![0; len];
                    let rest = (len - 13) as u16;
                    long[..13].copy_from_slice(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                    long[11..13].copy_from_slice(&rest.to_be_bytes());
                    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
                    for datagram in [&long[..], &long, &alert] {
                        socket.send_to(datagram, client).expect("it is sent");
                    }
                }
            }
        });
        Self { port, stop, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("coaps://127.0.0.1:{}", self.port)
    }
}

impl Drop for Verbose {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().map(thread::JoinHandle::join);
    }
}

/// A root, three authorities below it, and a server: a chain of 3 KB.
fn long_chain() -> (Identity, Vec<Identity>, Identity) {
    let root = root(rsa_key(), MessageDigest::sha256());
    let mut between = vec![intermediate(&root, rsa_key())];
    for _ in 0..2 {
        between.push(intermediate(between.last().expect("one"), rsa_key()));
    }
    let server = leaf(between.last().expect("one"), rsa_key(), &GOOD);
    // From the server's issuer on.
    between.reverse();
    let len = between.iter().chain([&server]).map(|one| one.certificate.to_der().expect("DER"));
    assert!(len.map(|der| der.len()).sum::<usize>() > 2600);
    (root, between, server)
}

#[test]
fn servers_that_cut_no_flight_or_cut_it_late_open_sessions() {
    let (root, between, server) = long_chain();
    let between: Vec<_> = between.iter().collect();
    let proof = Proof::Certificate(&server, &between);
    for (kind, mtu) in [(Server::GnuTls, Some(4000)), (Server::Mbed2, None), (Server::Mbed3, None)]
    {
        collect();
        let peer = Wish { mtu, ..Wish::default() }.start(kind, &proof);
        let url = format!("coaps://localhost:{}", peer.address().port());
        let client = Client::init_trusting(&url, 500, &root.pem(), |_| {});
        assert!(client.is_some(), "{kind:?}: {}", logged());
        assert!(!was_logged(&["datagram of"]), "{kind:?}: {}", logged());
    }
}

/// Mbed TLS has no MTU by itself, but knows max_fragment_length.
#[test]
fn servers_cut_their_flights_as_the_option_says() {
    let (root, between, server) = long_chain();
    let between: Vec<_> = between.iter().collect();
    let proof = Proof::Certificate(&server, &between);
    for kind in [Server::Mbed2, Server::Mbed3] {
        for max_fragment in [0, 1024, 512] {
            let peer = Wish::default().start(kind, &proof);
            let proxy = Proxy::start(peer.address(), |_, _| Fate::ARRIVES);
            let url = format!("coaps://localhost:{}", proxy.port());
            let client = Client::init_trusting(&url, 500, &root.pem(), |options| {
                options.max_fragment = max_fragment;
            });
            assert!(client.is_some(), "{kind:?}: {}", logged());
            let to_client = proxy.passed().into_iter();
            let to_client = to_client.filter(|each| each.direction == Direction::ToClient);
            let longest = to_client.map(|each| each.datagram.len()).max().expect("an answer");
            let most = if max_fragment == 0 { usize::MAX } else { max_fragment as usize + 100 };
            assert!(longest <= most, "{kind:?} {max_fragment}: {longest}");
            assert!(max_fragment != 0 || longest > 2048, "{kind:?}: {longest}");
        }
    }
}

/// The server agreed to no longer ones, and would end the session.
#[test]
fn a_message_that_is_longer_than_the_option_is_named_and_does_no_harm() {
    collect();
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client =
        Client::init_trusting(&cloud.url(Transport::Dtls), 500, cloud.root_pem(), |options| {
            options.max_fragment = 512;
        });
    let client = client.unwrap_or_else(|| panic!("{}", logged()));
    assert_eq!(client.sign_in(), 0, "{}", logged());
    let post = |message, kind, len| client.post_bytes("update", message, kind, vec![b'x'; len]);
    for kind in [IOTX_MESSAGE_CON, IOTX_MESSAGE_NON] {
        let refused = post(0, kind, 600);
        assert_eq!(refused, iotx_ret_code_t::IOTX_ERR_MSG_TOO_LOOG as i32, "{}", logged());
        assert_eq!(client.outstanding(), 0, "it is not tried again");
    }
    assert!(was_logged(&["Error", "longer than max_fragment"]), "{}", logged());
    assert_eq!(post(1, IOTX_MESSAGE_CON, 100), 0);
    client.await_answers(1, Duration::from_secs(5));
    assert_eq!(cloud.messages().len(), 1);
    assert!(!was_logged(&["opening another"]), "the session is as good as ever: {}", logged());
}

#[test]
fn the_log_names_a_datagram_that_is_too_long_and_the_limit() {
    collect();
    let server = Verbose::start(9000);
    let root = root(ec_key(), MessageDigest::sha256());
    assert!(Client::init_trusting(&server.url(), 500, &root.pem(), |_| {}).is_none());
    let limit = format!("the limit is {LIMIT}");
    assert!(was_logged(&["Warning", "a datagram of 9000 bytes", &limit, "MTU"]), "{}", logged());
}

#[test]
fn the_log_names_a_message_that_is_too_long_and_the_limit() {
    collect();
    let root = root(ec_key(), MessageDigest::sha256());
    let names: Vec<String> =
        (0..400).map(|number| format!("DNS:server-{number}.devices.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["DNS:localhost"]).collect();
    let server = leaf(&root, ec_key(), &Leaf { names: &names, ..GOOD });
    let server = echo::Server::start(&server, &echo::Manner::default());
    let url = format!("coaps://localhost:{}", server.port());
    assert!(Client::init_trusting(&url, 500, &root.pem(), |_| {}).is_none());
    let parts = ["Error", "handshake message of", "bytes: the limit is 8192"];
    assert!(was_logged(&parts), "{}", logged());
}

/// A client's longest flight, with a key of 4096 bits, in datagrams as long as the option
/// allows.
#[test]
fn what_the_library_sends_is_as_long_as_the_option_says() {
    let root = root(ec_key(), MessageDigest::sha256());
    let server = leaf(&root, rsa_key_of(4096), &GOOD);
    let manner = echo::Manner { ciphers: "AES128-SHA256", ..echo::Manner::default() };
    let server = echo::Server::start(&server, &manner);
    // Besides the flight, four hellos, since the server asks for a cookie and refuses the first
    // offer.
    for (mtu, datagrams) in [(0, 5), (256, 7), (400, 6), (16_384, 5)] {
        let proxy = Proxy::start(server.address(), |_, _| Fate::ARRIVES);
        let url = format!("coaps://localhost:{}", proxy.address().port());
        let client = Client::init_trusting(&url, 500, &root.pem(), |options| options.mtu = mtu);
        assert!(client.is_some(), "{mtu}");
        assert_eq!(proxy.seen()[0], datagrams, "{mtu}");
    }
}

/// Such a port cannot say that it cut a datagram.
#[test]
fn a_port_that_may_have_cut_a_datagram_is_told_of_once() {
    let server = Verbose::start(9000);
    let files = Folder::new();
    let root = root(ec_key(), MessageDigest::sha256());
    let root = files.write("root.pem", root.pem().as_bytes());
    let program = compile("cutting_port.c", Linkage::Static, Language::Sanitized);
    let output = run(Command::new(program).arg(server.url()).arg(root));
    let log = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "IOT_CoAP_Init returns NULL\n{log}");
    let line = format!("a datagram fills the buffer of {LIMIT} bytes");
    assert_eq!(log.matches(&line).count(), 1, "{log}");
}
