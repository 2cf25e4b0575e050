//! A device that does what firmware does: sends again what is not answered, comes
//! back after 5.03, opens a new DTLS session when the old one is silent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use coap_lite::Packet;
use iot_coap_cloud::Device;

use super::engine::{Session, Trust};
use super::{DtlsClient, Link, PATIENCE, PRODUCT_KEY, TestDevice, code, socket_to, text};

/// The first wait for an answer; each further one is twice as long. Shorter than
/// RFC 7252's, so that requests come again while the broker is away.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const ATTEMPTS: u32 = 5;

/// A device that posts until it has heard 2.05 to each of its messages.
pub struct Poster {
    device: TestDevice,
    way: Way,
    /// What it has done so far.
    pub account: Account,
}

/// How a device reaches a server, through a balancer.
enum Way {
    Udp,
    /// The root that it trusts.
    OpenSsl(SocketAddr, String),
    Engine(SocketAddr, Trust),
}

/// What a device did.
#[derive(Default)]
pub struct Account {
    /// The payloads that were answered by 2.05.
    pub answered: Vec<String>,
    /// Requests sent for each message; more than one after 5.03 or silence.
    pub requests: HashMap<String, usize>,
    /// Sign-ins that succeeded.
    pub sign_ins: usize,
    /// Answers 5.03.
    pub unavailable: usize,
    /// Requests without an answer.
    pub silent: usize,
    /// DTLS sessions that it opened.
    pub sessions: usize,
    /// Those of them that began before, as far as it can tell.
    pub resumed: usize,
}

impl Poster {
    /// A device of this name over UDP.
    pub fn over_udp(balancer: SocketAddr, name: &str) -> Self {
        let device = TestDevice::new(Link::Udp(socket_to(balancer)));
        Self::of(device, name, Way::Udp)
    }

    /// A device of this name over DTLS, which trusts this root.
    pub fn over_dtls(balancer: SocketAddr, root_pem: String, name: &str) -> Self {
        let device = TestDevice::new(connect(balancer, &root_pem));
        let mut poster = Self::of(device, name, Way::OpenSsl(balancer, root_pem));
        poster.account.sessions = 1;
        poster
    }

    /// A device of this name over DTLS by the engine of this project, with connection ids.
    pub fn over_engine(balancer: SocketAddr, trust: Trust, name: &str) -> Self {
        let session = Session::connect(balancer, trust.config());
        let device = TestDevice::new(Link::Engine(Box::new(session)));
        let mut poster = Self::of(device, name, Way::Engine(balancer, trust));
        poster.account.sessions = 1;
        poster
    }

    fn of(mut device: TestDevice, name: &str, way: Way) -> Self {
        device.identity = Device::new(PRODUCT_KEY, name, "secret");
        Self { device, way, account: Account::default() }
    }

    /// Its network gives it another port.
    pub fn move_away(&mut self) {
        if let Link::Engine(session) = &mut self.device.link {
            session.move_away();
        }
    }

    /// Sends a request as RFC 7252 has it; `None` if there is no answer.
    fn exchange(&mut self, request: &Packet) -> Option<Packet> {
        let mut wait = FIRST_WAIT;
        for _ in 0..ATTEMPTS {
            self.device.send(request);
            let until = Instant::now() + wait;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                match self.device.link.receive(left).as_deref() {
                    // The end of a DTLS session: nobody will answer.
                    Some([]) => return None,
                    Some(datagram) => {
                        let reply = Packet::from_bytes(datagram).expect("the server speaks CoAP");
                        if reply.header.message_id == request.header.message_id {
                            return Some(reply);
                        }
                    }
                    None => {}
                }
            }
            wait *= 2;
        }
        None
    }

    /// Signs in, however often it takes.
    pub fn sign_in(&mut self) {
        loop {
            let request = self.device.auth("hmacmd5", &[]);
            match self.exchange(&request) {
                Some(reply) => {
                    assert_eq!(code(&reply), "2.05", "{}", text(&reply));
                    let body: serde_json::Value =
                        serde_json::from_slice(&reply.payload).expect("JSON");
                    let token = body["token"].as_str().expect("a token");
                    self.device.access_token = token.as_bytes().to_vec();
                    self.account.sign_ins += 1;
                    return;
                }
                None => self.unanswered(),
            }
        }
    }

    /// Posts a payload until it is answered by 2.05.
    pub fn post(&mut self, payload: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "{payload} is not taken");
            let request = self.device.message("count", payload.as_bytes());
            *self.account.requests.entry(payload.to_owned()).or_default() += 1;
            let reply = self.exchange(&request);
            match reply.as_ref().map(code).as_deref() {
                Some("2.05") => {
                    self.account.answered.push(payload.to_owned());
                    return;
                }
                Some("5.03") => {
                    self.account.unavailable += 1;
                    // A test has no time for Max-Age.
                    std::thread::sleep(FIRST_WAIT);
                }
                Some("4.01") => self.sign_in(),
                Some(other) => panic!("{other}: {reply:?}"),
                None => self.unanswered(),
            }
        }
    }

    /// A device over DTLS opens a session; its access token it keeps.
    fn unanswered(&mut self) {
        self.account.silent += 1;
        match &self.way {
            Way::Udp => return,
            Way::OpenSsl(balancer, root_pem) => self.device.link = connect(*balancer, root_pem),
            Way::Engine(balancer, trust) => {
                let Link::Engine(old) = &mut self.device.link else { return };
                let config = match old.client().take_saved_session() {
                    Some(saved) => trust.config().resume(saved),
                    None => trust.config(),
                };
                **old = Session::connect(*balancer, config);
                self.account.resumed += usize::from(old.client().was_resumed());
            }
        }
        self.account.sessions += 1;
    }
}

/// A DTLS session by OpenSSL. While a server is away, another program of this machine may
/// have been given its port, and fails the handshake: the device tries again.
pub fn connect(balancer: SocketAddr, root_pem: &str) -> Link {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let client = DtlsClient {
            socket: socket_to(balancer),
            root_pem: root_pem.to_owned(),
            host: Some("localhost".into()),
            ciphers: None,
        };
        match client.try_connect() {
            Ok(stream) => return Link::Dtls(Box::new(stream)),
            Err(error) => assert!(Instant::now() < deadline, "no handshake succeeds: {error}"),
        }
        std::thread::sleep(FIRST_WAIT);
    }
}
