//! Hazard: a device connects elsewhere than its URL says, or less protected.

use iot_coap_client::{Endpoint, Security, UrlError};
use proptest::prelude::*;

fn parse(url: &str) -> (Security, String, u16) {
    let endpoint = Endpoint::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    (endpoint.security, endpoint.host, endpoint.port)
}

fn error(url: &str) -> UrlError {
    Endpoint::parse(url).expect_err(url)
}

#[test]
fn each_scheme_with_its_default_port() {
    for (url, security, port) in [
        ("coap://example.org", Security::None, 5683),
        ("coaps://example.org", Security::Dtls, 5684),
        ("coap-psk://example.org", Security::Symmetric, 5683),
        // RFC 3986 section 3.1: schemes know no case.
        ("COAPS://example.org", Security::Dtls, 5684),
        ("CoAP-PSK://example.org", Security::Symmetric, 5683),
    ] {
        assert_eq!(parse(url), (security, "example.org".into(), port), "{url}");
    }
}

#[test]
fn ports() {
    for (text, port) in [("1", 1), ("5682", 5682), ("65535", 65_535), ("005683", 5683)] {
        for scheme in ["coap", "coaps", "coap-psk"] {
            assert_eq!(parse(&format!("{scheme}://h:{text}")).2, port);
            assert_eq!(parse(&format!("{scheme}://[::1]:{text}")).2, port);
        }
    }
    for text in
        ["", "0", "65536", "99999999999999999999", "-1", "+1", " 1", "1 ", "0x1", "a", "1:2", "٣"]
    {
        assert_eq!(error(&format!("coap://h:{text}")), UrlError::Port, "{text:?}");
        assert_eq!(error(&format!("coap://[::1]:{text}/path")), UrlError::Port, "{text:?}");
    }
}

#[test]
fn a_path_and_what_follows_is_ignored() {
    for rest in ["", "/", "/a/b", "/a:99", "?q=1", "#f", "/[x]", "/a@b", "//", "/日本"] {
        for (host, found) in [("example.org", "example.org"), ("[::1]", "::1")] {
            assert_eq!(
                parse(&format!("coaps://{host}{rest}")),
                (Security::Dtls, found.into(), 5684)
            );
            assert_eq!(parse(&format!("coaps://{host}:77{rest}")).2, 77);
        }
    }
}

#[test]
fn hosts() {
    let longest = "h".repeat(127);
    for host in [
        "h",
        "127.0.0.1",
        "a1RP1qZfrEi.iot-as-coap.cn-shanghai.aliyuncs.com",
        "a1RP1qZfrEi.coap.cn-shanghai.link.aliyuncs.com",
        "under_score.example",
        "trailing.dot.",
        &longest,
    ] {
        assert_eq!(parse(&format!("coap://{host}")).1, host);
    }
}

/// RFC 3986 section 3.2.2, RFC 4007 for zones.
#[test]
fn ipv6_addresses_in_brackets() {
    for host in [
        "::1",
        "::",
        "2001:db8::1",
        "FE80::1",
        "1:2:3:4:5:6:7:8",
        "::ffff:127.0.0.1",
        "fe80::1%eth0",
        "fe80::1%wlan-0.1",
    ] {
        assert_eq!(parse(&format!("coap://[{host}]")), (Security::None, host.into(), 5683));
        assert_eq!(parse(&format!("coaps://[{host}]:99/x")), (Security::Dtls, host.into(), 99));
    }
}

#[test]
fn what_is_no_such_url() {
    for url in [
        "",
        "coap",
        "coap:",
        "coap:/",
        "coap:/h",
        "example.org",
        "://h",
        " coap://h",
        "coap ://h",
        "http://h",
        "coapss://h",
        "coap+tcp://h",
        "coap-psk//h",
        "mqtt://h",
    ] {
        assert_eq!(error(url), UrlError::Scheme, "{url:?}");
    }
    for url in [
        "coap://",
        "coap:///path",
        "coap://:5683",
        "coap://?q",
        "coap://h h",
        "coap://h\n",
        "coap://h\0",
        "coap://user@h",
        "coap://user:1@h",
        "coap://h%41",
        "coap://hé",
        "coap://h\\x",
        "coap://h,i",
        "coap://[",
        "coap://[]",
        "coap://[::1",
        "coap://::1]",
        "coap://[::1]x",
        "coap://[::1]5683",
        "coap://[example]",
        "coap://[127.0.0.1]",
        "coap://[::g]",
        "coap://[fe80::1%]",
        "coap://[fe80::1%a/b]",
        "coap://[fe80::1%a%b]",
        "coap://[[::1]]",
        "coap://[:]",
        "coap://[:::]",
        "coap://[1:2]",
        "coap://[1:2:3:4:5:6:7]",
        "coap://[1:2:3:4:5:6:7:8:9]",
        "coap://[1::2::3]",
        "coap://[12345::]",
        "coap://[::1.2.3]",
        "coap://[::256.0.0.1]",
        "coap://[::127.0.0.1:1]",
    ] {
        let found = error(url);
        assert!(matches!(found, UrlError::Host | UrlError::Port), "{url:?}: {found:?}");
        if url != "coap://user:1@h" {
            assert_eq!(found, UrlError::Host, "{url:?}");
        }
    }
    assert_eq!(error(&format!("coap://{}", "h".repeat(128))), UrlError::HostTooLong);
    assert_eq!(error(&format!("coap://[fe80::1%{}]", "z".repeat(120))), UrlError::HostTooLong);
}

/// What a device connects to if `p_url` is NULL.
#[test]
fn the_endpoint_of_a_product() {
    let endpoint = Endpoint::default_for("a1RP1qZfrEi").unwrap();
    let url = "coaps://a1RP1qZfrEi.iot-as-coap.cn-shanghai.aliyuncs.com:5684";
    assert_eq!(endpoint, Endpoint::parse(url).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn anything_is_survived_and_nothing_odd_gets_through(
        scheme in "(coap|coaps|coap-psk|[a-z]{0,3})",
        rest in "(://)?[\\PC\\n\\[\\]:/%.]{0,40}",
    ) {
        if let Ok(endpoint) = Endpoint::parse(&format!("{scheme}{rest}")) {
            prop_assert!(endpoint.port != 0);
            prop_assert!((1..=127).contains(&endpoint.host.len()));
            let sound = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
            prop_assert!(endpoint.host.chars().all(sound), "{:?}", endpoint.host);
        }
    }

    #[test]
    fn every_part_is_found(
        scheme in 0_usize..3,
        host in "[a-zA-Z0-9][a-zA-Z0-9.-]{0,60}",
        port in proptest::option::of(1_u16..),
        path in "(/\\PC{0,20})?",
    ) {
        let (scheme, security, default) = [
            ("coap", Security::None, 5683),
            ("coaps", Security::Dtls, 5684),
            ("coap-psk", Security::Symmetric, 5683),
        ][scheme];
        let colon = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("{scheme}://{host}{colon}{path}");
        prop_assert_eq!(parse(&url), (security, host, port.unwrap_or(default)));
    }
}
