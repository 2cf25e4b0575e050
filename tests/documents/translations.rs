//! The Chinese documents are in step with the English ones: section for section the
//! same headings' levels, blocks of code, tables with their numbers, links, code
//! between backticks and numbers in the text.

use std::collections::BTreeSet;
use std::path::Path;

use crate::markdown::{self, Document, Section, numbers};

const PAIRS: [(&str, &str); 15] = [
    ("README.md", "README.zh-CN.md"),
    ("crates/cloud/EVENTS.md", "crates/cloud/EVENTS.zh-CN.md"),
    ("crates/cloud/README.md", "crates/cloud/README.zh-CN.md"),
    ("crates/cloud/SCRIPTS.md", "crates/cloud/SCRIPTS.zh-CN.md"),
    ("docs/board.md", "docs/board.zh-CN.md"),
    ("docs/differences.md", "docs/differences.zh-CN.md"),
    ("docs/habits.md", "docs/habits.zh-CN.md"),
    ("docs/interface.md", "docs/interface.zh-CN.md"),
    ("docs/linux.md", "docs/linux.zh-CN.md"),
    ("docs/migration.md", "docs/migration.zh-CN.md"),
    ("docs/networks.md", "docs/networks.zh-CN.md"),
    ("docs/porting.md", "docs/porting.zh-CN.md"),
    ("docs/networks-measured.md", "docs/networks-measured.zh-CN.md"),
    ("docs/sizes.md", "docs/sizes.zh-CN.md"),
    ("docs/sizes-by-module.md", "docs/sizes-by-module.zh-CN.md"),
];

/// Two documents that should say the same.
struct Pair {
    english: Document,
    chinese: Document,
}

impl Pair {
    /// What differs, a line each.
    fn differences(&self) -> Vec<String> {
        let (english, chinese) = (&self.english, &self.chinese);
        let levels = |document: &Document| -> Vec<u8> {
            document.sections.iter().map(|section| section.level).collect()
        };
        let pairs = english.sections.iter().zip(&chinese.sections);
        if levels(english) == levels(chinese) {
            return pairs.flat_map(|(english, chinese)| self.compare(english, chinese)).collect();
        }
        // One is missing, or moved: those are named that no other one is like.
        let alike = |english: &Section, chinese: &Section| {
            english.level == chinese.level && self.compare(english, chinese).is_empty()
        };
        let alone = |here: &Document,
                     there: &Document,
                     alike: &dyn Fn(&Section, &Section) -> bool| {
            let sections = here.sections.iter();
            let sections =
                sections.filter(|one| !there.sections.iter().any(|other| alike(one, other)));
            let (here, there) = (here.path.display(), there.path.display());
            let told = sections.map(|Section { heading, line, level, .. }| {
                format!("{there} has no section like “{heading}” ({here}:{line}, level {level})")
            });
            told.collect::<Vec<_>>()
        };
        let mut told = alone(english, chinese, &alike);
        told.extend(alone(chinese, english, &|chinese, english| alike(english, chinese)));
        told.push(format!("levels of headings {:?} and {:?}", levels(english), levels(chinese)));
        told
    }

    fn compare(&self, english: &Section, chinese: &Section) -> Vec<String> {
        let at = format!(
            "“{}” ({}:{}) and “{}” ({}:{})",
            english.heading,
            self.english.path.display(),
            english.line,
            chinese.heading,
            self.chinese.path.display(),
            chinese.line,
        );
        let mut differences = Vec::new();
        let mut differ = |what: String| differences.push(format!("{at}: {what}"));
        let blocks = |section: &Section| {
            section.blocks.iter().map(|each| (each.info.clone(), each.text.clone())).collect()
        };
        let (ours, theirs): (Vec<_>, Vec<_>) = (blocks(english), blocks(chinese));
        if ours != theirs {
            differ(format!("blocks of code {ours:#?} and {theirs:#?}"));
        }
        if english.tables.len() != chinese.tables.len() {
            differ(format!("{} tables and {}", english.tables.len(), chinese.tables.len()));
        }
        for (table, other) in english.tables.iter().zip(&chinese.tables) {
            if table.len() != other.len() {
                differ(format!("a table of {} rows and one of {}", table.len(), other.len()));
            }
            for (row, other) in table.iter().zip(other) {
                let sorted = |cell: &String| {
                    let mut numbers = numbers(cell);
                    numbers.sort();
                    numbers
                };
                if !row.iter().map(sorted).eq(other.iter().map(sorted)) {
                    differ(format!("numbers of the rows {row:?} and {other:?}"));
                }
            }
        }
        let links: Vec<_> =
            english.links.iter().map(|link| self.translated(&link.target)).collect();
        let other: Vec<_> = chinese.links.iter().map(|link| link.target.clone()).collect();
        let (links, other) = (sorted(links), sorted(other));
        if links != other {
            differ(format!("links to {links:?} and {other:?}"));
        }
        // A document that is named has its name in either language.
        let named = |code: &String| {
            let pair = PAIRS.iter().find(|(english, _)| english == code);
            pair.map_or_else(|| code.clone(), |(_, chinese)| (*chinese).to_owned())
        };
        let code = english.code.iter().map(named).collect();
        for (what, one, other) in [
            ("code in the text", &code, &chinese.code),
            ("numbers in the text", &english.numbers, &chinese.numbers),
        ] {
            if one != other {
                let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
                    one.difference(other).cloned().collect::<Vec<_>>()
                };
                differ(format!(
                    "{what}: {:?} only in the first, {:?} only in the second",
                    only(one, other),
                    only(other, one)
                ));
            }
        }
        differences
    }

    /// Where a link of the English document leads in the Chinese one.
    fn translated(&self, target: &str) -> String {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let own_name = |document: &Document| {
            document.path.file_name().map(|name| name.to_string_lossy().into_owned())
        };
        // Each of the two leads to the other.
        if Some(file.to_owned()) == own_name(&self.chinese) {
            return own_name(&self.english).unwrap_or_default();
        }
        let folder = self.english.path.parent().expect("a file is in a folder");
        let linked = folder.join(file);
        let pair = PAIRS.iter().find(|(english, _)| same_file(&linked, Path::new(english)));
        let file = match pair {
            Some(_) => file.replace(".md", ".zh-CN.md"),
            None => file.to_owned(),
        };
        let anchor = match pair {
            Some((english, chinese)) if !anchor.is_empty() => in_place_of(anchor, english, chinese),
            _ if file.is_empty() && !anchor.is_empty() => {
                counterpart(anchor, &self.english, &self.chinese)
            }
            _ => anchor.to_owned(),
        };
        if anchor.is_empty() { file } else { format!("{file}#{anchor}") }
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| iot_coap_test_library::root().join(path).canonicalize().ok();
    canonical(one).is_some() && canonical(one) == canonical(other)
}

