//! Servers that nobody here wrote, each a process that ends with its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::Scratch;
use super::certificates::Identity;

/// How a line begins that every server here sends back.
pub(crate) const ECHO: &str = "echo";

pub(crate) struct Peer {
    process: Child,
    address: SocketAddr,
    _files: Scratch,
}

/// What a server proves itself by.
pub(crate) enum Proof<'a> {
    /// A certificate with its key, and the ones between it and the root.
    Certificate(&'a Identity, &'a [&'a Identity]),
    /// A key, for any identity that the server takes.
    PreSharedKey { identity: &'a str, key: &'a [u8] },
}

/// A UDP port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Peer {
    /// `openssl s_server`, which prints what it receives and sends what it is
    /// told: each line that begins with [`ECHO`] goes back.
    pub(crate) fn openssl(proof: &Proof<'_>, options: &[&str]) -> Self {
        let files = Scratch::new();
        let port = free_port();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-dtls1_2", "-4", "-accept", &format!("127.0.0.1:{port}")]);
        match proof {
            Proof::Certificate(identity, chain) => {
                let (certificate, key) =
                    (certificate_file(&files, identity), key_file(&files, identity));
                command.args(["-cert", &certificate, "-key", &key]);
                if !chain.is_empty() {
                    let pem: String = chain.iter().map(|identity| identity.pem()).collect();
                    command.args(["-cert_chain", &files.file("chain.pem", pem.as_bytes())]);
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
    pub(crate) fn gnutls(proof: &Proof<'_>, priority: &str, options: &[&str]) -> Self {
        let files = Scratch::new();
        let port = free_port();
        let mut command = Command::new("gnutls-serv");
        command.args(["--udp", "--echo", "--disable-client-cert", "--priority", priority]);
        command.args(["-p", &port.to_string()]);
        match proof {
            Proof::Certificate(identity, chain) => {
                let pem: String = std::iter::once(*identity)
                    .chain(chain.iter().copied())
                    .map(Identity::pem)
                    .collect();
                command.args(["--x509certfile", &files.file("chain.pem", pem.as_bytes())]);
                command.args(["--x509keyfile", &key_file(&files, identity)]);
            }
            Proof::PreSharedKey { identity, key } => {
                let line = format!("{identity}:{}\n", hex(key));
                command.args(["--pskpasswd", &files.file("psk", line.as_bytes())]);
            }
        }
        command.args(options);
        Self::start(command, port, "IPv4", files)
    }

    /// Waits until the server has printed `ready`.
    pub(crate) fn start(mut command: Command, port: u16, ready: &str, files: Scratch) -> Self {
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
                        let _ = writeln!(input.lock().unwrap(), "{line}");
                    }
                    // Reads on when nobody listens, so that the server never
                    // waits for a full pipe.
                    let _ = told.send(line);
                }
            });
        }
        drop(told);
        let mut printed = Vec::new();
        loop {
            match lines.recv_timeout(Duration::from_secs(20)) {
                Ok(line) if line.contains(ready) => break,
                Ok(line) => printed.push(line),
                Err(error) => panic!("{command:?} is not ready ({error}): {printed:#?}"),
            }
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { process, address, _files: files }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn certificate_file(files: &Scratch, identity: &Identity) -> String {
    files.file("certificate.pem", identity.pem().as_bytes())
}

fn key_file(files: &Scratch, identity: &Identity) -> String {
    files.file("key.pem", &identity.key.private_key_to_pem_pkcs8().unwrap())
}
