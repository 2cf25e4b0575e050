//! Nothing lost under faults: many contexts post numbered messages through a
//! cloud that loses, doubles, delays and reorders datagrams, answers late,
//! forgets tokens and sessions. Afterwards the clients' account is compared with
//! the cloud's log.
//!
//! The clients are `tests/c/soak.c`, a process for each transport: so its memory
//! is theirs alone, and that of DTLS sessions does not hide what a client holds.
//!
//! `IOT_COAP_SOAK_SECONDS` says for how long; `scripts/soak MINUTES` sets it.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, Faults, Log, Transport};
use iot_coap_test_library::{Language, Linkage, compile, scratch_dir};
use serde_json::Value;

/// Where each process's numbers begin: at a multiple of this.
const NUMBERS: i64 = 100_000_000;
/// Longer than the faults hold a datagram back.
const LATE: Duration = Duration::from_secs(5);
/// What may be left of all contexts of a process when they are gone.
const LEFT_BYTES: i64 = 4 * 1024;

/// By how much a process's heap may grow from the second quarter of the time to
/// the last.
fn growth_allowed(transport: Transport) -> i64 {
    match transport {
        // A block of malloc lost with every message would be more.
        Transport::Udp | Transport::Symmetric => 48 * 1024,
        // A session holds more the worse its handshake went, until it ends; what
        // is lost for good shows when all contexts are gone.
        Transport::Dtls => 192 * 1024,
    }
}

fn faults() -> Faults {
    Faults {
        drop: 0.2,
        duplicate: 0.1,
        reorder: 0.1,
        // Beyond the acknowledgement timeout, which is 2 to 3 s.
        delay: Some((Duration::from_millis(20), Duration::from_millis(3500))),
        delayed: 0.1,
        separate: 0.2,
        separate_non: 0.05,
        separate_delay: Some((Duration::from_millis(50), Duration::from_millis(2500))),
        auth_error: 0.1,
        server_error: 0.02,
        close: 0.005,
        forget: 0.005,
        seed: 7,
    }
}

/// A process of clients; ends with the test, however that ends.
struct Clients {
    transport: Transport,
    process: Child,
}

