//! Object files of V2.00 and of v3.0.1, whose device info is laid out otherwise: each
//! needs a library that was built for it, and another one asks for that.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::linking::{Pieces, library_of};
use iot_coap_test_library::{run, succeed};

/// Object files with the types of a release: its own, or those of our headers.
struct Release {
    pieces: Pieces,
    objects: [PathBuf; 2],
    port: PathBuf,
}

impl Release {
    fn new(release: &str, folder: &str) -> Self {
        let pieces = Pieces::new(folder);
        let own = format!("-D{release}");
        let ours = format!("-DIOT_COAP_LAYOUT_{release}");
        let objects = [
            pieces.object("old", "c/old_layout.c", &[&own]),
            pieces.object("new", "c/old_layout.c", &[&own, "-DOURS", &ours]),
        ];
        let port = pieces.object("port", "c/board_port.c", &[]);
        Self { pieces, objects, port }
    }

    /// The programs with a library.
    fn programs(&self, library: &Path) -> [PathBuf; 2] {
        self.objects.each_ref().map(|object| {
            let name = object.with_extension("");
            let name = name.file_name().expect("a name").to_str().expect("ASCII");
            self.pieces.program(name, &[object, &self.port, library])
        })
    }
}

fn start() -> Cloud {
    Cloud::start(Config::default()).expect("the local cloud starts")
}

fn fits(release: &str, feature: &str) {
    let cloud = start();
    let release = Release::new(release, feature);
    for program in release.programs(&library_of(&format!("std,{feature}"))) {
        for transport in [Transport::Udp, Transport::Symmetric] {
            succeed(Command::new(&program).arg(cloud.url(transport)));
        }
    }
    assert_eq!(cloud.messages().len(), 4);
}

#[test]
fn object_files_of_v2_00_work() {
    fits("V2_00", "layout-v2-00");
}

#[test]
fn object_files_of_v3_0_1_work() {
    fits("V3_0_1", "layout-v3-0-1");
}

const QUESTION: &str = "was a file compiled with the headers of v3.0.1 or V2.00? Then build \
                        this library with the feature layout-v3-0-1 or layout-v2-00 (CMake: \
                        IOT_COAP_LAYOUT=v3.0.1 or V2.00)\n";

/// The log of a program, which ends with this status and asks.
fn asks(program: &Path, url: &str, status: i32) -> String {
    let output = run(Command::new(program).arg(url));
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(status), "{log}");
    assert!(log.contains(QUESTION), "{log}");
    log
}

/// A sign-in with garbage is refused. A configuration of V2.00 has no device info where
/// others have it.
#[test]
fn a_library_that_does_not_fit_asks_for_the_release() {
    let cloud = start();
    let usual = library_of("std");
    for (release, status, refused) in [
        ("V3_0_1", 4, "[iot-coap] error: signing in failed: refused with 4.01"),
        ("V2_00", 3, "[iot-coap] error: IOT_CoAP_Init: p_devinfo is NULL"),
    ] {
        for program in Release::new(release, &format!("{release}-usual")).programs(&usual) {
            let log = asks(&program, &cloud.url(Transport::Udp), status);
            assert!(log.contains(refused), "{log}");
        }
    }
}

/// Answers every request with 4.00, for as long as the test runs.
fn refusing() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let url = format!("coap://{}", socket.local_addr().expect("it is bound"));
    thread::spawn(move || {
        let mut request = [0; 2048];
        while let Ok((_, peer)) = socket.recv_from(&mut request) {
            let end = 4 + usize::from(request[0] & 0x0F);
            let mut answer = request[..end].to_vec();
            // An acknowledgement with 4.00, of the same id and token.
            answer[0] |= 0x20;
            answer[1] = 0x80;
            let _ = socket.send_to(&answer, peer);
        }
    });
    url
}

#[test]
fn a_bad_request_makes_the_library_ask() {
    let release = Release::new("V3_0_1", "refused");
    for program in release.programs(&library_of("std")) {
        let log = asks(&program, &refusing(), 4);
        assert!(log.contains("refused with 4.00"), "{log}");
    }
}
