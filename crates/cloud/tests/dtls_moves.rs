//! Hazard: a device that moves, or sleeps for long, loses its session; or somebody else takes
//! it away by moving it.

use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, DtlsConfig, DtlsEngine, Event, Transport};
use iot_coap_test_cloud::engine::{Session, Trust};
use iot_coap_test_cloud::*;

/// Sessions are sealed at once.
fn drowsy() -> Cloud {
    let seal_after = Duration::from_millis(1);
    let dtls = DtlsConfig { engine: DtlsEngine::Own, seal_after, ..DtlsConfig::default() };
    start(Config { dtls, ..Config::default() })
}

fn awake() -> Cloud {
    let seal_after = Duration::from_hours(1);
    let dtls = DtlsConfig { engine: DtlsEngine::Own, seal_after, ..DtlsConfig::default() };
    start(Config { dtls, ..Config::default() })
}

/// A device with a connection id, signed in.
fn device(cloud: &Cloud) -> TestDevice {
    let config = Trust::Root(cloud.root_pem().to_owned()).config();
    let mut session = Session::connect(cloud.address(Transport::Dtls), config);
    assert!(session.client().uses_connection_id());
    let mut device = TestDevice::new(Link::Engine(Box::new(session)));
    device.sign_in();
    device
}

fn session(device: &mut TestDevice) -> &mut Session {
    match &mut device.link {
        Link::Engine(session) => session,
        _ => panic!("a device by the engine"),
    }
}

