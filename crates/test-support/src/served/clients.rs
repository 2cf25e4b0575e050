//! Clients that nobody here wrote, each a process that ends with its test.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::dtls::IDENTITY;
use crate::folders::Folder;
use crate::peers::{hex, mbedtls};
use crate::waiting::becomes_so_within;

/// How long a client may take to say what it is asked for.
const PATIENCE: Duration = Duration::from_secs(15);

/// After how long a line that has not come back is typed again.
const REPEAT: Duration = Duration::from_secs(3);

/// What a client takes as a proof of the server, and proves itself by.
pub enum Trust<'t> {
    /// A pre-shared key, which may be a wrong one.
    PreSharedKey(&'t [u8]),
    /// A root, in PEM.
    Root(&'t str),
}

/// A version of Mbed TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MbedTls {
    /// Debian's, without connection ids.
    V2_28,
    /// With connection ids.
    V3_6,
}

/// A build of libcoap's `coap-client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libcoap {
    /// Over OpenSSL.
    OpenSsl,
    /// Over GnuTLS.
    GnuTls,
}

/// A client's process.
pub struct ForeignClient {
    process: Child,
    input: ChildStdin,
    printed: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    _files: Folder,
}

impl ForeignClient {
    /// `openssl s_client`.
    pub fn openssl(server: SocketAddr, trust: &Trust<'_>, options: &[&str]) -> Self {
        let files = Folder::new();
        let mut command = Command::new("openssl");
        // Without -nbio it waits, deaf to what is typed, for what a repeated datagram brings.
        command.args(["s_client", "-dtls1_2", "-quiet", "-nbio", "-connect"]);
        command.arg(server.to_string());
        match trust {
            Trust::PreSharedKey(key) => {
                command.args(["-psk_identity", IDENTITY, "-psk", &hex(key)]);
            }
            Trust::Root(root) => {
                command.args(["-verify_return_error", "-verify_hostname", "localhost", "-CAfile"]);
                command.arg(files.write("root.pem", root.as_bytes()));
            }
        }
        command.args(options);
        Self::start(command, files)
    }

    /// `gnutls-cli`.
    pub fn gnutls(server: SocketAddr, trust: &Trust<'_>, priority: &str, options: &[&str]) -> Self {
        let files = Folder::new();
        let mut command = Command::new("gnutls-cli");
        command.args(["--udp", "--priority", priority, "-p", &server.port().to_string()]);
        match trust {
            Trust::PreSharedKey(key) => {
                command.args(["--pskusername", IDENTITY, "--pskkey", &hex(key)]);
            }
            Trust::Root(root) => {
                command.args(["--x509cafile", &files.write("root.pem", root.as_bytes())]);
            }
        }
        command.args(options).arg("localhost");
        Self::start(command, files)
    }

    /// A client over Mbed TLS; `mbedtls/mbedtls_client.c` explains its options and what it
    /// prints.
    pub fn mbedtls(
        version: MbedTls,
        server: SocketAddr,
        trust: &Trust<'_>,
        options: &[&str],
    ) -> Self {
        let files = Folder::new();
        let mut command = Command::new(match version {
            MbedTls::V2_28 => mbedtls::client_2_28(),
            MbedTls::V3_6 => mbedtls::client_3_6(),
        });
        command.arg(format!("port={}", server.port()));
        match trust {
            Trust::PreSharedKey(key) => {
                command.args([format!("psk={}", hex(key)), format!("identity={IDENTITY}")]);
            }
            Trust::Root(root) => {
                command.arg(format!("root={}", files.write("root.pem", root.as_bytes())));
            }
        }
        command.args(options);
        Self::start(command, files)
    }

    /// libcoap's `coap-client`, which posts `payload` once, prints the answer and ends.
    pub fn libcoap(build: Libcoap, server: SocketAddr, trust: &Trust<'_>, payload: &str) -> Self {
        let files = Folder::new();
        let mut command = Command::new(match build {
            Libcoap::OpenSsl => "coap-client-openssl",
            Libcoap::GnuTls => "coap-client-gnutls",
        });
        // It waits for an answer for so many seconds.
        command.args(["-B", "40", "-m", "post", "-e", payload]);
        match trust {
            Trust::PreSharedKey(key) => {
                command.args(["-u", IDENTITY, "-k", std::str::from_utf8(key).unwrap()]);
            }
            Trust::Root(root) => {
                command.args(["-R", &files.write("root.pem", root.as_bytes())]);
            }
        }
        command.arg(format!("coaps://{server}/a"));
        Self::start(command, files)
    }

    fn start(mut command: Command, files: Folder) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let printed = Arc::new(Mutex::new(Vec::new()));
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        let read = |mut output: Box<dyn Read + Send>| {
            let printed = Arc::clone(&printed);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(len @ 1..) = output.read(&mut buffer) {
                    printed.lock().unwrap().extend_from_slice(&buffer[..len]);
                }
            })
        };
        let readers = outputs.map(read).into();
        let input = process.stdin.take().unwrap();
        Self { process, input, printed, readers, _files: files }
    }

    /// Everything that it has printed.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }

    /// Types a line, which must come back from the server.
    pub fn exchange(&mut self, line: &str) {
        self.exchange_through_loss(line, PATIENCE);
    }

    /// The same within this time; it is typed again if it may have got lost.
    pub fn exchange_through_loss(&mut self, line: &str, patience: Duration) {
        let is_back = |client: &Self| client.printed().contains(line);
        let start = Instant::now();
        while start.elapsed() < patience {
            let typed = self.input.write_all(format!("{line}\n").as_bytes());
            assert!(typed.is_ok(), "it has ended: {}", self.printed());
            if becomes_so_within(REPEAT, || is_back(self)) {
                return;
            }
        }
        panic!("no {line:?}: {}", self.printed());
    }

    /// Types a line, and waits until the client has printed something once more.
    pub fn tell(&mut self, line: &str, printed: &str) {
        let count = |client: &Self| client.printed().matches(printed).count();
        let before = count(self);
        self.input.write_all(format!("{line}\n").as_bytes()).unwrap();
        let is_there = becomes_so_within(PATIENCE, || count(self) > before);
        assert!(is_there, "no {printed:?}: {}", self.printed());
    }

    /// Waits until it has printed this.
    pub fn await_printed(&self, text: &str, patience: Duration) {
        let is_there = becomes_so_within(patience, || self.printed().contains(text));
        assert!(is_there, "no {text:?}: {}", self.printed());
    }

    /// Whether the process ends soon.
    pub fn ends(&mut self) -> bool {
        self.ends_within(PATIENCE)
    }

    /// Whether the process ends in that time. If so, everything is there that it printed.
    pub fn ends_within(&mut self, patience: Duration) -> bool {
        let process = &mut self.process;
        let has_ended = becomes_so_within(patience, || process.try_wait().unwrap().is_some());
        if has_ended {
            for reader in self.readers.drain(..) {
                reader.join().unwrap();
            }
        }
        has_ended
    }
}

impl Drop for ForeignClient {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
