//! Compiles the C file of weak `HAL_*` symbols into this crate: stable Rust has no weak
//! and no variadic definitions.

fn main() {
    let source = "c/hal.c";
    println!("cargo:rerun-if-changed={source}");
    let mut build = cc::Build::new();
    if std::env::var_os("CARGO_FEATURE_STD").is_some() {
        // A thread that is cancelled in a wait unwinds through these functions.
        build.flag("-fexceptions");
    }
    build
        .file(source)
        .std("c99")
        .flag("-ffunction-sections")
        .flag("-Wall")
        .flag("-Wextra")
        .warnings_into_errors(true)
        .compile("iot_coap_port_hal");
}
