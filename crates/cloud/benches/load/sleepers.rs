//! A hundred thousand DTLS sessions whose devices are mostly silent, and what they take. They
//! share a few sockets: each has a connection id by which the server knows it.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use iot_coap_test_cloud::engine::{Asleep, Session, Trust};
use iot_coap_test_cloud::{Folder, PATIENCE, TestDevice, socket_to};

use crate::devices::measure;
use crate::{entry, process, row};

const SESSIONS: u64 = 100_000;
const LIVE_SESSIONS: u64 = 10_000;
/// Devices that do something at the same time.
const AT_ONCE: u64 = 16;

/// Until all sessions are sealed; `--seal-after` is half of it.
const UNTIL_ALL_SLEEP: Duration = Duration::from_secs(2);
/// For so long the server is watched while nothing happens.
const WATCHED: Duration = Duration::from_secs(10);

const KEY: &str = "fleet,a key with enough entropy";

/// Some devices, of which one at a time does something.
struct Ward {
    server: SocketAddr,
    socket: Option<UdpSocket>,
    asleep: Vec<Asleep>,
    next: usize,
    /// Makes the requests: all are the same device, which has signed in.
    device: TestDevice,
}

impl Ward {
    /// One more device shakes hands, and has a ping answered.
    fn admit(&mut self) {
        let (identity, key) = KEY.split_once(',').expect("both");
        let trust = Trust::Key(identity.into(), key.into());
        let socket = self.socket.take().unwrap_or_else(|| socket_to(self.server));
        let mut session = Session::over(socket, trust.config()).expect("it shakes hands");
        session.send(&[0x40, 0, 0, 1]);
        assert_eq!(session.receive(PATIENCE).as_deref(), Some(&[0x70, 0, 0, 1][..]));
        self.put_to_sleep(session);
    }

    /// The device that has slept for longest posts a message.
    fn post(&mut self) {
        let asleep = self.asleep.swap_remove(self.next % self.asleep.len());
        self.next = (self.next + 1) % (self.asleep.len() + 1);
        let socket = self.socket.take().expect("nobody has it");
        let mut session = asleep.wake(socket);
        let request = self.device.message("user/update", br#"{"id":"1","params":{"t":21.5}}"#);
        session.send(&request.to_bytes().expect("it fits"));
        let answer = session.receive(PATIENCE).expect("an answer comes");
        assert_eq!(answer[1], 0x45, "2.05");
        self.put_to_sleep(session);
    }

    fn put_to_sleep(&mut self, session: Session) {
        let (socket, asleep) = session.part();
        self.socket = Some(socket);
        self.asleep.push(asleep);
    }
}

fn wards(server: &iot_coap_test_cloud::program::Serving) -> Vec<Ward> {
    let place = crate::place(server);
    let ward = |_| {
        let mut device = crate::device(place.over_udp(), 0);
        crate::sign_in(&mut device);
        Ward { server: place.secure, socket: None, asleep: Vec::new(), next: 0, device }
    };
    (0..AT_ONCE).map(ward).collect()
}

pub(crate) fn run(folder: &Folder, table: &mut String, memory: &mut String) {
    let started = |seal_after| {
        let arguments = ["--psk", KEY, "--max-sessions", "200000", "--seal-after", seal_after];
        crate::started(folder, 1, &arguments)
    };
    let each = |count: u64| usize::try_from(count / AT_ONCE).expect("a few");

    let server = started("1h");
    let mut awake = wards(&server);
    let before = process::memory(server.pid());
    measure(server.pid(), &mut awake, each(LIVE_SESSIONS), Ward::admit);
    let live = process::memory(server.pid()).saturating_sub(before);
    row(
        table,
        "messages over DTLS, of 10,000 sessions in turn",
        &measure(server.pid(), &mut awake, 2_000, Ward::post),
    );
    entry(memory, "a DTLS session in use", live / LIVE_SESSIONS);
    drop(server);

    let server = started("1s");
    let pid = server.pid();
    let mut wards = wards(&server);
    let before = process::memory(pid);
    let opened = measure(pid, &mut wards, each(SESSIONS / 2), Ward::admit);
    row(table, "DTLS sessions for one ping, pre-shared key", &opened);
    std::thread::sleep(UNTIL_ALL_SLEEP);
    let half = process::memory(pid).saturating_sub(before);
    measure(pid, &mut wards, each(SESSIONS / 2), Ward::admit);
    std::thread::sleep(UNTIL_ALL_SLEEP);
    let silent = process::memory(pid).saturating_sub(before);
    // The memory of those that were in use at the same time is there for the second half.
    let each_more = silent.saturating_sub(half) / (SESSIONS / 2);
    entry(memory, "a DTLS session that is silent", each_more);
    entry(memory, "the same with the memory of those in use meanwhile", silent / SESSIONS);
    row(
        table,
        "messages over DTLS, of 100,000 silent sessions",
        &measure(pid, &mut wards, 2_000, Ward::post),
    );
    std::thread::sleep(UNTIL_ALL_SLEEP);
    let processor = process::processor_time(pid);
    std::thread::sleep(WATCHED);
    let processor = process::processor_time(pid).saturating_sub(processor);
    let share = processor.as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
    let line = format!("| 100,000 silent sessions: of a processor | {share:.1} % |\n");
    eprint!("{line}");
    memory.push_str(&line);
    let after = process::memory(pid).saturating_sub(before);
    entry(memory, "the same sessions after 32,000 messages, each", after / SESSIONS);
}
