//! Hazard: somebody who can send datagrams makes the server work for nothing, send to others,
//! remember more and more, or forget the devices that it serves.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, DtlsConfig, DtlsEngine, Event, Transport};
use iot_coap_test_cloud::engine::{Session, Trust};
use iot_coap_test_cloud::hosts::{host, with_cookie};
use iot_coap_test_cloud::*;
use iot_coap_test_support::served::scripted_client::ScriptedClient;

const IDENTITY: &str = "sensor-7";
const KEY: &str = "a key with enough entropy";

fn cloud_of(max_sessions: usize) -> Cloud {
    start(Config {
        dtls: DtlsConfig {
            engine: DtlsEngine::Own,
            pre_shared_key: Some((IDENTITY.into(), KEY.into())),
            max_sessions,
            ..DtlsConfig::default()
        },
        ..Config::default()
    })
}

fn trust() -> Trust {
    Trust::Key(IDENTITY.into(), KEY.into())
}

/// How many bytes come before nothing does.
fn received(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 4_096];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).sum()
}

#[test]
fn an_address_has_two_handshakes_however_many_it_begins() {
    let cloud = cloud_of(100);
    let server = cloud.address(Transport::Dtls);
    let mut device =
        TestDevice::new(Link::Engine(Box::new(Session::connect(server, trust().config()))));
    device.sign_in();
    let socket = host(2, server);
    for random in 0..40 {
        let mut client = with_cookie(&socket, random);
        socket.send(&client.hello()).expect("sent");
        assert!(cloud.dtls_handshakes() <= 2);
    }
    for _ in 0..4_000 {
        socket.send(&[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0]).expect("sent");
    }
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    assert_eq!(cloud.dtls_handshakes(), 2);
}

#[test]
fn nothing_is_kept_of_hellos_without_a_cookie_and_little_is_said() {
    let cloud = cloud_of(100);
    let server = cloud.address(Transport::Dtls);
    let (mut sent, mut heard) = (0, 0);
    for port in 0..50 {
        let socket = host(3, server);
        for random in 0..20_u8 {
            // Half of them have a cookie of their own making.
            let cookie = vec![port; usize::from(random % 2) * 16];
            let random = [random; 32];
            let mut client = ScriptedClient { random, cookie, ..ScriptedClient::default() };
            sent += socket.send(&client.hello()).expect("sent");
        }
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("not zero");
        heard += received(&socket);
    }
    assert_eq!((cloud.dtls_handshakes(), cloud.dtls_sessions()), (0, 0));
    assert!(heard > 0 && heard < sent, "{heard} bytes for {sent}");
    assert_eq!(cloud.events().len(), 1, "nobody is told of them: {:?}", cloud.events());
}

#[test]
fn a_cookie_of_another_address_is_none() {
    let cloud = cloud_of(100);
    let server = cloud.address(Transport::Dtls);
    let (here, there) = (host(2, server), host(3, server));
    let mut client = with_cookie(&here, 1);
    there.send(&client.hello()).expect("sent");
    let mut buffer = [0; 2_048];
    let length = there.recv(&mut buffer).expect("an answer");
    assert_eq!((buffer[13], length), (3, 44), "a HelloVerifyRequest again");
    assert_eq!(cloud.dtls_handshakes(), 0);
}

#[test]
fn who_has_a_cookie_and_says_nothing_more_gets_little() {
    let cloud = cloud_of(100);
    let server = cloud.address(Transport::Dtls);
    let socket = host(2, server);
    let mut client = with_cookie(&socket, 1);
    let hello = client.hello();
    // The longest that this server can say, by others of its kind.
    let mut modern = ScriptedClient { cookie: client.cookie.clone(), ..client.clone() };
    modern.suites = vec![0xC02F];
    modern.extensions.extend([(10, vec![0, 2, 0, 29]), (13, vec![0, 4, 8, 4, 4, 1])]);
    for _ in 0..200 {
        socket.send(&hello).expect("sent");
        socket.send(&modern.hello()).expect("sent");
    }
    let heard = received(&socket);
    assert!((1..=8_192).contains(&heard), "{heard} bytes");
}

