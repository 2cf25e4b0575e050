//! Hazard: a build without some feature takes a URL that needs it, and then sends in
//! clear or to the wrong host.

use iot_coap_client::{Endpoint, Security, UrlError};

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
}
