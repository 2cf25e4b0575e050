//! A plain CoAP device for tests: it says exactly what it is told, and reports
//! exactly what it hears. It is no client: it retransmits nothing by itself.

#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "that is how a test fails")]
#![allow(clippy::missing_errors_doc, reason = "what fails is what is tested")]

pub mod balancer;
pub mod broker;
pub mod broker_programs;
pub mod browser;
pub mod consumer;
pub mod engine;
pub mod fleet;
pub mod forwarding;
pub mod hosts;
pub mod http;
pub mod line;
pub mod poster;
pub mod program;

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use iot_coap_cloud::{Cloud, Config, ConsoleConfig, Device, Transport};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVerifyMode};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

pub use iot_coap_test_support::folders::Folder;

/// The product of the sample device.
pub const PRODUCT_KEY: &str = "a1RP1qZfrEi";
/// The name of the sample device.
pub const DEVICE_NAME: &str = "example1";
/// The secret of the sample device.
pub const DEVICE_SECRET: &str = "fPloaszb6saUFJte4EhyuBHQpR9SuKHb";

/// The method code of POST.
pub const POST: u8 = 2;
/// The content format of JSON.
pub const JSON: u16 = 50;
/// The content format of CBOR.
pub const CBOR: u16 = 60;

/// Long enough for a busy machine; nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing must come for nothing to be coming.
pub const SILENCE: Duration = Duration::from_millis(250);

/// A server with the settings that it has by itself.
pub fn cloud() -> Cloud {
    start(Config::default())
}

/// A server with these settings.
pub fn start(config: Config) -> Cloud {
    Cloud::start(config).expect("the server starts on free ports")
}

/// A console on a free port of this machine.
pub fn console() -> ConsoleConfig {
    ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback")
}

/// A server with a console on a free port.
pub fn with_console() -> Cloud {
    start(Config { console: Some(console()), ..Config::default() })
}

/// The address of a server's console.
pub fn console_url(cloud: &Cloud) -> String {
    format!("http://{}", cloud.console_address().expect("there is one"))
}

