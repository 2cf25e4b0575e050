//! A network with faults between one client and a server on the loopback: it
//! loses, repeats, delays and moves datagrams as it is told, or by a seed.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What becomes of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How often it arrives.
    copies: usize,
    /// It arrives after the next one, or a little later if there is none.
    late: bool,
    /// It arrives in one datagram with the next one, before it.
    joined: bool,
    /// The server sees it, and what follows, come from another port.
    rebound: bool,
}

impl Fate {
    /// It arrives once, in its turn.
    pub const ARRIVES: Self = Self::times(1);
    /// It never arrives.
    pub const LOST: Self = Self::times(0);

    /// It arrives so often.
    pub const fn times(copies: usize) -> Self {
        Self { copies, late: false, joined: false, rebound: false }
    }

    /// The same, but after the next one.
    #[must_use]
    pub const fn late(self) -> Self {
        Self { late: true, ..self }
    }

    /// The same, but in one datagram with the next one, as DTLS allows (RFC 6347, section
    /// 4.1.1).
    #[must_use]
    pub const fn joined(self) -> Self {
        Self { joined: true, ..self }
    }

    /// The same, but from another port, which the server sees from now on.
    #[must_use]
    pub const fn rebound(self) -> Self {
        Self { rebound: true, ..self }
    }
}

/// Decides for the nth datagram (from 0) of a direction.
pub trait Decide: FnMut(Direction, usize) -> Fate + Send + 'static {}

impl<F: FnMut(Direction, usize) -> Fate + Send + 'static> Decide for F {}

/// Loses so many of a hundred datagrams, repeats half as many, and lets as many
/// again be overtaken. The same seed decides the same.
pub fn by_seed(seed: u64, lost_percent: u64) -> impl Decide {
    move |direction, number| {
        let side = u64::from(direction == Direction::ToServer);
        let chance = mix(mix(seed) ^ mix(2 * number as u64 + side)) % 200;
        match chance {
            _ if chance < 2 * lost_percent => Fate::LOST,
            _ if chance < 3 * lost_percent => Fate::times(2),
            _ if chance < 4 * lost_percent => Fate::ARRIVES.late(),
            _ => Fate::ARRIVES,
        }
    }
}

/// Spreads a number over all bits (the finalizer of splitmix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The network, as the client sees it: an address to send to.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
    threads: Vec<JoinHandle<()>>,
}

/// What both directions share.
struct Network {
    server: SocketAddr,
    stop: AtomicBool,
    front: UdpSocket,
    back: Mutex<Arc<UdpSocket>>,
    client: Mutex<Option<SocketAddr>>,
    decide: Mutex<Box<dyn Decide>>,
    seen: Mutex<[usize; 2]>,
    /// What the client has sent.
    from_client: Mutex<Vec<Vec<u8>>>,
}

impl Proxy {
    /// Puts a network in front of a server.
    pub fn start(server: SocketAddr, decide: impl Decide) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = front.local_addr().unwrap();
        let network = Arc::new(Network {
            server,
            stop: AtomicBool::new(false),
            front,
            back: Mutex::new(Network::connected(server)),
            client: Mutex::new(None),
            decide: Mutex::new(Box::new(decide)),
            seen: Mutex::new([0; 2]),
            from_client: Mutex::default(),
        });
        let threads = [Direction::ToServer, Direction::ToClient].map(|direction| {
            let network = Arc::clone(&network);
            thread::spawn(move || network.forward(direction))
        });
        Self { address, network, threads: threads.into() }
    }

    /// Where the client sends to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of that address.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many datagrams have come so far, to the server and to the client.
    pub fn seen(&self) -> [usize; 2] {
        *self.network.seen.lock().unwrap()
    }

    /// The datagrams that the client has sent so far.
    pub fn from_client(&self) -> Vec<Vec<u8>> {
        self.network.from_client.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

impl Network {
    fn connected(server: SocketAddr) -> Arc<UdpSocket> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        Arc::new(socket)
    }

    fn forward(&self, direction: Direction) {
        /// How long a late datagram waits for another to overtake it.
        const LATE: Duration = Duration::from_millis(20);
        let mut buffer = [0; 4096];
        let mut held: Vec<(Instant, Vec<u8>)> = Vec::new();
        let mut joined = Vec::new();
        while !self.stop.load(Ordering::SeqCst) {
            let wait = if held.is_empty() { 2 * LATE } else { LATE / 4 };
            let Some(len) = self.receive(direction, &mut buffer, wait) else {
                let now = Instant::now();
                for (_, datagram) in held.extract_if(.., |(due, _)| *due <= now) {
                    self.send(direction, &datagram);
                }
                continue;
            };
            let fate = self.decide(direction);
            if fate.rebound {
                *self.back.lock().unwrap() = Self::connected(self.server);
            }
            if direction == Direction::ToServer {
                self.from_client.lock().unwrap().push(buffer[..len].to_vec());
            }
            joined.extend_from_slice(&buffer[..len]);
            if fate.joined {
                continue;
            }
            let datagram = std::mem::take(&mut joined);
            let copies = std::iter::repeat_n(&datagram, fate.copies);
            if fate.late {
                let due = Instant::now() + LATE;
                held.extend(copies.map(|datagram| (due, datagram.clone())));
                continue;
            }
            copies.for_each(|datagram| self.send(direction, datagram));
            if fate.copies > 0 {
                for (_, datagram) in held.drain(..) {
                    self.send(direction, &datagram);
                }
            }
        }
    }

    fn decide(&self, direction: Direction) -> Fate {
        let number = {
            let seen =
                &mut self.seen.lock().unwrap()[usize::from(direction == Direction::ToClient)];
            *seen += 1;
            *seen - 1
        };
        self.decide.lock().unwrap()(direction, number)
    }

    fn receive(&self, direction: Direction, buffer: &mut [u8], wait: Duration) -> Option<usize> {
        match direction {
            Direction::ToServer => {
                self.front.set_read_timeout(Some(wait)).unwrap();
                let (len, from) = self.front.recv_from(buffer).ok()?;
                *self.client.lock().unwrap() = Some(from);
                Some(len)
            }
            Direction::ToClient => {
                let back = Arc::clone(&self.back.lock().unwrap());
                back.set_read_timeout(Some(wait)).unwrap();
                back.recv(buffer).ok()
            }
        }
    }

    /// Whoever refuses it has gone, which is not for this side to say.
    fn send(&self, direction: Direction, datagram: &[u8]) {
        let _ = match (direction, *self.client.lock().unwrap()) {
            (Direction::ToServer, _) => self.back.lock().unwrap().send(datagram),
            (Direction::ToClient, Some(client)) => self.front.send_to(datagram, client),
            (Direction::ToClient, None) => Ok(0),
        };
    }
}
