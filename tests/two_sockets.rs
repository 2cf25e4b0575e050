//! While a session is suspect, it and the handshake beside it have a socket each. One wait is
//! for both: whatever comes to either is handled at once.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::iotx_msg_type_t::IOTX_MESSAGE_NON;
use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged};
use iot_coap_test_support::threads::this_thread;

/// Sockets that are read in turn are looked at every 20 ms.
const AT_ONCE: Duration = Duration::from_millis(5);

const ROUNDS: usize = 12;

/// The network between one client and the cloud, which the test works by hand.
struct Network {
    front: Option<UdpSocket>,
    address: SocketAddr,
    cloud: SocketAddr,
}

/// A socket on which nothing is waited for without an end.
fn bind(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("nobody has taken it");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("above 0");
    socket
}

impl Network {
    fn new(cloud: SocketAddr) -> Self {
        let front = bind("127.0.0.1:0");
        let address = front.local_addr().expect("it is bound");
        Self { front: Some(front), address, cloud }
    }

    fn front(&self) -> &UdpSocket {
        self.front.as_ref().expect("somebody listens")
    }

    /// A socket of its own to the cloud for each of the client's.
    fn behind(&self) -> UdpSocket {
        let behind = bind("127.0.0.1:0");
        behind.connect(self.cloud).expect("loopback is there");
        behind
    }

    /// The next datagram of a client's socket that `fits`.
    fn receive(&self, fits: impl Fn(SocketAddr) -> bool) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2048];
        loop {
            let (len, from) = self.front().recv_from(&mut buffer).expect("the client speaks");
            if fits(from) {
                return (buffer[..len].to_vec(), from);
            }
        }
    }

    /// Passes a session on until `is_done`; returns its two ends.
    fn pass_on(&self, is_done: impl Fn() -> bool) -> (SocketAddr, UdpSocket) {
        let behind = self.behind();
        let (front, turn) = (self.front(), Some(Duration::from_millis(5)));
        for socket in [front, &behind] {
            socket.set_read_timeout(turn).expect("above 0");
        }
        let mut buffer = [0; 2048];
        let mut client = None;
        while !is_done() {
            if let Ok((len, from)) = front.recv_from(&mut buffer) {
                client = Some(from);
                behind.send(&buffer[..len]).expect("loopback takes all");
            }
            if let (Ok(len), Some(client)) = (behind.recv(&mut buffer), client) {
                front.send_to(&buffer[..len], client).expect("loopback takes all");
            }
        }
        for socket in [front, &behind] {
            socket.set_read_timeout(Some(Duration::from_secs(5))).expect("above 0");
        }
        (client.expect("it has spoken"), behind)
    }

    /// Has the kernel refuse a message, which makes the session suspect.
    fn refuse(&mut self, client: &Client) {
        self.front = None;
        assert_eq!(client.post("update", usize::MAX, IOTX_MESSAGE_NON), 0);
        self.front = Some(bind(&self.address.to_string()));
    }
}

/// What the cloud says next.
fn answer(behind: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let len = behind.recv(&mut buffer).expect("the cloud answers");
    buffer[..len].to_vec()
}

/// How often a thread has gone to sleep so far.
fn sleeps(thread: &Path) -> u64 {
    let status = fs::read_to_string(thread.join("status")).expect("the thread lives");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.expect("Linux counts them").trim().parse().expect("a number")
}

#[test]
fn what_comes_to_either_of_two_sockets_is_handled_at_once() {
    collect();
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    iot_coap_test_library::trust::set(cloud.root_pem());
    let mut network = Network::new(cloud.address(Transport::Dtls));
    let url = format!("coaps://127.0.0.1:{}", network.address.port());
    let connecting = thread::spawn(move || {
        let client = Client::init(&url, 2000).unwrap_or_else(|| panic!("{}", logged()));
        assert_eq!(client.sign_in(), 0);
        client
    });
    let (old, behind_old) = network.pass_on(|| connecting.is_finished());
    let client = connecting.join().expect("it is connected");
    let (mut of_handshakes, mut of_answers) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        assert_eq!(client.confirm(round), 0);
        let (message, _) = network.receive(|from| from == old);
        behind_old.send(&message).expect("loopback takes all");
        let held = answer(&behind_old);
        network.refuse(&client);
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let waiting = scope.spawn({
                let client = &client;
                move || {
                    tell.send(this_thread()).expect("it is waited for");
                    client.await_answers(round + 1, Duration::from_secs(5));
                }
            });
            let thread = told.recv().expect("it starts");
            let (hello, new) = network.receive(|from| from != old);
            let behind_new = network.behind();
            behind_new.send(&hello).expect("loopback takes all");
            let request = answer(&behind_new);
            // Meanwhile nothing comes, and nothing is looked at. The rounds differ in what a
            // clock that looked at intervals would show.
            let before = sleeps(&thread);
            thread::sleep(Duration::from_millis(100 + 3 * round as u64));
            let looked = sleeps(&thread) - before;
            assert!(looked <= 2, "it woke {looked} times for nothing: {}", logged());
            let sent = Instant::now();
            network.front().send_to(&request, new).expect("loopback takes all");
            network.receive(|from| from == new);
            of_handshakes.push(sent.elapsed());
            thread::sleep(Duration::from_millis(40 + 5 * round as u64));
            let sent = Instant::now();
            network.front().send_to(&held, old).expect("loopback takes all");
            waiting.join().expect("it is answered");
            of_answers.push(client.answers()[round].at - sent);
        });
    }
    for delays in [of_handshakes, of_answers] {
        // The machine may have had something else to do.
        let late = delays.iter().filter(|delay| **delay > AT_ONCE).count();
        eprintln!("{delays:?}");
        assert!(late <= ROUNDS / 4, "{late} of them are late");
    }
    let opened =
        cloud.events().into_iter().filter(|event| matches!(event, Event::DtlsOpened { .. }));
    assert_eq!(opened.count(), 1, "the old session answered each time");
}
