//! A payload as the page shows it: JSON in lines, CBOR in diagnostic notation, text
//! as it is, and anything else in hexadecimal.

use serde::Serialize;
use serde::de::IgnoredAny;

use super::mask::Mask;
use super::notation;
use crate::payload::{CBOR, JSON};
use crate::sign::hex;

/// The most bytes of a payload that are sent to the page.
const SHOWN_BYTES: usize = 8_192;

const SENML_JSON: u16 = 110;
const SENML_CBOR: u16 = 112;
const BYTES_A_LINE: usize = 16;

/// What a payload turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    Json,
    Cbor,
    Text,
    Hex,
}

/// A payload as the page shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) form: Form,
    /// On one line, for the list.
    pub(super) brief: String,
    pub(super) text: String,
    /// How many bytes there were.
    pub(super) bytes: usize,
    /// It is not what its Content-Format says.
    pub(super) mislabelled: bool,
    /// The rest of it is not shown.
    pub(super) cut: bool,
}

/// The most characters of `brief`.
const BRIEF: usize = 160;

/// What can be read in a payload, without its secrets.
struct Reading {
    form: Form,
    /// On one line, as far as it came on one; nothing of what is shown in hexadecimal.
    text: String,
    masked: Vec<u8>,
    promised: Option<Form>,
    cut: bool,
}

impl Reading {
    fn of(payload: &[u8], content_format: Option<u16>, mask: &Mask) -> Option<Self> {
        if payload.is_empty() {
            return None;
        }
        // Before it is cut, so that no half of a secret is left.
        let mut masked = mask.bytes(payload.to_vec());
        let cut = masked.len() > SHOWN_BYTES;
        masked.truncate(SHOWN_BYTES);
        let promised = match content_format {
            Some(JSON | SENML_JSON) => Some(Form::Json),
            Some(CBOR | SENML_CBOR) => Some(Form::Cbor),
            _ => None,
        };
        let (form, text) = decode(&masked, promised, cut);
        Some(Self { form, text, masked, promised, cut })
    }

    fn brief(&self) -> String {
        match self.form {
            Form::Hex => hex(&self.masked[..self.masked.len().min(BRIEF / 2)]),
            _ => first_line(&self.text),
        }
    }
}

/// The beginning of a payload on one line; empty if there is none.
pub(super) fn brief(payload: &[u8], content_format: Option<u16>, mask: &Mask) -> String {
    let reading = Reading::of(payload, content_format, mask);
    reading.map_or_else(String::new, |reading| reading.brief())
}

pub(super) fn shown(payload: &[u8], content_format: Option<u16>, mask: &Mask) -> Option<Shown> {
    let reading = Reading::of(payload, content_format, mask)?;
    let brief = reading.brief();
    let Reading { form, text, masked, promised, cut } = reading;
    Some(Shown {
        form,
        brief,
        text: match form {
            Form::Json | Form::Cbor => notation::lines(&text),
            Form::Text => text,
            Form::Hex => dump(&masked),
        },
        bytes: payload.len(),
        mislabelled: !cut && promised.is_some_and(|promised| promised != form),
        cut,
    })
}

fn decode(payload: &[u8], promised: Option<Form>, cut: bool) -> (Form, String) {
    if promised == Some(Form::Cbor)
        && !cut
        && let Some(text) = notation::diagnostic(payload)
    {
        return (Form::Cbor, text);
    }
    match text(payload, cut) {
        Some(text) if promised != Some(Form::Cbor) && !cut && is_json(text, promised) => {
            (Form::Json, text.to_owned())
        }
        Some(text) => (Form::Text, text.to_owned()),
        None => (Form::Hex, String::new()),
    }
}

/// UTF-8 without control characters; where it was cut, half a character may be left.
fn text(payload: &[u8], cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(payload) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => {
            std::str::from_utf8(&payload[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let printable = |each: char| !each.is_control() || matches!(each, '\n' | '\r' | '\t');
    text.chars().all(printable).then_some(text)
}

/// Text that nobody called JSON is taken for it only if it is an object or an array.
fn is_json(text: &str, promised: Option<Form>) -> bool {
    (promised == Some(Form::Json) || text.trim_start().starts_with(['{', '[']))
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn first_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().take(BRIEF).collect();
    words.join(" ").chars().take(BRIEF).collect()
}

/// Offset, bytes and what of them is ASCII.
pub(super) fn dump(bytes: &[u8]) -> String {
    let line = |(index, line): (usize, &[u8])| {
        let octets: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let ascii: String = line
            .iter()
            .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' })
            .collect();
        format!("{:04x}  {:<47}  {ascii}", index * BYTES_A_LINE, octets.join(" "))
    };
    bytes.chunks(BYTES_A_LINE).enumerate().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(payload: &[u8], content_format: Option<u16>) -> (Form, bool) {
        let shown = shown(payload, content_format, &Mask::default()).expect("not empty");
        (shown.form, shown.mislabelled)
    }

    #[test]
    fn a_payload_is_shown_for_what_it_is() {
        assert_eq!(form(br#"{"a":1}"#, Some(JSON)), (Form::Json, false));
        assert_eq!(form(br#"{"a":1}"#, None), (Form::Json, false));
        assert_eq!(form(b"{a:1}", Some(JSON)), (Form::Text, true));
        assert_eq!(form(&[0xA1, 1, 2], Some(CBOR)), (Form::Cbor, false));
        assert_eq!(form(&[0xA1, 1], Some(CBOR)), (Form::Hex, true));
        assert_eq!(form(&[0xA1, 1, 2], None), (Form::Hex, false));
        assert_eq!(form(b"7", None), (Form::Text, false));
        assert_eq!(form(b"bell \x07", None), (Form::Hex, false));
        assert!(shown(b"", None, &Mask::default()).is_none());
    }

    #[test]
    fn a_long_payload_is_cut_and_a_secret_at_the_cut_is_not() {
        let mask = Mask::default();
        mask.add_secrets([&crate::devices::Device::new("pk", "dn", "hush-hush")]);
        let long = format!("{}hush-hush", "温".repeat(SHOWN_BYTES / 3 - 1));
        let shown = shown(long.as_bytes(), None, &mask).expect("not empty");
        assert_eq!((shown.form, shown.cut, shown.bytes), (Form::Text, true, long.len()));
        assert!(shown.text.len() <= SHOWN_BYTES && !shown.text.contains('h'));
    }

    #[test]
    fn hexadecimal_has_offsets_and_text() {
        let bytes: Vec<u8> = (0x38..0x4A).collect();
        let expected = "0000  38 39 3a 3b 3c 3d 3e 3f 40 41 42 43 44 45 46 47  89:;<=>?@ABCDEFG\n\
                        0010  48 49                                            HI";
        assert_eq!(dump(&bytes), expected);
    }
}
