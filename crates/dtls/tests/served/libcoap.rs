//! `coap-client` of libcoap, in each of Debian's builds, against a server of CoAP over the engine.

use std::net::SocketAddr;
use std::time::Duration;

use coap_lite::{MessageClass, MessageType, Packet, ResponseType};
use iot_coap_dtls::server::Config;
use iot_coap_test_support::certificates::{ecdsa, rsa};
use iot_coap_test_support::dtls::PSK;
use iot_coap_test_support::served::clients::{ForeignClient, Libcoap, Trust};
use iot_coap_test_support::served::signing::with_identity;
use iot_coap_test_support::served::socket::SocketServer;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};
use iot_coap_test_support::waiting::becomes_so;

const BOTH: [Libcoap; 2] = [Libcoap::OpenSsl, Libcoap::GnuTls];
const KEY: Trust<'static> = Trust::PreSharedKey(PSK);
/// `coap-client` waits for an answer for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that answers each confirmable request with its payload, in capitals.
pub(super) fn in_capitals(config: Config) -> Endpoint {
    let answer = |request: &[u8]| {
        let request = Packet::from_bytes(request).ok()?;
        let mut response = Packet::new();
        response.header.message_id = request.header.message_id;
        response.header.set_type(MessageType::Acknowledgement);
        response.header.code = MessageClass::Response(ResponseType::Content);
        response.set_token(request.get_token().to_vec());
        response.payload = request.payload.to_ascii_uppercase();
        response.to_bytes().ok()
    };
    Endpoint { answer, ..Endpoint::new(config) }
}

/// The client posts something, gets its answer and says goodbye.
fn exchange(build: Libcoap, server: &SocketServer, to: SocketAddr, trust: &Trust<'_>) {
    let mut client = ForeignClient::libcoap(build, to, trust, "it is warm");
    client.await_printed("IT IS WARM", PATIENCE);
    assert!(client.ends());
    assert!(becomes_so(|| server.endpoint.lock().unwrap().served.is_empty()));
}

#[test]
fn with_a_pre_shared_key() {
    for build in BOTH {
        let server = SocketServer::start(in_capitals(pre_shared_key()));
        exchange(build, &server, server.address(), &KEY);
        assert_eq!(server.endpoint.lock().unwrap().accepted, 1);
    }
}

#[test]
fn with_a_certificate() {
    for (root, identity) in [ecdsa(), rsa()] {
        let pem = root.pem();
        for build in BOTH {
            let server =
                SocketServer::start(in_capitals(with_identity(Config::new(), &identity, &[])));
            exchange(build, &server, server.address(), &Trust::Root(&pem));
            assert_eq!(server.endpoint.lock().unwrap().accepted, 1);
        }
    }
}

/// A key that the server does not have gets no answer.
#[test]
fn with_a_wrong_key() {
    for build in BOTH {
        let server = SocketServer::start(in_capitals(pre_shared_key()));
        let wrong = Trust::PreSharedKey(b"another key than that");
        let client = ForeignClient::libcoap(build, server.address(), &wrong, "it is warm");
        assert!(becomes_so(|| {
            let endpoint = server.endpoint.lock().unwrap();
            endpoint.served.first().is_some_and(|served| served.connection.dropped().forged > 0)
        }));
        assert!(!client.printed().contains("WARM"));
    }
}
