//! Hazard: a session is lost, mixed up with another, or taken by somebody else;
//! or a certificate that is meant to be wrong is right.

use std::io::Write as _;
use std::net::UdpSocket;
use std::time::Duration;

use iot_coap_cloud::{Certificates, Cloud, Config, DtlsConfig, Event, Faults, Transport};
use iot_coap_test_cloud::engine::ping;
use iot_coap_test_cloud::*;
use openssl::ssl::{SslCipherRef, SslStream};

fn with(dtls: DtlsConfig) -> Cloud {
    start(Config { dtls, ..Config::default() })
}

fn device(stream: SslStream<Wire>) -> TestDevice {
    TestDevice::new(Link::Dtls(Box::new(stream)))
}

fn opened(cloud: &Cloud) -> Vec<bool> {
    let resumed = |event| match event {
        Event::DtlsOpened { resumed, .. } => Some(resumed),
        _ => None,
    };
    cloud.events().into_iter().filter_map(resumed).collect()
}

fn wait_closed(cloud: &Cloud, reason: &str) {
    let closed = cloud.wait_for(
        PATIENCE,
        |event| matches!(event, Event::DtlsClosed { reason: given, .. } if given == reason),
    );
    assert!(closed.is_some(), "{reason}: {:?}", cloud.events());
}

#[test]
fn a_device_signs_in_and_publishes() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Dtls);
    let payload = vec![b'x'; 1_000];
    assert_eq!(code(&device.publish("x", &payload)), "2.05");
    let message = &cloud.messages()[0];
    assert_eq!((message.transport, message.payload.len()), (Transport::Dtls, 1_000));
    assert_eq!(cloud.dtls_sessions(), 1);
    drop(device);
    assert!(std::fs::exists(cloud.root_path()).expect("readable"));
}

#[test]
fn a_wrong_certificate_is_wrong() {
    let names = |names: &[&str], expired| DtlsConfig {
        certificates: Certificates::generated(
            names.iter().map(ToString::to_string).collect(),
            expired,
        ),
        ..DtlsConfig::default()
    };
    let refused = |cloud: &Cloud, client: DtlsClient, says: &str| {
        let error = client.try_connect().err().expect("the client refuses");
        assert!(error.contains("certificate verify failed"), "{error}");
        let failed = cloud.wait_for(PATIENCE, |event| matches!(event, Event::DtlsFailed { .. }));
        // An alert is `unknown_ca` for one engine and `unknown ca` for the other.
        assert!(
            matches!(&failed, Some(Event::DtlsFailed { reason, .. })
                if reason.replace('_', " ").contains(says)),
            "{failed:?}"
        );
    };
    let elsewhere = with(names(&["example.org", "192.0.2.1"], false));
    refused(&elsewhere, DtlsClient::of(&elsewhere), "alert");
    let mut right_name = DtlsClient::of(&elsewhere);
    right_name.host = Some("example.org".into());
    right_name.connect();

    let expired = with(names(&["localhost"], true));
    refused(&expired, DtlsClient::of(&expired), "expired");

    // A root of another making.
    let folder = Folder::new();
    let other = start(Config { state_dir: Some(folder.file("state")), ..Config::default() });
    let cloud = cloud();
    let mut client = DtlsClient::of(&cloud);
    other.root_pem().clone_into(&mut client.root_pem);
    refused(&cloud, client, "unknown ca");
}

#[test]
fn a_given_chain_is_shown() {
    let folder = Folder::new();
    let state = folder.file("state");
    let first = start(Config { state_dir: Some(state.clone()), ..Config::default() });
    let leaf = DtlsClient::of(&first).connect().ssl().peer_certificate().expect("one");
    let leaf = leaf.to_pem().expect("PEM");
    let (chain, key) = (folder.file("chain.pem"), state.join("server-key.pem"));
    std::fs::write(&chain, [leaf.as_slice(), first.root_pem().as_bytes()].concat())
        .expect("written");
    let cloud = with(DtlsConfig {
        certificates: Certificates::Files { chain: chain.clone(), key: key.clone(), root: None },
        ..DtlsConfig::default()
    });
    assert_eq!(cloud.root_path(), chain);
    assert_eq!(cloud.root_pem(), first.root_pem());
    let shown = DtlsClient::of(&cloud).connect().ssl().peer_certificate().expect("one");
    assert_eq!(shown.to_pem().expect("PEM"), leaf);

    let missing = Cloud::start(Config {
        dtls: DtlsConfig {
            certificates: Certificates::Files {
                chain: folder.file("nowhere.pem"),
                key,
                root: None,
            },
            ..DtlsConfig::default()
        },
        ..Config::default()
    });
    let error = missing.err().expect("there is no such file").to_string();
    assert!(error.contains("nowhere.pem"), "{error}");
}

