//! Compiles the few lines of C that the edges need (see `src/c`), and has the
//! shared library that cargo links export what CMake's does.

use std::env::{var, var_os};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the shared library exports; for CMake too.
const EXPORTED: &str = "cmake/exported-symbols.txt";

/// What Rust and C of this library call each other by. rustc exports all that C may call.
const INTERNAL: [&str; 19] = [
    "iotx_call_abandoned",
    "iotx_default_ca",
    "iotx_linux_identity_get",
    "iotx_linux_identity_set",
    "iotx_linux_kv_del",
    "iotx_linux_kv_erase_all",
    "iotx_linux_kv_get",
    "iotx_linux_kv_set",
    "iotx_linux_mutex_create",
    "iotx_linux_mutex_destroy",
    "iotx_linux_mutex_lock",
    "iotx_linux_mutex_unlock",
    "iotx_linux_random",
    "iotx_linux_sleep_ms",
    "iotx_linux_udp_close",
    "iotx_linux_udp_create",
    "iotx_linux_udp_read_timeout",
    "iotx_linux_udp_write",
    "iotx_linux_uptime_ms",
];

/// What `src/c/helpers.c` defines.
const HELPERS: [&str; 6] = [
    "IOT_CloseLog",
    "IOT_DumpMemoryStats",
    "IOT_Ioctl",
    "IOT_OpenLog",
    "IOT_SetLogLevel",
    "IOT_SetupConnInfo",
];

fn main() {
    // Each an object of its own in the archive.
    const SOURCES: [&str; 4] =
        ["src/c/cancellation.c", "src/c/edges.c", "src/c/helpers.c", "src/c/roots.c"];
    println!("cargo::rerun-if-changed=src/c");
    let mut build = cc::Build::new();
    build.files(SOURCES).warnings(true).extra_warnings(true).warnings_into_errors(true);
    build.flag_if_supported("-ffunction-sections");
    if var("CARGO_CFG_TARGET_OS").is_ok_and(|name| name == "none") {
        // What they include comes with every compiler; a C library need not be there.
        build.flag("-ffreestanding");
    }
    if has("PORT_LINUX") {
        build.define("IOTX_PORT_LINUX", None);
    }
    if has("PORT_LINUX") || has("STD") {
        build.define("IOTX_PTHREAD", None);
    }
    if has("STD") {
        build.define("IOTX_STD", None);
        // A thread that is cancelled in a wait unwinds through these functions, and so
        // does what is thrown in a callback.
        build.flag("-fexceptions");
    }
    if has("THREADS") {
        build.define("IOTX_THREADS", None);
    }
    match (has("DTLS_PSK"), has("PORT_DTLS")) {
        (true, true) => {
            println!(
                "cargo::error=the features dtls and port-dtls exclude each other: coaps:// is \
                 spoken either by the engine of this library or by the firmware's own functions"
            );
            return;
        }
        (true, false) => drop(build.define("IOTX_DTLS_BUILTIN", None)),
        (false, true) => drop(build.define("IOTX_DTLS_PORT", None)),
        (false, false) => {}
    }
    // On bare metal, where each firmware has a library of its own, the features say whose DTLS
    // it is; in programs, what they define.
    println!("cargo::rustc-check-cfg=cfg(own_dtls)");
    if has("PORT_DTLS") || has("DTLS_PSK") && has("STD") {
        println!("cargo::rustc-cfg=own_dtls");
        build.define("IOTX_DTLS_OWN", None);
    }
    if has("LAYOUT_V2_00") && has("LAYOUT_V3_0_1") {
        println!(
            "cargo::error=the features layout-v2-00 and layout-v3-0-1 exclude each other: a \
             library has the layout of one release"
        );
        return;
    }
    build.compile("iot_coap_edges");
    shared_library();
}

fn has(feature: &str) -> bool {
    var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}

