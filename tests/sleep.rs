//! Devices without power between messages: what they keep spares them the
//! sign-in and the full handshake, and never does harm.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use iot_coap_cloud::{Cloud, Config, DtlsConfig, DtlsEngine, Event, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};
use iot_coap_test_support::certificates::{self, Identity};
use iot_coap_test_support::peers::servers::{Resumption, Server, Wish};
use iot_coap_test_support::peers::{Peer, Proof};

/// A store's file is named after its key, in hexadecimal digits; that of a session has this.
const DTLS_IN_HEX: &str = "64746c73";

struct Device {
    program: PathBuf,
    folder: PathBuf,
}

impl Device {
    fn new(name: &str) -> Self {
        let folder = iot_coap_test_library::scratch_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        Self { program: compile("sleeper.c", Linkage::Static, Language::Sanitized), folder }
    }

    fn command(&self, url: &str, root_pem: &str, ending: &str) -> Command {
        let mut device = Command::new(&self.program);
        device.args([url, ending]).env("IOT_COAP_KV_DIR", &self.folder).env("ROOT_PEM", root_pem);
        device
    }

    /// Wakes, posts and ends as `ending` says; what it logged.
    fn wake(&self, cloud: &Cloud, ending: &str) -> String {
        self.wake_for(&cloud.url(Transport::Dtls), cloud.root_pem(), ending)
    }

    fn wake_for(&self, url: &str, root_pem: &str, ending: &str) -> String {
        succeed(&mut self.command(url, root_pem, ending))
    }

    /// The file in which the session is kept.
    fn session(&self) -> PathBuf {
        self.kept().expect("a session is kept")
    }

    /// The same, if there is one.
    fn kept(&self) -> Option<PathBuf> {
        let files = std::fs::read_dir(&self.folder).expect("the store is there");
        let mut paths = files.map(|file| file.expect("it can be listed").path());
        paths.find(|path| path.to_string_lossy().contains(DTLS_IN_HEX))
    }
}

fn count(cloud: &Cloud, fits: impl Fn(&Event) -> bool) -> usize {
    cloud.events().iter().filter(|event| fits(event)).count()
}

fn sign_ins(cloud: &Cloud) -> usize {
    count(cloud, |event| matches!(event, Event::SignedIn { .. }))
}

fn handshakes(cloud: &Cloud, wanted: bool) -> usize {
    count(cloud, |event| matches!(event, Event::DtlsOpened { resumed, .. } if *resumed == wanted))
}

/// With connection ids a device that wakes goes on with its session; without them it resumes
/// it by a ticket.
#[test]
fn one_full_handshake_and_one_sign_in_serve_every_waking() {
    for (engine, resumed) in [(DtlsEngine::Own, 0), (DtlsEngine::OpenSsl, 4)] {
        let dtls = DtlsConfig { engine, ..DtlsConfig::default() };
        let cloud = Cloud::start(Config { dtls, ..Config::default() }).expect("it starts");
        let device = Device::new("paused");
        for (waking, ending) in ["pause", "pause", "fail", "fail", "pause"].iter().enumerate() {
            let log = device.wake(&cloud, ending);
            assert_eq!(cloud.messages().len(), waking + 1, "{log}");
        }
        assert_eq!(sign_ins(&cloud), 1);
        assert_eq!((handshakes(&cloud, false), handshakes(&cloud, true)), (1, resumed));
    }
}

/// Flash wears out: `docs/board.md` says what a waking writes.
#[test]
fn a_waking_writes_as_little_as_the_documents_say() {
    let dtls = DtlsConfig { engine: DtlsEngine::Own, ..DtlsConfig::default() };
    let cloud = Cloud::start(Config { dtls, ..Config::default() }).expect("it starts");
    for (transport, most_writes, most_bytes) in
        [(Transport::Dtls, 4, 850), (Transport::Symmetric, 1, 200)]
    {
        let device = Device::new("writes");
        device.wake_for(&cloud.url(transport), cloud.root_pem(), "pause");
        for _ in 0..3 {
            let log = device.wake_for(&cloud.url(transport), cloud.root_pem(), "pause");
            let line = log.lines().find_map(|line| line.strip_suffix(" bytes")).expect(&log);
            let (writes, bytes) = line.split_once(" writes, ").expect(line);
            let [writes, bytes] = [writes, bytes].map(|number| number.parse::<u32>().expect(line));
            assert_eq!(writes, most_writes, "{log}");
            assert!((100..=most_bytes).contains(&bytes), "{log}");
        }
    }
}

