//! What the guide to new boards says of the library is so.

use std::collections::BTreeSet;
use std::process::Command;

use crate::markdown;
use iot_coap_test_library::linking::library_of;
use iot_coap_test_library::succeed;

/// The rows of the guide's table whose head begins with these cells.
fn table(document: &markdown::Document, head: &[&str]) -> Vec<Vec<String>> {
    let mut tables = document.sections.iter().flat_map(|section| &section.tables);
    let table = tables.find(|table| head.iter().zip(&table[0]).all(|(head, cell)| head == cell));
    table.unwrap_or_else(|| panic!("there is no table of {head:?}"))[1..].to_vec()
}

/// The functions that the guide says to be needed with std are those that a linker asks for.
#[test]
fn the_functions_that_are_needed_are_named() {
    let guide = markdown::Document::read("docs/porting.md");
    let rows = table(&guide, &["function", "needed", "without it"]);
    let is_needed = |row: &&Vec<String>| row[1] == "always" || row[1].contains("with std");
    let needed: BTreeSet<_> = rows.iter().filter(is_needed).map(|row| row[0].clone()).collect();

    let symbols = succeed(Command::new("readelf").arg("-sW").arg(library_of("std")));
    let asked = symbols.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, _, binding, _, section, name] = fields[..] else { return None };
        (section == "UND" && binding == "GLOBAL" && name.starts_with("HAL_"))
            .then(|| name.to_owned())
    });
    assert_eq!(needed, asked.collect());
    assert_eq!(needed.len(), 10, "{needed:?}");
}

/// A number with commas between its digits.
fn number(cell: &str) -> u32 {
    cell.replace(',', "").parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

/// The RAM of each configuration is that of the tables that `scripts/size` makes, wherever they
/// stand, and the sum is one.
#[test]
fn ram_in_all_is_the_sum_of_what_was_measured() {
    let all = markdown::all();
    let measured: Vec<_> = all
        .iter()
        .flat_map(|document| document.sections.iter().flat_map(|section| &section.tables))
        .filter(|table| table[0][0] == "bytes")
        .filter_map(|table| {
            let column = |name| table[0].iter().position(|cell| cell == name);
            let heap = column("heap while connecting").or_else(|| column("heap for a context"))?;
            Some((table, [column("static RAM")?, column("stack")?, heap]))
        })
        .collect();
    assert!(measured.len() >= 2, "the tables of scripts/size are not found");
    let guide = markdown::Document::read("docs/porting.md");
    for row in table(&guide, &["configuration", "features", "static RAM"]) {
        let (found, columns) = measured
            .iter()
            .find_map(|(table, columns)| {
                table.iter().find(|found| found[0] == row[0]).map(|found| (found, columns))
            })
            .unwrap_or_else(|| panic!("{} was not measured", row[0]));
        let parts = columns.map(|column| number(&found[column]));
        assert_eq!(row[2..5].iter().map(|cell| number(cell)).collect::<Vec<_>>(), parts, "{row:?}");
        assert_eq!(number(&row[5]), parts.iter().sum::<u32>(), "{row:?}");
    }
}
