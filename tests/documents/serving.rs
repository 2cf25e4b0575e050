//! Commands that start the local cloud as a server: each says that it is ready, and stops when
//! it is told to.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::markdown::Document;
use iot_coap_test_library::{profile_dir, root, scratch_dir, succeed};

/// The folder of the local cloud's program, built where `tests/documents/run` builds it.
pub(crate) fn folder_of_the_cloud() -> PathBuf {
    let target = profile_dir().parent().expect("a target folder").join("documents");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "-p", "iot-coap", "-p", "iot-coap-cloud"]);
    succeed(cargo.arg("--target-dir").arg(&target).current_dir(root()));
    target.join("debug")
}

/// A folder in which commands run, with the local cloud's program on the path.
pub(crate) fn shell(home: &Path) -> Command {
    fs::create_dir_all(home).expect("the target folder can be written");
    let mut path = folder_of_the_cloud().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    shell.current_dir(home).env("HOME", home).env("PATH", path).env_remove("XDG_STATE_HOME");
    shell.env("IOT_COAP_KV_DIR", home.join("kept"));
    shell.stdin(Stdio::null());
    shell
}

/// Runs commands of which the last one is a server, on free ports, until it is ready; then
/// stops it. Returns what it said when it was ready.
pub(crate) fn serve(home: &Path, commands: &str) -> String {
    let mut commands = commands.trim_end().replace("127.0.0.1:8080", "127.0.0.1:0");
    for port in ["--udp-port", "--dtls-port", "--symmetric-port"] {
        if !commands.contains(port) {
            commands = format!("{commands} {port} 0");
        }
    }
    // The server takes the place of the shell, and gets the signal.
    let (before, server) = commands.rsplit_once('\n').unwrap_or(("", &commands));
    let script = format!("{before}\nexec {server}");
    let mut child =
        shell(home).args(["-euc", &script]).stdout(Stdio::piped()).spawn().expect("bash runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // What it has of a broker is said before.
    let is_ready = |line: &String| line.contains("\"event\":\"ready\"");
    let ready = lines.by_ref().map_while(Result::ok).find(is_ready);
    let pid = child.id().to_string();
    let told = Command::new("bash").args(["-c", "kill -TERM \"$0\"", &pid]).status();
    let status = child.wait().expect("it ends");
    assert!(told.expect("bash runs").success() && status.success(), "{script}: {status}");
    ready.unwrap_or_else(|| panic!("{script} is not ready"))
}

#[test]
fn the_servers_of_the_local_clouds_page_start() {
    let document = Document::read("crates/cloud/README.md");
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let servers: Vec<_> = blocks.filter(|block| block.info == "sh serving").collect();
    assert!(servers.len() >= 3, "{servers:?}");
    for server in servers {
        let home = scratch_dir().join(format!("serving-{}", server.line));
        let _ = fs::remove_dir_all(&home);
        serve(&home, &server.text.replace("target/cloud/", ""));
    }
}
