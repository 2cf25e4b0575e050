//! `include/iot_coap.h` and `include/iot_coap_ext.h` are what cbindgen makes of
//! `src/`: these tests fail when the two are out of step, and write the headers
//! when told to:
//!
//! ```sh
//! UPDATE_HEADERS=1 cargo test --test headers
//! ```

use std::path::Path;

use cbindgen::{Builder, Config};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn config() -> Config {
    Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml")
}

/// The extension's header: as the other's, on top of it.
fn extension_config() -> Config {
    let mut config = config();
    config.header = Some(
        "/*\n * What this library has beyond the original SDK's interface. Firmware written for the\n \
         * original needs none of it.\n *\n * Made by cbindgen from the Rust sources; edit those.\n */"
            .into(),
    );
    config.include_guard = Some("IOT_COAP_EXT_H".into());
    config.includes = vec!["iot_coap.h".into()];
    config.after_includes = None;
    config.export.include.clear();
    config
}

/// cbindgen's text, made into C89: no comma after an enumeration's last value,
/// no comments of C++. What Rust calls a caller's duties is, in C, what the
/// parameters' descriptions say: that section goes.
fn generated(config: Config, sources: &[&str]) -> String {
    let mut builder = Builder::new().with_config(config);
    for source in sources {
        builder = builder.with_src(root().join("src").join(source));
    }
    let mut text = Vec::new();
    builder.generate().expect("the sources hold no type that C lacks").write(&mut text);
    let text = String::from_utf8(text).expect("a header is UTF-8");
    let text = text
        .replace(",\n}", "\n}")
        // A field that only some layouts have.
        .replace("\n#endif\n  ;", ";\n#endif")
        .replace(" // __cplusplus", "")
        .replace("}  // extern \"C\"", "}");
    let text = weak_names(&text);
    let mut parts = text.split(" *\n * # Safety\n");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(&part[part.find(" */").expect("a comment ends")..]);
    }
    text
}

/// The C names of functions whose weak symbols are in `src/c/helpers.c`. The lines that
/// cbindgen aligned with them move along.
fn weak_names(text: &str) -> String {
    const RUST_NAME: &str = "iotx_IOT_";
    const C_NAME: &str = "IOT_";
    let mut moved = 0;
    let mut lines = String::new();
    for line in text.lines() {
        if line.contains(RUST_NAME) {
            moved = RUST_NAME.len() - C_NAME.len();
            lines.push_str(&line.replace(RUST_NAME, C_NAME));
        } else {
            lines.push_str(line.get(moved..).unwrap_or_default());
        }
        if line.ends_with(';') {
            moved = 0;
        }
        lines.push('\n');
    }
    lines
}

#[track_caller]
fn is_in_step(header: &str, generated: &str) {
    let path = root().join("include").join(header);
    if std::env::var_os("UPDATE_HEADERS").is_some() {
        std::fs::write(&path, generated).expect("include/ can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "include/{header} is out of step: run UPDATE_HEADERS=1 cargo test --test headers"
    );
}

#[test]
fn header_is_in_step_with_the_sources() {
    let sources = ["types.rs", "exports.rs", "helpers.rs"];
    is_in_step("iot_coap.h", &generated(config(), &sources));
}

#[test]
fn extension_header_is_in_step_with_the_sources() {
    let sources = [
        "extension/options.rs",
        "extension/init.rs",
        "extension/messages.rs",
        "extension/sleep.rs",
        "notices.rs",
        "extension/statistics.rs",
        "extension/waiting.rs",
        "extension/text.rs",
        "level.rs",
    ];
    is_in_step("iot_coap_ext.h", &generated(extension_config(), &sources));
}
