//! The tables of documents are made of the figures that are kept, in both languages, by
//! scripts/size and scripts/bench. (Those of scripts/networks are compared by its `--check`.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use iot_coap_test_library::{root, run, scratch_dir, succeed};

/// What the scripts write.
const DOCUMENTS: [&str; 5] = [
    "crates/dtls/README.md",
    "docs/sizes.md",
    "docs/sizes.zh-CN.md",
    "docs/sizes-by-module.md",
    "docs/sizes-by-module.zh-CN.md",
];

/// The scripts, and what they read.
const SOURCES: [&str; 6] = [
    "scripts/lib.sh",
    "scripts/names.tsv",
    "scripts/size",
    "scripts/size.tsv",
    "scripts/bench",
    "benches/figures.tsv",
];

/// A copy of these files, in which the scripts may write.
fn copied(name: &str) -> PathBuf {
    let copy = scratch_dir().join(name);
    let _ = fs::remove_dir_all(&copy);
    for file in SOURCES.into_iter().chain(DOCUMENTS) {
        let there = copy.join(file);
        fs::create_dir_all(there.parent().expect("a file is in a folder")).expect("a folder");
        fs::copy(root().join(file), there).expect("a file of this repository");
    }
    copy
}

fn write_tables(copy: &Path) {
    for script in ["scripts/size", "scripts/bench"] {
        let mut script = Command::new(copy.join(script));
        succeed(script.arg("--tables").env("CARGO_TARGET_DIR", copy.join("target")));
    }
}

#[test]
fn tables_are_made_of_the_figures_that_are_kept() {
    let copy = copied("tables");
    write_tables(&copy);
    for file in DOCUMENTS {
        let [kept, made] = [root(), &copy].map(|folder| fs::read(folder.join(file)).expect(file));
        assert!(
            kept == made,
            "the tables of {file} are others: scripts/size --tables, scripts/bench --tables"
        );
    }
}

#[test]
fn a_figure_reaches_both_languages() {
    let copy = copied("another-figure");
    let figures = copy.join("scripts/size.tsv");
    let text = fs::read_to_string(&figures).expect("a file of this repository");
    let line = text.lines().find(|line| line.starts_with("udp.stack\t")).expect("a figure");
    fs::write(&figures, text.replace(line, "udp.stack\t7654321")).expect("it can be written");
    write_tables(&copy);
    for file in ["docs/sizes.md", "docs/sizes.zh-CN.md"] {
        let text = fs::read_to_string(copy.join(file)).expect(file);
        assert!(text.contains("| 7,654,321 |"), "{file}");
    }
}

/// The first lines of pages quote some figures, rounded.
#[test]
fn what_prose_quotes_is_what_was_measured() {
    let figures = fs::read_to_string(root().join("scripts/size.tsv")).expect("the figures");
    let rounded = |name: &str| {
        let line = figures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
        let bytes: u32 = line.and_then(|number| number.parse().ok()).expect(name);
        format!("{} KB", (bytes + 500) / 1000)
    };
    let [udp, psk, rsa] =
        ["udp", "dtls-psk", "dtls-rsa"].map(|key| format!("{key}.cortex-m3.flash"));
    let cases: [(&str, &[&str]); 6] = [
        ("README.md", &[&udp, &psk]),
        ("README.zh-CN.md", &[&udp, &psk]),
        ("docs/sizes.md", &[&udp, "udp.stack", &psk, &rsa, "sample-dtls.x86-64"]),
        ("docs/sizes.zh-CN.md", &[&udp, "udp.stack", &psk, &rsa, "sample-dtls.x86-64"]),
        ("docs/linux.md", &["sample-dtls.x86-64", "sample-dtls-log.x86-64"]),
        ("docs/linux.zh-CN.md", &["sample-dtls.x86-64", "sample-dtls-log.x86-64"]),
    ];
    for (file, names) in cases {
        // Tables are made of the figures, which have no unit there.
        let prose = fs::read_to_string(root().join(file)).expect(file);
        for name in names {
            let quoted = rounded(name);
            assert!(prose.contains(&quoted), "{file} does not say {quoted}: {name}");
        }
    }
}

#[test]
fn a_name_that_a_language_lacks_is_found() {
    let named = |text: &str| {
        let script = "source scripts/lib.sh; named 3 <<<\"$TEXT\"";
        run(Command::new("bash").args(["-c", script]).env("TEXT", text).current_dir(root()))
    };
    let good = named("| {udp} | {LAN} 5 |");
    assert_eq!(String::from_utf8_lossy(&good.stdout), "| UDP | 局域网 5 |\n");
    let bad = named("| {no such name} |");
    let said = String::from_utf8_lossy(&bad.stderr);
    assert!(!bad.status.success() && said.contains("no such name"), "{said}");

    let names = fs::read_to_string(root().join("scripts/names.tsv")).expect("the names");
    let mut keys: Vec<_> = names.lines().filter(|line| !line.starts_with('#')).collect();
    for line in &keys {
        let fields: Vec<_> = line.split('\t').collect();
        assert!(fields.len() == 3 && fields.iter().all(|field| !field.is_empty()), "{line}");
    }
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup_by_key(|line| line.split('\t').next());
    assert_eq!(keys.len(), count, "a key is there twice");
}
