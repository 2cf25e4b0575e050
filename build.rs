//! Compiles the few lines of C that the edges need (see `src/c`).

use std::env::var_os;

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
    const SOURCES: [&str; 3] = ["src/c/edges.c", "src/c/helpers.c", "src/c/roots.c"];
    println!("cargo::rerun-if-changed=src/c");
    let has = |feature: &str| var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let mut build = cc::Build::new();
    build.files(SOURCES).warnings(true).extra_warnings(true).warnings_into_errors(true);
    build.flag_if_supported("-ffunction-sections");
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
    match (has("DTLS_PSK"), has("PORT_DTLS")) {
        (true, true) => println!(
            "cargo::error=the features dtls and port-dtls exclude each other: coaps:// is spoken \
             either by the engine of this library or by the firmware's own functions"
        ),
        (true, false) => drop(build.define("IOTX_DTLS_BUILTIN", None)),
        (false, true) => drop(build.define("IOTX_DTLS_PORT", None)),
        (false, false) => {}
    }
    if has("LAYOUT_V2_00") && has("LAYOUT_V3_0_1") {
        println!(
            "cargo::error=the features layout-v2-00 and layout-v3-0-1 exclude each other: a \
             library has the layout of one release"
        );
    }
    build.compile("iot_coap_edges");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // Nothing in Rust calls them: a linker would leave them out of a shared library.
        for helper in HELPERS {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-u,{helper}");
        }
    }
}