#[test]
fn a_session_is_resumed_unless_the_server_will_not() {
    for resumption in [true, false] {
        let cloud = with(DtlsConfig { resumption, ..DtlsConfig::default() });
        let place = cloud.address(Transport::Dtls);
        let (resumed, session) = ping(place, cloud.root_pem(), None);
        assert!(!resumed);
        wait_closed(&cloud, "closed by client");
        assert_eq!(ping(place, cloud.root_pem(), session).0, resumption);
        assert_eq!(opened(&cloud), [false, resumption]);
    }
}

#[test]
fn a_client_that_restarts_on_its_port_gets_a_new_session() {
    let cloud = cloud();
    let client = DtlsClient::of(&cloud);
    let socket = client.socket.try_clone().expect("cloned");
    let mut first = device(client.connect());
    first.sign_in();
    for _ in 0..3 {
        let mut restarted = DtlsClient::of(&cloud);
        restarted.socket = socket.try_clone().expect("cloned");
        let mut second = device(restarted.connect());
        // Its message ids start again too, and are no duplicates.
        second.sign_in();
    }
    wait_closed(&cloud, "replaced");
    assert_eq!(cloud.dtls_sessions(), 1);
    assert_eq!(opened(&cloud).len(), 4);
    let signed_in = |event: &&Event| matches!(event, Event::SignedIn { .. });
    assert_eq!(cloud.events().iter().filter(signed_in).count(), 4);
}

#[test]
fn a_hello_from_its_address_does_not_end_a_session() {
    let cloud = cloud();
    let client = DtlsClient::of(&cloud);
    let socket = client.socket.try_clone().expect("cloned");
    let mut device = device(client.connect());
    device.sign_in();
    let hello = record_hello();
    for _ in 0..20 {
        socket.send(&hello).expect("sent");
    }
    // The session lives, between the cookies that nobody brings back.
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    assert_eq!(cloud.dtls_sessions(), 1);
    assert_eq!(opened(&cloud).len(), 1);
}

/// The `ClientHello` that OpenSSL would send.
fn record_hello() -> Vec<u8> {
    let listener = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let mut buffer = [0; 2_000];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut context =
                openssl::ssl::SslContext::builder(openssl::ssl::SslMethod::dtls_client())
                    .expect("DTLS");
            context.set_options(openssl::ssl::SslOptions::NO_QUERY_MTU);
            let mut ssl = openssl::ssl::Ssl::new(&context.build()).expect("a session");
            ssl.set_mtu(1_200).expect("a size");
            let socket = socket_to(address);
            socket.set_nonblocking(true).expect("possible");
            let mut stream = SslStream::new(ssl, Wire(socket)).expect("a stream");
            assert!(stream.connect().is_err(), "nobody answers");
        });
        let length = listener.recv(&mut buffer).expect("a hello");
        buffer[..length].to_vec()
    })
}

#[test]
fn close_notify_is_sent_and_understood() {
    let cloud = cloud();
    let mut first = TestDevice::signed_in(&cloud, Transport::Dtls);
    assert_eq!(cloud.close_dtls_sessions(), 1);
    assert_eq!(first.link.receive(PATIENCE), Some(Vec::new()), "close_notify");
    assert_eq!(cloud.dtls_sessions(), 0);
    wait_closed(&cloud, "closed by server");

    let mut stream = DtlsClient::of(&cloud).connect();
    stream.shutdown().expect("sent");
    wait_closed(&cloud, "closed by client");
    assert_eq!(cloud.dtls_sessions(), 0);

    let mut last = TestDevice::signed_in(&cloud, Transport::Dtls);
    cloud.stop().expect("stops");
    assert_eq!(last.link.receive(PATIENCE), Some(Vec::new()), "a server says goodbye");
}

