//! The library beside the rest of the original's SDK, which has some of its functions
//! too. `tests/c/sdk.c` stands for that.

use std::path::PathBuf;
use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::linking::Pieces;
use iot_coap_test_library::{static_library, succeed};

/// The SDK's members, by their numbers in `sdk.c`.
const LOG: usize = 0;
const IDENTITY: usize = 1;
const MEMORY: usize = 2;
const MQTT: usize = 3;

struct Sdk {
    pieces: Pieces,
    program: PathBuf,
    members: [PathBuf; 4],
}

impl Sdk {
    fn new(folder: &str) -> Self {
        let pieces = Pieces::new(folder);
        let program = pieces.object("program", "c/both_clients.c", &[]);
        let members = ["1", "2", "3", "4"].map(|part| {
            pieces.object(&format!("sdk{part}"), "c/sdk.c", &[&format!("-DPART={part}")])
        });
        Self { pieces, program, members }
    }

    /// An archive of some members.
    fn archive(&self, members: &[usize]) -> PathBuf {
        let members: Vec<_> = members.iter().map(|&part| self.members[part].as_path()).collect();
        self.pieces.archive("sdk", &members)
    }

    /// What the program prints, linked with these libraries in this order.
    fn prints(&self, libraries: &[PathBuf]) -> String {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let inputs = [std::slice::from_ref(&self.program), libraries].concat();
        let program = self.pieces.program("program", &inputs);
        let printed = succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
        assert!(printed.contains("[iot-coap] info: signed in"), "our log is on: {printed}");
        printed
    }
}

#[test]
fn the_sdk_before_the_library_serves_both() {
    let sdk = Sdk::new("sdk-first");
    let printed = sdk.prints(&[sdk.archive(&[LOG, IDENTITY, MEMORY, MQTT]), static_library()]);
    for line in [
        "the SDK's log is both",
        "the SDK's level is 3",
        "the SDK logs: connecting",
        "MQTT as a1RP1qZfrEi.example1",
        "the SDK's memory at level 2",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
}

/// One of ours is taken, and so are all in its object. None is defined twice.
#[test]
fn an_sdk_without_one_of_the_functions_keeps_the_others() {
    let sdk = Sdk::new("sdk-smaller");
    let printed = sdk.prints(&[sdk.archive(&[LOG, IDENTITY, MQTT]), static_library()]);
    for line in ["the SDK's level is 3", "MQTT as a1RP1qZfrEi.example1"] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    assert!(!printed.contains("the SDK's memory"), "{printed}");
}

/// The linker takes ours, but for what MQTT needs of the SDK's log.
#[test]
fn the_library_before_the_sdk_says_that_it_has_no_record() {
    let sdk = Sdk::new("library-first");
    let printed = sdk.prints(&[static_library(), sdk.archive(&[LOG, IDENTITY, MEMORY, MQTT])]);
    assert!(printed.contains("no record"), "{printed}");
    // The level of our log, not of the SDK's, was set when it was asked.
    assert!(printed.contains("the SDK's level is 3"), "{printed}");
}

/// Without the SDK the function says why.
#[test]
fn a_record_is_refused_with_a_reason() {
    let sdk = Sdk::new("no-sdk");
    // The MQTT client is not called, but must be linked; it writes to nothing.
    let mqtt = sdk.members[MQTT].clone();
    let printed = sdk.prints(&[mqtt, "-Wl,--defsym=sdk_log=0".into(), static_library()]);
    assert!(printed.contains("no record"), "{printed}");
    let reason = "[iot-coap] error: IOT_SetupConnInfo: info is for MQTT, and only the SDK's";
    assert!(printed.contains(reason), "{printed}");
}
