//! Hazard: a build without some feature takes a URL that needs it, and then sends in
//! clear or to the wrong host; or waits for what it cannot tell.

mod support;

use iot_coap_client::{Endpoint, Event, GiveUp, Security, UrlError};
use support::{Bench, CONTENT, config};

#[test]
fn every_build_takes_plain_and_dtls_urls() {
    let plain = Endpoint::parse("coap://192.0.2.1").expect("a URL");
    assert_eq!((plain.security, plain.port), (Security::None, 5683));
    let dtls = Endpoint::parse("coaps://example.org:1").expect("a URL");
    assert_eq!((dtls.security, &*dtls.host, dtls.port), (Security::Dtls, "example.org", 1));
    assert_eq!(Endpoint::parse("http://example.org"), Err(UrlError::Scheme));
}

#[test]
fn symmetric_mode_needs_its_feature() {
    let security = Endpoint::parse("coap-psk://example.org").map(|endpoint| endpoint.security);
    let expected = if cfg!(feature = "symmetric") {
        Ok(Security::Symmetric)
    } else {
        Err(UrlError::NoSymmetric)
    };
    assert_eq!(security, expected);
}

#[test]
fn addresses_in_brackets_need_theirs() {
    let host = Endpoint::parse("coap://[2001:db8::1]:7").map(|endpoint| endpoint.host);
    let expected =
        if cfg!(feature = "ipv6") { Ok("2001:db8::1".into()) } else { Err(UrlError::Host) };
    assert_eq!(host, expected);
    let names_feature = UrlError::Host.to_string().contains("feature ipv6");
    assert_eq!(names_feature, cfg!(not(feature = "ipv6")));
}

#[test]
fn a_message_that_gives_way_ends_in_every_build() {
    let mut bench = Bench::signed_in_with(config().max_outstanding(2));
    bench.post_non(0);
    let others = [bench.post(1), bench.post(2)];
    let is_told = cfg!(feature = "displaced");
    assert_eq!(bench.client.outstanding(), 2 + usize::from(is_told));
    bench.advance(100);
    let events = bench.events();
    if is_told {
        let is_displaced =
            matches!(events[..], [Event::GaveUp { application: 0, reason: GiveUp::Displaced, .. }]);
        assert!(is_displaced, "{events:?}");
    } else {
        assert!(events.is_empty(), "{events:?}");
    }
    assert_eq!(bench.client.outstanding(), 2);
    for (number, message) in (1..).zip(&others) {
        assert_eq!(bench.answered(message, CONTENT).0, number);
    }
    assert!(bench.client.is_idle());
}