/// rustc exports what Rust defines for C, and hides what C defines: every weak symbol.
/// A second version script mends both, if the linker takes one.
fn shared_library() {
    println!("cargo::rerun-if-changed={EXPORTED}");
    println!("cargo::rustc-check-cfg=cfg(shared_library_is_whole)");
    if var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    // Nothing in Rust calls them: a linker would leave them out.
    for helper in HELPERS {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-u,{helper}");
    }
    let is_static = var("CARGO_CFG_TARGET_FEATURE")
        .is_ok_and(|features| features.split(',').any(|feature| feature == "crt-static"));
    if !has("STD") || is_static {
        return;
    }
    let Some(out) = var_os("OUT_DIR").map(PathBuf::from) else { return };
    if !takes_a_second_script(&out) {
        println!(
            "cargo::warning=this linker cannot give libiot_coap.so its weak symbols: a program's \
             own HAL_* and iotx_coap_get_ca have no effect on it. Take the libiot_coap.so that \
             CMake links, or libiot_coap.a"
        );
        return;
    }
    let exported = fs::read_to_string(EXPORTED).unwrap_or_default();
    let exported = exported
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
        .filter(|line| has("PORT_LINUX") || !line.starts_with("HAL_"));
    // What the helpers call.
    let called = HELPERS.map(|helper| format!("iotx_{helper}"));
    let hidden = INTERNAL.into_iter().chain(called.iter().map(String::as_str));
    for argument in second_script(&out.join("exported.map"), exported, hidden) {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
    println!("cargo::rustc-cfg=shared_library_is_whole");
}

/// Writes a version script; returns the arguments for it.
fn second_script<'a>(
    path: &Path,
    shown: impl IntoIterator<Item = &'a str>,
    hidden: impl IntoIterator<Item = &'a str>,
) -> [String; 2] {
    let mut script = String::from("{ global: ");
    script.extend(shown.into_iter().flat_map(|name| [name, "; "]));
    script.push_str("local: ");
    script.extend(hidden.into_iter().flat_map(|name| [name, "; "]));
    script.push_str("};\n");
    if let Err(error) = fs::write(path, script) {
        println!("cargo::error=cannot write {}: {error}", path.display());
    }
    // A build may lack some of the names.
    [format!("-Wl,--version-script={}", path.display()), "-Wl,--undefined-version".into()]
}

/// Whether the linker heeds a second version script. It is tried: which linker rustc
/// calls depends on the target, the version and the configuration.
fn takes_a_second_script(out: &Path) -> bool {
    const SOURCE: &str = r#"
        core::arch::global_asm!(".weak iotx_probe_weak", "iotx_probe_weak:", ".byte 0");
        #[unsafe(no_mangle)]
        pub extern "C" fn iotx_probe_hidden() {}
    "#;
    let (source, library) = (out.join("probe.rs"), out.join("libprobe.so"));
    if fs::write(&source, SOURCE).is_err() {
        return false;
    }
    let (Some(rustc), Some(target)) = (var_os("RUSTC"), var_os("TARGET")) else { return false };
    let mut command = Command::new(rustc);
    command.args(["--edition=2024", "--crate-type=cdylib", "-Cstrip=symbols", "--target"]);
    command.arg(target).arg("-o").arg(&library).arg(&source);
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    command.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = var("RUSTC_LINKER") {
        command.arg(format!("-Clinker={linker}"));
    }
    let script = out.join("probe.map");
    for argument in second_script(&script, ["iotx_probe_weak"], ["iotx_probe_hidden"]) {
        command.arg(format!("-Clink-arg={argument}"));
    }
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) {
        return false;
    }
    // Stripped, it names what it exports and nothing else.
    let linked = fs::read(&library).unwrap_or_default();
    let names = |name: &str| linked.windows(name.len()).any(|bytes| bytes == name.as_bytes());
    names("iotx_probe_weak") && !names("iotx_probe_hidden")
}