#[test]
fn a_forgotten_session_is_silent_and_a_new_one_can_be_made() {
    let cloud = cloud();
    let client = DtlsClient::of(&cloud);
    let socket = client.socket.try_clone().expect("cloned");
    let mut device = device(client.connect());
    device.sign_in();
    assert_eq!(cloud.forget_dtls_sessions(), 1);
    let message = device.message("x", b"1");
    device.send(&message);
    assert_eq!(device.link.receive(SILENCE), None);

    let mut again = DtlsClient::of(&cloud);
    again.socket = socket;
    let mut again = TestDevice::new(Link::Dtls(Box::new(again.connect())));
    again.access_token = device.access_token;
    assert_eq!(code(&again.publish("x", b"1")), "2.05");
}

#[test]
fn handshakes_survive_a_lossy_network() {
    let cloud = cloud();
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let cloud = &cloud;
            if seed == 0 {
                let faults = "drop=0.05,duplicate=0.2,reorder=0.2,delay=0..20,seed=3";
                cloud.set_faults(faults.parse::<Faults>().expect("valid"));
            }
            scope.spawn(move || {
                let stream = DtlsClient::of(cloud).connect();
                assert!(stream.ssl().is_init_finished());
            });
        }
    });
    // The predicate may ask the server itself.
    let established = cloud.wait_for(PATIENCE, |_| opened(&cloud).len() == 8);
    assert!(established.is_some());
}

#[test]
fn silent_sessions_are_closed() {
    let cloud =
        with(DtlsConfig { idle_timeout: Duration::from_millis(200), ..DtlsConfig::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Dtls);
    wait_closed(&cloud, "idle");
    assert_eq!(device.link.receive(PATIENCE), Some(Vec::new()));
    assert_eq!(cloud.dtls_sessions(), 0);
}

#[test]
fn sessions_are_bounded_and_the_most_silent_goes() {
    let cloud = with(DtlsConfig { max_sessions: 2, ..DtlsConfig::default() });
    let mut first = TestDevice::signed_in(&cloud, Transport::Dtls);
    let mut second = TestDevice::signed_in(&cloud, Transport::Dtls);
    first.sign_in();
    let mut third = TestDevice::signed_in(&cloud, Transport::Dtls);
    assert_eq!(second.link.receive(PATIENCE), Some(Vec::new()), "close_notify");
    assert_eq!(cloud.dtls_sessions(), 2);
    first.sign_in();
    third.sign_in();
}

#[test]
fn many_sessions_are_kept_apart() {
    let cloud = cloud();
    let mut devices: Vec<TestDevice> =
        (0..200).map(|_| TestDevice::over(&cloud, Transport::Dtls)).collect();
    assert_eq!(cloud.dtls_sessions(), devices.len());
    devices[0].sign_in();
    let token = devices[0].access_token.clone();
    // In waves that a socket's buffer holds: nobody retransmits here.
    for (wave, devices) in devices.chunks_mut(25).enumerate() {
        for (number, device) in devices.iter_mut().enumerate() {
            device.access_token.clone_from(&token);
            let request = device.message("x", format!("{wave}.{number}").as_bytes());
            device.send(&request);
        }
        for device in devices {
            assert_eq!(code(&device.receive()), "2.05");
        }
    }
    assert_eq!(cloud.messages().len(), devices.len());
}

#[test]
fn a_server_of_old_speaks_its_suite_alone() {
    let cloud = with(DtlsConfig { ciphers: Some("AES128-SHA".into()), ..DtlsConfig::default() });
    let mut old = DtlsClient::of(&cloud);
    old.ciphers = Some("AES128-SHA");
    let stream = old.connect();
    assert_eq!(stream.ssl().current_cipher().map(SslCipherRef::name), Some("AES128-SHA"));
    let mut modern = DtlsClient::of(&cloud);
    modern.ciphers = Some("ECDHE+AESGCM");
    assert!(modern.try_connect().is_err());

    let unknown = Cloud::start(Config {
        dtls: DtlsConfig { ciphers: Some("NO-SUCH-SUITE".into()), ..DtlsConfig::default() },
        ..Config::default()
    });
    let error = unknown.err().expect("there is no such suite").to_string();
    assert!(error.contains("NO-SUCH-SUITE"), "{error}");
}

#[test]
fn noise_within_a_session_is_answered_as_noise() {
    let cloud = cloud();
    let mut stream = DtlsClient::of(&cloud).connect();
    stream.write_all(b"\n").expect("sent");
    let noticed = cloud.wait_for(PATIENCE, |event| matches!(event, Event::Malformed { .. }));
    assert!(noticed.is_some());
    device(stream).sign_in();
}
