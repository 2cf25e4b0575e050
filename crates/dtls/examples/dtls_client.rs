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
use std::net::UdpSocket;

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
        Instant::from_millis(self.start.elapsed().as_millis() as u64)
    }

    /// Sends what is due, then waits for a datagram or a timeout.
    fn step(&mut self) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
        while let Some(len) = self.client.poll_transmit(&mut self.buffer) {
            self.socket.send(&self.buffer[..len])?;
        }
        if self.client.state() == State::Connected && self.client.next_timeout().is_some() {
            return Ok(None);
        }
        if self.now() >= self.deadline {
            return Err(format!("no answer within {PATIENCE}").into());
        }
        let due = self.client.next_timeout().map_or(self.deadline, |at| at.min(self.deadline));
        // A socket takes zero for no time-out at all.
        let wait = (due - self.now()).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(wait.into()))?;
        let received = self.socket.recv(&mut self.buffer);
        let now = self.now();
        if let Ok(len) = received {
            let mut datagram = Datagram::new(&mut self.buffer[..len]);
            let plaintext = self.client.handle_datagram(now, &mut datagram)?;
            return Ok(plaintext.map(|plaintext| plaintext.to_vec()));
        }
        self.client.handle_timeout(now)?;
        Ok(None)
    }

    fn handshake(&mut self) -> Result<(), Box<dyn Error>> {
        self.deadline = self.now() + PATIENCE;
        while self.client.state() == State::Handshaking {
            self.step()?;
        }
        while let Some(len) = self.client.poll_transmit(&mut self.buffer) {
            self.socket.send(&self.buffer[..len])?;
        }
        Ok(())
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

    fn close(mut self) -> Result<(), Box<dyn Error>> {
        self.client.close();
        while let Some(len) = self.client.poll_transmit(&mut self.buffer) {
            self.socket.send(&self.buffer[..len])?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
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
    connection.handshake()?;
    let client = &mut connection.client;
    println!(
        "connected: {}{}{}",
        client.cipher_suite().unwrap_or_default(),
        if client.was_resumed() { ", resumed" } else { "" },
        if client.uses_connection_id() { ", with a connection id" } else { "" },
    );
    if let (Some(file), Some(saved)) = (session, client.take_saved_session()) {
        std::fs::write(file, saved.to_bytes()?)?;
    }
    for message in messages {
        let answer = connection.exchange(message.as_bytes())?;
        println!("{}", String::from_utf8_lossy(&answer));
    }
    connection.close()
}