/// The UDP socket as OpenSSL wants it: one datagram a read, one a write.
pub struct Wire(pub UdpSocket);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.recv(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> std::io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How a device reaches the server.
pub enum Link {
    /// Plain datagrams.
    Udp(UdpSocket),
    /// A DTLS session, by OpenSSL.
    Dtls(Box<SslStream<Wire>>),
    /// A DTLS session, by the engine of this project.
    Engine(Box<engine::Session>),
}

impl Link {
    /// Sends a message.
    pub fn send(&mut self, message: &[u8]) {
        match self {
            Self::Udp(socket) => {
                socket.send(message).expect("loopback sends");
            }
            Self::Dtls(stream) => {
                stream.ssl_write(message).expect("the session is open");
            }
            Self::Engine(session) => session.send(message),
        }
    }

    /// The next message, `None` after `timeout`; an empty one is the end of a
    /// DTLS session.
    pub fn receive(&mut self, timeout: Duration) -> Option<Vec<u8>> {
        let deadline = Instant::now() + timeout;
        let mut buffer = vec![0; 65_535];
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            let result = match self {
                Self::Udp(socket) => {
                    socket.set_read_timeout(Some(left)).expect("not zero");
                    socket.recv(&mut buffer)
                }
                Self::Dtls(stream) => {
                    let socket = &stream.get_ref().0;
                    socket.set_read_timeout(Some(left)).expect("not zero");
                    stream.read(&mut buffer)
                }
                Self::Engine(session) => return session.receive(left),
            };
            match result {
                Ok(length) => return Some(buffer[..length].to_vec()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("cannot receive: {error}"),
            }
        }
    }
}

/// A socket of this machine's that is connected to an address.
pub fn socket_to(address: SocketAddr) -> UdpSocket {
    let here = if address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(here).expect("a free port");
    socket.connect(address).expect("loopback connects");
    socket
}

/// A device with its link.
pub struct TestDevice {
    /// How it reaches the server.
    pub link: Link,
    /// Who it says it is.
    pub identity: Device,
    /// What it was given at its sign-in; empty before.
    pub access_token: Vec<u8>,
    /// The number of the option that carries the access token.
    pub token_option: u16,
    next_message_id: u16,
}

impl TestDevice {
    /// The sample device, not signed in.
    pub fn new(link: Link) -> Self {
        Self {
            link,
            identity: Device::sample(),
            access_token: Vec::new(),
            token_option: 61,
            next_message_id: 1,
        }
    }

    /// The same, over a transport to a server.
    pub fn over(cloud: &Cloud, transport: Transport) -> Self {
        let address = cloud.address(transport);
        match transport {
            Transport::Dtls => Self::new(Link::Dtls(Box::new(DtlsClient::of(cloud).connect()))),
            _ => Self::new(Link::Udp(socket_to(address))),
        }
    }

    /// The same, signed in.
    pub fn signed_in(cloud: &Cloud, transport: Transport) -> Self {
        let mut device = Self::over(cloud, transport);
        device.sign_in();
        device
    }

    /// A confirmable POST to this path, with a message id and token of its own.
    pub fn post(&mut self, path: &str) -> Packet {
        let message_id = self.next_message_id;
        self.next_message_id += 1;
        let mut packet = Packet::new();
        packet.header.set_type(MessageType::Confirmable);
        packet.header.code = MessageClass::from(POST);
        packet.header.message_id = message_id;
        packet.set_token(message_id.to_be_bytes().to_vec());
        for segment in path.trim_start_matches('/').split('/') {
            packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
        }
        packet
    }

    /// A sign-in of these further fields, in JSON.
    pub fn auth(&mut self, method: &str, further: &[(&str, &str)]) -> Packet {
        let fields = self.fields(method, further);
        let mut packet = self.post("/auth");
        add_integer(&mut packet, CoapOption::ContentFormat, JSON);
        add_integer(&mut packet, CoapOption::Accept, JSON);
        packet.payload = serde_json::to_vec(&fields).expect("plain fields");
        packet
    }

    /// The fields of a sign-in, signed by this method.
    pub fn fields(&self, method: &str, further: &[(&str, &str)]) -> serde_json::Value {
        let Device { product_key, device_name, device_secret, .. } = &self.identity;
        let client_id = format!("{product_key}.{device_name}");
        let mut signed = vec![
            ("clientId", client_id.as_str()),
            ("deviceName", device_name.as_str()),
            ("productKey", product_key.as_str()),
        ];
        signed.extend_from_slice(further);
        signed.sort_unstable();
        let content: String = signed.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let digest = match method {
            "hmacsha1" => MessageDigest::sha1(),
            _ => MessageDigest::md5(),
        };
        let key = PKey::hmac(device_secret.as_bytes()).expect("a key");
        let mut signer = Signer::new(digest, &key).expect("a signer");
        let mac = signer.sign_oneshot_to_vec(content.as_bytes()).expect("a signature");
        let mut sign = String::new();
        for byte in mac {
            write!(sign, "{byte:02x}").expect("a string takes everything");
        }
        let mut fields = serde_json::Map::new();
        for (name, value) in signed {
            fields.insert(name.into(), value.into());
        }
        fields.insert("sign".into(), sign.into());
        fields.insert("signmethod".into(), method.into());
        fields.into()
    }

    /// Signs in, which must succeed; returns the reply.
    pub fn sign_in(&mut self) -> serde_json::Value {
        let request = self.auth("hmacmd5", &[]);
        let reply = self.exchange(&request);
        assert_eq!(code(&reply), "2.05", "{}", text(&reply));
        let body: serde_json::Value = serde_json::from_slice(&reply.payload).expect("JSON");
        self.access_token = body["token"].as_str().expect("a token").as_bytes().to_vec();
        body
    }

    /// A message to a topic below the device's own prefix.
    pub fn message(&mut self, topic: &str, payload: &[u8]) -> Packet {
        let path =
            format!("/topic/{}/{}/{topic}", self.identity.product_key, self.identity.device_name);
        self.message_to(&path, payload)
    }

    /// A message to any topic.
    pub fn message_to(&mut self, path: &str, payload: &[u8]) -> Packet {
        let mut packet = self.post(path);
        add_integer(&mut packet, CoapOption::ContentFormat, JSON);
        add_integer(&mut packet, CoapOption::Accept, 42);
        packet.add_option(CoapOption::from(self.token_option), self.access_token.clone());
        packet.payload = payload.to_vec();
        packet
    }

    /// Sends a message to a topic below the device's own prefix; returns the response.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> Packet {
        let request = self.message(topic, payload);
        self.exchange(&request)
    }

    /// Sends a message as it is.
    pub fn send(&mut self, packet: &Packet) {
        self.link.send(&packet.to_bytes_unlimited().expect("there is no limit"));
    }

    /// The next message, which must come.
    pub fn receive(&mut self) -> Packet {
        self.try_receive(PATIENCE).expect("an answer comes")
    }

    /// The next message, if it comes in time.
    pub fn try_receive(&mut self, timeout: Duration) -> Option<Packet> {
        let datagram = self.link.receive(timeout)?;
        Some(Packet::from_bytes(&datagram).expect("the server speaks CoAP"))
    }

    /// Sends a request and expects its piggybacked response.
    pub fn exchange(&mut self, request: &Packet) -> Packet {
        self.send(request);
        let reply = self.receive();
        assert_eq!(reply.header.get_type(), MessageType::Acknowledgement);
        assert_eq!(reply.header.message_id, request.header.message_id);
        assert_eq!(reply.get_token(), request.get_token());
        reply
    }

    /// Acknowledges a message.
    pub fn acknowledge(&mut self, message: &Packet) {
        self.answer_empty(MessageType::Acknowledgement, message);
    }

    /// Answers a message by an empty one: an acknowledgement or a reset.
    pub fn answer_empty(&mut self, kind: MessageType, message: &Packet) {
        let mut packet = Packet::new();
        packet.header.set_type(kind);
        packet.header.code = MessageClass::Empty;
        packet.header.message_id = message.header.message_id;
        self.send(&packet);
    }
}

