//! Servers with certificates, and clients that take these or others.

use std::sync::Arc;

use iot_coap_dtls::server::{self, Config, SignatureScheme, Signer};
use iot_coap_dtls::{Error, MIN_MTU, State};
use iot_coap_test_support::certificates::{
    GOOD, Identity, ec_key, ecdsa, intermediate, leaf, root, rsa, rsa_key,
};
use iot_coap_test_support::dtls::certificates;
use iot_coap_test_support::network::{Fate, by_seed};
use iot_coap_test_support::scripted::messages::{ALERT, EC_POINT_FORMATS, record};
use iot_coap_test_support::served::clients::{ForeignClient, Trust};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::signing::{with_identity, with_schemes};
use iot_coap_test_support::served::socket::SocketServer;
use iot_coap_test_support::served::virtual_time::Pair;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};
use openssl::hash::MessageDigest;

use super::pair;

const ECDHE_ECDSA_GCM: u16 = 0xc02b;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const INTERNAL_ERROR: u8 = 80;

fn config(identity: &Identity) -> Config {
    with_identity(Config::new(), identity, &[])
}

fn connected(root: &Identity, server: Config) -> Pair {
    let client = certificates(root).cbc(true).connection_id(b"own").unwrap();
    let mut pair = Pair::new(client, Endpoint::new(server), |_, _| Fate::ARRIVES);
    assert_eq!(pair.connect(20_000), Ok(true));
    pair.exchange(b"21.5");
    assert!(pair.server.only().connection.has_forward_secrecy());
    assert_eq!(pair.server.only().connection.identity(), None);
    pair
}

