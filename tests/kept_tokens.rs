//! Access tokens kept over restarts: a device that reboots sends its first
//! message without signing in, and heals if the cloud refuses what was kept.

use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

fn sign_ins(cloud: &Cloud) -> usize {
    cloud.events().iter().filter(|event| matches!(event, Event::SignedIn { .. })).count()
}

#[test]
fn a_device_that_reboots_does_not_sign_in_again() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let folder = iot_coap_test_library::scratch_dir().join("kv");
    let _ = std::fs::remove_dir_all(&folder);
    let program = compile("kept_token.c", Linkage::Static, Language::Sanitized);
    let run_with = |arguments: &[&str]| {
        let mut device = Command::new(&program);
        device.args(arguments).env("IOT_COAP_KV_DIR", &folder);
        succeed(&mut device)
    };
    let run = |transport| run_with(&[&cloud.url(transport)]);
    let log = run(Transport::Udp);
    assert!(log.lines().any(|line| line == "4 signed in"), "{log}");
    assert_eq!(sign_ins(&cloud), 1);

    let log = run(Transport::Udp);
    assert!(log.contains("using the access token that was kept"), "{log}");
    assert_eq!(sign_ins(&cloud), 1, "the kept token did");
    run_with(&[&cloud.url(Transport::Udp), "kept"]);
    assert_eq!(sign_ins(&cloud), 1, "also for a program that does not wait");
    assert_eq!(cloud.messages().len(), 3);

    cloud.expire_tokens();
    run(Transport::Udp);
    assert_eq!(sign_ins(&cloud), 2, "the kept token was refused, and replaced");
    run(Transport::Udp);
    assert_eq!(sign_ins(&cloud), 2, "by one that was kept in turn");
    assert_eq!(cloud.messages().len(), 5);

    // The key of symmetric mode is not kept, so its token is of no use.
    run(Transport::Symmetric);
    run(Transport::Symmetric);
    assert_eq!(sign_ins(&cloud), 4);
}
