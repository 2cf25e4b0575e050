//! Hazard: a session without forward secrecy after the program has ruled it
//! out. The switch is the process's, hence a test program of its own.
#![cfg(feature = "_session")]

mod common;

use common::hal::Dtls;
use common::{collect_log, logged, was_logged};
use iot_coap_port_linux::dtls_allow_static_rsa;
use iot_coap_test_support::certificates::{GOOD, leaf, root, rsa_key};
use iot_coap_test_support::peers::echo::{Manner, Server};
use openssl::hash::MessageDigest;

#[test]
fn static_rsa_can_be_ruled_out() {
    collect_log();
    let root = root(rsa_key(), MessageDigest::sha256());
    let identity = leaf(&root, rsa_key(), &GOOD);
    let old = Server::start(&identity, &Manner { ciphers: "AES128-SHA", ..Manner::default() });
    let modern = Server::start(&identity, &Manner::default());
    let opens = |server: &Server| {
        let session = Dtls::create("localhost", server.port(), &root.pem());
        // The server counts a session before it answers.
        session.inspect(|session| session.assert_echo(b"hello")).is_some()
    };

    assert!(opens(&old), "{}", logged());
    dtls_allow_static_rsa(false);
    // Nor by way of the session that was opened before.
    assert!(!opens(&old));
    assert!(was_logged(&["no cipher in common"]), "{}", logged());
    assert!(opens(&modern), "{}", logged());
    dtls_allow_static_rsa(true);
    assert!(opens(&old), "{}", logged());
    assert_eq!(old.resumed(), 1);
}
