//! The simulated link between real sockets, by the clock of the machine: programs that know
//! nothing of it meet the same network as a test in virtual time.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::fate::{Decide, Direction};
use super::link::SimulatedLink;

/// How long a thread waits before it looks whether it is to stop.
const TURN: Duration = Duration::from_millis(40);

/// The network, as the client sees it: an address to send to.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
    threads: Vec<JoinHandle<()>>,
}

/// A datagram that came by.
#[derive(Clone, Debug)]
pub struct Passed {
    /// When it was sent, since the start of the network.
    pub at: iot_coap_time::Instant,
    /// Where to.
    pub direction: Direction,
    /// What was in it.
    pub datagram: Vec<u8>,
    /// When it arrives; `None` if it is lost.
    pub arrival: Option<iot_coap_time::Instant>,
}

/// What the threads share.
struct Network {
    server: SocketAddr,
    start: Mutex<Instant>,
    stop: AtomicBool,
    front: UdpSocket,
    back: Mutex<Arc<UdpSocket>>,
    client: Mutex<Option<SocketAddr>>,
    link: Mutex<SimulatedLink>,
    /// Something was sent into the link.
    sent: Condvar,
    passed: Mutex<Vec<Passed>>,
}

impl Proxy {
    /// Puts a network in front of a server on which everything arrives at once that
    /// `decide` lets arrive.
    pub fn start(server: SocketAddr, decide: impl Decide) -> Self {
        Self::over(server, SimulatedLink::ideal(decide))
    }

    /// Puts a link in front of a server.
    pub fn over(server: SocketAddr, link: SimulatedLink) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        front.set_read_timeout(Some(TURN)).unwrap();
        let address = front.local_addr().unwrap();
        let network = Arc::new(Network {
            server,
            start: Mutex::new(Instant::now()),
            stop: AtomicBool::new(false),
            front,
            back: Mutex::new(Network::connected(server)),
            client: Mutex::new(None),
            link: Mutex::new(link),
            sent: Condvar::new(),
            passed: Mutex::default(),
        });
        let works: [fn(&Network); 3] = [
            |network| network.take_in(Direction::ToServer),
            |network| network.take_in(Direction::ToClient),
            Network::deliver,
        ];
        let threads = works.map(|work| {
            let network = Arc::clone(&network);
            thread::spawn(move || work(&network))
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
        let link = self.network.link.lock().unwrap();
        [Direction::ToServer, Direction::ToClient].map(|to| link.counters(to).sent.datagrams)
    }

    /// Goes on with another link: what was under way is lost, and what has passed is
    /// forgotten. The times of what passes begin anew.
    pub fn change(&self, link: SimulatedLink) {
        let mut current = self.network.link.lock().unwrap();
        *current = link;
        *self.network.start.lock().unwrap() = Instant::now();
        self.network.passed.lock().unwrap().clear();
    }

    /// The datagrams that have come so far, in their order.
    pub fn passed(&self) -> Vec<Passed> {
        self.network.passed.lock().unwrap().clone()
    }

    /// The datagrams that the client has sent so far.
    pub fn from_client(&self) -> Vec<Vec<u8>> {
        let passed = self.network.passed.lock().unwrap();
        let from_client = passed.iter().filter(|each| each.direction == Direction::ToServer);
        from_client.map(|each| each.datagram.clone()).collect()
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
        socket.set_read_timeout(Some(TURN)).unwrap();
        Arc::new(socket)
    }

    fn now(&self) -> iot_coap_time::Instant {
        iot_coap_time::Instant::from_millis(self.start().elapsed().as_millis() as u64)
    }

    fn start(&self) -> Instant {
        *self.start.lock().unwrap()
    }

    fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Gives the link what one side sends.
    fn take_in(&self, direction: Direction) {
        let mut buffer = vec![0; 1 << 16];
        while !self.is_to_stop() {
            let Some(len) = self.receive(direction, &mut buffer) else {
                continue;
            };
            let datagram = &buffer[..len];
            let mut link = self.link.lock().unwrap();
            let at = self.now();
            let sent = link.send(at, direction, datagram);
            if sent.fate.rebound {
                *self.back.lock().unwrap() = Self::connected(self.server);
            }
            let (datagram, arrival) = (datagram.to_vec(), sent.arrival);
            self.passed.lock().unwrap().push(Passed { at, direction, datagram, arrival });
            self.sent.notify_one();
        }
    }

    fn receive(&self, direction: Direction, buffer: &mut [u8]) -> Option<usize> {
        match direction {
            Direction::ToServer => {
                let (len, from) = self.front.recv_from(buffer).ok()?;
                *self.client.lock().unwrap() = Some(from);
                Some(len)
            }
            Direction::ToClient => {
                let back = Arc::clone(&self.back.lock().unwrap());
                back.recv(buffer).ok()
            }
        }
    }

    /// Takes out of the link what arrives, when it does.
    fn deliver(&self) {
        let mut link = self.link.lock().unwrap();
        while !self.is_to_stop() {
            while let Some((direction, datagram)) = link.arrived(self.now()) {
                self.send(direction, &datagram);
            }
            let next = link.next_arrival().map(iot_coap_time::Instant::as_millis);
            let due = next.map(|at| self.start() + Duration::from_millis(at));
            let wait = due.map_or(TURN, |due| due.saturating_duration_since(Instant::now()));
            link = self.sent.wait_timeout(link, wait.min(TURN)).unwrap().0;
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