impl Clients {
    fn start(program: &Path, cloud: &Cloud, transport: Transport, first: i64) -> Self {
        let process = Command::new(program)
            .arg(cloud.url(transport))
            .arg(cloud.root_path())
            .arg(first.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Self { transport, process }
    }

    /// Reads what it prints, on a thread; `posting` is told when it posts.
    fn listen(&mut self, posting: mpsc::Sender<()>) -> thread::JoinHandle<Account> {
        let lines = BufReader::new(self.process.stdout.take().expect("piped")).lines();
        thread::spawn(move || {
            let mut account = Account::default();
            for line in lines.map(|line| line.expect("text")) {
                if line == "posting" {
                    let _ = posting.send(());
                } else {
                    account.read(&line);
                }
            }
            account
        })
    }

    /// Lets it go on to what comes next.
    fn go_on(&mut self) {
        let stdin = self.process.stdin.as_mut().expect("piped");
        stdin.write_all(b"\n").expect("it runs");
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a process of clients says of itself.
#[derive(Default)]
struct Account {
    heap: Vec<i64>,
    left: Option<i64>,
    /// Signed in, sign-in failed, session renewed.
    notices: Vec<i64>,
    accepted: HashSet<i64>,
    /// Answered 2.05.
    content: HashSet<i64>,
    /// Answered otherwise, by code.
    other: BTreeMap<String, usize>,
    given_up: usize,
}

impl Account {
    /// Takes a line in; the messages come last.
    fn read(&mut self, line: &str) {
        let (what, numbers) = line.split_once(' ').unwrap_or((line, ""));
        let numbers: Vec<i64> =
            numbers.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        match (what, &numbers[..]) {
            ("heap", [bytes]) => self.heap.push(*bytes),
            ("left", [bytes]) => self.left = Some(*bytes),
            ("notices", _) => self.notices = numbers,
            ("message", [number, accepted, answers, code, given_up]) => {
                assert_eq!(*accepted, 1, "message {number} ended but was not accepted");
                assert_eq!(answers + given_up, 1, "message {number} ends once: {line}");
                self.accepted.insert(*number);
                if *given_up == 1 {
                    self.given_up += 1;
                } else if *code == 0x45 {
                    self.content.insert(*number);
                } else {
                    let code = format!("{}.{:02}", code >> 5, code & 0x1F);
                    *self.other.entry(code).or_default() += 1;
                }
            }
            _ => panic!("unexpected: {line}"),
        }
    }

    fn check_memory(&self, transport: Transport) {
        let quarter = self.heap.len() / 4;
        let median = |part: &[i64]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part[part.len() / 2]
        };
        let early = median(&self.heap[quarter..2 * quarter]);
        let late = median(&self.heap[3 * quarter..]);
        let left = self.left.expect("told");
        println!(
            "{transport:?}: heap {early} bytes in the second quarter, {late} in the last, {left} \
             left in the end; signed in, sign-in failed, session renewed: {:?}",
            self.notices
        );
        assert!(late - early <= growth_allowed(transport), "the heap grows: {:?}", self.heap);
        assert!(left <= LEFT_BYTES, "{left} bytes are left");
    }
}

/// What the cloud's log says.
#[derive(Default)]
struct Arrivals {
    taken: HashSet<i64>,
    /// Messages taken again, under another message id.
    again: usize,
    /// How often what went wrong.
    faults: BTreeMap<String, usize>,
}

impl Arrivals {
    fn read(log: &Path) -> Self {
        let mut arrivals = Self::default();
        for line in BufReader::new(File::open(log).expect("the cloud keeps a log")).lines() {
            let line = line.expect("text");
            let event: Value = serde_json::from_str(&line).expect("a JSON object a line");
            let text = |name: &str| event[name].as_str().unwrap_or_default();
            let fault = match (text("event"), text("code"), text("reason")) {
                ("message", "2.05", _) => {
                    let payload = event["payload"]["text"].as_str().unwrap_or_default();
                    let payload: Value = serde_json::from_str(payload).expect("what was sent");
                    let number = payload["message"].as_i64().expect("what was sent");
                    if !arrivals.taken.insert(number) {
                        arrivals.again += 1;
                    }
                    continue;
                }
                ("fault", ..) => text("fault").to_owned(),
                ("message", "4.01", reason @ "access token has no use left")
                | ("dtls_closed", _, reason @ ("closed by server" | "forgotten")) => {
                    reason.to_owned()
                }
                _ => continue,
            };
            *arrivals.faults.entry(fault).or_default() += 1;
        }
        arrivals
    }

    fn check_faults(&self) {
        for fault in [
            "drop",
            "duplicate",
            "reorder",
            "delay",
            "separate",
            "separate-non",
            "auth-error",
            "server-error",
            "access token has no use left",
            "closed by server",
            "forgotten",
        ] {
            assert!(self.faults.contains_key(fault), "{fault} was never tried");
        }
    }
}

#[test]
fn nothing_is_lost_under_faults() {
    let seconds = std::env::var("IOT_COAP_SOAK_SECONDS").ok();
    let seconds: u64 = seconds.map_or(120, |text| text.parse().expect("seconds"));
    let program = compile("soak.c", Linkage::Static, Language::C89);
    let log = scratch_dir().join("cloud.log");
    let _ = fs::remove_file(&log);
    let cloud = Cloud::start(Config {
        token_uses: Some(50),
        faults: faults(),
        log: Log::File(log.clone()),
        verbose: true,
        ..Config::default()
    })
    .expect("the local cloud starts");

    let start = Instant::now();
    let (tell, posting) = mpsc::channel();
    let mut clients: Vec<Clients> = [Transport::Udp, Transport::Dtls, Transport::Symmetric]
        .into_iter()
        .zip((0..).step_by(NUMBERS.try_into().expect("not negative")))
        .map(|(transport, first)| Clients::start(&program, &cloud, transport, first))
        .collect();
    let accounts: Vec<_> = clients.iter_mut().map(|each| each.listen(tell.clone())).collect();
    drop(tell);
    for _ in &clients {
        posting.recv().expect("every process comes to post");
    }
    thread::sleep(Duration::from_secs(seconds));
    clients.iter_mut().for_each(Clients::go_on);
    println!("posted for {:?}", start.elapsed());
    cloud.set_faults(Faults::none());
    thread::sleep(LATE);
    clients.iter_mut().for_each(Clients::go_on);
    let accounts: Vec<Account> =
        accounts.into_iter().map(|account| account.join().expect("what is known")).collect();
    println!("all ended after {:?}", start.elapsed());
    for each in &mut clients {
        let status = each.process.wait().expect("it ends");
        assert!(status.success(), "the clients of {:?} ended with {status}", each.transport);
    }
    cloud.stop().expect("the cloud stops");

    let arrivals = Arrivals::read(&log);
    println!("arrived {}, {} of them again", arrivals.taken.len(), arrivals.again);
    println!("faults: {:?}", arrivals.faults);
    let mut accepted = HashSet::new();
    for (each, account) in clients.iter().zip(&accounts) {
        println!(
            "{:?}: accepted {}: answered 2.05 {}, otherwise {:?}, given up {}",
            each.transport,
            account.accepted.len(),
            account.content.len(),
            account.other,
            account.given_up,
        );
        let lost: Vec<_> = account.content.difference(&arrivals.taken).collect();
        assert!(lost.is_empty(), "said 2.05 and did not arrive: {lost:?}");
        assert!(!account.content.is_empty());
        accepted.extend(&account.accepted);
    }
    let unknown: Vec<_> = arrivals.taken.difference(&accepted).collect();
    assert!(unknown.is_empty(), "arrived and were not accepted: {unknown:?}");
    arrivals.check_faults();
    for (each, account) in clients.iter().zip(&accounts) {
        account.check_memory(each.transport);
    }
}
