//! A program that waits elsewhere: one descriptor for a context's life, whatever
//! happens to its connections, and an `IOT_CoAP_Yield` that never stays longer than it
//! was told to.

use std::collections::HashMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::{IOT_CoAP_GetFd, IOT_CoAP_GetTimeoutMs};
use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::client::Client;

/// How much longer than it was told to a call may take.
const GRACE: Duration = Duration::from_millis(50);

/// Within this time an idle device connects again (`docs/networks.md`).
const MAX_RETURN_MS: i32 = 90_000;

fn start() -> Cloud {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    iot_coap_test_library::trust::set(cloud.root_pem());
    cloud
}

/// What a relay lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    All,
    Nothing,
    /// What the first socket of the client sends and gets.
    First,
}

struct Relayed {
    passing: Mutex<Passing>,
    /// The sockets that the client had, in their order, and how much each has sent.
    sockets: Mutex<Vec<(SocketAddr, usize)>>,
    is_over: AtomicBool,
}

/// Stands between a client and the cloud, and lets pass what the test says.
struct Relay {
    shared: Arc<Relayed>,
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl Relay {
    fn start(server: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = front.local_addr().expect("it is bound");
        let shared = Arc::new(Relayed {
            passing: Mutex::new(Passing::All),
            sockets: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let relayed = Arc::clone(&shared);
        let thread = thread::spawn(move || relayed.run(&front, server));
        Self { shared, address, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("coaps://{}", self.address)
    }

    fn let_pass(&self, passing: Passing) {
        *self.shared.passing.lock().unwrap_or_else(PoisonError::into_inner) = passing;
    }

    /// How much each socket of the client has sent.
    fn sent(&self) -> Vec<usize> {
        let sockets = self.shared.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.iter().map(|(_, sent)| *sent).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.thread.take().map(thread::JoinHandle::join);
    }
}

impl Relayed {
    fn run(&self, front: &UdpSocket, server: SocketAddr) {
        let mut behind: HashMap<SocketAddr, UdpSocket> = HashMap::new();
        let mut datagram = [0; 2048];
        front.set_nonblocking(true).expect("a socket takes it");
        while !self.is_over.load(Ordering::Relaxed) {
            while let Ok((len, client)) = front.recv_from(&mut datagram) {
                if self.passes(client, true) {
                    let socket = behind.entry(client).or_insert_with(|| {
                        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
                        socket.connect(server).expect("it can be connected");
                        socket.set_nonblocking(true).expect("a socket takes it");
                        socket
                    });
                    let _ = socket.send(&datagram[..len]);
                }
            }
            for (&client, socket) in &behind {
                while let Ok(len) = socket.recv(&mut datagram) {
                    if self.passes(client, false) {
                        let _ = front.send_to(&datagram[..len], client);
                    }
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn passes(&self, client: SocketAddr, is_sent: bool) -> bool {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let at = sockets.iter().position(|(socket, _)| *socket == client).unwrap_or_else(|| {
            sockets.push((client, 0));
            sockets.len() - 1
        });
        sockets[at].1 += usize::from(is_sent);
        match *self.passing.lock().unwrap_or_else(PoisonError::into_inner) {
            Passing::All => true,
            Passing::Nothing => false,
            Passing::First => at == 0,
        }
    }
}

fn descriptor(client: &Client) -> i32 {
    // SAFETY: the context lives.
    unsafe { IOT_CoAP_GetFd(client.context()) }
}

fn timeout_ms(client: &Client) -> i32 {
    // SAFETY: the context lives.
    unsafe { IOT_CoAP_GetTimeoutMs(client.context()) }
}

/// Polls and yields until `is_done`; returns how often it yielded. The descriptor is
/// the same throughout, and nothing but it and the time-out says when to yield.
fn poll_until(
    client: &Client,
    fd: i32,
    within: Duration,
    mut is_done: impl FnMut() -> bool,
) -> usize {
    let start = Instant::now();
    let mut yields = 0;
    while !is_done() {
        assert!(start.elapsed() < within, "after {yields} yields: {:?}", client.answers());
        assert_eq!(descriptor(client), fd, "one descriptor for life");
        let timeout = timeout_ms(client);
        // The loop ends where it should have long been done.
        let most = i32::try_from((within + Duration::from_secs(1)).as_millis()).expect("a minute");
        let timeout = if timeout < 0 { most } else { timeout.min(most) };
        let mut polled = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry.
        let ready = unsafe { libc::poll(&raw mut polled, 1, timeout) };
        assert!(ready >= 0, "the descriptor is open");
        assert_eq!(polled.revents & libc::POLLNVAL, 0, "the descriptor is open");
        assert_eq!(client.yield_once(), 0);
        yields += 1;
    }
    yields
}

/// Sends a message, and polls until it is answered.
fn post_and_poll(client: &Client, fd: i32, message: usize, within: Duration) -> usize {
    assert_eq!(client.confirm(message), 0);
    poll_until(client, fd, within, || client.answers().iter().any(|got| got.message == message))
}

#[test]
fn a_poll_loop_heals_by_itself_when_sessions_end() {
    let cloud = start();
    let client = Client::init(&cloud.url(Transport::Dtls), 1).expect("a client");
    let fd = descriptor(&client);
    assert!(fd >= 0);
    assert_eq!(client.sign_in(), 0);
    post_and_poll(&client, fd, 0, Duration::from_secs(5));
    for message in 1..=5 {
        assert_eq!(cloud.close_dtls_sessions(), 1, "the session before is closed for good");
        // With a message on its way, and without one. An idle device comes back at a random
        // time, so that a fleet does not come back at once. It says when.
        if message % 2 == 0 {
            let has_pause = || (0..=MAX_RETURN_MS).contains(&timeout_ms(&client));
            poll_until(&client, fd, Duration::from_secs(10), has_pause);
            let pause = Duration::from_millis(timeout_ms(&client).unsigned_abs().into());
            let within = pause + Duration::from_secs(10);
            poll_until(&client, fd, within, || cloud.dtls_sessions() == 1);
        }
        let yields = post_and_poll(&client, fd, message, Duration::from_secs(10));
        assert!(yields < 200, "a poll loop that spins: {yields} yields");
    }
    assert_eq!(client.answers().len(), 6);
}

/// The peer forgets the session without a word, as one does that restarts.
#[test]
fn a_poll_loop_heals_by_itself_when_a_session_is_forgotten() {
    let cloud = start();
    let client = Client::init(&cloud.url(Transport::Dtls), 1).expect("a client");
    let fd = descriptor(&client);
    assert_eq!(client.sign_in(), 0);
    assert_eq!(cloud.forget_dtls_sessions(), 1);
    // After 15 s of silence another session is opened.
    let yields = post_and_poll(&client, fd, 0, Duration::from_secs(45));
    assert!(yields < 500, "a poll loop that spins: {yields} yields");
}

/// How long this thread had work or waited for a processor since it began; what is left
/// of a time is what it was made to wait.
fn busy() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let fields = text.split_whitespace().take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_nanos(fields.sum())
}

#[test]
fn a_yield_stays_no_longer_than_it_was_told_while_a_session_is_opened() {
    const WAIT: Duration = Duration::from_millis(100);
    const SILENCE: Duration = Duration::from_secs(5);
    let cloud = start();
    let relay = Relay::start(cloud.address(Transport::Dtls));
    let client = Client::init(&relay.url(), 100).expect("a client");
    assert_eq!(client.sign_in(), 0);
    assert_eq!(cloud.close_dtls_sessions(), 1);
    // The goodbye passes, and no more.
    thread::sleep(Duration::from_millis(200));
    relay.let_pass(Passing::Nothing);
    let start = Instant::now();
    let yield_in_time = || {
        while client.answers().is_empty() {
            assert!(start.elapsed() < Duration::from_secs(30), "it never heals");
            let (before, began) = (busy(), Instant::now());
            assert_eq!(client.yield_once(), 0);
            let waited = began.elapsed().saturating_sub(busy().saturating_sub(before));
            assert!(waited < WAIT + GRACE, "{waited:?} at {:?}", start.elapsed());
        }
    };
    thread::scope(|scope| {
        // One of them shakes hands, the other waits beside it.
        scope.spawn(yield_in_time);
        scope.spawn(yield_in_time);
        thread::sleep(SILENCE / 2);
        let began = Instant::now();
        assert_eq!(client.confirm(0), 0);
        assert!(began.elapsed() < WAIT, "sending waits for no handshake");
        thread::sleep(SILENCE / 2);
        assert!(relay.sent().len() >= 2, "another session is being opened");
        assert!(client.answers().is_empty());
        relay.let_pass(Passing::All);
    });
    assert_eq!(client.answers().len(), 1);
}

#[test]
fn a_session_that_is_heard_of_again_stays() {
    let cloud = start();
    let relay = Relay::start(cloud.address(Transport::Dtls));
    let client = Client::init(&relay.url(), 1).expect("a client");
    let fd = descriptor(&client);
    assert_eq!(client.sign_in(), 0);
    relay.let_pass(Passing::Nothing);
    assert_eq!(client.confirm(0), 0);
    let start = Instant::now();
    // A second socket: another session is opened, and nothing answers it.
    poll_until(&client, fd, Duration::from_secs(30), || relay.sent().len() == 2);
    assert!(start.elapsed() > Duration::from_secs(14), "{:?}", start.elapsed());
    relay.let_pass(Passing::First);
    post_and_poll(&client, fd, 1, Duration::from_secs(30));
    // What was to replace it is closed: it sends no more.
    let candidate = relay.sent()[1];
    relay.let_pass(Passing::All);
    for message in 2..5 {
        post_and_poll(&client, fd, message, Duration::from_secs(5));
        thread::sleep(Duration::from_millis(500));
    }
    let sent = relay.sent();
    assert_eq!(sent.len(), 2, "no other session is opened: {sent:?}");
    // One more: the goodbye of a handshake that is called off.
    assert!(sent[1] <= candidate + 1, "{sent:?}, of which before {candidate}");
    assert_eq!(cloud.dtls_sessions(), 1);
}
