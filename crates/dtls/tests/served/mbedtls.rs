//! Clients by Mbed TLS, which are in many devices; those of 3.6 know connection ids.

use iot_coap_dtls::SealingKey;
use iot_coap_dtls::server::Config;
use iot_coap_test_support::certificates::{ecdsa, rsa};
use iot_coap_test_support::dtls::PSK;
use iot_coap_test_support::served::clients::{ForeignClient, MbedTls, Trust};
use iot_coap_test_support::served::signing::with_identity;
use iot_coap_test_support::served::socket::SocketServer;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};

const BOTH: [MbedTls; 2] = [MbedTls::V2_28, MbedTls::V3_6];
const KEY: Trust<'static> = Trust::PreSharedKey(PSK);

fn start(config: Config) -> SocketServer {
    let keys = [SealingKey::new(&[1; 32]).unwrap()];
    SocketServer::start(Endpoint::new(config.ticket_keys(keys.into(), 86_400)))
}

#[test]
fn with_a_pre_shared_key() {
    for version in BOTH {
        for suite in ["0xA8", "0xC0A8", "0x8C"] {
            let server = start(pre_shared_key().cbc(true));
            let suites = format!("suites={suite}");
            let mut client = ForeignClient::mbedtls(version, server.address(), &KEY, &[&suites]);
            client.exchange("it is 21.5 degrees");
        }
    }
}

#[test]
fn with_a_certificate() {
    for (root, identity) in [ecdsa(), rsa()] {
        let pem = root.pem();
        for version in BOTH {
            let server = start(with_identity(Config::new(), &identity, &[]));
            let trust = Trust::Root(&pem);
            let mut client = ForeignClient::mbedtls(version, server.address(), &trust, &[]);
            client.exchange("it is 21.5 degrees");
        }
    }
}

#[test]
fn they_resume() {
    for version in BOTH {
        let server = start(pre_shared_key());
        let options = ["suites=0xA8", "again=1"];
        let mut client = ForeignClient::mbedtls(version, server.address(), &KEY, &options);
        client.exchange("it is 21.5 degrees");
        let endpoint = server.endpoint.lock().unwrap();
        let resumed = endpoint.served.iter().filter(|served| served.connection.was_resumed());
        assert_eq!((endpoint.accepted, resumed.count()), (2, 1), "{version:?}");
    }
}

/// The client goes on from another port.
#[test]
fn a_session_outlives_its_address() {
    for suite in ["0xA8", "0xC0A8", "0x8C"] {
        for own in ["cid=", "cid=0a0b0c"] {
            let server = start(pre_shared_key().cbc(true));
            let suites = format!("suites={suite}");
            let options = [&suites[..], own];
            let mut client =
                ForeignClient::mbedtls(MbedTls::V3_6, server.address(), &KEY, &options);
            client.exchange("it is 21.5 degrees");
            assert!(client.printed().contains(" cid"), "{}", client.printed());
            for number in 1..4 {
                let before = server.endpoint.lock().unwrap().only().peer;
                client.tell("rebind", "rebound");
                client.exchange(&format!("it is {number} degrees"));
                assert_ne!(server.endpoint.lock().unwrap().only().peer, before);
            }
            assert_eq!(server.endpoint.lock().unwrap().accepted, 1);
        }
    }
}
