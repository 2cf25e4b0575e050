//! CBOR in diagnostic notation (RFC 8949 section 8), and line breaks for it and for
//! JSON that change nothing else: numbers, escapes and repeated names stay as they
//! came. Input is a stranger's: nothing here recurses.

use minicbor::data::Token;
use minicbor::decode::Tokenizer;

use crate::sign::hex;

/// What is shorter stays on one line.
const LINE: usize = 32;

/// Lines are indented no further than so many levels.
const DEEPEST: usize = 32;

/// What is open, and how many items it still takes; `None` until a break.
enum Open {
    Array(Option<u64>),
    Map(Option<u64>),
    /// Indefinite text or bytes: chunks until a break.
    Chunks,
    Tag,
}

/// CBOR on one line; `None` if it is not one well-formed item or a sequence of them.
pub(super) fn diagnostic(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut open: Vec<(Open, u64)> = Vec::new();
    for token in Tokenizer::new(bytes) {
        let token = token.ok()?;
        if matches!(token, Token::Break) {
            let (ended, taken) = open.pop()?;
            text.push_str(match ended {
                Open::Array(None) => "]",
                Open::Map(None) if taken % 2 == 0 => "}",
                Open::Chunks => ")",
                _ => return None,
            });
        } else {
            separate(&mut text, &mut open);
            if let Some((start, opened)) = opening(&token) {
                text.push_str(&start);
                open.push((opened, 0));
            } else {
                text.push_str(&scalar(&token)?);
            }
        }
        close(&mut text, &mut open);
    }
    (open.is_empty() && !text.is_empty()).then_some(text)
}

/// Writes what stands before an item, and counts it.
fn separate(text: &mut String, open: &mut [(Open, u64)]) {
    let Some((container, taken)) = open.last_mut() else {
        // A CBOR sequence (RFC 8742).
        if !text.is_empty() {
            text.push_str(", ");
        }
        return;
    };
    text.push_str(match (&container, *taken) {
        (_, 0) => "",
        (Open::Map(_), taken) if taken % 2 == 1 => ": ",
        _ => ", ",
    });
    *taken += 1;
}

/// What a token opens, if anything, and how that is written.
fn opening(token: &Token<'_>) -> Option<(String, Open)> {
    Some(match token {
        Token::Array(length) => ("[".into(), Open::Array(Some(*length))),
        // More than there can be stays open to the end, and so is malformed.
        Token::Map(length) => ("{".into(), Open::Map(Some(length.saturating_mul(2)))),
        Token::BeginArray => ("[_ ".into(), Open::Array(None)),
        Token::BeginMap => ("{_ ".into(), Open::Map(None)),
        Token::BeginBytes | Token::BeginString => ("(_ ".into(), Open::Chunks),
        Token::Tag(tag) => (format!("{}(", tag.as_u64()), Open::Tag),
        _ => return None,
    })
}

fn scalar(token: &Token<'_>) -> Option<String> {
    Some(match token {
        Token::String(string) => serde_json::to_string(string).ok()?,
        Token::Bytes(bytes) => format!("h'{}'", hex(bytes)),
        Token::F16(number) | Token::F32(number) => float(f64::from(*number), number),
        Token::F64(number) => float(*number, number),
        Token::Null => "null".into(),
        Token::Undefined => "undefined".into(),
        Token::Simple(value) => format!("simple({value})"),
        other => other.to_string(),
    })
}

/// A float as its own type prints it, so that 0.1 is no longer than it was.
fn float(value: f64, printed: &impl std::fmt::Debug) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        format!("{printed:?}")
    }
}

/// Ends what has all its items.
fn close(text: &mut String, open: &mut Vec<(Open, u64)>) {
    while let Some((container, taken)) = open.last() {
        text.push_str(match container {
            Open::Array(Some(length)) if length == taken => "]",
            Open::Map(Some(length)) if length == taken => "}",
            Open::Tag if *taken == 1 => ")",
            _ => return,
        });
        open.pop();
    }
}

/// Breaks JSON or diagnostic notation into lines, but for what is short.
pub(super) fn lines(text: &str) -> String {
    let mut broken = String::with_capacity(text.len() * 2);
    let mut depth: usize = 0;
    // Inside a bracket that stays on its line: how many are open there.
    let mut inline: usize = 0;
    let mut rest = text;
    while let Some(each) = rest.chars().next() {
        let mut length = each.len_utf8();
        match each {
            '"' => {
                length = string(rest);
                broken.push_str(&rest[..length]);
            }
            '[' | '{' if inline > 0 || short(rest) => {
                inline += 1;
                broken.push(each);
            }
            '[' | '{' => {
                depth += 1;
                broken.push(each);
                if rest[1..].starts_with('_') {
                    broken.push('_');
                    length += 1;
                }
                break_line(&mut broken, depth);
                length += spaces(&rest[length..]);
            }
            ']' | '}' if inline > 0 => {
                inline -= 1;
                broken.push(each);
            }
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                break_line(&mut broken, depth);
                broken.push(each);
            }
            ',' => {
                broken.push(',');
                length += spaces(&rest[1..]);
                if inline == 0 {
                    break_line(&mut broken, depth);
                } else {
                    broken.push(' ');
                }
            }
            ':' => {
                broken.push_str(": ");
                length += spaces(&rest[1..]);
            }
            // JSON's own line breaks.
            '\n' | '\r' | '\t' => {}
            ' ' if broken.ends_with(' ') => {}
            _ => broken.push(each),
        }
        rest = &rest[length..];
    }
    broken
}

