//! An event as a line of JSON that shows on a terminal what it says, and nothing else.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Compact JSON whose strings have no character that changes what a terminal shows: no control
/// characters, also of those that JSON allows, and none that turns the direction of writing.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, unseen)) = rest.char_indices().find(|(_, each)| is_unseen(*each)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut units = [0; 2];
            for unit in unseen.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + unseen.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

fn is_unseen(each: char) -> bool {
    each.is_control()
        || matches!(each, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

/// The line, with its end. `None` for what JSON cannot say, which no event has.
pub(crate) fn line(value: &impl Serialize) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut line, Visible)).ok()?;
    line.push(b'\n');
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_terminal_is_escaped_and_read_back() {
        let text = "a\u{1b}[2Jb\u{7f}c\u{9b}d\u{202e}e\u{e0041}\n\"ß€😀";
        let line = line(&text).expect("JSON");
        let shown = std::str::from_utf8(&line).expect("text");
        assert_eq!(shown, "\"a\\u001b[2Jb\\u007fc\\u009bd\\u202ee\\udb40\\udc41\\n\\\"ß€😀\"\n");
        assert_eq!(serde_json::from_slice::<String>(&line).expect("JSON"), text);
    }
}
