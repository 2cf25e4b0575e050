//! A program that brings its whole board port: the library, built without
//! ours, leaves `HAL_*` to it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::linking::{Pieces, library_of};
use iot_coap_test_library::{
    Language, compile_against, run, shared_library, static_library, succeed,
};

/// A library without our port, and without DTLS.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| library_of("std"))
}

fn start() -> Cloud {
    Cloud::start(Config::default()).expect("the local cloud starts")
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
    let cloud = start();
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
    let cloud = start();
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
    let cloud = start();
    let program = compile_against("odd_port.c", library(), Language::Sanitized);
    for transport in [Transport::Udp, Transport::Symmetric] {
        for oddity in ["sound", "clock", "reads"] {
            succeed(Command::new(&program).arg(cloud.url(transport)).arg(oddity));
        }
    }
}

/// What a 32-bit tick is extended to leaps near days 24.9 and 49.7 by all that 64 bits have.
#[test]
fn a_tick_whose_sign_is_extended_brings_no_sign_ins() {
    let program = compile_against("own_port.c", library(), Language::Sanitized);
    for tick in ["0x7fffff9c", "0xffffff9c"] {
        let cloud = start();
        succeed(Command::new(&program).env("SIGNED_TICK", tick).arg(cloud.url(Transport::Udp)));
        let events = cloud.events();
        let sign_ins = events.iter().filter(|event| matches!(event, Event::SignedIn { .. }));
        assert_eq!((sign_ins.count(), cloud.messages().len()), (1, 3), "{tick}: {events:?}");
    }
}

/// A port in two objects, as the field has it, compiled with these arguments.
fn port(pieces: &Pieces, arguments: &[&str]) -> [PathBuf; 2] {
    [("system", "-DWITHOUT_UDP"), ("udp", "-DUDP_ALONE")]
        .map(|(name, part)| pieces.object(name, "c/board_port.c", &[arguments, &[part]].concat()))
}

/// Links a program with a port in objects, and with one in an archive behind the library.
fn both_ways(pieces: &Pieces, program: &Path, port: &[PathBuf; 2], library: &Path) -> [PathBuf; 2] {
    let [system, udp] = port;
    let archive = pieces.archive("port", &[system, udp]);
    [
        pieces.program("of-objects", &[program, system, udp, library]),
        pieces.program("of-archive", &[program, library, &archive]),
    ]
}

#[test]
fn a_port_whose_sockets_are_pointers_works() {
    let cloud = start();
    let pieces = Pieces::new("pointers");
    let program = pieces.object("program", "c/own_port.c", &["-DPORT_APART"]);
    let port = port(&pieces, &["-DPORT_OF_POINTERS"]);
    for program in both_ways(&pieces, &program, &port, library()) {
        succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
    }
    assert_eq!(cloud.messages().len(), 6);
}

/// It closes by `HAL_UDP_close_without_connect`, prints by `printf`, and leaves the
/// identity to the library.
#[test]
fn a_port_of_v3_works() {
    let cloud = start();
    let pieces = Pieces::new("v3");
    let program = pieces.object("program", "c/v3_identity.c", &[]);
    let port = port(&pieces, &["-DPORT_OF_V3"]);
    for program in both_ways(&pieces, &program, &port, library()) {
        let printed = succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
        assert!(printed.contains("[iot-coap] info: signed in"), "{printed}");
    }
}

#[test]
fn what_is_set_counts_more_than_what_a_port_has_burnt_in() {
    let cloud = start();
    let pieces = Pieces::new("burnt-in");
    let program = pieces.object("program", "c/v3_identity.c", &["-DBURNT_IN"]);
    let [system, udp] = port(&pieces, &[]);
    let program = pieces.program("program", &[&program, &system, &udp, library()]);
    succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
}

/// A linker takes an optional function from a member of its own only if it is asked to.
/// Without one that closes there is no client.
#[test]
fn a_port_that_cannot_close_is_refused_and_the_linker_can_be_told() {
    let cloud = start();
    let pieces = Pieces::new("close");
    let program = pieces.object("program", "c/own_port.c", &["-DPORT_APART"]);
    for (version, function) in
        [("-DPORT_OF_V2", "HAL_UDP_close"), ("-DPORT_OF_V3", "HAL_UDP_close_without_connect")]
    {
        let [system, udp] = port(&pieces, &[version, "-DWITHOUT_CLOSE"]);
        let close = pieces.object("close", "c/board_port.c", &[version, "-DCLOSE_ALONE"]);
        let archive = pieces.archive("port", &[&system, &udp, &close]);
        let asked = PathBuf::from(format!("-Wl,-u,{function}"));
        let refused = pieces.program("refused", &[&program, library(), &archive]);
        let output = run(Command::new(refused).arg(cloud.url(Transport::Udp)));
        let log = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{log}");
        assert!(log.contains("the board port has no HAL_UDP_close and no"), "{log}");
        let told = pieces.program("told", &[&asked, &program, library(), &archive]);
        succeed(Command::new(told).arg(cloud.url(Transport::Udp)));
    }
}

/// Our own port is in these libraries too, but knows nothing of such sockets.
#[test]
fn a_port_of_v3_closes_its_sockets_where_ours_is_linked_too() {
    let cloud = start();
    let pieces = Pieces::new("v3-over-ours");
    let program = pieces.object("program", "c/v3_identity.c", &[]);
    let [_, udp] = port(&pieces, &["-DPORT_OF_V3", "-DPORT_OF_POINTERS"]);
    for (name, library) in [("static", static_library()), ("shared", shared_library().into())] {
        let program = pieces.program(name, &[&program, &udp, &library]);
        succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
    }
}

/// From an archive a linker takes what is needed and missing, in any member. The DTLS of
/// v3.2.0 asks the library for the identity while it connects.
#[test]
fn a_port_in_an_archive_speaks_coaps() {
    let cloud = start();
    let pieces = Pieces::new("dtls");
    let program = pieces.object("program", "c/whose_dtls.c", &[]);
    let dtls = pieces.object("dtls", "c/plain_dtls.c", &["-DOF_V3"]);
    let [system, udp] = port(&pieces, &[]);
    let archive = pieces.archive("port", &[&system, &udp, &dtls]);
    let program = pieces.program("of-archive", &[&program, &library_of("std,port-dtls"), &archive]);
    // The port's DTLS is none: its datagrams go to the port of coap://.
    let printed = succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
    assert!(printed.contains("plain_dtls.c connects"), "{printed}");
    assert!(printed.contains("answered"), "{printed}");
}

#[test]
fn a_log_handler_on_bare_metal_cannot_call_the_library() {
    let library = library_of("bare,full");
    succeed(&mut Command::new(compile_against("log_calls.c", &library, Language::Sanitized)));
}

/// Another thread could change a client that no mutex guards.
#[test]
fn where_there_are_threads_no_client_lacks_a_mutex() {
    let library = library_of("bare,full");
    succeed(&mut Command::new(compile_against("no_mutex.c", &library, Language::Sanitized)));
}
