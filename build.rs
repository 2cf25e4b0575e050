//! Compiles the few lines of C that the edges need (see `src/c/edges.c`).

fn main() {
    println!("cargo::rerun-if-changed=src/c/edges.c");
    let mut build = cc::Build::new();
    build.file("src/c/edges.c").warnings(true).extra_warnings(true).warnings_into_errors(true);
    build.flag_if_supported("-ffunction-sections");
    if std::env::var_os("CARGO_FEATURE_PORT_LINUX").is_some() {
        build.define("IOTX_PORT_LINUX", None);
    }
    if std::env::var_os("CARGO_FEATURE__BUILTIN_DTLS").is_some() {
        build.define("IOTX_BUILTIN_DTLS", None);
    }
    build.compile("iot_coap_edges");
}