fn in_place_of(anchor: &str, english: &str, chinese: &str) -> String {
    counterpart(anchor, &Document::read(english), &Document::read(chinese))
}

/// The anchor at the same place of the other document.
fn counterpart(anchor: &str, english: &Document, chinese: &Document) -> String {
    let at = english.anchors().iter().position(|each| each == anchor);
    at.and_then(|at| chinese.anchors().get(at).cloned()).unwrap_or_else(|| anchor.to_owned())
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

/// A new Chinese page is compared as well.
#[test]
fn every_chinese_page_has_its_english_one() {
    let found = markdown::all().into_iter().map(|document| document.path);
    let found = found.filter(|path| path.to_string_lossy().ends_with(".zh-CN.md"));
    let mut listed = PAIRS.map(|(_, chinese)| Path::new(chinese).to_path_buf());
    listed.sort();
    assert_eq!(found.collect::<Vec<_>>(), listed);
}

#[test]
fn the_chinese_documents_say_what_the_english_ones_say() {
    for (english, chinese) in PAIRS {
        let pair = Pair { english: Document::read(english), chinese: Document::read(chinese) };
        let differences = pair.differences();
        assert!(
            differences.is_empty(),
            "{english} and {chinese} are out of step:\n{}",
            differences.join("\n")
        );
    }
}

/// Markdown sees no emphasis in `**“so”**and`, and less where no spaces part words.
#[test]
fn no_emphasis_is_left_as_asterisks() {
    for document in PAIRS.into_iter().flat_map(<[_; 2]>::from).map(Document::read) {
        for Section { heading, text, .. } in &document.sections {
            assert!(!text.contains("**"), "{}, “{heading}”: {text}", document.path.display());
        }
    }
}

#[test]
fn what_differs_is_named() {
    let differences = |english: &str, chinese: &str| {
        let read = |path, text| Document::parse(Path::new(path), text);
        Pair { english: read("a.md", english), chinese: read("a.zh-CN.md", chinese) }.differences()
    };
    let english = "# One\ntext\n## Two\n```sh\nrun\n```\n## Three\n| 5 ms | 6 |\n| - | - |\n";
    let chinese = "# 一\n文\n## 二\n```sh\nrun\n```\n## 三\n| 5 毫秒 | 6 |\n| - | - |\n";
    assert!(differences(english, chinese).is_empty());
    for (from, to, says) in [
        ("## 二\n```sh\nrun\n```\n", "", "a.zh-CN.md has no section like “Two”"),
        ("## 三\n", "### 三\n", "a.zh-CN.md has no section like “Three”"),
        ("run", "walk", "blocks of code"),
        ("| 6 |", "| 7 |", "numbers of the rows"),
        ("文", "文 3", "numbers in the text"),
        ("文", "`文`", "code in the text"),
        ("文", "[文](b.md)", "links to"),
        ("# 一\n文\n", "# 一\n文\n## 加\n`x`\n", "a.md has no section like “加”"),
    ] {
        let found = differences(english, &chinese.replace(from, to));
        assert!(found.iter().any(|each| each.contains(says)), "{says}: {found:?}");
    }
}
