//! Hazard: memory that a session gave back, and that a core dump or the next owner of it shows,
//! still holds its master secret.
#![cfg(feature = "full")]

use iot_coap_dtls::{Client, Config, SavedSession};
use iot_coap_test_heap::freed_by;
use iot_coap_test_support::certificates::ecdsa;
use iot_coap_test_support::dtls::in_memory;
use iot_coap_test_support::dtls::{SystemRandom, certificates};
use openssl::ssl::SslContext;

const SECRET_LEN: usize = 48;

/// The master secret in a serialized session.
fn secret_of(session: &SavedSession) -> [u8; SECRET_LEN] {
    let bytes = session.to_bytes().unwrap();
    // Behind the format and the suite.
    bytes[3..3 + SECRET_LEN].try_into().unwrap()
}

fn visit(server: &SslContext, config: Config) -> Client<SystemRandom> {
    let ended = in_memory::handshake(server, config);
    ended.result.unwrap();
    ended.client
}

fn assert_wiped(freed: &[u8], secret: &[u8]) {
    assert!(freed.len() > 1000);
    // Half of it would do for whoever looks for it.
    for half in secret.chunks(SECRET_LEN / 2) {
        assert!(!freed.windows(half.len()).any(|window| window == half));
    }
}

#[test]
fn the_master_secret_is_in_no_memory_that_a_session_has_freed() {
    let (root, leaf) = ecdsa();
    let server = in_memory::server(&leaf, &[], "ECDHE+AESGCM");
    let config = || certificates(&root);
    let (freed, (secret, stored)) = freed_by(|| {
        let mut client = visit(&server, config());
        let session = client.take_saved_session().unwrap();
        (secret_of(&session), session.to_bytes().unwrap())
    });
    assert_wiped(&freed, &secret);
    for _ in 0..2 {
        let (freed, ()) = freed_by(|| {
            let session = SavedSession::from_bytes(&stored).unwrap();
            let mut client = visit(&server, config().resume(session));
            assert!(client.was_resumed());
            assert_eq!(secret_of(&client.take_saved_session().unwrap()), secret);
        });
        assert_wiped(&freed, &secret);
    }
}
