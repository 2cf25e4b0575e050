//! Hazards of a DTLS session's life: a session that ends under the application, which
//! notices nothing but a little delay; reconnects; goodbyes; messages of every length.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::iotx_msg_type_t::IOTX_MESSAGE_CON;
use iot_coap_cloud::{Cloud, Config, DtlsConfig, Event, Reply, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged, was_logged};
use iot_coap_test_support::certificates;
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::echo::{Manner, Server};
use iot_coap_test_support::peers::servers::{self, Wish};
use iot_coap_test_support::waiting::{becomes_so, timed};

fn trusting_client(cloud: &Cloud) -> Client {
    iot_coap_test_library::trust::set(cloud.root_pem());
    Client::signed_in(&cloud.url(Transport::Dtls))
}

fn count(cloud: &Cloud, fits: impl Fn(&Event) -> bool) -> usize {
    cloud.events().iter().filter(|event| fits(event)).count()
}

#[test]
fn a_session_that_the_cloud_closes_is_replaced_and_the_token_kept() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    for number in 0..5 {
        assert_eq!(client.confirm(number), 0);
        let answers = client.await_answers(number + 1, Duration::from_secs(20));
        assert_eq!(answers[number].code, 0x45);
        assert_eq!(cloud.close_dtls_sessions(), 1);
    }
    assert_eq!(cloud.messages().len(), 5);
    assert!(cloud.messages().iter().all(|message| !message.duplicate));
    assert_eq!(count(&cloud, |event| matches!(event, Event::SignedIn { .. })), 1);
    let resumed = count(&cloud, |event| matches!(event, Event::DtlsOpened { resumed: true, .. }));
    assert!(resumed >= 3, "sessions are resumed, not negotiated anew: {resumed}");
}

/// A cloud that ends all sessions at once must not have all devices back at once.
#[test]
fn a_device_that_expects_nothing_comes_back_when_it_has_something_to_say() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let sessions = || count(&cloud, |event| matches!(event, Event::DtlsOpened { .. }));
    let mut at_once = 0;
    for number in 0..4 {
        let client = trusting_client(&cloud);
        let before = sessions();
        assert!(cloud.close_dtls_sessions() >= 1);
        // Until the goodbye is read.
        assert!(client.yield_once() >= 0);
        at_once += usize::from(sessions() != before);
        let start = Instant::now();
        assert_eq!(client.confirm(number), 0);
        client.await_answers(1, Duration::from_secs(20));
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
    assert!(at_once < 4, "each has eight seconds");
}

#[test]
fn a_message_in_flight_when_its_session_closes_is_sent_again() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    assert_eq!(client.confirm(0), 0);
    client.await_answers(1, Duration::from_secs(5));
    // Closed before the message: the client learns of it when it reads, and
    // waits for no timer then, of which none ends sooner than ACK_TIMEOUT.
    let start = Instant::now();
    cloud.close_dtls_sessions();
    assert_eq!(client.confirm(1), 0);
    let answers = client.await_answers(2, Duration::from_secs(20));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((answers[1].message, answers[1].code), (1, 0x45));
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn a_session_that_the_cloud_has_forgotten_is_replaced() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    // Without a word: what the client sends is dropped from now on.
    assert_eq!(cloud.forget_dtls_sessions(), 1);
    assert_eq!(client.confirm(1), 0);
    let answers = client.await_answers(1, Duration::from_secs(40));
    assert_eq!(answers[0].code, 0x45);
    assert_eq!(cloud.messages().len(), 1);
    let sign_ins = count(&cloud, |event| matches!(event, Event::SignedIn { .. }));
    assert_eq!(sign_ins, 1, "the access token is kept");
}

/// The library remembers the sessions with eight peers: tests that resume one have it for
/// themselves.
static REMEMBERED: Mutex<()> = Mutex::new(());

#[test]
fn a_reconnect_resumes_the_session() {
    let _alone = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    collect();
    let (root, leaf) = certificates::ecdsa();
    let server = Server::start(&leaf, &Manner::default());
    let connect = |host: &str| {
        let url = format!("coaps://{host}:{}", server.port());
        Client::init_trusting(&url, 500, &root.pem(), |_| {})
    };
    for round in 0..3 {
        drop(connect("localhost").unwrap_or_else(|| panic!("{}", logged())));
        assert!(server.sees_goodbyes(round + 1), "round {round}");
        assert_eq!((server.handshakes(), server.resumed()), (round + 1, round));
    }
    assert!(was_logged(&["Info", "DTLS session resumed"]), "{}", logged());
    // Another name of the same server is another peer.
    drop(connect("127.0.0.1").unwrap_or_else(|| panic!("{}", logged())));
    assert!(server.sees_goodbyes(4));
    assert_eq!((server.handshakes(), server.resumed()), (4, 2));
}

#[test]
fn a_server_that_does_not_resume_gets_a_full_handshake() {
    let _alone = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    collect();
    let (root, leaf) = certificates::ecdsa();
    let server = Server::start(&leaf, &Manner { resumes: false, ..Manner::default() });
    let url = format!("coaps://localhost:{}", server.port());
    for round in 0..2 {
        let client = Client::init_trusting(&url, 500, &root.pem(), |_| {});
        drop(client.unwrap_or_else(|| panic!("{}", logged())));
        assert!(server.sees_goodbyes(round + 1), "round {round}");
    }
    assert_eq!((server.handshakes(), server.resumed()), (2, 0));
}

