//! The packages for RTOSs (`ports/esp-idf`, `ports/zephyr`, `ports/rt-thread`): each is
//! configured and built as its system does it, from the repository and from an unpacked archive
//! of a release. And what the port for FreeRTOS asks of that. What stands in for the systems is
//! beside this file; `ports/README.md` says how far that goes.

mod arm;
mod esp_idf;
mod freertos;
mod layout;
mod rt_thread;
mod tools;
mod zephyr;

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::thread;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::succeed;

/// The port of a host on this machine that sends everything back, as long as the test runs.
fn echo() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(&datagram[..len], from);
        }
    });
    port
}

/// Runs two programs over a package's port: the self-test, which must find nothing, and a
/// device, which signs in and posts over each transport.
fn runs(selftest: &Path, device: &Path) {
    let said = succeed(Command::new(selftest).arg(echo().to_string()));
    assert!(said.contains("HAL_MutexCreate, Lock"), "{said}");
    for transport in [Transport::Udp, Transport::Symmetric, Transport::Dtls] {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let mut device = Command::new(device);
        succeed(device.arg(cloud.url(transport)).arg(cloud.root_path()).arg("3"));
        assert_eq!(cloud.messages().len(), 3, "{transport:?}");
    }
}
