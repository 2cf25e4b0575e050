//! `include/iot_coap.h` and `include/iot_coap_ext.h` are what cbindgen makes of
//! `src/`: these tests fail when the two are out of step, and write the headers
//! when told to:
//!
//! ```sh
//! UPDATE_HEADERS=1 cargo test --test headers
//! ```
//!
//! The program that `iot_coap.h` shows at its top runs against the local cloud.

use std::path::Path;
use std::process::Command;

use cbindgen::{Builder, Config};
use iot_coap_cloud::{Cloud, Transport};
use iot_coap_test_library::{Language, Linkage, compile, scratch_dir, succeed};

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

/// The lines that stand indented in the header's first comment.
fn program_at_the_top() -> String {
    let header = std::fs::read_to_string(root().join("include/iot_coap.h")).expect("a header");
    let comment = header.split(" */").next().unwrap_or_default();
    let lines = comment.lines().map(|line| line.trim_start_matches(" *"));
    let program = lines.skip_while(|line| !line.starts_with("     #include"));
    let program = program.take_while(|line| line.is_empty() || line.starts_with("     "));
    program.flat_map(|line| [line.get(5..).unwrap_or_default(), "\n"]).collect()
}

#[test]
fn the_program_at_the_top_of_the_header_works() {
    let program = program_at_the_top();
    assert!(program.lines().count() <= 30, "it is short:\n{program}");
    let source = scratch_dir().join("top_of_the_header.c");
    std::fs::write(&source, program).expect("the target folder can be written");
    let source = source.to_str().expect("a path in UTF-8");
    let program = compile(source, Linkage::Static, Language::Sanitized);

    let cloud = Cloud::start(iot_coap_cloud::Config::default()).expect("the local cloud starts");
    let printed = succeed(Command::new(program).arg(cloud.url(Transport::Udp)));
    assert_eq!(printed, "answered with 2.05\n");
    let messages = cloud.messages();
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((message.payload.as_slice(), message.code.as_str()), (&b"{}"[..], "2.05"));
}
