//! The Linux port is weak, symbol by symbol: a program brings any one of its
//! own and keeps the rest, against the static and the shared library.

use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

fn works(source: &str) {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for linkage in [Linkage::Static, Linkage::Shared] {
        for language in [Language::Sanitized, Language::Cxx] {
            let program = compile(source, linkage, language);
            succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
        }
    }
}

#[test]
fn a_program_brings_its_product_key_alone() {
    works("override_identity.c");
}

#[test]
fn a_program_brings_three_udp_functions_alone() {
    works("override_udp.c");
}

#[test]
fn dtls_functions_that_are_not_thread_safe_are_never_entered_twice() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    // The program's DTLS is none: its datagrams go to the port of coap://.
    let url = cloud.url(Transport::Udp).replace("coap://", "coaps://");
    for linkage in [Linkage::Static, Linkage::Shared] {
        let program = compile("foreign_dtls.c", linkage, Language::Sanitized);
        succeed(Command::new(program).arg(&url));
    }
}
