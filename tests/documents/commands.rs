//! The commands that the documents show work; those that take too long to be tried
//! name what exists.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::markdown;
use iot_coap_test_library::{profile_dir, root, run, scratch_dir, succeed};

/// A program in the manner of V2.x, and one in that of v3.x.
const PROGRAMS: [&str; 2] = ["tests/documents/app.c", "c_examples/minimal.c"];

/// Runs the commands of a document, see `tests/documents/run`.
fn reader(document: &str, program: &str, home: &str) -> Command {
    let target = profile_dir().parent().expect("a target folder").to_path_buf();
    let mut command = Command::new(root().join("tests/documents/run"));
    command.args([document, "sh", program]).arg(scratch_dir().join(home));
    command.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", target);
    command
}

#[test]
fn the_migration_guide_works() {
    for (program, home) in PROGRAMS.into_iter().zip(["v2", "v3"]) {
        let printed = succeed(&mut reader("docs/migration.md", program, home));
        assert!(printed.contains("object files fit"), "{printed}");
    }
}

#[test]
fn the_porting_guide_works() {
    let printed = succeed(&mut reader("docs/porting.md", PROGRAMS[0], "porting"));
    assert!(printed.contains("ok    no fault was found"), "{printed}");
}

#[test]
fn the_readme_works() {
    let printed = succeed(&mut reader("README.md", PROGRAMS[0], "readme"));
    let answers = printed.matches("answered with 2.05").count();
    assert_eq!(answers, 2, "over UDP and over DTLS: {printed}");
}

#[test]
fn the_page_about_linux_works() {
    let printed = succeed(&mut reader("docs/linux.md", PROGRAMS[0], "linux"));
    let answers = printed.matches("answered with 2.05").count();
    assert_eq!(answers, 3, "twice over UDP and once over DTLS: {printed}");
}

#[test]
fn the_page_about_the_local_cloud_works() {
    let printed = succeed(&mut reader("crates/cloud/README.md", PROGRAMS[0], "cloud"));
    assert!(printed.contains("answered with 2.05"), "{printed}");
}

#[test]
fn the_page_about_scripts_with_the_local_cloud_works() {
    let printed = succeed(&mut reader("crates/cloud/SCRIPTS.md", PROGRAMS[0], "scripts"));
    for (answer, count) in [("answered with 5.00", 1), ("answered with 2.05", 2)] {
        assert_eq!(printed.matches(answer).count(), count, "{answer}: {printed}");
    }
}

/// Where blocks of each kind are tried, and whose.
fn tried() -> [(&'static str, &'static str); 4] {
    [
        ("sh", include_str!("commands.rs")),
        ("sh serving", include_str!("serving.rs")),
        ("sh installed", include_str!("../cmake/check_install.cmake")),
        ("sh board", include_str!("../../firmware/CMakeLists.txt")),
    ]
}

/// A document whose commands nobody runs would be trusted all the same. The Chinese ones have
/// the same blocks as the English ones: `translations`.
#[test]
fn every_document_with_commands_is_tried() {
    let mut untried = Vec::new();
    for document in markdown::all() {
        let path = document.path.display().to_string();
        if path.ends_with(".zh-CN.md") {
            continue;
        }
        for block in document.sections.iter().flat_map(|section| &section.blocks) {
            let Some((_, text)) = tried().into_iter().find(|(kind, _)| *kind == block.info) else {
                continue;
            };
            // And not as the end of another path.
            let names_it = |(at, _): (usize, &str)| {
                !text[..at].ends_with(|each: char| each.is_alphanumeric() || "/._-".contains(each))
            };
            if !text.match_indices(&path).any(names_it) {
                untried.push(format!("{path}:{}: {}", block.line, block.info));
            }
        }
    }
    assert!(untried.is_empty(), "nobody runs:\n{}", untried.join("\n"));
}

#[test]
fn a_command_that_is_wrong_is_found() {
    let output = run(&mut reader("tests/documents/wrong.md", PROGRAMS[0], "wrong"));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{printed}");
    assert!(printed.contains("tests/documents/wrong.md: the block at line 9 ended"), "{printed}");
    assert!(!printed.contains("gets this far"), "{printed}");
}

