//! Brokers of others, each a program on a free port: Debian's Mosquitto, and that of the
//! crate `rumqttd`.

use std::fmt::Write as _;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use iot_coap_test_support::folders::target_tmp;

use super::{Folder, PATIENCE};

/// Not in the path of everybody.
const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// A broker that runs, and is stopped when this is dropped.
pub struct BrokerProgram {
    /// Where it listens.
    pub port: u16,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    log: PathBuf,
    /// Its sessions and messages outlive its end.
    keeps: bool,
    child: Option<Child>,
}

impl BrokerProgram {
    /// Mosquitto with the settings that forwarding wants, and these further lines.
    pub fn mosquitto(folder: &Folder, further: &str) -> Self {
        let port = free_port();
        let state = folder.file("mosquitto");
        std::fs::create_dir_all(&state).expect("a folder");
        let mut text = String::new();
        // `user root`: started by root it would become somebody who may not read
        // the test's folder. Elsewhere the line means nothing.
        write!(
            text,
            "user root\nlistener {port} 127.0.0.1\npersistence true\n\
             persistence_location {}/\nmax_queued_messages 0\nlog_dest stderr\n{further}\n",
            state.display()
        )
        .expect("a string takes everything");
        let config = folder.write("mosquitto.conf", text.as_bytes()).into();
        Self::start(folder, port, MOSQUITTO.into(), vec!["-c".into(), config], true)
    }

    /// The broker of `rumqttd`, built when it is first needed. It keeps messages in memory,
    /// and acknowledges those without a subscriber like all others.
    pub fn rumqttd(folder: &Folder) -> Self {
        let port = free_port();
        let text = format!(
            "id = 0\n\
             [router]\nid = 0\nmax_connections = 100\nmax_outgoing_packet_count = 200\n\
             max_segment_size = 104857600\nmax_segment_count = 10\n\
             [v5.1]\nname = \"v5\"\nlisten = \"127.0.0.1:{port}\"\n\
             next_connection_delay_ms = 1\n\
             [v5.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = 20480\n\
             max_inflight_count = 100\n"
        );
        let config = folder.write("rumqttd.toml", text.as_bytes()).into();
        Self::start(folder, port, rumqttd().to_owned(), vec![config], false)
    }

    fn start(
        folder: &Folder,
        port: u16,
        program: PathBuf,
        arguments: Vec<PathBuf>,
        keeps: bool,
    ) -> Self {
        let log = folder.file("broker.log");
        let mut broker = Self { port, program, arguments, log, keeps, child: None };
        broker.run();
        broker
    }

    /// Its address as the cloud is told it.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    fn run(&mut self) {
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&self.log).expect("a new file"))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let told = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(Instant::now() < deadline, "the broker does not listen: {}", told());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Takes it away: ended, if it keeps its sessions and messages over that, or frozen.
    pub fn take_away(&mut self) {
        if !self.keeps {
            return self.signal("STOP");
        }
        self.signal("TERM");
        let status = self.child.take().expect("it runs").wait().expect("it ends");
        assert!(status.success(), "{status}, signal {:?}", status.signal());
    }

    /// Has it back where it was taken away.
    pub fn bring_back(&mut self) {
        if self.keeps { self.run() } else { self.signal("CONT") }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let kill = ["-c", "kill -\"$0\" \"$1\"", signal, &pid];
        assert!(Command::new("sh").args(kill).status().expect("kill runs").success());
    }
}

impl Drop for BrokerProgram {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// The program, built once. Cargo lets only one test program at a time build it.
fn rumqttd() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("rumqttd/Cargo.toml");
        let target = target_tmp().join("rumqttd");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
        let output = cargo.arg("--target-dir").arg(&target).output().expect("cargo runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rumqttd is not built: {errors}");
        target.join("debug/rumqttd-program")
    })
}