#[test]
fn a_host_pushes_out_its_own_sessions_alone() {
    let cloud = cloud_of(40);
    let server = cloud.address(Transport::Dtls);
    let open = |last| {
        let session = Session::over(host(last, server), trust().config());
        TestDevice::new(Link::Engine(Box::new(session.expect("it shakes hands"))))
    };
    let mut fleet: Vec<TestDevice> = (0..10).map(|_| open(1)).collect();
    for device in &mut fleet[..5] {
        device.sign_in();
    }
    let crowd: Vec<TestDevice> = (0..100).map(|_| open(2)).collect();
    assert_eq!(cloud.dtls_sessions(), 40);
    // Those that have signed in, and those that have not yet.
    for device in &mut fleet {
        device.sign_in();
    }
    let pushed_out = |event: &Event| {
        matches!(event, Event::DtlsClosed { peer, reason, .. }
            if reason == "too many sessions" && peer.ip().to_string() == "127.0.0.2")
    };
    let closed = cloud.events().into_iter().filter(|event| pushed_out(event)).count();
    assert_eq!(closed, crowd.len() + fleet.len() - 40);
}

#[test]
fn a_device_that_has_signed_in_stays_for_longer_than_one_that_has_not() {
    let cloud = cloud_of(10);
    let server = cloud.address(Transport::Dtls);
    let open = || {
        let session = Session::connect(server, trust().config());
        TestDevice::new(Link::Engine(Box::new(session)))
    };
    let mut fleet: Vec<TestDevice> = (0..5).map(|_| open()).collect();
    for device in &mut fleet {
        device.sign_in();
    }
    let strangers: Vec<TestDevice> = (0..50).map(|_| open()).collect();
    for device in &mut fleet {
        assert_eq!(code(&device.publish("x", b"1")), "2.05");
    }
    drop(strangers);
}

#[test]
fn a_sign_in_over_udp_is_not_that_of_the_next_session() {
    let cloud = cloud_of(2);
    let server = cloud.address(Transport::Dtls);
    let open = || Session::connect(server, trust().config());
    let mut device = TestDevice::new(Link::Engine(Box::new(open())));
    device.sign_in();
    let mut stranger = open();
    TestDevice::over(&cloud, Transport::Udp).sign_in();
    stranger.send(&[0x40, 0, 0, 1]);
    assert!(stranger.receive(PATIENCE).is_some_and(|pong| pong == [0x70, 0, 0, 1]));
    // One of them makes room: not the one that has signed in, though it was silent for longer.
    let _third = open();
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
}

#[test]
fn forged_records_with_the_ids_of_sleeping_devices_change_nothing() {
    let seal_after = Duration::from_millis(1);
    let cloud = start(Config {
        dtls: DtlsConfig {
            engine: DtlsEngine::Own,
            pre_shared_key: Some((IDENTITY.into(), KEY.into())),
            seal_after,
            ..DtlsConfig::default()
        },
        ..Config::default()
    });
    let server = cloud.address(Transport::Dtls);
    let mut session = Session::connect(server, trust().config());
    let genuine = session.seal(&[0x40, 0, 0, 1]);
    let mut device = TestDevice::new(Link::Engine(Box::new(session)));
    device.sign_in();
    let deadline = Instant::now() + PATIENCE;
    while cloud.sealed_dtls_sessions() == 0 {
        assert!(Instant::now() < deadline, "it is sealed");
    }
    let elsewhere = host(2, server);
    for number in 0..2_000_u64 {
        let mut forged = genuine.clone();
        forged[5..11].copy_from_slice(&(100 + number).to_be_bytes()[2..]);
        elsewhere.send(&forged).expect("sent");
    }
    assert_eq!(cloud.sealed_dtls_sessions(), 1, "nothing wakes it");
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    let moved = |event: &Event| matches!(event, Event::DtlsMoved { .. });
    assert!(!cloud.events().iter().any(moved));
}
