//! Hazard: one host or one device takes what is everybody's, by asking more often than anybody
//! would.

use std::cell::Cell;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Instant;

use coap_lite::{CoapOption, Packet};
use iot_coap_cloud::{
    Cloud, Config, Device, DtlsConfig, DtlsEngine, Event, Limits, Log, Transport,
};
use iot_coap_test_cloud::engine::{Session, Trust};
use iot_coap_test_cloud::hosts::{device_at, host, host_at, with_cookie};
use iot_coap_test_cloud::*;

const IDENTITY: &str = "sensor-7";
const KEY: &str = "a key with enough entropy";

/// A server whose limits count for this machine too.
fn limited(mut limits: Limits) -> Cloud {
    limits.here = true;
    start(Config {
        devices: vec![Device::sample(), other()],
        limits,
        dtls: DtlsConfig {
            engine: DtlsEngine::Own,
            pre_shared_key: Some((IDENTITY.into(), KEY.into())),
            ..DtlsConfig::default()
        },
        ..Config::default()
    })
}

fn other() -> Device {
    Device::new("pk", "other", "another secret")
}

fn is_limited(event: &Event) -> bool {
    matches!(event, Event::Limited { .. })
}

/// Max-Age, in seconds.
fn max_age(reply: &Packet) -> Option<usize> {
    let value = reply.get_first_option(CoapOption::MaxAge)?;
    Some(value.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

#[test]
fn a_host_that_guesses_keeps_nobody_else_from_signing_in() {
    let cloud = limited(Limits { strangers: 2, ..Limits::default() });
    let mut known = device_at(2, &cloud, Transport::Udp);
    known.sign_in();
    let mut guesser = device_at(2, &cloud, Transport::Udp);
    guesser.identity.device_secret = "a guess".into();
    let replies: Vec<Packet> = (0..200)
        .map(|number| {
            let request = match number % 3 {
                0 => guesser.auth("hmacmd5", &[]),
                1 => guesser.message("x", b"1"),
                _ => guesser.post("/nowhere"),
            };
            guesser.exchange(&request)
        })
        .collect();
    let (refused, served): (Vec<_>, Vec<_>) =
        replies.iter().partition(|reply| code(reply) == "4.29");
    // A burst of ten seconds' worth, and what comes back while this runs.
    assert!((10..100).contains(&served.len()), "{} were served", served.len());
    for reply in refused {
        assert!(reply.payload.is_empty());
        assert!(max_age(reply).is_some_and(|seconds| (1..=5).contains(&seconds)), "{reply:?}");
    }
    let told = cloud.events().into_iter().filter(is_limited).count();
    assert!((1..5).contains(&told), "{told} lines are no flood");
    // Neither another host, nor a device there that has its token, nor one that has shown by
    // DTLS that it is there: what comes by UDP may be forged.
    device_at(3, &cloud, Transport::Udp).sign_in();
    let socket = host(2, cloud.address(Transport::Dtls));
    let session = DtlsClient { socket, ..DtlsClient::of(&cloud) }.connect();
    TestDevice::new(Link::Dtls(Box::new(session))).sign_in();
    assert_eq!(code(&known.publish("x", b"1")), "2.05");
}

#[test]
fn what_came_too_soon_is_served_when_it_comes_again() {
    let cloud = limited(Limits { strangers: 4, ..Limits::default() });
    let mut device = device_at(2, &cloud, Transport::Udp);
    let too_soon = (0..1_000).map(|_| device.auth("hmacmd5", &[])).collect::<Vec<_>>();
    let request = too_soon.iter().find(|request| code(&device.exchange(request)) == "4.29");
    let request = request.expect("one of them comes too soon");
    let deadline = Instant::now() + PATIENCE;
    while code(&device.exchange(request)) == "4.29" {
        assert!(Instant::now() < deadline, "it is served in the end");
    }
    assert_eq!(code(&device.exchange(request)), "2.05", "as a duplicate");
}

#[test]
fn a_device_has_a_share_of_messages_by_default() {
    let cloud = limited(Limits::default());
    let mut loud = device_at(2, &cloud, Transport::Udp);
    loud.sign_in();
    let mut quiet = device_at(2, &cloud, Transport::Udp);
    quiet.identity = other();
    quiet.sign_in();
    let replies: Vec<Packet> = (0..400).map(|_| loud.publish("x", b"1")).collect();
    let refused: Vec<_> = replies.iter().filter(|reply| code(reply) == "4.29").collect();
    assert!(!refused.is_empty(), "none of 400 came too soon");
    assert!(refused.iter().all(|reply| max_age(reply) == Some(1)));
    assert_eq!(code(&quiet.publish("x", b"1")), "2.05");
}

#[test]
fn this_machine_is_not_limited_unless_that_is_asked_for() {
    let cloud = cloud();
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    for _ in 0..700 {
        let request = device.auth("hmacmd5", &[]);
        assert_eq!(code(&device.exchange(&request)), "2.05");
    }
    device.sign_in();
    for _ in 0..100 {
        assert_eq!(code(&device.publish("x", b"1")), "2.05");
    }
    assert!(!cloud.events().iter().any(is_limited));
}

/// Begins a handshake in which the server signs; whether it does. The client says nothing more.
fn signs(socket: &UdpSocket, random: u32) -> bool {
    let mut client = with_cookie(socket, random);
    client.suites = vec![0xC02F];
    client.extensions.extend([(10, vec![0, 2, 0, 29]), (13, vec![0, 4, 8, 4, 4, 1])]);
    socket.send(&client.hello()).expect("sent");
    let mut buffer = [0; 4_096];
    let server_hello = 2;
    socket.recv(&mut buffer).is_ok() && buffer[13] == server_hello
}

#[test]
fn a_host_that_asks_for_signatures_gets_few_and_others_get_theirs() {
    let cloud = limited(Limits { handshakes: 1, ..Limits::default() });
    let server = cloud.address(Transport::Dtls);
    let session = |last, trust: &Trust, resume| {
        let config = trust.config();
        let config = match resume {
            Some(saved) => config.resume(saved),
            None => config,
        };
        Session::over(host(last, server), config).expect("it shakes hands")
    };
    let root = Trust::Root(cloud.root_pem().to_owned());
    let mut before = session(2, &root, None);
    before.close();
    let saved = before.client().take_saved_session();
    let signed = (0..24).filter(|random| signs(&host(2, server), *random)).count();
    // One of the burst was taken, and some seconds pass.
    assert!((9..20).contains(&signed), "{signed} of 24");
    assert!(cloud.dtls_handshakes() <= signed, "nothing is kept of the others");
    assert!(cloud.events().iter().any(is_limited));
    // Another host; and there what takes no signature.
    session(3, &root, None);
    let mut resumed = session(2, &root, saved);
    assert!(resumed.client().was_resumed());
    session(2, &Trust::Key(IDENTITY.into(), KEY.into()), None);
}

#[test]
fn a_device_s_sessions_push_out_its_own_oldest() {
    let cloud = limited(Limits { sessions: 3, ..Limits::default() });
    let server = cloud.address(Transport::Dtls);
    let trust = Trust::Key(IDENTITY.into(), KEY.into());
    let open = |last, identity: Device| {
        let session = Session::over(host(last, server), trust.config()).expect("it shakes hands");
        let mut device = TestDevice::new(Link::Engine(Box::new(session)));
        device.identity = identity;
        device.sign_in();
        device
    };
    let mut quiet = open(2, other());
    // From several addresses.
    let mut loud: Vec<TestDevice> = (0..12).map(|n| open(2 + n % 3, Device::sample())).collect();
    assert_eq!(cloud.dtls_sessions(), 4);
    for device in &mut loud[9..] {
        assert_eq!(code(&device.publish("x", b"1")), "2.05");
    }
    assert_eq!(code(&quiet.publish("x", b"1")), "2.05");
    let gone = cloud.events().into_iter().filter(|event| {
        matches!(event, Event::DtlsClosed { reason, .. }
            if reason == "too many sessions of its device")
    });
    assert_eq!(gone.count(), 9);
    // It is the one that was silent for longest that goes, not the one opened first.
    assert_eq!(code(&loud[9].publish("x", b"1")), "2.05");
    loud.push(open(2, Device::sample()));
    assert_eq!(code(&loud[9].publish("x", b"1")), "2.05");
}

#[test]
fn a_device_s_symmetric_sessions_push_out_its_own_oldest() {
    let cloud = limited(Limits { strangers: 0, ..Limits::default() });
    let mut quiet = device_at(2, &cloud, Transport::Symmetric);
    quiet.identity = other();
    quiet.token_option = 2088;
    quiet.sign_in();
    let mut loud = device_at(2, &cloud, Transport::Symmetric);
    loud.token_option = 2088;
    let tokens: Vec<Vec<u8>> = (0..20)
        .map(|_| {
            loud.sign_in();
            loud.access_token.clone()
        })
        .collect();
    // Without a session there is no key to look for; with one a number is missing.
    let has_session = |device: &mut TestDevice| match code(&device.publish("x", b"")).as_str() {
        "4.00" => true,
        "4.01" => false,
        other => panic!("{other}"),
    };
    assert!(has_session(&mut quiet));
    let kept: Vec<bool> = tokens
        .into_iter()
        .map(|token| {
            loud.access_token = token;
            has_session(&mut loud)
        })
        .collect();
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 8, "{kept:?}");
    assert!(kept[12..].iter().all(|kept| *kept), "the newest: {kept:?}");
}

#[test]
fn who_has_the_addresses_of_few_networks_pushes_out_his_own_handshakes() {
    const MOST_HANDSHAKES: usize = 4_096;
    let cloud = limited(Limits::default());
    let server = cloud.address(Transport::Dtls);
    let slow = host(7, server);
    let mut slow_client = with_cookie(&slow, 1);
    slow.send(&slow_client.hello()).expect("sent");
    slow.recv(&mut [0; 4_096]).expect("an answer");
    // More addresses than there can be handshakes, of 20 networks of 24 bits.
    for number in 0..5_000_u32 {
        let [_, _, network, host] = number.to_be_bytes();
        let socket = host_at(Ipv4Addr::new(127, 1, network, host), server);
        let mut client = with_cookie(&socket, number);
        socket.send(&client.hello()).expect("sent");
    }
    let pushed_out = Cell::new(0);
    let all = cloud.wait_for(PATIENCE, |event| {
        let full = |reason: &str| reason == "too many handshakes";
        let is_one = matches!(event, Event::DtlsFailed { reason, .. } if full(reason));
        pushed_out.set(pushed_out.get() + usize::from(is_one));
        pushed_out.get() == 5_001 - MOST_HANDSHAKES
    });
    assert!(all.is_some(), "{} were pushed out", pushed_out.get());
    let lost = |event: &Event| matches!(event, Event::DtlsFailed { peer, .. } if *peer == slow.local_addr().expect("bound"));
    assert!(!cloud.events().iter().any(lost), "the slow one goes on");
}

#[test]
fn a_flood_of_datagrams_is_no_flood_of_lines() {
    let folder = Folder::new();
    let log = folder.file("log");
    let cloud = start(Config {
        log: Log::File(log.clone()),
        limits: Limits { here: true, ..Limits::default() },
        ..Config::default()
    });
    let mut noisy = device_at(2, &cloud, Transport::Udp);
    // Each is answered by a reset, so that none is lost on the way.
    for _ in 0..3_000 {
        noisy.link.send(&[0x4F, 2, 1, 2]);
        noisy.receive();
    }
    let mut other = device_at(3, &cloud, Transport::Udp);
    other.link.send(&[0x4F, 2, 1, 2]);
    other.receive();
    device_at(2, &cloud, Transport::Udp).sign_in();
    cloud.stop().expect("stops");
    let text = std::fs::read_to_string(log).expect("written");
    let lines = |wanted: &str| text.lines().filter(|line| line.contains(wanted)).count();
    let malformed = lines("\"malformed\"");
    assert!((500..2_500).contains(&malformed), "{malformed} lines of 3,000");
    assert!(lines("\"limited\"") >= 1);
    assert_eq!(lines("127.0.0.3"), 1, "another address has lines of its own");
    assert_eq!(lines("signed_in"), 1);
}

#[test]
fn a_flood_of_forged_addresses_is_no_flood_of_lines() {
    let folder = Folder::new();
    let log = folder.file("log");
    let cloud = start(Config {
        log: Log::File(log.clone()),
        limits: Limits { here: true, ..Limits::default() },
        ..Config::default()
    });
    let begun = Instant::now();
    for number in 0..3_000_u16 {
        let [third, last] = number.to_be_bytes();
        let address = Ipv4Addr::new(127, 3, third, last);
        let socket = host_at(address, cloud.address(Transport::Udp));
        socket.send(&[0x4F, 2, 1, 2]).expect("sent");
        // The answer says that it has been told.
        socket.recv(&mut [0; 16]).expect("a reset");
    }
    // Those of ten seconds at once, and then those of the time that it took.
    let most = 2_000 + 200 * (begun.elapsed().as_secs() + 1);
    cloud.stop().expect("stops");
    let text = std::fs::read_to_string(log).expect("written");
    let malformed = text.lines().filter(|line| line.contains("\"malformed\"")).count() as u64;
    assert!((2_000..=most).contains(&malformed), "{malformed} lines of 3,000");
    assert_eq!(text.contains("\"limited\""), malformed < 3_000);
}
