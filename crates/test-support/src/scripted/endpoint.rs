//! A scripted server on a real socket, which many clients use at a time: each session has a
//! connection id of its own, so that a record tells the keys that it is under. Plaintexts go
//! on to another port, and what comes from there goes back.
//!
//! It writes down which numbers the clients used: under one key, none may come twice.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Hello;
use super::messages::{
    APPLICATION_DATA, CLIENT_HELLO, CONNECTION_ID, HANDSHAKE, Record, WITH_CONNECTION_ID, records,
};
use super::server::{Server, Suite};

/// The length of a connection id, in bytes.
const ID_LEN: usize = 4;

/// How long the thread waits before it looks whether it is to stop.
const TURN: Duration = Duration::from_millis(20);

/// How long the port behind may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the clients have done so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How many sessions were opened.
    pub sessions: usize,
    /// How many records under keys came.
    pub records: usize,
    /// Connection ids and numbers of records that had come before.
    pub repeated: Vec<(u32, u64)>,
}

/// See the [module](self).
pub struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    seen: Mutex<Seen>,
}

struct Session {
    server: Server,
    is_open: bool,
    /// Another one for each address of the client: a process that goes on with a session knows
    /// nothing of the message ids of the one before.
    behind: (SocketAddr, UdpSocket),
}

struct Sessions {
    shared: Arc<Shared>,
    front: UdpSocket,
    behind: SocketAddr,
    /// How many sockets were opened to there.
    behind_count: u32,
    by_id: HashMap<u32, Session>,
    /// The session that each address began last.
    begun: HashMap<SocketAddr, u32>,
    used: HashSet<(u32, u64)>,
}

impl Endpoint {
    /// Starts a server by [`PSK`](super::PSK), whose plaintexts go to `behind`.
    pub fn start(behind: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        front.set_read_timeout(Some(TURN)).unwrap();
        let address = front.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let mut sessions = Sessions {
            shared: Arc::clone(&shared),
            front,
            behind,
            behind_count: 0,
            by_id: HashMap::new(),
            begun: HashMap::new(),
            used: HashSet::new(),
        };
        let thread = thread::spawn(move || sessions.serve());
        Self { address, shared, thread: Some(thread) }
    }

    /// Where clients send to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What has come so far.
    pub fn seen(&self) -> Seen {
        self.shared.seen.lock().unwrap().clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the server has failed");
    }
}

impl Sessions {
    fn serve(&mut self) {
        let mut buffer = [0; 4096];
        while !self.shared.stop.load(Ordering::Relaxed) {
            let Ok((len, from)) = self.front.recv_from(&mut buffer) else { continue };
            let datagram = buffer[..len].to_vec();
            for record in records(&datagram, ID_LEN) {
                self.note(&record);
            }
            match records(&datagram, ID_LEN)[0] {
                Record { ref header, fragment } if header.content_type == HANDSHAKE => {
                    if fragment[0] == CLIENT_HELLO {
                        self.begin(from, datagram);
                    } else {
                        self.open(from, datagram);
                    }
                }
                Record { ref header, .. } if header.content_type == WITH_CONNECTION_ID => {
                    self.converse(from, id(&header.connection_id), &datagram);
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, record: &Record<'_>) {
        if record.header.content_type != WITH_CONNECTION_ID {
            return;
        }
        let pair = (id(&record.header.connection_id), record.header.sequence);
        let mut seen = self.shared.seen.lock().unwrap();
        seen.records += 1;
        if !self.used.insert(pair) {
            seen.repeated.push(pair);
        }
    }

    fn begin(&mut self, from: SocketAddr, hello: Vec<u8>) {
        let number = {
            let mut seen = self.shared.seen.lock().unwrap();
            seen.sessions += 1;
            u32::try_from(seen.sessions).unwrap()
        };
        let own_id = number.to_be_bytes().to_vec();
        let mut server = Server::new(Suite::PskGcm);
        server.random[..ID_LEN].copy_from_slice(&own_id);
        server.own_id.clone_from(&own_id);
        server.read_hello(&[hello]);
        let extension = [&[ID_LEN as u8][..], &own_id].concat();
        let hello = Hello::new(Suite::PskGcm).with(CONNECTION_ID, &extension);
        let flight = [server.say_hello(&hello), server.say_done()].concat();
        let behind = (from, connected(self.behind, &mut self.behind_count));
        self.by_id.insert(number, Session { server, is_open: false, behind });
        self.begun.insert(from, number);
        let _ = self.front.send_to(&flight, from);
    }

    /// A flight that is sent again, though it was answered, is not answered again.
    fn open(&mut self, from: SocketAddr, flight: Vec<u8>) {
        let begun = self.begun.get(&from).and_then(|number| self.by_id.get_mut(number));
        let Some(session) = begun.filter(|session| !session.is_open) else { return };
        session.server.read_flight(&[flight]);
        session.is_open = true;
        let _ = self.front.send_to(&session.server.say_finished(), from);
    }

    fn converse(&mut self, from: SocketAddr, number: u32, datagram: &[u8]) {
        let Some(session) = self.by_id.get_mut(&number) else { return };
        match session.server.open(datagram) {
            Some((APPLICATION_DATA, plaintext)) => {
                let mut answer = [0; 2048];
                if session.behind.0 != from {
                    session.behind = (from, connected(self.behind, &mut self.behind_count));
                }
                let _ = session.behind.1.send(&plaintext);
                let Ok(len) = session.behind.1.recv(&mut answer) else { return };
                let record = session.server.protected(APPLICATION_DATA, &answer[..len]);
                let _ = self.front.send_to(&record, from);
            }
            // A goodbye.
            Some(_) => drop(self.by_id.remove(&number)),
            None => {}
        }
    }
}

/// A socket with an address that no other one had: a peer remembers message ids for minutes.
fn connected(to: SocketAddr, count: &mut u32) -> UdpSocket {
    *count += 1;
    let own = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + *count);
    let socket = UdpSocket::bind((own, 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn id(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}
