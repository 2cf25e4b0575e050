//! Hazard: a program that asks for DTLS of a port built without, and does not
//! learn why it fails.
#![cfg(not(feature = "_engine"))]

mod common;

use common::hal::Dtls;
use common::{collect_log, was_logged};

#[test]
fn a_session_without_an_engine_fails_and_says_what_to_do() {
    collect_log();
    assert!(Dtls::create("localhost", 5684, "").is_none());
    assert!(was_logged(&[
        "Error",
        "build with the feature dtls or dtls-openssl",
        "HAL_DTLSSession_"
    ]));
}
