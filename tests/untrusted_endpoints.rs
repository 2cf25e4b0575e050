//! Over `coaps://` the cloud's certificate must hold, or there is no client;
//! the log says what is wrong with it.

use std::path::Path;
use std::process::Command;

use iot_coap_cloud::{Certificates, Cloud, Config, DtlsConfig, Transport};
use iot_coap_test_library::{Language, Linkage, compile, run};

fn cloud(names: &[&str], expired: bool) -> Cloud {
    let names = names.iter().map(ToString::to_string).collect();
    let dtls = DtlsConfig {
        certificates: Certificates::generated(names, expired),
        ..DtlsConfig::default()
    };
    Cloud::start(Config { dtls, ..Config::default() }).expect("the local cloud starts")
}

/// Runs `init_only` at a cloud; returns whether there was a client, and the log.
fn init(cloud: &Cloud, root: &Path) -> (bool, String) {
    let program = compile("init_only.c", Linkage::Static, Language::Sanitized);
    let output = run(Command::new(program).arg(cloud.url(Transport::Dtls)).arg(root));
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => (true, log),
        Some(3) => (false, log),
        other => panic!("ended with {other:?}\n{log}"),
    }
}

#[track_caller]
fn is_refused(cloud: &Cloud, root: &Path, reason: &str) {
    let (taken, log) = init(cloud, root);
    assert!(!taken, "IOT_CoAP_Init must return NULL\n{log}");
    assert!(log.to_lowercase().contains(reason), "the log must say {reason:?}:\n{log}");
}

#[test]
fn a_certificate_that_holds_is_taken() {
    let cloud = cloud(&[], false);
    let (taken, log) = init(&cloud, cloud.root_path());
    assert!(taken, "{log}");
}

#[test]
fn another_hosts_certificate_is_refused() {
    let cloud = cloud(&["example.com"], false);
    is_refused(&cloud, cloud.root_path(), "for another host");
}

#[test]
fn an_expired_certificate_is_refused() {
    let cloud = cloud(&[], true);
    is_refused(&cloud, cloud.root_path(), "expired");
}

#[test]
fn an_unknown_root_is_refused() {
    let cloud = cloud(&[], false);
    // Clouds of one process share a root, unless it is kept in a folder.
    let state_dir = Some(iot_coap_test_library::scratch_dir().join("other-root"));
    let other = Cloud::start(Config { state_dir, ..Config::default() }).expect("starts");
    assert_ne!(cloud.root_pem(), other.root_pem());
    is_refused(&cloud, other.root_path(), "certificate");
}

#[test]
fn a_program_that_names_no_root_trusts_the_librarys_own() {
    let cloud = cloud(&[], false);
    // Not this cloud's, then: refused for its issuer, not for want of a root.
    is_refused(&cloud, Path::new("-"), "unknown root");
}

#[test]
fn a_root_that_is_none_is_refused() {
    let cloud = cloud(&[], false);
    let empty = iot_coap_test_library::scratch_dir().join("empty.pem");
    std::fs::write(&empty, "").expect("the target folder can be written");
    is_refused(&cloud, &empty, "certificate");
}