/// The guide's question to the headers, asked of those that do not fit.
#[test]
fn object_files_of_v3_0_1_are_refused() {
    let guide = markdown::Document::read("docs/migration.md");
    let mut blocks = guide.sections.iter().flat_map(|section| &section.blocks);
    let block = blocks.find(|block| block.text.contains("fits.c")).expect("it asks");
    let home = scratch_dir().join("v3.0.1");
    let include = home.join("firmware/sdk/include");
    fs::create_dir_all(&include).expect("the target folder can be written");
    let header = "typedef struct { char product_key[21], device_name[33], device_id[54], \
                  device_secret[65]; } iotx_deviceinfo_t;\n\
                  typedef struct { char *p_url; int wait_time_ms; void *p_devinfo; } \
                  iotx_coap_config_t;\n";
    fs::write(include.join("iot_export.h"), header).expect("it can be written");
    fs::write(include.join("iot_import.h"), "").expect("it can be written");
    let asked = run(Command::new("bash").env("HOME", &home).args(["-ec", &block.text]));
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(!asked.status.success() && said.contains("device_info_fits"), "{said}");
    assert!(!said.contains("config_fits"), "{said}");
}

/// What a command of a block that is not tried names, and does not exist.
pub(crate) fn missing(command: &str) -> Option<String> {
    let command = command.split(" #").next().unwrap_or_default();
    let mut words = command.split_whitespace().skip_while(|word| word.contains('='));
    let program = words.next()?;
    let words: Vec<_> = words.collect();
    if program == "cargo" {
        return missing_package(&words);
    }
    if !program.starts_with("scripts/") {
        return None;
    }
    let script = root().join(program);
    let Ok(text) = fs::read_to_string(&script) else {
        return Some(format!("there is no {program}"));
    };
    let mode = fs::metadata(&script).expect("it was just read").permissions().mode();
    if mode & 0o111 == 0 {
        return Some(format!("{program} is not executable"));
    }
    let options = words.iter().filter(|word| word.starts_with("--") && **word != "--help");
    // The help at its top names what it should know.
    let lines = text.lines().skip_while(|line| line.starts_with('#'));
    let knows = |option: &str| lines.clone().any(|line| line.contains(option));
    let unknown = options.into_iter().find(|option| !knows(option));
    unknown.map(|option| format!("{program} knows no {option}"))
}

/// The same for cargo's `-p` and `--test`.
fn missing_package(words: &[&str]) -> Option<String> {
    let after = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    let package = after("-p").unwrap_or("iot-coap");
    let folder = match package {
        "iot-coap" => PathBuf::new(),
        other => Path::new("crates").join(other.strip_prefix("iot-coap-").unwrap_or(other)),
    };
    if !root().join(&folder).join("Cargo.toml").exists() {
        return Some(format!("there is no package {package}"));
    }
    for (option, kind) in [("--test", "tests"), ("--bench", "benches"), ("--example", "examples")] {
        let Some(name) = after(option) else { continue };
        let there = root().join(&folder).join(kind).join(name);
        if !there.with_extension("rs").exists() && !there.join("main.rs").exists() {
            return Some(format!("there is no {}", there.display()));
        }
    }
    None
}

#[test]
fn commands_that_take_minutes_name_what_exists() {
    let mut wrong = Vec::new();
    for document in markdown::all() {
        for block in document.sections.iter().flat_map(|section| &section.blocks) {
            let at = format!("{}:{}", document.path.display(), block.line);
            match block.info.as_str() {
                "sh" | "sh serving" | "sh installed" | "sh board" | "text" => {}
                "sh slow" => {
                    let missing = block.text.lines().filter_map(missing);
                    wrong.extend(missing.map(|missing| format!("{at}: {missing}")));
                }
                info if info.starts_with("sh") => {
                    wrong.push(format!("{at}: no one knows where “{info}” is tried"));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(missing("scripts/test"), None);
    assert_eq!(missing("scripts/bench --check # all").as_deref(), None);
    assert_eq!(missing("A=1 cargo test -p iot-coap-dtls --test loss").as_deref(), None);
    for unknown in [
        "scripts/tests",
        "scripts/bench --chek",
        "cargo test -p iot-coap-tls",
        "cargo test -p iot-coap-dtls --test los",
    ] {
        assert!(missing(unknown).is_some(), "{unknown}");
    }
}
