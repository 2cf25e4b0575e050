//! Hazard: a command outlives its server, since a signal reached the server alone; or it cannot
//! learn where something is served.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use iot_coap_test_cloud::program::program;
use iot_coap_test_cloud::*;

fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let mut sent = Command::new("sh");
    sent.args(["-c", "kill -\"$0\" \"$1\"", signal, &pid]);
    assert!(sent.status().expect("kill runs").success());
}

/// Waits until the command says that it is up.
fn up(mut command: Command, folder: &Folder) -> Child {
    command.env("XDG_STATE_HOME", folder.file("state"));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "up");
    child
}

/// Ends by a signal, each with a status of its own.
const SCRIPT: &str = "trap 'exit 3' HUP; trap 'exit 4' INT; trap 'exit 5' TERM; echo up; \
    while :; do sleep 0.02; done";

#[test]
fn a_command_is_told_of_each_signal_that_asks_to_end() {
    let folder = Folder::new();
    let log = folder.file("log");
    // Nor are files read again, though there are some.
    for arguments in [&[][..], &["--log", log.to_str().expect("text")]] {
        for (name, status) in [("HUP", 3), ("INT", 4), ("TERM", 5)] {
            let command = program(&[arguments, &["--", "sh", "-c", SCRIPT]].concat());
            let mut child = up(command, &folder);
            signal(&child, name);
            assert_eq!(child.wait().expect("it ends").code(), Some(status), "SIG{name}");
        }
    }
}

#[test]
fn under_nohup_a_command_hears_of_no_hangup() {
    let folder = Folder::new();
    let started = program(&["--", "sh", "-c", SCRIPT]);
    let mut command = Command::new("env");
    command.arg("--ignore-signal=HUP");
    // Without the words that have it heed all signals.
    command.args(started.get_args().skip(1)).stdin(Stdio::null());
    let mut child = up(command, &folder);
    signal(&child, "HUP");
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(5));
}

#[test]
fn a_command_is_told_where_the_console_and_the_metrics_are() {
    let folder = Folder::new();
    let run = |arguments: &[&str], script: &str, words: &[&str]| {
        program(&[arguments, &["--", "sh", "-c", script, "sh"], words].concat())
            .env("XDG_STATE_HOME", folder.file("state"))
            .output()
            .expect("it runs")
    };
    let sites = ["--console", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let script = "test \"$1\" = \"$IOT_COAP_CLOUD_CONSOLE\" && \
        test \"$2\" = \"$IOT_COAP_CLOUD_METRICS\" && \
        curl -sSf -o /dev/null \"$1\" && curl -sSf \"$2\" | grep -q '^iot_coap_cloud_'";
    let output = run(&sites, script, &["{console}", "{metrics}"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script = "test -z \"${IOT_COAP_CLOUD_CONSOLE+x}${IOT_COAP_CLOUD_METRICS+x}\"";
    assert!(run(&[], script, &[]).status.success());
    for place in ["{console}", "{metrics}"] {
        let output = run(&[], "true", &[place]);
        assert_eq!(output.status.code(), Some(125));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&format!("{place} in the command is no placeholder")), "{said}");
    }
}
