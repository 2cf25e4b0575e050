//! Hazard: the examples for Rust programs, which others copy, do not work, or wait for ever.

use std::cell::Cell;
use std::error::Error;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use iot_coap_client::Device as Identity;
use iot_coap_cloud::{Cloud, Config, Device, Event, Faults, Reply, Transport};

#[allow(dead_code, reason = "elsewhere it is a program of its own")]
#[path = "../../dtls/examples/coaps_tokio.rs"]
mod coaps_tokio;
#[allow(dead_code, reason = "elsewhere it is a program of its own")]
#[path = "../../client/examples/udp.rs"]
mod udp;

/// What both examples post, and what the cloud answers.
const PAYLOAD: &str = r#"{"temperature":21.5}"#;

const PATIENCE: Duration = Duration::from_secs(10);

fn cloud() -> Cloud {
    Cloud::start(Config { reply: Reply::Echo, ..Config::default() }).expect("free ports")
}

/// The device that the cloud knows by default, with this secret.
fn device(secret: &str) -> Identity {
    Identity::new("a1RP1qZfrEi", "example1", "", secret).expect("short enough")
}

fn sample() -> Identity {
    device("fPloaszb6saUFJte4EhyuBHQpR9SuKHb")
}

fn over_dtls(url: &str, root: &Path, device: Identity) -> Result<String, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(coaps_tokio::post(url, root, device))
}

/// Has the example post over this transport.
fn post(cloud: &Cloud, transport: Transport, device: Identity) -> Result<String, String> {
    let url = cloud.url(transport);
    let answer = match transport {
        Transport::Dtls => over_dtls(&url, cloud.root_path(), device),
        _ => udp::post(&url, device),
    };
    answer.map_err(|error| error.to_string())
}

const ALL: [Transport; 3] = [Transport::Udp, Transport::Symmetric, Transport::Dtls];

#[test]
fn they_post_and_return_the_answer() {
    for transport in ALL {
        let cloud = cloud();
        assert_eq!(post(&cloud, transport, sample()), Ok(format!("2.05 {PAYLOAD}")));
        assert_eq!(cloud.messages().len(), 1);
    }
}

#[test]
fn they_end_a_session_that_they_began() {
    let cloud = cloud();
    post(&cloud, Transport::Dtls, sample()).expect("an answer");
    let ended = cloud.wait_for(
        PATIENCE,
        |event| matches!(event, Event::DtlsClosed { reason, .. } if reason == "closed by client"),
    );
    assert!(ended.is_some(), "{:?}", cloud.events());
}

/// Here the examples have to acknowledge answers, and know one answer from its copy.
#[test]
fn they_post_through_faults() {
    for transport in ALL {
        let cloud = cloud();
        cloud.set_faults("separate=1,duplicate=0.3,seed=1".parse::<Faults>().expect("faults"));
        assert_eq!(post(&cloud, transport, sample()), Ok(format!("2.05 {PAYLOAD}")));
        // Both answers were acknowledged, also that after which the example ends.
        let acknowledged = Cell::new(0);
        let both = cloud.wait_for(PATIENCE, |event| {
            let is_one = matches!(event, Event::Answered { by, .. } if by == "acknowledgement");
            acknowledged.set(acknowledged.get() + u32::from(is_one));
            acknowledged.get() == 2
        });
        assert!(both.is_some(), "{:?}", cloud.events());
    }
}

#[test]
fn they_say_why_the_cloud_refused() {
    let cloud = cloud();
    for transport in ALL {
        let refused = post(&cloud, transport, device("a wrong secret")).expect_err("refused");
        assert!(refused.starts_with("the sign-in failed: refused with 4.01"), "{refused}");
    }
}