#[test]
fn the_engines_client_takes_each_kind_of_key() {
    let (ec_root, ec) = ecdsa();
    let pair = connected(&ec_root, config(&ec));
    assert_eq!(pair.client.cipher_suite(), Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
    let (rsa_root, rsa) = rsa();
    let pair = connected(&rsa_root, config(&rsa));
    assert_eq!(pair.client.cipher_suite(), Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
    connected(
        &rsa_root,
        with_schemes(Config::new(), &rsa, &[], vec![SignatureScheme::RsaPssSha256]),
    );
    // One with both serves each client, and one with pre-shared keys too.
    let both = || with_identity(with_identity(pre_shared_key(), &ec, &[]), &rsa, &[]);
    connected(&ec_root, both());
    let other = root(rsa_key(), MessageDigest::sha256());
    let between = intermediate(&other, ec_key());
    let server = leaf(&between, ec_key(), &GOOD);
    connected(&other, with_identity(Config::new(), &server, &[&between]));
}

/// Flights with certificates have several datagrams, and messages in fragments.
#[test]
fn handshakes_succeed_at_twenty_percent_loss() {
    let (root, server) = ecdsa();
    for seed in 0..64 {
        let server = Endpoint::new(config(&server).mtu(300));
        let client = certificates(&root).mtu(300);
        let mut pair = Pair::new(client, server, by_seed(seed, 20));
        assert_eq!(pair.connect(90_000), Ok(true), "seed {seed}");
        pair.exchange(b"21.5");
    }
}

/// RFC 6347, section 4.1.1.1. Messages are cut where a datagram ends.
#[test]
fn no_datagram_exceeds_the_mtu() {
    let (root, server) = ecdsa();
    let between = intermediate(&root, ec_key());
    for mtu in [100, 256, 300, 500] {
        let config = with_identity(Config::new(), &server, &[&between]).mtu(mtu);
        let (_, answer) = begun(hello_with(vec![(SIGNATURE_ALGORITHMS, vec![0, 2, 4, 3])]), config);
        let longest = answer.iter().map(Vec::len).max().unwrap();
        let least = if mtu == 100 { MIN_MTU } else { mtu };
        assert!(answer.len() > 1 && longest <= least && longest > least / 2, "{mtu}: {longest}");
    }
}

/// A client that does not trust the server says so, before there are keys.
#[test]
fn a_client_that_does_not_trust_the_server_ends_both() {
    let (_, server) = ecdsa();
    let (other, _) = ecdsa();
    let endpoint = Endpoint::new(config(&server));
    let mut pair = Pair::new(certificates(&other), endpoint, |_, _| Fate::ARRIVES);
    assert!(matches!(pair.connect(20_000), Err(Error::Certificate(_))));
    for _ in 0..100 {
        let _ = pair.step(pair.now + iot_coap_dtls::Duration::from_secs(10));
    }
    assert!(pair.server.served.is_empty());
}

fn with_openssl(server: Config, root: &Identity, options: &[&str], name: &str) {
    let server = SocketServer::start(Endpoint::new(server));
    let pem = root.pem();
    let mut client = ForeignClient::openssl(server.address(), &Trust::Root(&pem), options);
    client.exchange("it is 21.5 degrees");
    let suite = server.endpoint.lock().unwrap().only().connection.cipher_suite();
    assert_eq!(suite, Some(name), "{options:?}");
}

#[test]
fn openssl_takes_each_kind_of_key() {
    const ECDSA: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    const RSA: &str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let (root, server) = ecdsa();
    with_openssl(config(&server), &root, &[], ECDSA);
    with_openssl(config(&server), &root, &["-curves", "P-256"], ECDSA);
    with_openssl(config(&server), &root, &["-mtu", "300"], ECDSA);
    let ccm = "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8";
    with_openssl(config(&server), &root, &["-cipher", "ECDHE-ECDSA-AES128-CCM8"], ccm);
    let (root, server) = rsa();
    with_openssl(config(&server), &root, &[], RSA);
    with_openssl(
        config(&server),
        &root,
        &["-curves", "P-256", "-sigalgs", "rsa_pss_rsae_sha256"],
        RSA,
    );
    let cbc = ["-cipher", "ECDHE-RSA-AES128-SHA256"];
    let name = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256";
    with_openssl(config(&server).cbc(true), &root, &cbc, name);
}

#[test]
fn gnutls_takes_each_kind_of_key() {
    for (root, identity) in [ecdsa(), rsa()] {
        for group in ["X25519", "SECP256R1"] {
            let server = SocketServer::start(Endpoint::new(config(&identity)));
            let priority = format!("NORMAL:-VERS-ALL:+VERS-DTLS1.2:-GROUP-ALL:+GROUP-{group}");
            let pem = root.pem();
            let trust = Trust::Root(&pem);
            let mut client = ForeignClient::gnutls(server.address(), &trust, &priority, &[]);
            client.exchange("it is 21.5 degrees");
        }
    }
}

/// A client that is to be refused, or to be taken.
fn hello_with(extensions: Vec<(u16, Vec<u8>)>) -> ScriptedClient {
    ScriptedClient { suites: vec![ECDHE_ECDSA_GCM], extensions, ..ScriptedClient::default() }
}

fn begun(client: ScriptedClient, config: Config) -> (pair::Pair, Vec<Vec<u8>>) {
    let pair = pair::Pair { server: Endpoint::new(config), ..pair::Pair::new(client) };
    let mut pair = pair.get_cookie();
    let hello = pair.client.hello();
    let answer = pair.feed(&hello);
    (pair, answer)
}

#[test]
fn what_has_nothing_in_common_is_refused() {
    let (_, server) = ecdsa();
    let groups = |groups: &[u8]| (SUPPORTED_GROUPS, groups.to_vec());
    let schemes = |schemes: &[u8]| (SIGNATURE_ALGORITHMS, schemes.to_vec());
    let good = schemes(&[0, 2, 4, 3]);
    for (extensions, alert) in [
        // No group, only one that is not known, and one cut in two.
        (vec![good.clone(), groups(&[0, 0])], 40),
        (vec![good.clone(), groups(&[0, 2, 0, 24])], 40),
        (vec![good.clone(), groups(&[0, 3, 0, 23, 0])], 50),
        (vec![good.clone(), groups(&[0, 4, 0, 23])], 50),
        // SHA-1, RSA, and nothing.
        (vec![schemes(&[0, 2, 2, 3])], 40),
        (vec![schemes(&[0, 2, 4, 1])], 40),
        (vec![schemes(&[0, 0])], 40),
        (vec![], 40),
        // Compressed points only.
        (vec![good.clone(), (EC_POINT_FORMATS, vec![1, 1])], 50),
        (vec![good.clone(), (EC_POINT_FORMATS, vec![])], 50),
    ] {
        let what = format!("{extensions:?}");
        let (pair, answer) = begun(hello_with(extensions), config(&server));
        assert_eq!(answer, [record(ALERT, 0, 1, &[2, alert])], "{what}");
        assert!(matches!(pair.state(), Some(State::Ended(_))));
    }
    // Without a list of groups it is P-256.
    let (pair, answer) = begun(hello_with(vec![good]), config(&server));
    assert_eq!(pair.state(), Some(State::Handshaking));
    assert!(answer.concat().windows(4).any(|bytes| bytes == [3, 0, 23, 65]));
}

/// Where signatures are rationed, the keys of handshakes that get none are not made either.
#[test]
fn a_key_that_may_not_sign_is_not_asked_to() {
    struct Rationed;
    impl Signer for Rationed {
        fn schemes(&self) -> &[SignatureScheme] {
            &[SignatureScheme::EcdsaSha256]
        }

        fn may_sign(&self) -> bool {
            false
        }

        fn sign(&self, _: SignatureScheme, _: &[u8]) -> Option<Vec<u8>> {
            panic!("the key of the handshake has been made by now")
        }
    }
    let identity = server::Identity::new(&[b"a certificate"], Arc::new(Rationed)).unwrap();
    let config = Config::new().identity(identity).unwrap();
    let (pair, answer) = begun(hello_with(vec![(SIGNATURE_ALGORITHMS, vec![0, 2, 4, 3])]), config);
    assert_eq!(pair.state(), Some(State::Ended(Error::Signature)));
    assert_eq!((answer.len(), answer[0][0]), (1, ALERT));
}

/// The caller's key is elsewhere, and may be out of reach.
#[test]
fn a_key_that_signs_nothing_ends_the_handshake() {
    struct Absent;
    impl Signer for Absent {
        fn schemes(&self) -> &[SignatureScheme] {
            &[SignatureScheme::EcdsaSha256]
        }

        fn sign(&self, _: SignatureScheme, _: &[u8]) -> Option<Vec<u8>> {
            None
        }
    }
    let identity = server::Identity::new(&[b"a certificate"], Arc::new(Absent)).unwrap();
    let config = Config::new().identity(identity).unwrap();
    let (pair, answer) = begun(hello_with(vec![(SIGNATURE_ALGORITHMS, vec![0, 2, 4, 3])]), config);
    assert_eq!(pair.state(), Some(State::Ended(Error::Signature)));
    assert_eq!(answer.len(), 1);
    assert_eq!((answer[0][0], answer[0][14]), (ALERT, INTERNAL_ERROR));
    assert!(server::Identity::new(&[], Arc::new(Absent)).is_err());
}
