//! Hazard: a line of the log says what no page explains, or a page what no line says.

use std::collections::BTreeSet;

const SOURCE: &str = include_str!("../src/events/mod.rs");
const MESSAGE: &str = include_str!("../src/events/message.rs");
const PAGE: &str = include_str!("../EVENTS.md");

/// What the log's thread writes itself.
const OF_THE_LOG: (&str, &str) = ("lines_lost", "lines");

/// `DtlsOpened` is `dtls_opened` in the log.
fn in_the_log(variant: &str) -> String {
    let mut name = String::new();
    for each in variant.chars() {
        if each.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(each.to_lowercase());
    }
    name
}

/// The lines of an item, from the one that begins so to the one that closes it.
fn item<'s>(source: &'s str, begins: &str) -> Vec<&'s str> {
    let lines = source.lines().skip_while(|line| !line.starts_with(begins)).skip(1);
    lines.take_while(|line| *line != "}").collect()
}

/// Each event with its fields.
fn events() -> Vec<(String, Vec<String>)> {
    let mut events: Vec<(String, Vec<String>)> = Vec::new();
    for line in item(SOURCE, "pub enum Event {") {
        let word = line.trim_start();
        let indent = line.len() - word.len();
        let name: String =
            word.chars().take_while(|each| each.is_alphanumeric() || *each == '_').collect();
        if indent == 4 && name.starts_with(char::is_uppercase) {
            events.push((in_the_log(&name), Vec::new()));
        } else if indent == 8 && word[name.len()..].starts_with(": ") && !name.is_empty() {
            events.last_mut().expect("a field is an event's").1.push(name);
        }
    }
    events.push((OF_THE_LOG.0.to_owned(), vec![OF_THE_LOG.1.to_owned()]));
    events
}

fn fields_of_a_message() -> Vec<String> {
    let mut fields = Vec::new();
    let mut is_skipped = false;
    for line in item(MESSAGE, "pub struct Message {") {
        is_skipped |= line.contains("serde(skip)");
        let field = line.trim_start().strip_prefix("pub ").and_then(|rest| rest.split_once(':'));
        let Some((name, _)) = field else { continue };
        if !std::mem::take(&mut is_skipped) {
            fields.push(name.to_owned());
        }
    }
    fields
}

/// The cells of the rows below a heading.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().skip_while(|line| *line != heading).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('#'));
    let rows = lines.filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn code(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_event_and_every_field_is_explained_and_no_other() {
    let common: BTreeSet<&str> =
        rows("# The events of iot-coap-cloud").iter().flat_map(|row| code(row[0])).collect();
    assert!(common.len() > 8, "{common:?}");
    let told: Vec<_> = ["## The server", "## Devices", "## Something is wrong"]
        .into_iter()
        .flat_map(rows)
        .collect();
    let events = events();
    assert!(events.len() > 25, "{events:?}");
    for (event, fields) in &events {
        let row = told.iter().find(|row| row[0] == format!("`{event}`"));
        let row = row.unwrap_or_else(|| panic!("EVENTS.md does not explain {event}"));
        for field in fields {
            let is_told = code(row[2]).contains(field.as_str()) || common.contains(field.as_str());
            assert!(is_told, "EVENTS.md does not explain {field} of {event}");
        }
    }
    assert_eq!(told.len(), events.len(), "EVENTS.md has an event twice, or one that is none");

    let explained: BTreeSet<&str> =
        rows("## message").iter().flat_map(|row| code(row[0])).chain(common).collect();
    for field in fields_of_a_message() {
        assert!(explained.contains(field.as_str()), "EVENTS.md does not explain {field}");
    }
}
