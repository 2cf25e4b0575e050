//! Devices without power between messages: what they keep spares them the
//! sign-in and the full handshake, and never does harm.

use std::path::PathBuf;
use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

struct Device {
    program: PathBuf,
    folder: PathBuf,
}

impl Device {
    fn new(name: &str) -> Self {
        let folder = iot_coap_test_library::scratch_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        Self { program: compile("sleeper.c", Linkage::Static, Language::Sanitized), folder }
    }

    /// Wakes, posts and ends as `ending` says; what it logged.
    fn wake(&self, cloud: &Cloud, ending: &str) -> String {
        let mut device = Command::new(&self.program);
        device
            .args([&cloud.url(Transport::Dtls), ending])
            .env("IOT_COAP_KV_DIR", &self.folder)
            .env("ROOT_PEM", cloud.root_pem());
        succeed(&mut device)
    }
}

fn count(cloud: &Cloud, fits: impl Fn(&Event) -> bool) -> usize {
    cloud.events().iter().filter(|event| fits(event)).count()
}

fn sign_ins(cloud: &Cloud) -> usize {
    count(cloud, |event| matches!(event, Event::SignedIn { .. }))
}

fn handshakes(cloud: &Cloud, wanted: bool) -> usize {
    count(cloud, |event| matches!(event, Event::DtlsOpened { resumed, .. } if *resumed == wanted))
}

#[test]
fn one_full_handshake_and_one_sign_in_serve_every_waking() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let device = Device::new("paused");
    for (waking, ending) in ["pause", "pause", "fail", "fail", "pause"].iter().enumerate() {
        let log = device.wake(&cloud, ending);
        assert_eq!(cloud.messages().len(), waking + 1, "{log}");
    }
    assert_eq!(sign_ins(&cloud), 1);
    assert_eq!((handshakes(&cloud, false), handshakes(&cloud, true)), (1, 4));
}

#[test]
fn what_a_cloud_has_forgotten_is_made_anew() {
    let device = Device::new("forgotten");
    for _ in 0..2 {
        // Each cloud has a port, and so an entry, of its own; but the port may
        // be the same, and the keys are not.
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        device.wake(&cloud, "pause");
        cloud.expire_tokens();
        device.wake(&cloud, "pause");
        assert_eq!(cloud.messages().len(), 2);
        assert_eq!(sign_ins(&cloud), 2);
    }
}

#[test]
fn what_was_changed_in_the_store_is_not_used() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let device = Device::new("changed");
    device.wake(&cloud, "pause");
    for file in std::fs::read_dir(&device.folder).expect("the store is there") {
        let path = file.expect("it can be listed").path();
        let mut kept = std::fs::read(&path).expect("it can be read");
        *kept.last_mut().expect("something is kept") ^= 1;
        std::fs::write(&path, kept).expect("it can be written");
    }
    let log = device.wake(&cloud, "pause");
    assert!(log.contains("is not restored"), "{log}");
    assert_eq!((handshakes(&cloud, false), handshakes(&cloud, true)), (2, 0));
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn pausing_what_keeps_nothing_is_refused_and_says_what_to_do() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let device = Device::new("wrongly");
    let log = device.wake(&cloud, "wrongly");
    assert!(log.contains("IOT_CoAP_Resume, or with keep_session"), "{log}");
}