/// The length of the string that `text` begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether the bracket that `text` begins with ends on this line.
fn short(text: &str) -> bool {
    let mut open = 0_usize;
    let mut at = 0;
    while at < text.len().min(LINE) {
        match text.as_bytes()[at] {
            b'"' => at += string(&text[at..]) - 1,
            b'[' | b'{' => open += 1,
            b']' | b'}' => {
                open -= 1;
                if open == 0 {
                    return at < LINE;
                }
            }
            b'\n' => return false,
            _ => {}
        }
        at += 1;
    }
    false
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\n', '\r', '\t']).len()
}

fn break_line(text: &mut String, depth: usize) {
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
    for _ in 0..depth.min(DEEPEST) {
        text.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cbor_is_written_as_rfc_8949_writes_it() {
        // Appendix A of the RFC.
        for (bytes, expected) in [
            (&[0x00][..], "0"),
            (&[0x3B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "-18446744073709551616"),
            (&[0xF9, 0x3C, 0x00], "1.0"),
            (&[0xFA, 0x47, 0xC3, 0x50, 0x00], "100000.0"),
            (&[0xFB, 0xC0, 0x10, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66], "-4.1"),
            (&[0xF9, 0x7E, 0x00], "NaN"),
            (&[0xF9, 0xFC, 0x00], "-Infinity"),
            (&[0xF4], "false"),
            (&[0xF6], "null"),
            (&[0xF7], "undefined"),
            (&[0xF0], "simple(16)"),
            (&[0xC1, 0x1A, 0x51, 0x4B, 0x67, 0xB0], "1(1363896240)"),
            (&[0xD8, 0x18, 0x45, 0x64, 0x49, 0x45, 0x54, 0x46], "24(h'6449455446')"),
            (&[0x62, 0x22, 0x5C], r#""\"\\""#),
            (&[0x80], "[]"),
            (&[0x83, 1, 0x82, 2, 3, 0x82, 4, 5], "[1, [2, 3], [4, 5]]"),
            (&[0xA2, 1, 2, 3, 4], "{1: 2, 3: 4}"),
            (&[0x9F, 1, 0x82, 2, 3, 0x9F, 4, 5, 0xFF, 0xFF], "[_ 1, [2, 3], [_ 4, 5]]"),
            (&[0xBF, 0x61, 0x61, 1, 0xFF], r#"{_ "a": 1}"#),
            (&[0x5F, 0x42, 1, 2, 0x43, 3, 4, 5, 0xFF], "(_ h'0102', h'030405')"),
            (&[1, 2], "1, 2"),
        ] {
            assert_eq!(diagnostic(bytes).as_deref(), Some(expected), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_is_no_cbor_is_not_shown_as_any() {
        for bytes in [&[][..], &[0x82, 1], &[0xFF], &[0xBF, 1, 0xFF], &[0xC1], &[0x62, 0xFF, 0xFF]]
        {
            assert_eq!(diagnostic(bytes), None, "{bytes:02x?}");
        }
        assert_eq!(diagnostic(&vec![0x81; 100_000]), None);
        assert!(diagnostic(&[vec![0x81; 10_000], vec![0]].concat()).is_some());
    }

    #[test]
    fn lines_change_nothing_but_space() {
        let json = r#"{"id":"1","version":1.10,"params":{"a, [b]: \"c\"":12345678901234567890,"list":[1,2,{}]},"e":{}}"#;
        let expected = r#"{
  "id": "1",
  "version": 1.10,
  "params": {
    "a, [b]: \"c\"": 12345678901234567890,
    "list": [1, 2, {}]
  },
  "e": {}
}"#;
        assert_eq!(lines(json), expected);
        assert_eq!(lines(expected), expected);
        assert_eq!(lines("[1, [2, 3]]"), "[1, [2, 3]]");
        let long = "x".repeat(LINE);
        assert_eq!(lines(&format!("[_ \"{long}\"]")), format!("[_\n  \"{long}\"\n]"));
    }

    #[test]
    fn deep_nesting_costs_no_more_than_its_length() {
        let text = "[".repeat(16_384);
        assert!(lines(&text).len() < text.len() * 70);
    }
}
