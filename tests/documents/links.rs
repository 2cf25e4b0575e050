//! Links and paths lead somewhere.

use std::path::{Component, Path, PathBuf};

use crate::markdown::{self, Document};
use iot_coap_test_library::root;

/// Folders of this repository whose files are named in the text by their path.
const FOLDERS: [&str; 13] = [
    "benches",
    "c_examples",
    "cmake",
    "crates",
    "docs",
    "firmware",
    "fuzz",
    "include",
    "ports",
    "scripts",
    "src",
    "tests",
    ".ci",
];

/// Where `target` is, seen from `document`; without `..`.
fn resolved(document: &Document, target: &str) -> PathBuf {
    let folder = document.path.parent().expect("a file is in a folder");
    let mut path = PathBuf::new();
    for component in folder.join(target).components() {
        match component {
            Component::ParentDir => {
                assert!(path.pop(), "{}: {target} leaves the repository", document.path.display());
            }
            other => path.push(other),
        }
    }
    path
}

/// What is wrong with the links of `document`, a line each.
fn broken(document: &Document, all: &[Document]) -> Vec<String> {
    let links = document.sections.iter().flat_map(|section| &section.links);
    let broken = links.filter_map(|link| {
        let at = format!("{}:{}: {}", document.path.display(), link.line, link.target);
        if link.target.contains("://") {
            return None;
        }
        let (file, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
        let path = if file.is_empty() { document.path.clone() } else { resolved(document, file) };
        let is_own = path == document.path;
        if !is_own && !root().join(&path).exists() {
            return Some(format!("{at}: there is no {}", path.display()));
        }
        let there = all.iter().find(|each| each.path == path);
        let found = anchor.is_empty()
            || there.is_some_and(|there| there.anchors().iter().any(|each| each == anchor));
        (!found).then(|| format!("{at}: no heading of {} is called so", path.display()))
    });
    broken.collect()
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let all = markdown::all();
    let broken: Vec<_> = all.iter().flat_map(|document| broken(document, &all)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# A b\n[1](x.md) [2](#a-b) [3](#c) [4](../README.md#try-it) [5](../README.md#no)\n";
    let mut all = markdown::all();
    all.push(Document::parse(Path::new("docs/new.md"), text));
    let found = broken(all.last().expect("just pushed"), &all);
    assert_eq!(
        found,
        [
            "docs/new.md:2: x.md: there is no docs/x.md",
            "docs/new.md:2: #c: no heading of docs/new.md is called so",
            "docs/new.md:2: ../README.md#no: no heading of README.md is called so",
        ]
    );
}

/// Texts name files too, such as `src/drive.rs`: from the repository's folder, or
/// from that of a crate whose document it is.
#[test]
fn every_path_in_the_text_is_there() {
    let mut missing = Vec::new();
    for document in markdown::all() {
        let folder = document.path.parent().expect("a file is in a folder");
        for path in document.sections.iter().flat_map(|section| &section.code) {
            let path = path.split([' ', ':', '#']).next().unwrap_or_default();
            let begins = path.split_once('/').is_some_and(|(first, _)| FOLDERS.contains(&first));
            // Made when something runs, or standing for several.
            if !begins || path.contains(['*', '<', '{', '…']) {
                continue;
            }
            if !root().join(path).exists() && !root().join(folder).join(path).exists() {
                missing.push(format!("{}: {path}", document.path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "named, and not there:\n{}", missing.join("\n"));
}

/// The tests of `crates/dtls` that `document` names as `file::function`, and that are not
/// there.
fn unknown_tests(document: &Document) -> Vec<String> {
    let tests = root().join("crates/dtls/tests");
    let unknown = document.sections.iter().flat_map(|section| &section.code).filter(|name| {
        let Some((file, function)) = name.split_once("::") else { return false };
        // An item of the crate.
        if file.starts_with(char::is_uppercase) {
            return false;
        }
        let source = std::fs::read_to_string(tests.join(file).with_extension("rs"));
        let head = format!("\nfn {function}()");
        !source.is_ok_and(|source| source.contains(&head))
    });
    unknown.cloned().collect()
}

#[test]
fn every_test_that_proves_conformance_is_there() {
    let document = Document::read("docs/dtls-conformance.md");
    let named = document.sections.iter().flat_map(|section| &section.code);
    let named = named.filter(|name| name.contains("::")).count();
    assert!(named > 40, "{named} tests are named");
    assert_eq!(unknown_tests(&document), Vec::<String>::new());
}

#[test]
fn a_test_that_is_not_there_is_found() {
    let text = "# A\n`hostile/records::random_datagrams` `loss::no_such_test` `nothing::of_it`\n";
    let document = Document::parse(Path::new("docs/new.md"), text);
    assert_eq!(unknown_tests(&document), ["loss::no_such_test", "nothing::of_it"]);
}
