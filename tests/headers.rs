//! `include/iot_coap.h` is what cbindgen makes of `src/`: this test fails when
//! the two are out of step, and writes the header when told to:
//!
//! ```sh
//! UPDATE_HEADERS=1 cargo test --test headers
//! ```

use std::path::Path;

/// cbindgen's text, made into C89: no comma after an enumeration's last value,
/// no comments of C++.
fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in ["src/types.rs", "src/exports.rs", "src/helpers.rs"] {
        builder = builder.with_src(root.join(source));
    }
    let mut text = Vec::new();
    builder.generate().expect("the sources hold no type that C lacks").write(&mut text);
    let text = String::from_utf8(text).expect("a header is UTF-8");
    let text = text.replace(",\n}", "\n}");
    let text = text.replace(" // __cplusplus", "").replace("}  // extern \"C\"", "}");
    without_safety_sections(&text)
}

/// What Rust calls a caller's duties is, in C, the parameters' description:
/// the heading goes, the text stays.
fn without_safety_sections(text: &str) -> String {
    text.replace(" *\n * # Safety\n *\n", " *\n")
}

#[test]
fn header_is_in_step_with_the_sources() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/iot_coap.h");
    let generated = generated();
    if std::env::var_os("UPDATE_HEADERS").is_some() {
        std::fs::write(&path, &generated).expect("include/ can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/iot_coap.h is out of step: run UPDATE_HEADERS=1 cargo test --test headers"
    );
}
