//! Hazard: some boards have one socket. Beside a session that is suspect no other can be
//! opened there, so the link would never heal; and one that is given up too soon is lost to an
//! answer that is only late.

use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

fn serves(kind: &str) {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let program = compile("one_socket.c", Linkage::Static, Language::Sanitized);
    for transport in [Transport::Udp, Transport::Symmetric, Transport::Dtls] {
        eprintln!("{transport:?}, {kind}");
        let mut board = Command::new(&program);
        board.args([transport.scheme(), &cloud.address(transport).port().to_string()]);
        succeed(board.arg(cloud.root_path()).arg(kind));
    }
}

#[test]
fn a_way_that_is_silent_is_given_up_after_the_patience_of_a_message() {
    serves("forgotten");
}

#[test]
fn a_way_that_fails_is_given_up_soon() {
    serves("redial");
}

#[test]
fn an_answer_that_is_late_is_waited_for() {
    serves("late");
}
