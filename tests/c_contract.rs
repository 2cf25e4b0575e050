//! One C program, the same against the static and the shared library, as C and
//! as C++, over each transport, under the sanitizers: `tests/c/contract.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

fn cloud() -> Cloud {
    let bind = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    Cloud::start(Config { bind, ..Config::default() }).expect("the local cloud starts")
}

/// Runs the contract at `url` and compares what it posted with what arrived.
fn holds(cloud: &Cloud, url: &str, linkage: Linkage, language: Language) {
    let program = compile("contract.c", linkage, language);
    let before = cloud.messages().len();
    let output = succeed(Command::new(program).arg(url).arg(cloud.root_path()));

    let messages = cloud.messages().split_off(before);
    assert!(messages.iter().all(|message| !message.duplicate), "a message arrived twice");
    let arrived = |path: &str| {
        let path = path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
        let topic = format!("/a1RP1qZfrEi/example1/{}", path.join("/"));
        messages.iter().find(|message| message.topic == topic && message.code == "2.05").cloned()
    };
    let posted: Vec<_> = output.lines().filter_map(|line| line.strip_prefix("posted ")).collect();
    assert_eq!(posted.len(), 6, "{output}");
    for path in &posted {
        assert!(arrived(path).is_some(), "{path} did not arrive at {url}");
    }
    let json = arrived("json").expect("posted");
    assert_eq!(json.payload, b"{\"temperature\":21.5}");
    assert_eq!((json.content_format, json.accept), (Some(50), Some(42)));
    assert!(json.confirmable);
    let cbor = arrived("cbor").expect("posted");
    assert_eq!(
        (cbor.content_format, cbor.payload.as_slice()),
        (Some(60), b"\xa1at\x15".as_slice())
    );
    assert!(!arrived("non").expect("posted").confirmable);
    assert!(arrived("empty").expect("posted").payload.is_empty());
}

#[test]
fn static_library_as_c_and_cxx_over_udp() {
    let cloud = cloud();
    for language in [Language::C89, Language::Cxx] {
        holds(&cloud, &cloud.url(Transport::Udp), Linkage::Static, language);
    }
}

#[test]
fn shared_library_as_c_and_cxx_over_dtls() {
    let cloud = cloud();
    for language in [Language::C89, Language::Cxx] {
        holds(&cloud, &cloud.url(Transport::Dtls), Linkage::Shared, language);
    }
}

#[test]
fn each_library_over_each_transport() {
    let cloud = cloud();
    let v6 = |transport| cloud.url_v6(transport).expect("::1 is bound");
    for linkage in [Linkage::Static, Linkage::Shared] {
        for url in [
            cloud.url(Transport::Udp),
            cloud.url(Transport::Dtls),
            cloud.url(Transport::Symmetric),
            v6(Transport::Udp),
            v6(Transport::Dtls),
        ] {
            holds(&cloud, &url, linkage, Language::C89);
        }
    }
}

#[test]
fn nothing_leaks_or_is_undefined() {
    let cloud = cloud();
    for transport in [Transport::Udp, Transport::Dtls, Transport::Symmetric] {
        holds(&cloud, &cloud.url(transport), Linkage::Static, Language::Sanitized);
    }
}