fn wait_until_sealed(cloud: &Cloud, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while cloud.sealed_dtls_sessions() != count {
        assert!(Instant::now() < deadline, "{} are sealed", cloud.sealed_dtls_sessions());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn count(cloud: &Cloud, fits: impl Fn(&Event) -> bool) -> usize {
    cloud.events().into_iter().filter(fits).count()
}

fn moves(cloud: &Cloud) -> usize {
    count(cloud, |event| matches!(event, Event::DtlsMoved { .. }))
}

#[test]
fn a_device_goes_on_from_other_ports_awake_and_asleep() {
    for cloud in [awake(), drowsy()] {
        let mut device = device(&cloud);
        for round in 0..5 {
            let from = session(&mut device).socket.local_addr().expect("bound");
            session(&mut device).move_away();
            let to = session(&mut device).socket.local_addr().expect("bound");
            assert_eq!(code(&device.publish("x", b"1")), "2.05", "round {round}");
            let moved = cloud.wait_for(PATIENCE, |event| {
                matches!(event, Event::DtlsMoved { peer, from: before, .. }
                    if *peer == to && *before == from)
            });
            assert!(moved.is_some(), "{:?}", cloud.events());
        }
        assert_eq!(count(&cloud, |event| matches!(event, Event::DtlsOpened { .. })), 1);
        assert_eq!(cloud.messages().len(), 5);
    }
}

#[test]
fn a_retransmission_from_another_port_is_no_second_message() {
    let cloud = awake();
    let mut device = device(&cloud);
    let request = device.message("x", b"1");
    device.send(&request);
    let first = device.receive();
    session(&mut device).move_away();
    device.send(&request);
    let second = device.receive();
    assert_eq!(first, second, "the answer that was remembered");
    assert_eq!(cloud.messages().len(), 1);
    assert_eq!(moves(&cloud), 1);
}

#[test]
fn records_of_others_move_nothing() {
    for cloud in [awake(), drowsy()] {
        let mut device = device(&cloud);
        let elsewhere = socket_to(cloud.address(Transport::Dtls));
        elsewhere.set_read_timeout(Some(SILENCE)).expect("not zero");
        let request = device.message("x", b"1").to_bytes().expect("it fits");
        let genuine = session(&mut device).seal(&request);
        // Cut, altered, and longer ones: nothing comes of them.
        let forged = |index: usize| {
            let mut forged = genuine.clone();
            forged[index] ^= 1;
            forged
        };
        for datagram in [forged(genuine.len() - 1), forged(20), genuine[..20].to_vec()] {
            elsewhere.send(&datagram).expect("sent");
        }
        // Its own record, and then the same one again from elsewhere.
        session(&mut device).socket.send(&genuine).expect("sent");
        assert_eq!(code(&device.receive()), "2.05");
        for _ in 0..3 {
            elsewhere.send(&genuine).expect("sent");
        }
        assert!(elsewhere.recv(&mut [0; 2_048]).is_err(), "nothing is said there");
        assert_eq!(code(&device.publish("x", b"2")), "2.05");
        assert_eq!((moves(&cloud), cloud.messages().len()), (0, 2));
        assert_eq!(cloud.dtls_sessions(), 1);
    }
}

#[test]
fn an_older_record_from_elsewhere_moves_nothing() {
    let cloud = awake();
    let mut device = device(&cloud);
    let older = device.message("x", b"1").to_bytes().expect("it fits");
    let older = session(&mut device).seal(&older);
    assert_eq!(code(&device.publish("x", b"2")), "2.05");
    // Somebody on the path held it back: it is genuine, but not the newest.
    let elsewhere = socket_to(cloud.address(Transport::Dtls));
    elsewhere.send(&older).expect("sent");
    assert_eq!(code(&device.receive()), "2.05", "the answer goes where the device is");
    assert_eq!(moves(&cloud), 0);
}

#[test]
fn a_sealed_session_is_used_by_both_sides() {
    let cloud = drowsy();
    let mut device = device(&cloud);
    for round in 0..20 {
        wait_until_sealed(&cloud, 1);
        if round % 2 == 0 {
            assert_eq!(code(&device.publish("x", b"1")), "2.05");
        } else {
            assert_eq!(cloud.ping_devices(), 1);
            let ping = device.receive();
            device.answer_empty(coap_lite::MessageType::Reset, &ping);
        }
    }
    assert_eq!(cloud.dtls_sessions(), 1);
    wait_until_sealed(&cloud, 1);
    session(&mut device).close();
    let closed = cloud.wait_for(
        PATIENCE,
        |event| matches!(event, Event::DtlsClosed { reason, .. } if reason == "closed by client"),
    );
    assert!(closed.is_some(), "{:?}", cloud.events());
    assert_eq!(cloud.dtls_sessions(), 0);
}

#[test]
fn a_sealed_session_without_an_id_is_found_by_its_address() {
    let cloud = drowsy();
    let mut device = TestDevice::signed_in(&cloud, Transport::Dtls);
    for _ in 0..5 {
        wait_until_sealed(&cloud, 1);
        assert_eq!(code(&device.publish("x", b"1")), "2.05");
    }
    wait_until_sealed(&cloud, 1);
    assert_eq!(cloud.close_dtls_sessions(), 1);
    assert_eq!(device.link.receive(PATIENCE), Some(Vec::new()), "close_notify");
}

#[test]
fn a_device_that_sleeps_for_too_long_is_told_goodbye() {
    let dtls = DtlsConfig {
        engine: DtlsEngine::Own,
        seal_after: Duration::from_millis(1),
        idle_timeout: Duration::from_millis(300),
        ..DtlsConfig::default()
    };
    let cloud = start(Config { dtls, ..Config::default() });
    let mut device = device(&cloud);
    wait_until_sealed(&cloud, 1);
    assert_eq!(device.link.receive(PATIENCE), Some(Vec::new()), "close_notify");
    assert_eq!(cloud.dtls_sessions(), 0);
}

#[test]
fn the_last_flight_is_sent_again_to_a_client_that_missed_it() {
    // The session cannot be sealed before its client has shown that it has the flight.
    let cloud = drowsy();
    cloud.set_faults("drop=0.4,seed=11".parse().expect("valid"));
    for _ in 0..12 {
        let short = iot_coap_dtls::Duration::from_millis(50);
        let config = Trust::Root(cloud.root_pem().to_owned()).config().timeouts(short, short);
        Session::connect(cloud.address(Transport::Dtls), config);
    }
}

/// The address of a device that sleeps may be another's by the time it wakes.
#[test]
fn another_client_at_the_address_of_a_sleeping_one_does_not_take_its_session() {
    let cloud = awake();
    let mut sleeping = device(&cloud);
    let socket = session(&mut sleeping).socket.try_clone().expect("cloned");
    let config = Trust::Root(cloud.root_pem().to_owned()).config();
    let other = Session::over(socket, config).expect("it shakes hands");
    let mut other = TestDevice::new(Link::Engine(Box::new(other)));
    other.sign_in();
    session(&mut sleeping).move_away();
    assert_eq!(code(&sleeping.publish("x", b"1")), "2.05");
    assert_eq!(code(&other.publish("x", b"2")), "2.05", "the other one is where it was");
    assert_eq!(cloud.dtls_sessions(), 2);
}