/// A device keeps its session and what resumes it, should the cloud have lost the session.
#[test]
fn a_session_that_the_cloud_has_lost_is_resumed() {
    let dtls = DtlsConfig { engine: DtlsEngine::Own, ..DtlsConfig::default() };
    let cloud = Cloud::start(Config { dtls, ..Config::default() }).expect("it starts");
    let device = Device::new("lost");
    for lost in 1..=2 {
        device.wake(&cloud, "pause");
        device.wake(&cloud, "pause");
        assert_eq!(cloud.forget_dtls_sessions(), 1);
        let log = device.wake(&cloud, "pause");
        assert_eq!((handshakes(&cloud, false), handshakes(&cloud, true)), (1, lost), "{log}");
    }
    assert_eq!((cloud.messages().len(), sign_ins(&cloud)), (6, 1));
}

#[test]
fn what_a_cloud_has_forgotten_is_made_anew() {
    let device = Device::new("forgotten");
    for _ in 0..2 {
        // Each cloud has a port, and so an entry, of its own; but the port may
        // be the same, and the keys are not.
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        device.wake(&cloud, "pause");
        cloud.expire_tokens();
        device.wake(&cloud, "pause");
        assert_eq!(cloud.messages().len(), 2);
        assert_eq!(sign_ins(&cloud), 2);
    }
}

#[test]
fn what_was_changed_in_the_store_is_not_used() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let device = Device::new("changed");
    device.wake(&cloud, "pause");
    for file in std::fs::read_dir(&device.folder).expect("the store is there") {
        let path = file.expect("it can be listed").path();
        let mut kept = std::fs::read(&path).expect("it can be read");
        // A lock is an empty file.
        let Some(last) = kept.last_mut() else { continue };
        *last ^= 1;
        std::fs::write(&path, kept).expect("it can be written");
    }
    let log = device.wake(&cloud, "pause");
    assert!(log.contains("is not restored"), "{log}");
    assert_eq!((handshakes(&cloud, false), handshakes(&cloud, true)), (2, 0));
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn pausing_what_keeps_nothing_is_refused_and_says_what_to_do() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let device = Device::new("wrongly");
    let log = device.wake(&cloud, "wrongly");
    assert!(log.contains("IOT_CoAP_Resume, or with keep_session"), "{log}");
}

/// The next waking would go on with it in vain, and find out by silence.
#[test]
fn a_session_that_the_cloud_has_ended_is_not_kept_while_there_is_no_other() {
    let dtls = DtlsConfig { engine: DtlsEngine::Own, ..DtlsConfig::default() };
    let cloud = Cloud::start(Config { dtls, ..Config::default() }).expect("it starts");
    let device = Device::new("left");
    let mut command = device.command(&cloud.url(Transport::Dtls), cloud.root_pem(), "left");
    let awake = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut awake = awake.expect("the program starts");
    let mut lines = BufReader::new(awake.stdout.take().expect("it was asked for")).lines();
    assert!(lines.any(|line| line.expect("the log is text") == "posted"));
    assert!(device.kept().is_some());
    assert_eq!(cloud.close_dtls_sessions(), 1);
    // Another one cannot be opened.
    drop(cloud);
    drop(awake.stdin.take());
    let log: Vec<_> = lines.map(|line| line.expect("the log is text")).collect();
    assert!(awake.wait().expect("it is our process").success(), "{log:?}");
    assert_eq!(device.kept(), None, "{log:?}");
}

/// A cloud behind a DTLS server by Mbed TLS: foreign code that knows connection ids.
struct Behind {
    cloud: Cloud,
    peer: Peer,
    root: Identity,
}

impl Behind {
    fn start(wish: Wish, server: Server) -> Self {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let (root, leaf) = certificates::rsa();
        let forward = Some(cloud.address(Transport::Udp).port());
        let peer = Wish { forward, ..wish }.start(server, &Proof::Certificate(&leaf, &[]));
        Self { cloud, peer, root }
    }

    fn with_connection_ids() -> Self {
        let wish = Wish { connection_id: Some("c0ffee0102"), ..Wish::default() };
        Self::start(wish, Server::Mbed3)
    }

    fn url(&self) -> String {
        format!("coaps://localhost:{}", self.peer.address().port())
    }

