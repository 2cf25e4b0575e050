//! Hazard: a monitoring system is told of something else than what happened, or of devices'
//! secrets, or by a server that other machines reach.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, Event, MetricsConfig, Transport};
use iot_coap_test_cloud::*;

fn cloud_with_metrics() -> Cloud {
    let address = ([127, 0, 0, 1], 0).into();
    let metrics = Some(MetricsConfig::new(address).expect("this machine's"));
    start(Config { metrics, ..Config::default() })
}

/// What is told, by the name of each with its labels.
fn told(cloud: &Cloud) -> HashMap<String, u64> {
    let address = cloud.metrics_address().expect("they are served");
    let mut answer = ureq::get(format!("http://{address}/metrics")).call().expect("an answer");
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = answer.body_mut().read_to_string().expect("text");
    assert!(text.ends_with("# EOF\n"), "{text}");
    for private in [PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET] {
        assert!(!text.contains(private), "{text}");
    }
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        // Sums of seconds are no counts.
        value.parse().ok().map(|value| (name.to_owned(), value))
    };
    samples.filter_map(sample).collect()
}

#[test]
fn what_devices_do_is_counted() {
    let cloud = cloud_with_metrics();
    let before = told(&cloud);
    assert_eq!(before["iot_coap_cloud_dtls_sessions"], 0);
    assert_eq!(before.get("iot_coap_cloud_broker_connected"), None, "there is none to watch");

    let mut device = TestDevice::signed_in(&cloud, Transport::Dtls);
    for _ in 0..3 {
        assert_eq!(code(&device.publish("update", b"1")), "2.05");
    }
    let again = device.message("update", b"2");
    device.exchange(&again);
    device.exchange(&again);
    let mut stranger = TestDevice::over(&cloud, Transport::Udp);
    let lost = socket_to(cloud.address(Transport::Dtls));
    for datagram in [&b"no record"[..], b"nor this", &[0x40, 0, 0, 9], &[0x40, 0, 0, 10]] {
        lost.send(datagram).expect("sent");
    }
    // Without a token of the length that it names.
    stranger.link.send(&[0x58, 0, 0, 9]);
    for (of, count) in [(Transport::Dtls, 2), (Transport::Udp, 1)] {
        let malformed = |event: &&Event| matches!(event, Event::Malformed { transport, .. } if *transport == of);
        let all_came = |_: &Event| cloud.events().iter().filter(malformed).count() == count;
        cloud.wait_for(PATIENCE, all_came).expect("they are told");
    }
    cloud.wait_for(PATIENCE, |event| matches!(event, Event::WrongPort { .. })).expect("told");
    stranger.identity.device_secret = "wrong".into();
    let sign_in = stranger.auth("hmacmd5", &[]);
    assert_eq!(code(&stranger.exchange(&sign_in)), "4.01");
    cloud.ping_devices();
    let pinged = device.receive();
    device.answer_empty(coap_lite::MessageType::Reset, &pinged);
    cloud.wait_for(PATIENCE, |event| matches!(event, Event::Answered { .. })).expect("it is told");

    let now = told(&cloud);
    for (name, value) in [
        ("messages_total{transport=\"coaps\",code=\"2.05\"}", 4),
        ("sign_ins_total{transport=\"coaps\",code=\"2.05\"}", 1),
        ("sign_ins_total{transport=\"coap\",code=\"4.01\"}", 1),
        ("duplicates_total{transport=\"coaps\"}", 1),
        ("malformed_total{transport=\"coaps\"}", 2),
        ("malformed_total{transport=\"coap\"}", 1),
        ("wrong_port_total{transport=\"coaps\"}", 1),
        ("dtls_handshakes_total{outcome=\"full\"}", 1),
        ("dtls_sessions", 1),
        ("round_trip_seconds_count", 1),
        // Four messages and two sign-ins, one of them refused; not what came again.
        ("answer_seconds_count", 6),
        ("answer_seconds_bucket{le=\"10.0\"}", 6),
    ] {
        assert_eq!(now.get(&format!("iot_coap_cloud_{name}")), Some(&value), "{name} in {now:#?}");
    }
    drop(device);
    assert_eq!(cloud.close_dtls_sessions(), 1);
    assert_eq!(told(&cloud)["iot_coap_cloud_dtls_sessions"], 0);
}

#[test]
fn other_machines_do_not_reach_them() {
    let error = MetricsConfig::new(([0, 0, 0, 0], 9684).into()).expect_err("open to others");
    assert!(error.to_string().contains("127.0.0.1:9684"), "{error}");
    MetricsConfig::new("[::1]:0".parse().expect("an address")).expect("this machine's");
}

#[test]
fn another_name_that_leads_here_is_refused() {
    let cloud = cloud_with_metrics();
    let address = cloud.metrics_address().expect("they are served");
    let status = |host: &str| {
        let agent = iot_coap_test_cloud::http::agent();
        let request = agent.get(format!("http://{address}/metrics")).header("host", host);
        request.call().expect("an answer").status().as_u16()
    };
    for (host, expected) in [
        (address.to_string().as_str(), 200),
        ("localhost", 200),
        ("evil.example", 421),
        ("localhost.evil.example:9684", 421),
    ] {
        assert_eq!(status(host), expected, "{host}");
    }
}

#[test]
fn connections_that_ask_nothing_keep_nobody_out() {
    let cloud = cloud_with_metrics();
    let address = cloud.metrics_address().expect("they are served");
    let idle = |count: usize| -> Vec<TcpStream> {
        (0..count).map(|_| TcpStream::connect(address).expect("it listens")).collect()
    };
    let mut silent = idle(100);
    for stream in &mut silent {
        // Half a request is none either. Those that made room are closed.
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n");
    }
    let start = Instant::now();
    told(&cloud);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let later = idle(100);
    told(&cloud);
    drop((silent, later));
}

#[test]
fn they_end_with_their_server() {
    let cloud = cloud_with_metrics();
    let address = cloud.metrics_address().expect("they are served");
    told(&cloud);
    cloud.stop().expect("it served");
    assert!(TcpStream::connect(address).is_err());
}
