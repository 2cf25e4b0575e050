//! Runs sessions with a server, one after another, each from its configuration to its end,
//! and sends messages over each. `scripts/bench` measures this with two counts and takes the
//! difference, which eliminates the start of the process.
//!
//! ```text
//! session ADDRESS SESSIONS MESSAGES (--psk IDENTITY KEY | --root FILE --host NAME)
//!         [--old-servers] [--connection-id] [--resume] [--keep]
//! ```
//!
//! - `MESSAGES` messages of 300 bytes are sent over each session; the server echoes them.
//! - `--connection-id`: use a connection id of 4 bytes in the server's records, which the
//!   server must support (RFC 9146).
//! - `--resume`: each session resumes the previous one. The first one resumes a session that
//!   is not counted.
//! - `--keep`: exit without closing or dropping the sessions, so that their memory is still
//!   allocated at the end.
//!
//! Prints the suite of the last session, how many datagrams and bytes its handshake took in
//! both directions, and how many bytes its last message took with the echo.

use std::error::Error;
use std::mem::ManuallyDrop;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use iot_coap_dtls::{Client, Config, Datagram, PreSharedKey, SavedSession, State, TrustAnchors};

const MESSAGE: [u8; 300] = {
    let mut message = [b'x'; 300];
    // Servers echo line by line.
    message[299] = b'\n';
    message
};

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
struct Options {
    psk: Option<(String, String)>,
    root: Vec<u8>,
    host: String,
    old_servers: bool,
    connection_id: bool,
    resume: bool,
    keep: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--psk" => options.psk = Some((value()?, value()?)),
                "--root" => options.root = std::fs::read(value()?)?,
                "--host" => options.host = value()?,
                "--old-servers" => options.old_servers = true,
                "--connection-id" => options.connection_id = true,
                "--resume" => options.resume = true,
                "--keep" => options.keep = true,
                _ => return Err(format!("{argument} is unknown").into()),
            }
        }
        Ok(options)
    }

    fn config(&self) -> Result<Config, Box<dyn Error>> {
        let config = if let Some((identity, key)) = &self.psk {
            Config::with_pre_shared_key(PreSharedKey::new(identity.as_bytes(), key.as_bytes())?)
        } else {
            let anchors = TrustAnchors::from_pem(&self.root)?;
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
            Config::with_certificates(&self.host, anchors, Some(now.as_secs()))?
        };
        let config = config.cbc(self.old_servers).static_rsa(self.old_servers);
        Ok(if self.connection_id { config.connection_id(b"id-1")? } else { config })
    }
}

struct Session {
    // On the heap, so that it is counted.
    client: Box<Client<getrandom::SysRng>>,
    socket: UdpSocket,
    start: Instant,
    buffer: [u8; 2048],
    datagrams: usize,
    bytes: usize,
}

impl Session {
    fn open(config: Config, address: &str) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        let client = Box::new(Client::new(
            config,
            getrandom::SysRng,
            iot_coap_dtls::Instant::from_millis(0),
        )?);
        let start = Instant::now();
        let mut session = Self { client, socket, start, buffer: [0; 2048], datagrams: 0, bytes: 0 };
        loop {
            session.flush()?;
            if session.client.state() != State::Handshaking {
                return Ok(session);
            }
            session.receive()?;
        }
    }

    fn count(&mut self, len: usize) {
        self.datagrams += 1;
        self.bytes += len;
    }

    fn flush(&mut self) -> Result<(), Box<dyn Error>> {
        while let Some(len) = self.client.poll_transmit(&mut self.buffer) {
            self.socket.send(&self.buffer[..len])?;
            self.count(len);
        }
        Ok(())
    }

    /// Waits for a datagram. Returns the length of the plaintext in it, if there is any.
    fn receive(&mut self) -> Result<Option<usize>, Box<dyn Error>> {
        let received = self.socket.recv(&mut self.buffer);
        let now = iot_coap_dtls::Instant::from_millis(self.start.elapsed().as_millis() as u64);
        if let Ok(len) = received {
            self.count(len);
            let mut datagram = Datagram::new(&mut self.buffer[..len]);
            let plaintext = self.client.handle_datagram(now, &mut datagram)?;
            return Ok(plaintext.map(|plaintext| plaintext.len()));
        }
        self.client.handle_timeout(now)?;
        Ok(None)
    }

    fn exchange(&mut self, message: &[u8]) -> Result<(), Box<dyn Error>> {
        let len = self.client.send(message, &mut self.buffer)?;
        self.socket.send(&self.buffer[..len])?;
        self.count(len);
        loop {
            match self.receive()? {
                Some(len) if len == message.len() => return Ok(()),
                Some(len) => return Err(format!("an echo of {len} bytes").into()),
                None => {}
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("ADDRESS, SESSIONS and MESSAGES are needed");
    let address = next()?;
    let (sessions, messages): (usize, usize) = (next()?.parse()?, next()?.parse()?);
    let options = Options::parse(arguments)?;

    // Makes sure that the heap peaks during the sessions, not at the start of the process.
    let ballast = std::hint::black_box(vec![0_u8; 65_536]);
    let mut saved: Option<SavedSession> = None;
    let mut summary = String::from("nothing");
    for number in 0..sessions + usize::from(options.resume) {
        let mut config = options.config()?;
        if let Some(session) = saved.take() {
            config = config.resume(session);
        }
        let mut session = Session::open(config, &address)?;
        let resumed = session.client.was_resumed();
        if resumed != (options.resume && number > 0) {
            return Err(
                "the server resumed a session when it should not, or the other way round".into()
            );
        }
        if session.client.uses_connection_id() != options.connection_id {
            return Err("the server does not support connection ids".into());
        }
        summary = format!(
            "{}{}: {} datagrams, {} bytes",
            session.client.cipher_suite().unwrap_or("no suite"),
            if resumed { ", resumed" } else { "" },
            session.datagrams,
            session.bytes
        );
        for _ in 0..messages {
            session.bytes = 0;
            session.exchange(&MESSAGE)?;
        }
        if messages > 0 {
            summary = format!("{summary}; an exchange: {} bytes", session.bytes);
        }
        if options.keep {
            let _ = ManuallyDrop::new(session);
            continue;
        }
        if options.resume {
            saved = session.client.take_saved_session();
        }
        session.client.close();
        session.flush()?;
    }
    drop(ballast);
    println!("{summary}");
    Ok(())
}