/// It offers to resume what the server has forgotten, within the same life of the client.
#[test]
fn a_cloud_that_does_not_resume_is_reached_by_a_full_handshake() {
    let dtls = DtlsConfig { resumption: false, ..DtlsConfig::default() };
    let cloud = Cloud::start(Config { dtls, ..Config::default() }).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    for number in 0..2 {
        cloud.close_dtls_sessions();
        assert_eq!(client.confirm(number), 0);
        client.await_answers(number + 1, Duration::from_secs(20));
    }
    let opened = |wanted| {
        let fits = move |event: &Event| matches!(event, Event::DtlsOpened { resumed, .. } if *resumed == wanted);
        count(&cloud, fits)
    };
    assert_eq!((opened(false), opened(true)), (3, 0));
}

/// Those that were made before RFC 5746: sessions with them are opened, and named.
#[test]
fn a_server_without_renegotiation_info_is_named() {
    let (root, leaf) = certificates::ecdsa();
    for renegotiation_info in [true, false] {
        collect();
        let wish = Wish { renegotiation_info, ..Wish::default() };
        let server = wish.start(servers::Server::GnuTls, &Proof::Certificate(&leaf, &[]));
        let url = format!("coaps://localhost:{}", server.address().port());
        let client = Client::init_trusting(&url, 500, &root.pem(), |_| {});
        assert!(client.is_some(), "{}", logged());
        let is_named = was_logged(&["Warning", "RFC 5746"]);
        assert_eq!(is_named, !renegotiation_info, "{}", logged());
    }
}

#[test]
fn deinit_says_goodbye() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    assert_eq!(cloud.dtls_sessions(), 1);
    drop(client);
    assert!(becomes_so(|| cloud.dtls_sessions() == 0));
}

#[test]
fn a_yield_waits_as_long_as_asked() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for ms in [100, 600] {
        let url = cloud.url(Transport::Dtls);
        let client = Client::init_trusting(&url, ms, cloud.root_pem(), |_| {});
        let client = client.expect("IOT_CoAP_Init succeeds");
        let (code, took) = timed(|| client.yield_once());
        assert_eq!(code, 0);
        let wait = Duration::from_millis(ms.unsigned_abs().into());
        assert!(took + Duration::from_millis(2) >= wait, "{ms} ms took {took:?}");
        assert!(took < wait + Duration::from_millis(400), "{ms} ms took {took:?}");
    }
}

#[test]
fn messages_of_every_length_come_back_whole() {
    /// Without its payload, a message has fewer bytes.
    const LONGEST_PAYLOAD: usize = 1000;
    let cloud = Cloud::start(Config { reply: Reply::Echo, ..Config::default() });
    let cloud = cloud.expect("the local cloud starts");
    let client = trusting_client(&cloud);
    for (number, len) in [1, 2, 15, 16, 17, 100, LONGEST_PAYLOAD].into_iter().enumerate() {
        let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
        assert_eq!(client.post_bytes("update", number, IOTX_MESSAGE_CON, payload.clone()), 0);
        let answers = client.await_answers(number + 1, Duration::from_secs(5));
        assert_eq!(answers[number].payload, payload, "{len} bytes");
    }
}

/// Between a DTLS server and the cloud behind it: before each answer it sends what is too
/// long to be one. Ends when nothing has come for a while.
fn before_each_answer(cloud: SocketAddr, too_long: usize) -> u16 {
    let [front, back] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
    back.connect(cloud).expect("loopback is there");
    let port = front.local_addr().expect("it is bound").port();
    for socket in [&front, &back] {
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("above 0");
    }
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = front.recv_from(&mut buffer) {
            back.send(&buffer[..len]).expect("loopback takes all");
            let Ok(len) = back.recv(&mut buffer) else { break };
            front.send_to(&vec![0x60; too_long], from).expect("loopback takes all");
            front.send_to(&buffer[..len], from).expect("loopback takes all");
        }
    });
    port
}

#[test]
fn a_record_that_is_too_long_is_dropped_whole() {
    collect();
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let (root, leaf) = certificates::rsa();
    // Longer than a message, and than any datagram that is read.
    for too_long in [1500, 4000] {
        let forward = before_each_answer(cloud.address(Transport::Udp), too_long);
        let wish = Wish { forward: Some(forward), ..Wish::default() };
        let peer = wish.start(servers::Server::Mbed2, &Proof::Certificate(&leaf, &[]));
        let url = format!("coaps://localhost:{}", peer.address().port());
        let client = Client::init_trusting(&url, 500, &root.pem(), |_| {});
        let client = client.unwrap_or_else(|| panic!("{}", logged()));
        assert_eq!(client.sign_in(), 0, "{too_long}: {}", logged());
        for number in 0..3 {
            assert_eq!(client.confirm(number), 0);
            let answers = client.await_answers(number + 1, Duration::from_secs(5));
            assert_eq!(answers[number].code, 0x45, "{too_long}");
        }
        assert_eq!(client.statistics().resent, 0, "{too_long}: {}", logged());
    }
}
