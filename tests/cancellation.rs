//! Threads that are cancelled inside the library, or end in a callback: they end at
//! once and hold nothing back, and the context is used on by others. (`scripts/musl`
//! runs the same program where nothing unwinds.)

use std::path::Path;
use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{
    Language, Linkage, compile, root, scratch_dir, static_library, succeed,
};

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

/// How often a thread is cancelled at a random moment.
const ROUNDS: &str = "1000";

fn run(program: &Path, rounds: Option<&str>) {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in TRANSPORTS {
        let mut command = Command::new(program);
        command.arg(cloud.url(transport)).arg(cloud.root_path()).args(rounds);
        succeed(&mut command);
    }
}

#[test]
fn a_thread_is_cancelled_wherever_it_waits_or_calls_back() {
    run(&compile("cancelled.c", Linkage::Static, Language::C89), None);
}

#[test]
fn the_shared_library_lets_threads_be_cancelled_too() {
    run(&compile("cancelled.c", Linkage::Shared, Language::C89), None);
}

#[test]
fn cancelled_threads_leave_no_memory_behind() {
    run(&compile("cancelled.c", Linkage::Static, Language::Sanitized), None);
}

/// As firmware is compiled to save room: nothing can unwind through its callbacks.
#[test]
fn a_thread_is_cancelled_in_a_callback_that_cannot_be_unwound() {
    let program = scratch_dir().join("cancelled-without-tables");
    let mut cc = Command::new("cc");
    cc.args(["-std=c89", "-D_GNU_SOURCE", "-g", "-pthread", "-fno-exceptions"]);
    cc.args(["-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-I"]);
    cc.arg(root().join("include")).arg(root().join("tests/c/cancelled.c")).arg("-o").arg(&program);
    cc.arg(static_library()).args(["-lpthread", "-ldl", "-lm", "-lc"]);
    succeed(&mut cc);
    run(&program, None);
}

#[test]
fn a_thread_is_cancelled_at_a_thousand_moments_beside_others() {
    run(&compile("cancelled.c", Linkage::Static, Language::C89), Some(ROUNDS));
}
