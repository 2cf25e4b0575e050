//! A program that brings its whole board port: the library, built without
//! ours, leaves `HAL_*` to it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, compile_against, profile_dir, root, run, succeed};

/// The static library of `--no-default-features --features std`.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let target = profile_dir().parent().expect("a target folder").join("own-port");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["build", "--lib", "--locked", "--package", "iot-coap"]);
        cargo.args(["--no-default-features", "--features", "std", "--target-dir"]).arg(&target);
        succeed(&mut cargo);
        target.join("debug/libiot_coap.a")
    })
}

/// The dynamic and static symbols of an archive: whether defined, and the name.
fn symbols() -> Vec<(bool, String)> {
    // GNU nm reads Rust objects through a plugin where clang is installed, and
    // may then print none.
    let table = succeed(Command::new("readelf").arg("-sW").arg(library()));
    let symbols = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, _, _, _, section, name] = fields[..] else { return None };
        Some((section != "UND", name.to_owned()))
    });
    symbols.collect()
}

#[test]
fn the_library_leaves_the_port_to_the_program() {
    let symbols = symbols();
    let port: Vec<_> = symbols.iter().filter(|(_, name)| name.starts_with("HAL_")).collect();
    assert!(port.iter().any(|(_, name)| name == "HAL_UDP_create"), "{port:?}");
    assert!(port.iter().all(|(defined, _)| !defined), "{port:?}");
    assert!(!symbols.iter().any(|(_, name)| name.contains("iotx_linux_")), "our port is in it");
}

#[test]
fn a_program_signs_in_and_posts_through_its_own_port() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in [Transport::Udp, Transport::Symmetric] {
        let program = compile_against("own_port.c", library(), Language::Sanitized);
        succeed(Command::new(program).arg(cloud.url(transport)));
    }
    let messages = cloud.messages();
    assert_eq!(messages.len(), 6);
    assert!(messages.iter().all(|message| message.payload == b"{\"from\":\"own port\"}"));
}

#[test]
fn a_port_without_dtls_refuses_coaps() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let program = compile_against("own_port.c", library(), Language::Sanitized);
    let output = run(Command::new(program).arg(cloud.url(Transport::Dtls)));
    let log = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "IOT_CoAP_Init returns NULL\n{log}");
    assert!(log.contains("coaps:// cannot be used: this build has no DTLS"), "{log}");
}

/// A read that returns 0 at once must not spin, and a clock that stands still must not
/// keep `IOT_CoAP_Yield` for ever. No read is asked with 0 ms.
#[test]
fn yields_keep_their_time_on_ports_that_do_not() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let program = compile_against("odd_port.c", library(), Language::Sanitized);
    for transport in [Transport::Udp, Transport::Symmetric] {
        for oddity in ["sound", "clock", "reads"] {
            succeed(Command::new(&program).arg(cloud.url(transport)).arg(oddity));
        }
    }
}