#[test]
fn they_say_what_is_wrong_with_the_url_and_the_root() {
    let udp = |url| udp::post(url, sample()).expect_err("wrong").to_string();
    assert!(udp("http://127.0.0.1").starts_with("the URL must start with coap://"));
    assert!(udp("coaps://127.0.0.1").contains("no DTLS"));
    let root = Path::new("/nonexistent.pem");
    for url in ["coap://127.0.0.1", "coap-psk://127.0.0.1"] {
        let error = over_dtls(url, root, sample()).expect_err("no DTLS").to_string();
        assert_eq!(error, "not a coaps:// URL");
    }
    let error = over_dtls("coaps://127.0.0.1", root, sample()).expect_err("no root").to_string();
    assert!(error.starts_with("/nonexistent.pem: No such file"), "{error}");
}

#[test]
fn they_name_the_url_where_nobody_listens() {
    let free = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("bound");
    drop(free);
    let (cloud, url) = (cloud(), format!("coap://{address}"));
    let error = udp::post(&url, sample()).expect_err("nobody").to_string();
    assert!(error.starts_with(&format!("{url}: Connection refused")), "{error}");
    let url = format!("coaps://{address}");
    let error = over_dtls(&url, cloud.root_path(), sample()).expect_err("nobody").to_string();
    // Its main names the URL.
    assert!(error.starts_with("Connection refused"), "{error}");
}

/// The server learns why, instead of sending its flight again.
#[test]
fn they_tell_the_server_why_a_handshake_failed() {
    const OTHER_ROOT: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/certificates/globalsign-root-r1.pem");
    let cloud = cloud();
    let error = over_dtls(&cloud.url(Transport::Dtls), OTHER_ROOT.as_ref(), sample());
    let error = error.expect_err("another root").to_string();
    assert!(error.contains("unknown issuer"), "{error}");
    // An alert is `unknown_ca` for one engine and `unknown ca` for the other.
    let told = cloud.wait_for(
        PATIENCE,
        |event| matches!(event, Event::DtlsFailed { reason, .. } if reason.replace('_', " ").contains("unknown ca")),
    );
    assert!(told.is_some(), "{:?}", cloud.events());
}

/// A server that is there and never answers.
#[test]
fn they_give_up_in_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("bound");
    let (cloud, start) = (cloud(), Instant::now());
    let dtls = std::thread::scope(|scope| {
        let dtls = scope.spawn(|| {
            let url = format!("coaps://{address}");
            over_dtls(&url, cloud.root_path(), sample()).map_err(|error| error.to_string())
        });
        let error = udp::post(&format!("coap://{address}"), sample()).expect_err("no answer");
        assert_eq!(error.to_string(), "the sign-in failed: not answered in time");
        dtls.join().expect("no panic")
    });
    assert_eq!(dtls, Err("the sign-in failed: not answered in time; DTLS: Handshaking".into()));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

// The README shows this test as it is.
#[test]
fn a_device_posts_on_a_slow_network() {
    let cloud = Cloud::start(Config {
        devices: vec![Device::new("key", "sensor", "secret")],
        reply: Reply::Echo,
        ..Config::default()
    })
    .expect("free ports");
    cloud.set_faults("delay=50..200,seed=7".parse().expect("faults"));

    // What is tested: here the client's example `udp.rs`, copied beside this (`mod udp;`).
    let device = iot_coap_client::Device::new("key", "sensor", "", "secret").expect("an identity");
    let answer = udp::post(&cloud.url(Transport::Udp), device).expect("an answer");

    assert_eq!(answer, r#"2.05 {"temperature":21.5}"#);
    let messages = cloud.wait_for_messages(1, Duration::from_secs(10));
    assert_eq!(messages[0].topic, "/key/sensor/user/update");
}

#[test]
fn the_readme_shows_a_test() {
    const TESTS: &str = include_str!("rust_examples.rs");
    let start = TESTS.find("#[test]\nfn a_device_posts_on_a_slow_network").expect("it is there");
    let end = start + TESTS[start..].find("\n}\n").expect("it ends") + 3;
    let code = &TESTS[start..end];
    for readme in [include_str!("../README.md"), include_str!("../README.zh-CN.md")] {
        assert!(readme.contains(code), "put into the README:\n{code}");
    }
}
