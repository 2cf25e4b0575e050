//! Hazard: a build without some features offers what it does not support, or does not
//! support what it offers. `scripts/test` runs this with several sets of features.

/// The support code of the other tests, without what needs a feature.
#[allow(dead_code)]
mod common {
    mod basics;
    #[path = "../../../port-linux/tests/common/certificates.rs"]
    pub(crate) mod certificates;
    pub(crate) mod link;
    pub(crate) mod mbedtls;
    pub(crate) mod peers;
    pub(crate) mod servers;
    #[cfg(feature = "certificates")]
    mod trusting;

    pub(crate) use basics::*;
    #[cfg(feature = "certificates")]
    pub(crate) use trusting::certificates;
}

use common::link::Link;
use common::peers::Proof;
use common::servers::{Server, Suite, Wish};
use common::{IDENTITY, PSK, SystemRandom, pre_shared_key};
use iot_coap_dtls::{Client, Config, Instant};

/// The signaling value among the suites (RFC 5746, section 3.3).
const RENEGOTIATION_INFO: u16 = 0x00ff;

/// The suites of the first ClientHello.
fn offered(config: Config) -> Vec<u16> {
    let mut client = Client::new(config, SystemRandom::default(), Instant::from_millis(0)).unwrap();
    let mut buffer = [0; 2048];
    let len = client.poll_transmit(&mut buffer).unwrap();
    // After the headers of record and message, version and random (RFC 6347, section
    // 4.2.1), session id and cookie come the suites.
    let mut rest = &buffer[13 + 12 + 2 + 32..len];
    for _ in 0..2 {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    rest[2..2 + len]
        .chunks(2)
        .map(|suite| u16::from_be_bytes([suite[0], suite[1]]))
        .filter(|suite| *suite != RENEGOTIATION_INFO)
        .collect()
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

#[cfg(feature = "certificates")]
#[test]
fn suites_with_certificates_follow_the_features() {
    let (root, _) = common::rsa();
    let mut suites = Vec::new();
    if cfg!(feature = "p256") {
        suites.push(0xc02b);
    }
    if cfg!(feature = "rsa") {
        suites.push(0xc02f);
    }
    if cfg!(all(feature = "rsa", feature = "cbc")) {
        suites.push(0xc027);
    }
    if cfg!(feature = "static-rsa") {
        suites.extend([0x003c, 0x003d, 0x002f, 0x0035]);
    }
    assert_eq!(offered(common::certificates(&root).cbc(true).static_rsa(true)), suites);
}

#[cfg(feature = "rsa")]
#[test]
fn an_rsa_certificate() {
    let (root, leaf) = common::rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    assert_exchange(Suite::ECDHE_RSA_GCM, &proof, common::certificates(&root));
}

#[cfg(feature = "p256")]
#[test]
fn an_ecdsa_certificate() {
    let (root, leaf) = common::ecdsa();
    let proof = Proof::Certificate(&leaf, &[]);
    assert_exchange(Suite::ECDHE_ECDSA_GCM, &proof, common::certificates(&root));
}

#[cfg(feature = "static-rsa")]
#[test]
fn static_rsa() {
    let (root, leaf) = common::rsa();
    let proof = Proof::Certificate(&leaf, &[]);
    let config = common::certificates(&root).cbc(true).static_rsa(true);
    assert_exchange(Suite::RSA_CBC[0], &proof, config);
}
