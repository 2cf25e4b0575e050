//! Markdown, as far as the tests look at it: a document is a row of sections, each
//! with what can be compared or followed in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use iot_coap_test_library::root;

/// A Markdown file.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its path below the repository's folder.
    pub(crate) path: PathBuf,
    /// The first one is what stands before the first heading.
    pub(crate) sections: Vec<Section>,
}

/// A heading and what stands under it, up to the next one of any level.
#[derive(Debug, Default)]
pub(crate) struct Section {
    /// 1 to 6; 0 before the first heading.
    pub(crate) level: u8,
    pub(crate) heading: String,
    pub(crate) line: usize,
    pub(crate) blocks: Vec<Block>,
    /// Tables, of rows, of cells.
    pub(crate) tables: Vec<Vec<Vec<String>>>,
    pub(crate) links: Vec<Link>,
    /// What stands between backticks in the text.
    pub(crate) code: BTreeSet<String>,
    /// The numbers in the text.
    pub(crate) numbers: BTreeSet<String>,
    /// All of the text, cells of tables and headings included.
    pub(crate) text: String,
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The word or words that it begins with.
    pub(crate) info: String,
    pub(crate) text: String,
    pub(crate) line: usize,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) line: usize,
}

impl Document {
    pub(crate) fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let text = fs::read_to_string(root().join(path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(path, &text)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Self {
        let mut reader = Reader { sections: vec![Section::default()], ..Reader::default() };
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = 1 + text[..range.start].matches('\n').count();
            reader.take(event, line);
        }
        Self { path: path.to_path_buf(), sections: reader.sections }
    }

    /// What each section's heading is called in a link to it, as GitHub has it.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for section in &self.sections {
            let slug = slug(&section.heading);
            let again = (1..).map(|number| format!("{slug}-{number}"));
            let anchor = std::iter::once(slug.clone()).chain(again);
            anchors.extend(anchor.into_iter().find(|anchor| !anchors.contains(anchor)));
        }
        anchors
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|each| each.is_alphanumeric() || " -_".contains(*each));
    kept.flat_map(char::to_lowercase).map(|each| if each == ' ' { '-' } else { each }).collect()
}

/// The numbers in a text, as they are written: `1,967`, `0.95`, `5683`.
pub(crate) fn numbers(text: &str) -> Vec<String> {
    let mut numbers: Vec<String> = Vec::new();
    let mut goes_on = false;
    for each in text.chars() {
        let in_number = each.is_ascii_digit() || (goes_on && (each == ',' || each == '.'));
        if in_number && !goes_on {
            numbers.push(String::new());
        }
        if let Some(number) = numbers.last_mut().filter(|_| in_number) {
            number.push(each);
        }
        goes_on = in_number;
    }
    // What ends a sentence or a clause is not the number's.
    numbers.iter().map(|number| number.trim_end_matches([',', '.']).to_owned()).collect()
}

#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    in_heading: bool,
    block: Option<Block>,
    cell: Option<String>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: usize) {
        match event {
            Event::Start(tag) => self.start(tag, line),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => {
                self.section().code.insert(code.to_string());
                self.text(&code);
            }
            Event::SoftBreak | Event::HardBreak => self.text(" "),
            _ => {}
        }
    }

    fn section(&mut self) -> &mut Section {
        self.sections.last_mut().expect("there is a first one from the start")
    }

    fn start(&mut self, tag: Tag<'_>, line: usize) {
        match tag {
            Tag::Heading { level, .. } => {
                let level = match level {
                    HeadingLevel::H1 => 1,
                    HeadingLevel::H2 => 2,
                    HeadingLevel::H3 => 3,
                    HeadingLevel::H4 => 4,
                    HeadingLevel::H5 => 5,
                    HeadingLevel::H6 => 6,
                };
                self.sections.push(Section { level, line, ..Section::default() });
                self.in_heading = true;
            }
            Tag::CodeBlock(kind) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info,
                    CodeBlockKind::Indented => CowStr::Borrowed("indented"),
                };
                self.block = Some(Block { info: info.to_string(), text: String::new(), line });
            }
            Tag::Table(_) => self.section().tables.push(Vec::new()),
            Tag::TableHead | Tag::TableRow => {
                self.section().tables.last_mut().expect("a row is in a table").push(Vec::new());
            }
            Tag::TableCell => self.cell = Some(String::new()),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.section().links.push(Link { target: dest_url.to_string(), line });
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => self.in_heading = false,
            TagEnd::CodeBlock => {
                let block = self.block.take();
                self.section().blocks.extend(block);
            }
            TagEnd::TableCell => {
                let cell = self.cell.take().unwrap_or_default();
                let row = self.section().tables.last_mut().and_then(|table| table.last_mut());
                row.expect("a cell is in a row").push(cell);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(block) = &mut self.block {
            block.text.push_str(text);
            return;
        }
        self.section().text.push_str(text);
        if self.in_heading {
            self.section().heading.push_str(text);
        }
        match &mut self.cell {
            Some(cell) => cell.push_str(text),
            None => self.section().numbers.extend(numbers(text)),
        }
    }
}

/// Every Markdown file of the repository.
pub(crate) fn all() -> Vec<Document> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root().join(&folder)).expect("a folder of this repository");
        for entry in entries {
            let entry = entry.expect("an entry of a folder");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = folder.join(&name);
            if entry.file_type().expect("a file has a type").is_dir() {
                // Neither what is hidden nor what is built.
                let is_built = folder.as_os_str().is_empty()
                    && (name.starts_with("target") || name.starts_with("build"));
                if !name.starts_with('.') && !is_built {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(Document::read(path));
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.len() > 5, "only these are found: {found:#?}");
    found
}

mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_it_is_meant() {
        let text = "[a](b.md)\n# One `two`!\n\n3 and 4,567.\n\n| x | y |\n| - | - |\n| **1,0** `z` | 2.5 ms |\n\n```sh slow\nrun 9\n```\n## One two\n";
        let document = Document::parse(Path::new("x.md"), text);
        let [first, one, two] = &document.sections[..] else { panic!("{document:#?}") };
        assert_eq!(
            (first.level, first.links[0].target.as_str(), first.links[0].line),
            (0, "b.md", 1)
        );
        assert_eq!((one.level, one.heading.as_str(), one.line), (1, "One two!", 2));
        assert_eq!(one.numbers.iter().collect::<Vec<_>>(), ["3", "4,567"]);
        assert_eq!(one.tables, [[["x", "y"], ["1,0 z", "2.5 ms"]]]);
        let block = Block { info: "sh slow".into(), text: "run 9\n".into(), line: 10 };
        assert_eq!((&one.blocks[..], two.level), (&[block][..], 2));
        assert_eq!(document.anchors(), ["", "one-two", "one-two-1"]);
    }
}
