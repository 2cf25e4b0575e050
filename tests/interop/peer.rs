//! Starts the servers, each on a free port of the loopback, for as long as it
//! is held.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// An interpreter on a busy machine takes its time.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long a ping's answer is waited for before the next ping.
const PING_INTERVAL: Duration = Duration::from_millis(20);

/// Between asking for a free port and taking it, another may take it.
const TRIES: usize = 3;

/// A server that runs until it is dropped.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Peer {
    /// libcoap's example server, with further arguments.
    pub(crate) fn libcoap(arguments: &[&str]) -> Self {
        Self::start("coap-server-notls", "apt-get install libcoap3-bin", |port| {
            let mut command = Command::new("coap-server-notls");
            command.args(["-A", "127.0.0.1", "-p", &port.to_string()]).args(arguments);
            command
        })
    }

    /// `aiocoap_server.py`, which hands out access tokens of this length.
    pub(crate) fn aiocoap(access_token_len: usize) -> Self {
        let packages = aiocoap_packages();
        Self::start("python3", "apt-get install python3-pip", |port| {
            let mut command = Command::new("python3");
            command.env("PYTHONPATH", packages);
            command.arg(sources().join("aiocoap_server.py"));
            command.args([port.to_string(), access_token_len.to_string()]);
            command
        })
    }

    fn start(program: &str, remedy: &str, command: impl Fn(u16) -> Command) -> Self {
        for _ in 0..TRIES {
            let port = free_port();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let log = iot_coap_test_library::scratch_dir().join(format!("{program}-{port}.log"));
            let output = File::create(&log).expect("the target folder can be written");
            let errors = output.try_clone().expect("a file");
            let child = command(port).stdin(Stdio::piped()).stdout(output).stderr(errors).spawn();
            let child = match child {
                Ok(child) => child,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    panic!("{program} is missing; please run: {remedy}")
                }
                Err(error) => panic!("{program}: {error}"),
            };
            let mut peer = Self { child, address };
            if peer.awaits_requests() {
                return peer;
            }
            let printed = fs::read_to_string(&log).unwrap_or_default();
            eprintln!("{program} did not start on port {port}:\n{printed}");
        }
        panic!("{program} does not start");
    }

    /// Whether the server answers a ping before it ends, or time does.
    fn awaits_requests(&mut self) -> bool {
        let start = Instant::now();
        // Not connected, or a port that is not open yet would be an error.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_read_timeout(Some(PING_INTERVAL)).expect("a timeout above 0");
        let mut buffer = [0; 64];
        for id in 0..=u16::MAX {
            let ended = self.child.try_wait().expect("a child").is_some();
            if ended || start.elapsed() > START_LIMIT {
                return false;
            }
            socket.send_to(&ping(id), self.address).expect("loopback takes all");
            let from_server = |from| from == self.address;
            if socket.recv_from(&mut buffer).is_ok_and(|(_, from)| from_server(from)) {
                return true;
            }
        }
        false
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An Empty Confirmable message.
pub(crate) fn ping(id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [0x40, 0, high, low]
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.local_addr().expect("it is bound").port()
}

fn sources() -> PathBuf {
    iot_coap_test_library::root().join("tests/interop")
}

/// The folder that aiocoap was installed into; once for a version.
fn aiocoap_packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let requirements = sources().join("requirements.txt");
        let version = fs::read_to_string(&requirements).expect("it is part of the repository");
        let version = version.split_whitespace().next().expect("a package");
        let packages = iot_coap_test_library::profile_dir().join("interop").join(version);
        if packages.exists() {
            return packages;
        }
        // Under another name until it is whole.
        let partial = packages.with_file_name(format!("{version}.{}", process::id()));
        let output = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--target"])
            .args([&partial, Path::new("-r"), &requirements])
            .output();
        let output = match output {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("python3 is missing; please run: apt-get install python3-pip")
            }
            other => other.expect("python3 runs"),
        };
        assert!(
            output.status.success(),
            "aiocoap could not be fetched; it takes python3-pip (apt-get install python3-pip) \
             and a network:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        if fs::rename(&partial, &packages).is_err() {
            assert!(packages.exists(), "{} cannot be made", packages.display());
            fs::remove_dir_all(&partial).expect("the target folder can be written");
        }
        packages
    })
}
