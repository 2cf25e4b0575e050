//! Hazard: a build without some features offers what it does not support, or does not
//! support what it offers. `scripts/test` runs this with several sets of features.

use iot_coap_dtls::{Client, Config, Instant};
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::dtls::{IDENTITY, PSK, SystemRandom, pre_shared_key};
use iot_coap_test_support::hellos::offered_suites;
use iot_coap_test_support::peers::Proof;
use iot_coap_test_support::peers::servers::{Server, Suite, Wish};

/// The suites of the first ClientHello.
fn offered(config: Config) -> Vec<u16> {
    let mut client = Client::new(config, SystemRandom::default(), Instant::from_millis(0)).unwrap();
    let mut buffer = [0; 2048];
    let len = client.poll_transmit(&mut buffer).unwrap();
    offered_suites(&buffer[..len])
}

fn assert_exchange(suite: Suite, proof: &Proof<'_>, config: Config) {
    let peer = Wish::only(suite).start(Server::OpenSsl, proof);
    let mut link = Link::connect(config, peer.address()).unwrap();
    assert_eq!(link.client.cipher_suite(), Some(suite.name));
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
    link.close();
}

#[test]
fn a_pre_shared_key_needs_no_feature() {
    let mut suites = vec![0x00a8];
    if cfg!(feature = "ccm") {
        suites.push(0xc0a8);
    }
    if cfg!(feature = "cbc") {
        suites.push(0x008c);
    }
    assert_eq!(offered(pre_shared_key().cbc(true)), suites);
    let proof = Proof::PreSharedKey { identity: IDENTITY, key: PSK };
    assert_exchange(Suite::PSK_GCM, &proof, pre_shared_key());
}

/// The signature schemes, in hexadecimal digits.
#[cfg(feature = "certificates")]
#[test]
fn signature_schemes_follow_the_features() {
    let (root, _) = iot_coap_test_support::certificates::rsa();
    let config = iot_coap_test_support::dtls::certificates(&root);
    let mut client = Client::new(config, SystemRandom::default(), Instant::from_millis(0)).unwrap();
    let mut buffer = [0; 2048];
    let len = client.poll_transmit(&mut buffer).unwrap();
    let (sha512, pss) = (cfg!(feature = "sha512"), cfg!(feature = "rsa-pss"));
    let schemes = [
        (0x0403_u16, cfg!(feature = "p256")),
        (0x0401, cfg!(feature = "rsa")),
        (0x0503, cfg!(feature = "p256") && sha512),
        (0x0501, cfg!(feature = "rsa") && sha512),
        (0x0601, cfg!(feature = "rsa") && sha512),
        (0x0804, pss),
        (0x0805, pss && sha512),
        (0x0806, pss && sha512),
    ];
    let schemes = schemes.into_iter().filter(|(_, is_there)| *is_there);
    let schemes: Vec<u8> = schemes.flat_map(|(number, _)| number.to_be_bytes()).collect();
    // The extension's number and length, and the length of the list (RFC 5246, section
    // 7.4.1.4.1).
    let len_of = schemes.len() as u8;
    let extension = [&[0, 13, 0, len_of + 2, 0, len_of], &schemes[..]].concat();
    assert!(buffer[..len].windows(extension.len()).any(|window| window == extension));
}

#[cfg(feature = "certificates")]
#[test]
fn suites_with_certificates_follow_the_features() {
    let (root, _) = iot_coap_test_support::certificates::rsa();
    let mut suites = Vec::new();
    if cfg!(feature = "p256") {
        suites.push(0xc02b);
    }
    if cfg!(feature = "rsa") {
        suites.push(0xc02f);
    }
    if cfg!(all(feature = "p256", feature = "ccm")) {
        suites.push(0xc0ae);
    }
    for (rsa, ecdsa) in [(0xc027, 0xc023), (0xc013, 0xc009)] {
        if cfg!(all(feature = "p256", feature = "cbc")) {
            suites.push(ecdsa);
        }
        if cfg!(all(feature = "rsa", feature = "cbc")) {
            suites.push(rsa);
        }
    }
    if cfg!(feature = "static-rsa") {
        suites.extend([0x003c, 0x003d, 0x002f, 0x0035]);
    }
    assert_eq!(
        offered(iot_coap_test_support::dtls::certificates(&root).cbc(true).static_rsa(true)),
        suites
    );
}

#[cfg(feature = "certificates")]
#[test]
fn certificates_without_a_kind_of_keys_name_the_features() {
    let (root, _) = iot_coap_test_support::certificates::rsa();
    let config = iot_coap_test_support::dtls::certificates(&root);
    let client = Client::new(config, SystemRandom::default(), Instant::from_millis(0));
    let error = client.err().map(|error| error.to_string());
    let has_keys = cfg!(any(feature = "p256", feature = "rsa"));
    let expected = (!has_keys).then_some("certificates need the feature rsa or p256");
    assert!(error.as_deref().unwrap_or_default().contains(expected.unwrap_or_default()));
    assert_eq!(error.is_some(), expected.is_some(), "{error:?}");
}

#[cfg(feature = "rsa")]
#[test]
fn an_rsa_certificate() {
    let (root, leaf) = iot_coap_test_support::certificates::rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    assert_exchange(Suite::ECDHE_RSA_GCM, &proof, iot_coap_test_support::dtls::certificates(&root));
}

#[cfg(feature = "p256")]
#[test]
fn an_ecdsa_certificate() {
    let (root, leaf) = iot_coap_test_support::certificates::ecdsa();
    let proof = Proof::Certificate(&leaf, &[]);
    assert_exchange(
        Suite::ECDHE_ECDSA_GCM,
        &proof,
        iot_coap_test_support::dtls::certificates(&root),
    );
}

#[cfg(feature = "static-rsa")]
#[test]
fn static_rsa() {
    let (root, leaf) = iot_coap_test_support::certificates::rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    let config = iot_coap_test_support::dtls::certificates(&root).cbc(true).static_rsa(true);
    assert_exchange(Suite::RSA_CBC[0], &proof, config);
}
