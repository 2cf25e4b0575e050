//! Hazards of a modem: told too little, it releases its connection while an answer is on
//! its way; told too much, it stays awake.

use std::process::Command;
use std::time::Duration;

use iot_coap_cloud::{Cloud, Config, Faults, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

#[test]
fn a_modem_is_told_what_is_expected_and_a_device_when_it_may_sleep() {
    let delay = Duration::from_millis(100);
    let separately =
        Faults { separate: 1.0, separate_delay: Some((delay, delay)), ..Faults::none() };
    let config = Config { faults: separately, ..Config::default() };
    let cloud = Cloud::start(config).expect("the local cloud starts");
    for linkage in [Linkage::Static, Linkage::Shared] {
        let program = compile("radio.c", linkage, Language::Sanitized);
        for transport in [Transport::Udp, Transport::Symmetric, Transport::Dtls] {
            let mut radio = Command::new(&program);
            succeed(radio.arg(cloud.url(transport)).arg(cloud.root_path()));
        }
    }
}
