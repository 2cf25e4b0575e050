//! `IOT_CoAP_Deinit` and `IOT_CoAP_Pause` wait for every call that has entered the
//! context, over mutexes whose unlock lets others run: nothing of the context is used
//! once it is gone. (`scripts/sanitizers` runs the same program under ThreadSanitizer.)
//! They do not wait for long, however long those calls would.

use std::path::Path;
use std::process::Command;
use std::thread;

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

/// Ends a context while another thread waits in it; it may take so long.
fn ends_a_wait(source: &str, url: &str, root_pem: &Path, most_ms: u32, tries: u32) {
    let program = compile(source, Linkage::Static, Language::Sanitized);
    let mut command = Command::new(program);
    succeed(command.arg(url).arg(root_pem).args([most_ms.to_string(), tries.to_string()]));
}

#[test]
fn a_thread_that_waits_for_minutes_is_woken() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in TRANSPORTS {
        ends_a_wait("ended_wait.c", &cloud.url(transport), cloud.root_path(), 100, 6);
    }
}

/// Also where it has what it waited for: its thread would otherwise call again, with a handle
/// that may be another context's by then.
#[test]
fn a_call_whose_callback_runs_when_the_context_is_ended_says_so() {
    let program = compile("ended_in_callback.c", Linkage::Static, Language::Sanitized);
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in TRANSPORTS {
        succeed(Command::new(&program).arg(cloud.url(transport)).arg(cloud.root_path()));
    }
}

/// A read of a program's own port cannot be ended. It lasts 2 s, whatever the options say.
#[test]
fn a_port_whose_reads_cannot_be_ended_is_read_for_two_seconds() {
    const MOST_MS: u32 = 2300;
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let udp = cloud.url(Transport::Udp);
    let cases = [
        ("ended_wait_own_udp.c", udp.clone()),
        ("ended_wait_own_udp.c", cloud.url(Transport::Dtls)),
        // The program's DTLS is none: its datagrams go to the port of coap://.
        ("ended_wait_own_dtls.c", udp.replace("coap://", "coaps://")),
    ];
    // They mostly wait.
    thread::scope(|scope| {
        for (source, url) in &cases {
            scope.spawn(|| ends_a_wait(source, url, cloud.root_path(), MOST_MS, 1));
        }
    });
}
