//! The log handler, the store and the notice handler of a program are called with no
//! lock held: they may take their time, and call the library, which refuses a call
//! from the log.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

/// How long messages are sent while something else blocks for a second at a time.
const SECONDS: &str = "6";

fn lines_call_the_library(by: &str) {
    let program = compile("outside_locks.c", Linkage::Static, Language::Sanitized);
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in TRANSPORTS {
        let mut command = Command::new(&program);
        command.arg(cloud.url(transport)).arg(cloud.root_path()).args(["reenter", by]);
        succeed(&mut command);
    }
}

#[test]
fn calls_from_the_log_handler_are_refused() {
    lines_call_the_library("handler");
}

#[test]
fn calls_from_the_ports_printf_are_refused() {
    lines_call_the_library("printf");
}

/// Runs the program over every transport at once; DTLS sessions end meanwhile.
fn messages_do_not_wait_for(what: &str) {
    let program = compile("outside_locks.c", Linkage::Static, Language::C89);
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in TRANSPORTS {
        let mut command = Command::new(&program);
        command.arg(cloud.url(transport)).arg(cloud.root_path()).args(["block", what, SECONDS]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        while child.try_wait().expect("it is a child").is_none() {
            thread::sleep(Duration::from_secs(2));
            cloud.close_dtls_sessions();
        }
        let output = child.wait_with_output().expect("it is a child");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{transport:?}: {}\n{log}", output.status);
    }
}

#[test]
fn messages_do_not_wait_for_another_threads_log_handler() {
    messages_do_not_wait_for("log");
}

#[test]
fn messages_do_not_wait_for_another_threads_store() {
    messages_do_not_wait_for("store");
}

#[test]
fn messages_do_not_wait_for_another_threads_notice_handler() {
    messages_do_not_wait_for("notice");
}
