//! `IOT_CoAP_Deinit` and `IOT_CoAP_Pause` wait for every call that has entered the
//! context, over mutexes whose unlock lets others run: nothing of the context is used
//! once it is gone. (`scripts/sanitizers` runs the same program under ThreadSanitizer.)

use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, Linkage, compile, scratch_dir, succeed};

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

/// A round with `IOT_CoAP_Deinit`, and one with `IOT_CoAP_Pause`.
const ROUNDS: &str = "2";

#[test]
fn a_context_is_ended_while_every_call_is_in_it() {
    let program = compile("leaving.c", Linkage::Static, Language::Sanitized);
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in TRANSPORTS {
        let mut command = Command::new(&program);
        command.arg(cloud.url(transport)).arg(cloud.root_path()).arg(ROUNDS);
        succeed(command.env("IOT_COAP_KV_DIR", scratch_dir().join("kept")));
    }
}
