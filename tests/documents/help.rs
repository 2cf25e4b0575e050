//! The examples that `--help` shows work, of scripts and of the local cloud's program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::commands::missing;
use crate::serving::{folder_of_the_cloud, serve, shell};
use iot_coap_test_library::{Language, Linkage, compile, root, run, scratch_dir, succeed};

/// An example: what it is said to do, and its command in one line.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    says: String,
    command: String,
}

/// The examples of `--help` below this heading: sentences, each with an indented command.
fn examples(help: &str, heading: &str) -> Vec<Example> {
    let (_, rest) = help.split_once(&format!("\n{heading}:\n")).expect("it has examples");
    let is_inside = |line: &&str| line.is_empty() || line.starts_with(' ');
    let text: Vec<&str> = rest.lines().take_while(is_inside).collect();
    let mut found: Vec<Example> = Vec::new();
    let mut says = String::new();
    let mut goes_on = false;
    for line in text {
        let Some(part) = line.strip_prefix("      ") else {
            says.push(' ');
            says.push_str(line.trim());
            continue;
        };
        let end = part.trim().trim_end_matches('\\').trim_end();
        if goes_on {
            let example = found.last_mut().expect("it began");
            example.command.push(' ');
            example.command.push_str(end);
        } else {
            let says = std::mem::take(&mut says).trim().to_owned();
            found.push(Example { says, command: end.to_owned() });
        }
        goes_on = part.ends_with('\\');
    }
    found
}

#[test]
fn examples_are_read_with_their_lines_that_go_on() {
    let help = "usage\n\nExamples:\n\n  Do one\n  thing:\n      a b \\\n          --c d\n\n  \
                Two:\n      e\n\nPlaceholders of it\n";
    let example =
        |says: &str, command: &str| Example { says: says.into(), command: command.into() };
    let expected = [example("Do one thing:", "a b --c d"), example("Two:", "e")];
    assert_eq!(examples(help, "Examples"), expected);
}

#[test]
fn the_local_clouds_examples_work() {
    let program = folder_of_the_cloud().join("iot-coap-cloud");
    let help = succeed(Command::new(&program).arg("--help"));
    let mut examples = examples(&help, "Examples");
    // The last that is shown, by the short help too.
    let (_, end) = help.split_once("\nExamples:\n").expect("it has examples");
    assert_eq!((examples.len(), end.matches("iot-coap-cloud").count()), (3, 3), "{end}");
    assert!(succeed(Command::new(&program).arg("-h")).ends_with(end), "{end}");
    examples.extend(self::examples(&help, "More examples"));
    assert!(examples.len() >= 8, "{examples:?}");
    let home = scratch_dir().join("help");
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).expect("the target folder can be written");
    for (name, source) in [("app", "minimal.c"), ("coap-example", "coap-example.c")] {
        let source = root().join("c_examples").join(source);
        let source = source.to_str().expect("a path in UTF-8");
        let built = compile(source, Linkage::Static, Language::Sanitized);
        fs::copy(built, home.join(name)).expect("the target folder can be written");
    }
    let mut refused = 0;
    for Example { says, command } in &examples {
        if !command.contains(" -- ") {
            serve(&home, command);
            continue;
        }
        let output = run(shell(&home).args(["-euc", command]));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        if says.contains("refuses") {
            refused += 1;
            assert!(!output.status.success(), "{command}: {printed}");
            assert!(printed.contains("certificate is for another host"), "{command}: {printed}");
        } else {
            assert!(output.status.success(), "{command}: {}: {printed}", output.status);
            assert!(printed.contains("2.05"), "{command}: {printed}");
        }
    }
    assert_eq!(refused, 1, "{examples:?}");
}

/// What stands below a line of the help that begins so, up to the next line that is not
/// indented.
fn below<'a>(help: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with("  "));
    lines.map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_faults_and_the_devices_file_of_the_help_are_taken() {
    let program = folder_of_the_cloud().join("iot-coap-cloud");
    let help = succeed(Command::new(program).arg("--help"));
    let home = scratch_dir().join("help-files");
    let faults = below(&help, "Faults (");
    let faults: Vec<_> = faults.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(faults.len() > 10 && faults.iter().all(|each| each.contains('=')), "{faults:?}");
    let command = format!("iot-coap-cloud --faults {} -- true", faults.join(","));
    succeed(shell(&home).args(["-euc", &command]));

    let devices = below(&help, "Devices file:").join("\n");
    assert!(devices.starts_with("[[device]]"), "{devices}");
    fs::write(home.join("devices.toml"), devices).expect("the target folder can be written");
    serve(&home, "chmod 600 devices.toml\niot-coap-cloud --devices devices.toml");
    let completions = "source <(iot-coap-cloud --completions bash)";
    let words: Vec<_> = help.split_whitespace().collect();
    assert!(words.join(" ").contains(completions), "{help}");
    succeed(shell(&home).args(["-euc", completions]));
}

/// The same text makes both.
#[test]
fn the_manual_page_has_the_examples_of_the_help() {
    let program = folder_of_the_cloud().join("iot-coap-cloud");
    let page = succeed(Command::new(&program).arg("--manual-page"));
    let page = page.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\");
    let help = succeed(Command::new(&program).arg("--help"));
    let (_, shown) = help.split_once("\nMore examples:\n").expect("it has examples");
    for line in shown.lines().filter(|line| line.contains("iot-coap-cloud")) {
        assert!(page.contains(line.trim()), "the manual page lacks: {line}");
    }
}

/// The lines of a script's help that show how it is called.
fn usages(help: &str) -> Vec<String> {
    let lines = help.lines().filter(|line| line.starts_with("    scripts/"));
    let usage = |line: &str| {
        // What it does stands behind two blanks.
        let call = line.trim().split("  ").next().unwrap_or_default();
        call.replace(['[', ']'], " ")
    };
    lines.map(usage).collect()
}

#[test]
fn the_help_of_every_script_shows_what_it_knows() {
    let mut wrong = Vec::new();
    let mut scripts = 0;
    for entry in fs::read_dir(root().join("scripts")).expect("a folder of this repository") {
        let path = entry.expect("an entry of a folder").path();
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        if mode & 0o111 == 0 {
            continue;
        }
        scripts += 1;
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let help = succeed(Command::new("timeout").args(["20"]).arg(&path).arg("--help"));
        let usages = usages(&help);
        let own = format!("scripts/{name}");
        if !usages.iter().any(|usage| usage.split_whitespace().next() == Some(&own)) {
            wrong.push(format!("{own} --help does not show how it is called: {help}"));
        }
        wrong.extend(usages.iter().filter_map(|usage| missing(usage)));
    }
    assert!(scripts > 10, "{scripts} scripts");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
