//! Sends each argument after `--` as a record and prints the answer.
//!
//! ```text
//! dtls_client ADDRESS (--psk IDENTITY KEY | --root FILE --host NAME)
//!             [--old-servers] [--session FILE] [-- MESSAGE...]
//! ```
//!
//! `--session` resumes the session in the file, if there is one, and stores the new session
//! in it.

use std::error::Error;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::process::ExitCode;

use iot_coap_dtls::{
    Client, Config, Datagram, Duration, Instant, PreSharedKey, SavedSession, State, TrustAnchors,
};

type Random = getrandom::SysRng;

/// How long a handshake may take, and an answer.
const PATIENCE: Duration = Duration::from_secs(30);

struct Connection {
    client: Client<Random>,
    socket: UdpSocket,
    start: std::time::Instant,
    deadline: Instant,
    buffer: Vec<u8>,
}

impl Connection {
    fn new(config: Config, address: &str) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        let (start, deadline) = (std::time::Instant::now(), Instant::from_millis(0));
        let client = Client::new(config, Random::default(), Instant::from_millis(0))?;
        Ok(Self { client, socket, start, deadline, buffer: vec![0; 2048] })
    }

    fn now(&self) -> Instant {
        Instant::from_millis(0) + self.start.elapsed().into()
    }

    /// Sends what is due.
    fn flush(&mut self) -> std::io::Result<()> {
        while let Some(len) = self.client.poll_transmit(&mut self.buffer) {
            self.socket.send(&self.buffer[..len])?;
        }
        Ok(())
    }

    /// Sends what is due, then waits for a datagram or a timeout.
    fn step(&mut self) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
        self.flush()?;
        if self.client.state() == State::Connected && self.client.next_timeout().is_some() {
            return Ok(None);
        }
        if self.now() >= self.deadline {
            let hint = if self.client.was_answered() {
                "; the server answered, so with --psk compare IDENTITY and KEY"
            } else {
                ""
            };
            let what = match self.client.state() {
                State::Handshaking => "the handshake was not done",
                _ => "no answer",
            };
            return Err(format!("{what} within {PATIENCE}{hint}").into());
        }
        let due = self.client.next_timeout().map_or(self.deadline, |at| at.min(self.deadline));
        // A socket takes zero for no time-out at all.
        let wait = (due - self.now()).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(wait.into()))?;
        let received = self.socket.recv(&mut self.buffer);
        let now = self.now();
        match received {
            Ok(len) => {
                let mut datagram = Datagram::new(&mut self.buffer[..len]);
                let plaintext = self.client.handle_datagram(now, &mut datagram)?;
                Ok(plaintext.map(|plaintext| plaintext.to_vec()))
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                self.client.handle_timeout(now)?;
                Ok(None)
            }
            Err(error) => Err(format!("{}: {error}", self.socket.peer_addr()?).into()),
        }
    }

    fn handshake(&mut self) -> Result<(), Box<dyn Error>> {
        self.deadline = self.now() + PATIENCE;
        while self.client.state() == State::Handshaking {
            self.step()?;
        }
        Ok(self.flush()?)
    }

    fn exchange(&mut self, message: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
        self.deadline = self.now() + PATIENCE;
        let len = self.client.send(message, &mut self.buffer)?;
        self.socket.send(&self.buffer[..len])?;
        loop {
            if let Some(plaintext) = self.step()? {
                return Ok(plaintext);
            }
        }
    }

    /// Handshakes, keeps the session in the file, and exchanges the messages.
    fn talk(&mut self, file: Option<String>, messages: &[String]) -> Result<(), Box<dyn Error>> {
        self.handshake()?;
        println!(
            "connected: {}{}{}",
            self.client.cipher_suite().unwrap_or_default(),
            if self.client.was_resumed() { ", resumed" } else { "" },
            if self.client.uses_connection_id() { ", with a connection id" } else { "" },
        );
        if let (Some(file), Some(saved)) = (file, self.client.take_saved_session()) {
            std::fs::write(file, saved.to_bytes()?)?;
        }
        for message in messages {
            let answer = self.exchange(message.as_bytes())?;
            println!("{}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("missing an address, such as 127.0.0.1:5684")?;
    let (mut psk, mut root, mut host, mut session) = (None, None, None, None);
    let mut old_servers = false;
    let mut messages = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--psk" => psk = Some((value()?, value()?)),
            "--root" => root = Some(value()?),
            "--host" => host = Some(value()?),
            "--session" => session = Some(value()?),
            "--old-servers" => old_servers = true,
            "--" => messages.extend(arguments.by_ref()),
            _ => return Err(format!("{argument} is unknown").into()),
        }
    }

    let mut config = match (psk, root, host) {
        (Some((identity, key)), ..) => {
            Config::with_pre_shared_key(PreSharedKey::new(identity.as_bytes(), key.as_bytes())?)
        }
        (None, Some(root), Some(host)) => {
            let anchors = TrustAnchors::from_pem(&std::fs::read(root)?)?;
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
            Config::with_certificates(&host, anchors, Some(now.as_secs()))?
        }
        _ => return Err("missing --psk, or --root and --host".into()),
    };
    config = config.cbc(old_servers).static_rsa(old_servers).connection_id(&[])?;
    let saved = session.as_ref().and_then(|file| std::fs::read(file).ok());
    if let Some(saved) = saved.and_then(|bytes| SavedSession::from_bytes(&bytes)) {
        config = config.resume(saved);
    }

    let mut connection = Connection::new(config, &address)?;
    let talked = connection.talk(session, &messages);
    // Also after an error: its alert is due then, or the one that closes the session.
    connection.client.close();
    let closed = connection.flush();
    talked?;
    Ok(closed?)
}
