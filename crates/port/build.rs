//! Compiles the weak `HAL_DTLSSession_*` into this crate: weak definitions are
//! what stable Rust cannot express.

fn main() {
    let source = "c/dtls.c";
    println!("cargo:rerun-if-changed={source}");
    if std::env::var_os("CARGO_FEATURE_SESSION").is_none() {
        return;
    }
    cc::Build::new()
        .file(source)
        .std("c99")
        .flag("-ffunction-sections")
        .flag("-Wall")
        .flag("-Wextra")
        .warnings_into_errors(true)
        .compile("iot_coap_port_dtls");
}