    fn wake(&self, device: &Device, ending: &str) -> String {
        device.wake_for(&self.url(), &self.root.pem(), ending)
    }
}

#[test]
fn a_session_with_connection_ids_goes_on_without_a_handshake() {
    let behind = Behind::with_connection_ids();
    let device = Device::new("connection-ids");
    for (waking, ending) in ["pause", "pause", "fail", "fail", "pause", "pause"].iter().enumerate()
    {
        let log = behind.wake(&device, ending);
        let how = if waking == 0 { "opened" } else { "restored" };
        assert!(log.contains(&format!("DTLS session {how}")), "{waking}: {log}");
        // After a loss of power too no record bears a number that was used: the server
        // would drop it (RFC 6347, section 4.1.2.6), and the message be sent again.
        assert_eq!(behind.cloud.messages().len(), waking + 1, "{log}");
        assert!(behind.cloud.messages().iter().all(|message| !message.duplicate), "{log}");
        // It comes from another port, as after a NAT has forgotten it.
        behind.peer.wait_for(if waking == 0 { "connected" } else { "moved" });
    }
    assert_eq!(sign_ins(&behind.cloud), 1);
}

#[test]
fn a_kept_session_that_was_used_once_leads_to_a_handshake() {
    let behind = Behind::with_connection_ids();
    let device = Device::new("used-once");
    behind.wake(&device, "pause");
    let session = std::fs::read(device.session()).expect("it can be read");
    behind.wake(&device, "pause");
    std::fs::write(device.session(), session).expect("it can be written");
    let log = behind.wake(&device, "pause");
    assert!(log.contains("is not restored: it is not the latest"), "{log}");
    assert!(log.contains("DTLS session opened"), "{log}");
    // And that one is kept in turn.
    let log = behind.wake(&device, "pause");
    assert!(log.contains("DTLS session restored"), "{log}");
    assert_eq!(behind.cloud.messages().len(), 4);
}

/// Two owners of one kept session would use the same record numbers.
#[test]
fn a_forked_child_leaves_the_kept_session_to_its_parent() {
    let behind = Behind::with_connection_ids();
    let device = Device::new("forked");
    let mut parent = device
        .command(&behind.url(), &behind.root.pem(), "fork")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let input = parent.stdin.take();
    // The parent goes to sleep; the child waits for its input to end.
    assert!(parent.wait().expect("it is our process").success());
    let session = std::fs::read(device.session()).expect("it can be read");
    drop(input);
    let mut log = String::new();
    let mut output = parent.stdout.take().expect("it was asked for");
    output.read_to_string(&mut log).expect("the log is text");
    assert!(log.contains("entries in the store still belong to the parent"), "{log}");
    assert_eq!(behind.cloud.messages().len(), 2, "{log}");
    assert_eq!(std::fs::read(device.session()).expect("it is there"), session, "{log}");
    let log = behind.wake(&device, "pause");
    assert!(log.contains("DTLS session restored"), "{log}");
    assert_eq!(behind.cloud.messages().len(), 3, "{log}");
}

#[test]
fn a_session_without_connection_ids_is_resumed_by_ticket_or_by_id() {
    for resumption in [Resumption::Tickets, Resumption::Ids] {
        let behind = Behind::start(Wish { resumption, ..Wish::default() }, Server::Mbed2);
        let device = Device::new(&format!("resumed-{resumption:?}"));
        for (waking, ending) in ["pause", "fail", "pause"].iter().enumerate() {
            let log = behind.wake(&device, ending);
            let how = if waking == 0 { "opened" } else { "resumed" };
            assert!(log.contains(&format!("DTLS session {how}")), "{resumption:?}: {log}");
            behind.peer.wait_for("connected");
        }
        assert_eq!(behind.cloud.messages().len(), 3);
        assert_eq!(sign_ins(&behind.cloud), 1);
    }
}

#[test]
fn a_server_that_keeps_nothing_gets_a_handshake_at_each_waking() {
    let behind = Behind::start(Wish::default(), Server::Mbed2);
    let device = Device::new("nothing-kept");
    for waking in 1..=2 {
        let log = behind.wake(&device, "pause");
        assert!(log.contains("DTLS session opened"), "{log}");
        assert_eq!(behind.cloud.messages().len(), waking);
    }
    assert_eq!(sign_ins(&behind.cloud), 1);
}
