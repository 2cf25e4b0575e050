//! Servers that nobody here wrote, each a process that ends with its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::certificates::Identity;
use crate::folders::Folder;

pub mod echo;
pub(crate) mod mbedtls;
pub mod servers;

/// How a line begins that every server here sends back.
pub const ECHO: &str = "echo";

/// How long a server may take to say what it is asked for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs, and is stopped when this is dropped.
pub struct Peer {
    process: Child,
    input: Arc<Mutex<ChildStdin>>,
    printed: Mutex<Printed>,
    address: SocketAddr,
    _files: Folder,
}

/// What a server has printed.
struct Printed {
    lines: mpsc::Receiver<String>,
    before: Vec<String>,
}

/// What a server proves itself by.
pub enum Proof<'a> {
    /// A certificate with its key, and the ones between it and the root.
    Certificate(&'a Identity, &'a [&'a Identity]),
    /// A key, for any identity that the server takes.
    PreSharedKey {
        /// Whose key it is.
        identity: &'a str,
        /// The key.
        key: &'a [u8],
    },
}

/// A UDP port that is free, and stays so until a server binds it: it is below
/// those that the system hands out to sockets without one.
fn free_port() -> u16 {
    const LOWEST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test programs that run at the same time begin at different ports.
    let first = std::process::id().wrapping_mul(101);
    let ports = std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed))
        .map(|number| LOWEST + first.wrapping_add(number) % COUNT)
        .take(COUNT as usize);
    ports
        .filter_map(|port| u16::try_from(port).ok())
        .find(|&port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .expect("a free port")
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Peer {
    /// `openssl s_server`, which prints what it receives and sends what it is
    /// told: each line that begins with [`ECHO`] goes back.
    pub fn openssl(proof: &Proof<'_>, options: &[&str]) -> Self {
        let files = Folder::new();
        let port = free_port();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-dtls1_2", "-4", "-accept", &format!("127.0.0.1:{port}")]);
        match proof {
            Proof::Certificate(identity, between) => {
                let certificate = files.write("certificate.pem", identity.pem().as_bytes());
                command.args(["-cert", &certificate, "-key", &key_file(&files, identity)]);
                if !between.is_empty() {
                    let chain = files.write("chain.pem", pem(between).as_bytes());
                    command.args(["-cert_chain", &chain]);
                }
            }
            Proof::PreSharedKey { identity, key } => {
                command.args(["-nocert", "-psk_identity", identity, "-psk", &hex(key)]);
            }
        }
        command.args(options);
        Self::start(command, port, "ACCEPT", files)
    }

    /// `gnutls-serv`, which answers each datagram by the same one.
    pub fn gnutls(proof: &Proof<'_>, priority: &str, options: &[&str]) -> Self {
        let files = Folder::new();
        let port = free_port();
        let mut command = Command::new("gnutls-serv");
        command.args(["--udp", "--echo", "--priority", priority, "-p", &port.to_string()]);
        match proof {
            Proof::Certificate(identity, between) => {
                command.args(["--x509certfile", &chain_file(&files, identity, between)]);
                command.args(["--x509keyfile", &key_file(&files, identity)]);
            }
            Proof::PreSharedKey { identity, key } => {
                let line = format!("{identity}:{}\n", hex(key));
                command.args(["--pskpasswd", &files.write("psk", line.as_bytes())]);
            }
        }
        command.args(options);
        Self::start(command, port, "IPv4", files)
    }

    /// A `program` of `mbedtls/mbedtls_server.c`, where its options and what it
    /// prints are explained.
    pub fn mbedtls(program: &Path, proof: &Proof<'_>, options: &[&str]) -> Self {
        let files = Folder::new();
        let mut command = Command::new(program);
        match proof {
            Proof::Certificate(identity, between) => {
                command.arg(format!("cert={}", chain_file(&files, identity, between)));
                command.arg(format!("key={}", key_file(&files, identity)));
            }
            Proof::PreSharedKey { identity, key } => {
                command.args([format!("psk={}", hex(key)), format!("identity={identity}")]);
            }
        }
        command.args(options);
        Self::start(command, 0, "ready", files)
    }

    /// Waits until the server has printed `ready`, behind which its port may
    /// stand.
    fn start(mut command: Command, port: u16, ready: &str, files: Folder) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (told, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        let input = Arc::new(Mutex::new(process.stdin.take().unwrap()));
        for output in outputs {
            let (told, input) = (told.clone(), Arc::clone(&input));
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if line.starts_with(ECHO) {
                        let _ = type_line(&mut input.lock().unwrap(), &line);
                    }
                    // Reads on when nobody listens, so that the server never
                    // waits for a full pipe.
                    let _ = told.send(line);
                }
            });
        }
        drop(told);
        let printed = Mutex::new(Printed { lines, before: Vec::new() });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut peer = Self { process, input, printed, address, _files: files };
        let line = peer.wait_for(ready);
        if let Some(port) = line.strip_prefix("ready ") {
            peer.address.set_port(port.parse().unwrap());
        }
        peer
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next line with `text` in it, which the server must print soon.
    pub fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut printed = self.printed.lock().unwrap();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match printed.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => printed.before.push(line),
                Err(error) => panic!("no {text:?} ({error}): {:#?}", printed.before),
            }
        }
    }

    /// Types a line into the server.
    pub fn tell(&self, line: &str) {
        type_line(&mut self.input.lock().unwrap(), line).unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In one piece, or the server makes two records of it.
fn type_line(input: &mut ChildStdin, line: &str) -> std::io::Result<()> {
    input.write_all(format!("{line}\n").as_bytes())
}

fn pem(identities: &[&Identity]) -> String {
    identities.iter().map(|identity| identity.pem()).collect()
}

fn chain_file(files: &Folder, identity: &Identity, between: &[&Identity]) -> String {
    files.write("chain.pem", (identity.pem() + &pem(between)).as_bytes())
}

fn key_file(files: &Folder, identity: &Identity) -> String {
    files.write("key.pem", &identity.key.private_key_to_pem_pkcs8().unwrap())
}
