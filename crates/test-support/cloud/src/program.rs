//! The program `iot-coap-cloud`, run as its users run it.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use iot_coap_test_support::folders::{Folder, profile_dir};

/// The program with these arguments, not started yet. Cargo builds it along with the
/// tests and benches of its package.
pub fn program(arguments: &[&str]) -> Command {
    // Whoever runs the tests may have it ignore signals: nohup, or a shell's `&`.
    let mut command = Command::new("env");
    command
        .arg("--default-signal=HUP,INT,QUIT")
        .arg(profile_dir().join("iot-coap-cloud"))
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// A server that runs until it is told to end, or is dropped.
pub struct Serving {
    child: Child,
    /// The line in which it says that it is ready, and where.
    pub ready: serde_json::Value,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

/// A server without a command, on free ports, once it says that it is ready.
pub fn serve(folder: &Folder, arguments: &[&str]) -> Serving {
    started(folder, [0; 3], arguments)
}

/// The same, on these ports for UDP, DTLS and the symmetric mode, which no other test takes
/// while the server is away: it listens on an address of this machine that no other test has.
pub fn serve_on(folder: &Folder, ports: [u16; 3], arguments: &[&str]) -> Serving {
    started(folder, ports, &[&["--bind", "127.4.0.1"], arguments].concat())
}

fn started(folder: &Folder, ports: [u16; 3], arguments: &[&str]) -> Serving {
    let [udp, dtls, symmetric] = ports.map(|port| port.to_string());
    let ports = ["--udp-port", &udp, "--dtls-port", &dtls, "--symmetric-port", &symmetric];
    let mut child = program(&ports)
        .args(arguments)
        .env("XDG_STATE_HOME", folder.file("state"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // Before it is ready, it says what it has of its broker.
    let mut events = lines.by_ref().map(|line| line.expect("text"));
    let ready = events.find(|line| line.contains("\"event\":\"ready\"")).expect("it is ready");
    let ready = serde_json::from_str(&ready).expect("JSON");
    Serving { child, ready, lines: Some(lines) }
}

impl Serving {
    /// Where it serves a scheme.
    pub fn address(&self, scheme: &str) -> std::net::SocketAddr {
        let urls = self.ready["urls"].as_array().expect("a list");
        urls.iter()
            .filter_map(|url| url.as_str()?.strip_prefix(scheme))
            .find_map(|address| address.strip_prefix("://")?.parse().ok())
            .expect("it is served")
    }

    /// Its next event, a line of JSON.
    pub fn line(&mut self) -> String {
        let lines = self.lines.as_mut().expect("they were not taken");
        lines.next().expect("a line").expect("text")
    }

    /// Its events from here on, for somebody who keeps reading them.
    pub fn take_events(&mut self) -> impl Iterator<Item = serde_json::Value> + use<> {
        let lines = self.lines.take().expect("they are taken once");
        lines.map_while(Result::ok).map(|line| serde_json::from_str(&line).expect("JSON"))
    }

    /// Reads its events and forgets them.
    pub fn drain_events(&mut self) {
        let lines = self.lines.take().expect("they are taken once");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by its name without `SIG`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -\"$0\" \"$1\"", signal, &pid])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Has a signal end it; returns its exit status, none if the signal killed it.
    pub fn end(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
