//! A client without an operating system's help (`iot_coap_client`), a socket
//! and a clock, behind a relay and before a server.

use std::net::{SocketAddr, UdpSocket};
use std::time::{self, Duration};

use iot_coap_client::{
    Client, Code, Config, ContentFormat, Device, Dropped, Endpoint, Event, GiveUp, Instant,
    MAX_MESSAGE_LEN, OptionNumber, Received, Request,
};

use crate::peer::Peer;
use crate::wire::{Relay, Rule};

/// Options of the access token: the mission's, critical, and the later one.
pub(crate) const ACCESS_TOKEN: u16 = 61;
pub(crate) const ACCESS_TOKEN_LINK: u16 = 2088;

/// What the published sample's access token has.
pub(crate) const ACCESS_TOKEN_LEN: usize = 138;

/// Longer than any timer that tests use.
const LIMIT: Duration = Duration::from_secs(20);

/// What became of something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The number of the message, and its answer.
    Answered(u32, Code, Vec<u8>),
    GaveUp(u32, GiveUp),
    Refused(u32, Code),
    /// A datagram was not taken.
    Dropped(Dropped),
}

/// A client that signed in some time ago.
pub(crate) struct Wired {
    pub(crate) client: Client<u32>,
    socket: UdpSocket,
    start: time::Instant,
}

impl Wired {
    pub(crate) fn new(server: SocketAddr, change: impl FnOnce(Config) -> Config) -> Self {
        let device = Device::new("a1RP1qZfrEi", "example1", "", "secret").expect("it is short");
        let endpoint = Endpoint::parse(&format!("coap://{server}")).expect("an address");
        let config = Config::new(device, &endpoint, u64::from(server.port()));
        let mut client = Client::new(change(config));
        assert!(client.restore_access_token(Instant::from_millis(0), &[b't'; ACCESS_TOKEN_LEN]));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(server).expect("loopback is there");
        Self { client, socket, start: time::Instant::now() }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.start.elapsed().as_millis() as u64)
    }

    pub(crate) fn send(&mut self, request: &Request<'_>, number: u32) {
        let now = self.now();
        self.client.send(now, request, number).expect("it is taken");
        self.transmit(now);
    }

    fn transmit(&mut self, now: Instant) {
        while let Some(transmit) = self.client.poll_transmit(now) {
            self.socket.send(transmit.datagram).expect("loopback takes all");
        }
    }

    /// Drives the client until there is something to tell.
    pub(crate) fn next(&mut self) -> Outcome {
        let end = time::Instant::now() + LIMIT;
        let mut buffer = [0; MAX_MESSAGE_LEN];
        while time::Instant::now() < end {
            let now = self.now();
            if self.client.next_timeout().is_some_and(|at| at <= now) {
                self.client.handle_timeout(now);
            }
            self.transmit(now);
            match self.client.poll_event() {
                Some(Event::GaveUp { application, reason, .. }) => {
                    return Outcome::GaveUp(application, reason);
                }
                Some(Event::Refused { application, code, .. }) => {
                    return Outcome::Refused(application, code);
                }
                Some(_) => continue,
                None => {}
            }
            let wait_ms = self.client.next_timeout().map_or(100, |at| (at - now).as_millis());
            let wait = Duration::from_millis(wait_ms.clamp(1, 100));
            self.socket.set_read_timeout(Some(wait)).expect("a timeout above 0");
            let Ok(len) = self.socket.recv(&mut buffer) else { continue };
            let now = self.now();
            let received = self.client.handle_datagram(now, &mut buffer[..len]);
            self.transmit(now);
            match received {
                Received::Response(response) => {
                    let payload = buffer[response.payload].to_vec();
                    return Outcome::Answered(response.application, response.code, payload);
                }
                Received::Dropped(dropped) => return Outcome::Dropped(dropped),
                Received::Handled => {}
            }
        }
        panic!("nothing happened within {LIMIT:?}");
    }

    /// Drives the client until a message is answered, which must come next.
    pub(crate) fn answer(&mut self) -> (u32, String, Vec<u8>) {
        match self.next() {
            Outcome::Answered(number, code, payload) => (number, code.to_string(), payload),
            other => panic!("not an answer: {other:?}"),
        }
    }
}

/// A client, a server, and what they say to each other.
pub(crate) struct Bench {
    pub(crate) device: Wired,
    pub(crate) relay: Relay,
    _peer: Peer,
}

impl Bench {
    /// Before libcoap's server, which knows nothing of option 61 and rejects
    /// it: the access token goes in 2088.
    pub(crate) fn libcoap(arguments: &[&str], rule: Rule) -> Self {
        Self::libcoap_with(arguments, rule, |config| {
            config.access_token_option(OptionNumber(ACCESS_TOKEN_LINK))
        })
    }

    pub(crate) fn libcoap_with(
        arguments: &[&str],
        rule: Rule,
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        Self::before(Peer::libcoap(arguments), rule, change)
    }

    pub(crate) fn aiocoap(rule: Rule) -> Self {
        Self::before(Peer::aiocoap(ACCESS_TOKEN_LEN), rule, |config| config)
    }

    fn before(peer: Peer, rule: Rule, change: impl FnOnce(Config) -> Config) -> Self {
        let relay = Relay::start(peer.address, rule);
        let device = Wired::new(relay.address, change);
        Self { device, relay, _peer: peer }
    }
}

/// A Confirmable message.
pub(crate) fn con<'a>(path: &'a str, payload: &'a [u8]) -> Request<'a> {
    Request {
        confirmable: true,
        path: path.as_bytes(),
        content_format: ContentFormat::Json,
        payload,
    }
}

/// A Non-confirmable message.
pub(crate) fn non<'a>(path: &'a str, payload: &'a [u8]) -> Request<'a> {
    Request { confirmable: false, ..con(path, payload) }
}