/// Adds an option whose value is an integer of one byte or two.
pub fn add_integer(packet: &mut Packet, option: CoapOption, value: u16) {
    let bytes = value.to_be_bytes();
    let bytes = if value < 256 { &bytes[1..] } else { &bytes[..] };
    packet.add_option(option, bytes.to_vec());
}

/// The code of a message, as `2.05`.
pub fn code(packet: &Packet) -> String {
    packet.header.get_code()
}

/// The payload as text.
pub fn text(packet: &Packet) -> String {
    String::from_utf8_lossy(&packet.payload).into_owned()
}

/// The content format that a message says, if it says one.
pub fn content_format(packet: &Packet) -> Option<u16> {
    packet
        .get_first_option(CoapOption::ContentFormat)
        .map(|value| value.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte)))
}

/// How a DTLS client connects.
pub struct DtlsClient {
    /// Its socket, connected to the server.
    pub socket: UdpSocket,
    /// The root that it trusts.
    pub root_pem: String,
    /// The name that the server must prove; any if none.
    pub host: Option<String>,
    /// Its cipher suites, in OpenSSL's words; OpenSSL's own choice if none.
    pub ciphers: Option<&'static str>,
}

impl DtlsClient {
    /// A client that a server's certificate satisfies.
    pub fn of(cloud: &Cloud) -> Self {
        Self {
            socket: socket_to(cloud.address(Transport::Dtls)),
            root_pem: cloud.root_pem().to_owned(),
            host: Some("localhost".into()),
            ciphers: None,
        }
    }

    /// Connects, which must succeed.
    pub fn connect(self) -> SslStream<Wire> {
        self.try_connect().expect("the handshake succeeds")
    }

    fn context(&self) -> SslContext {
        let mut context = SslContext::builder(SslMethod::dtls_client()).expect("DTLS");
        context.set_options(SslOptions::NO_QUERY_MTU);
        context.set_verify(SslVerifyMode::PEER);
        let mut store = X509StoreBuilder::new().expect("a store");
        let root = X509::from_pem(self.root_pem.as_bytes()).expect("a root");
        store.add_cert(root).expect("added");
        context.set_cert_store(store.build());
        if let Some(ciphers) = self.ciphers {
            context.set_cipher_list(ciphers).expect("known");
        }
        context.build()
    }

    /// Connects; says why where the handshake fails.
    pub fn try_connect(self) -> Result<SslStream<Wire>, String> {
        let mut ssl = Ssl::new(&self.context()).expect("a session");
        ssl.set_mtu(1200).expect("a size");
        if let Some(host) = &self.host {
            ssl.param_mut().set_host(host).expect("a name");
            ssl.set_hostname(host).expect("a name");
        }
        let short = Some(Duration::from_millis(100));
        self.socket.set_read_timeout(short).expect("not zero");
        let mut stream = SslStream::new(ssl, Wire(self.socket)).expect("a stream");
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Calling again drives OpenSSL's retransmissions.
            match stream.connect() {
                Ok(()) => return Ok(stream),
                Err(error) if error.ssl_error().is_some() => return Err(error.to_string()),
                Err(error) if Instant::now() > deadline => return Err(format!("timeout: {error}")),
                Err(_) => {}
            }
        }
    }
}
