//! The Linux port is weak, symbol by symbol: a program brings any one of its
//! own and keeps the rest, against the static library and the shared ones.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use iot_coap_cloud::{Cloud, Config, DtlsConfig, Transport};
use iot_coap_test_library::linking::Pieces;
use iot_coap_test_library::{
    Language, Linkage, compile, exported_symbols, profile_dir, root, run, scratch_dir,
    shared_library_by_cargo, succeed,
};
use iot_coap_test_support::network::{Fate, Proxy};

/// How programs are linked here: against the shared library of cargo too, where the linker
/// can make it a whole one (see `build.rs`).
fn linkages() -> impl Iterator<Item = Linkage> {
    if !cfg!(shared_library_is_whole) {
        println!("Not run: the shared library of cargo, which this linker cannot make whole");
    }
    let by_cargo = cfg!(shared_library_is_whole).then_some(Linkage::ByCargo);
    [Linkage::Static, Linkage::Shared].into_iter().chain(by_cargo)
}

fn works(source: &str) {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for linkage in linkages() {
        for language in [Language::Sanitized, Language::Cxx] {
            let program = compile(source, linkage, language);
            succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
        }
    }
}

/// What cargo leaves exports what CMake's does, which a test of CMake's looks at: no weak
/// symbol is missing, and no internal one is there.
#[test]
fn the_shared_library_of_cargo_exports_what_that_of_cmake_does() {
    if !cfg!(shared_library_is_whole) {
        println!("Not run: this linker cannot make the shared library of cargo a whole one");
        return;
    }
    let table =
        succeed(Command::new("readelf").arg("-W").arg("--dyn-syms").arg(shared_library_by_cargo()));
    let exported = table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, _, bind, _, section, name] = fields[..] else { return None };
        let is_exported = section != "UND" && matches!(bind, "GLOBAL" | "WEAK");
        is_exported.then(|| name.to_owned())
    });
    let exported: BTreeSet<_> = exported.collect();
    assert_eq!(exported, exported_symbols().into_iter().collect());
}

/// A C compiler that links by GNU ld, whatever rustc asks for.
const WITHOUT_LLD: &str = r#"#!/bin/sh
for argument; do
    shift
    case $argument in
    -fuse-ld=*) ;;
    *) set -- "$@" "$argument" ;;
    esac
done
exec cc "$@"
"#;

#[test]
fn where_the_linker_cannot_export_weak_symbols_the_build_says_so() {
    let linker = scratch_dir().join("gnu-cc");
    fs::write(&linker, WITHOUT_LLD).expect("the target folder can be written");
    fs::set_permissions(&linker, Permissions::from_mode(0o755)).expect("it was just written");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["check", "--locked", "--package", "iot-coap", "--lib"]);
    cargo.args(["--no-default-features", "--features", "std", "--config"]);
    cargo.arg(format!("target.'cfg(target_os = \"linux\")'.linker = {linker:?}"));
    cargo.arg("--target-dir").arg(profile_dir().with_file_name("gnu-cc"));
    let output = run(&mut cargo);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let warning = "this linker cannot give libiot_coap.so its weak symbols: a program's own HAL_* \
                   and iotx_coap_get_ca have no effect on it. Take the libiot_coap.so that CMake \
                   links, or libiot_coap.a";
    assert!(said.contains(warning), "{said}");
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
    // They mostly wait.
    std::thread::scope(|scope| {
        for linkage in linkages() {
            let program = compile("foreign_dtls.c", linkage, Language::Sanitized);
            let mut command = Command::new(program);
            command.arg(&url);
            scope.spawn(move || succeed(&mut command));
        }
    });
}

/// A program's own `iotx_coap_get_ca`, without which it would not trust the local cloud:
/// in an object, in an archive, in a shared library. A linker looks for it in an archive or
/// a shared library only if that stands before this library, and in an archive only if it
/// was asked for.
#[test]
fn a_programs_own_roots_are_trusted_wherever_they_are() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let pieces = Pieces::new("roots");
    let program = pieces.object("program", "c/whose_dtls.c", &[]);
    let roots = pieces.object("roots", "../c_examples/local_root.c", &["-fPIC"]);
    let archive = pieces.archive("roots", &[&roots]);
    let shared = pieces.shared("roots", &[&roots]);
    let asked = PathBuf::from("-Wl,-u,iotx_coap_get_ca");
    for library in linkages().map(Linkage::library) {
        for inputs in [
            vec![&program, &roots, &library],
            vec![&asked, &program, &archive, &library],
            vec![&program, &shared, &library],
        ] {
            let program = pieces.program("program", &inputs);
            let mut run = Command::new(program);
            run.env("IOT_COAP_CLOUD_ROOT", cloud.root_path()).arg(cloud.url(Transport::Dtls));
            let printed = succeed(&mut run);
            assert!(printed.contains("answered"), "{inputs:?}: {printed}");
        }
    }
}

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// The messages of a type that a client has sent in clear, without their headers.
fn sent_in_clear(datagrams: &[Vec<u8>], wanted: u8) -> Vec<Vec<u8>> {
    const RECORD_HEADER: usize = 13;
    const MESSAGE_HEADER: usize = 12;
    let mut found = Vec::new();
    for mut records in datagrams.iter().map(Vec::as_slice) {
        while !records.is_empty() {
            let (header, rest) = records.split_at(RECORD_HEADER);
            // Behind the first that is not in clear, all are not.
            if header[3..5] != [0, 0] {
                break;
            }
            let len = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let (record, rest) = rest.split_at(len);
            if header[0] == RECORD_HANDSHAKE && record[0] == wanted {
                found.push(record[MESSAGE_HEADER..].to_vec());
            }
            records = rest;
        }
    }
    found
}

/// Hazard: a program's `HAL_Random` is no source of keys.
#[test]
fn a_constant_hal_random_does_not_weaken_dtls() {
    let dtls = DtlsConfig { resumption: false, ..DtlsConfig::default() };
    let cloud = Cloud::start(Config { dtls, ..Config::default() }).expect("the local cloud starts");
    let network = Proxy::start(cloud.address(Transport::Dtls), |_, _| Fate::ARRIVES);
    let url = format!("coaps://localhost:{}", network.port());
    for linkage in linkages() {
        let program = compile("constant_random.c", linkage, Language::Sanitized);
        succeed(Command::new(program).arg(&url).arg(cloud.root_path()));
    }
    let datagrams = network.from_client();
    // Behind the version; a hello that is sent again, with a cookie too, has the same.
    let hellos = sent_in_clear(&datagrams, CLIENT_HELLO);
    let randoms: HashSet<_> = hellos.iter().map(|hello| &hello[2..34]).collect();
    let connections = 2 * linkages().count();
    assert_eq!(randoms.len(), connections, "two for each program: {hellos:02x?}");
    // What makes the master secret: an ephemeral key, or one encrypted.
    let keys = sent_in_clear(&datagrams, CLIENT_KEY_EXCHANGE);
    let keys: HashSet<_> = keys.iter().collect();
    assert_eq!(keys.len(), connections, "{keys:02x?}");
}
