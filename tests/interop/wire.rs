//! Stands between client and server: notes what goes over the wire, loses or
//! rewrites what a test wants lost or rewritten.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use coap_lite::{MessageType, Packet};

/// How soon a relay notices that it is to end.
const LOOK_UP: Duration = Duration::from_millis(50);

/// How long a datagram is waited for: longer than any timer that tests use.
const LIMIT: Duration = Duration::from_secs(20);

/// Who sent a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A datagram, read by coap-lite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) from: Side,
    /// Whether it got through.
    pub(crate) passed: bool,
    /// CON, NON, ACK or RST.
    pub(crate) kind: &'static str,
    /// As c.dd.
    pub(crate) code: String,
    pub(crate) id: u16,
    pub(crate) token: Vec<u8>,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
    /// How many bytes it has.
    pub(crate) len: usize,
}

impl Datagram {
    pub(crate) fn read(from: Side, bytes: &[u8]) -> Self {
        let packet = Packet::from_bytes(bytes).expect("both sides send what is well-formed");
        let kind = match packet.header.get_type() {
            MessageType::Confirmable => "CON",
            MessageType::NonConfirmable => "NON",
            MessageType::Acknowledgement => "ACK",
            MessageType::Reset => "RST",
        };
        let code = u8::from(packet.header.code);
        let options = packet.options();
        Self {
            from,
            passed: true,
            kind,
            code: format!("{}.{:02}", code >> 5, code & 0x1F),
            id: packet.header.message_id,
            token: packet.get_token().to_vec(),
            options: options
                .flat_map(|(number, values)| values.iter().map(|value| (*number, value.clone())))
                .collect(),
            payload: packet.payload,
            len: bytes.len(),
        }
    }

    /// Who sent what: enough to tell the datagrams of an exchange apart.
    pub(crate) fn gist(&self) -> (Side, &str, &str) {
        (self.from, self.kind, &self.code)
    }

    /// The values of an option, in order.
    pub(crate) fn option(&self, number: u16) -> Vec<&[u8]> {
        let found = self.options.iter().filter(|(found, _)| *found == number);
        found.map(|(_, value)| value.as_slice()).collect()
    }

    /// Whether it is an Empty message: header and nothing else.
    pub(crate) fn is_empty(&self) -> bool {
        self.code == "0.00" && self.len == 4
    }
}

/// Lets a datagram through, or not.
pub(crate) type Rule = Box<dyn FnMut(&Datagram, &mut Vec<u8>) -> bool + Send>;

/// Lets everything through.
pub(crate) fn nothing_lost() -> Rule {
    Box::new(|_, _| true)
}

/// Loses the first datagram that is such.
pub(crate) fn first_lost(is_such: impl Fn(&Datagram) -> bool + Send + 'static) -> Rule {
    let mut found = false;
    Box::new(move |datagram, _| {
        let lost = !found && is_such(datagram);
        found |= lost;
        !lost
    })
}

/// The relay; it ends when it is dropped.
pub(crate) struct Relay {
    /// What a client connects to.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// Towards the client.
    front: UdpSocket,
    /// Towards the server.
    back: UdpSocket,
    client: Mutex<Option<SocketAddr>>,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<Datagram>>,
    more: Condvar,
    ending: AtomicBool,
}

impl Relay {
    pub(crate) fn start(server: SocketAddr, rule: Rule) -> Self {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        back.connect(server).expect("loopback is there");
        for socket in [&front, &back] {
            socket.set_read_timeout(Some(LOOK_UP)).expect("a timeout above 0");
        }
        let address = front.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            front,
            back,
            client: Mutex::default(),
            rule: Mutex::new(rule),
            seen: Mutex::default(),
            more: Condvar::new(),
            ending: AtomicBool::new(false),
        });
        let threads = [Side::Client, Side::Server].map(|side| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.carry(side))
        });
        Self { address, shared, threads: threads.into() }
    }

    pub(crate) fn url(&self) -> String {
        format!("coap://{}", self.address)
    }

    /// Everything that was sent, once it is `count` datagrams or more.
    pub(crate) fn seen(&self, count: usize) -> Vec<Datagram> {
        let seen = lock(&self.shared.seen);
        let too_few = |seen: &mut Vec<Datagram>| seen.len() < count;
        let waited = self.shared.more.wait_timeout_while(seen, LIMIT, too_few);
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(seen.len() >= count, "{count} datagrams within {LIMIT:?}: {seen:#?}");
        seen.clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic in it shows as a datagram that never came.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Carries what `side` sends.
    fn carry(&self, side: Side) {
        let mut buffer = [0; 2048];
        while !self.ending.load(Ordering::Relaxed) {
            let len = match side {
                Side::Client => self.front.recv_from(&mut buffer).map(|(len, from)| {
                    *lock(&self.client) = Some(from);
                    len
                }),
                Side::Server => self.back.recv(&mut buffer),
            };
            // A timeout, mostly.
            let Ok(len) = len else { continue };
            let mut bytes = buffer[..len].to_vec();
            let mut datagram = Datagram::read(side, &bytes);
            datagram.passed = lock(&self.rule)(&datagram, &mut bytes);
            let passed = datagram.passed;
            lock(&self.seen).push(datagram);
            self.more.notify_all();
            if passed {
                let client = *lock(&self.client);
                let sent = match (side, client) {
                    (Side::Client, _) => self.back.send(&bytes),
                    (Side::Server, Some(client)) => self.front.send_to(&bytes, client),
                    (Side::Server, None) => continue,
                };
                sent.expect("loopback takes all");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
