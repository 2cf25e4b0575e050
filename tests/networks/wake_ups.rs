//! What a device that wakes for one message sends, and how long it is awake, by what it has
//! kept and by the round trip of its network.

use std::fmt::Write;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use iot_coap_test_support::network::{Conditions, Direction, Fate, SimulatedLink};
use iot_coap_time::Duration;

use crate::servers::Behind;

/// In milliseconds, each with the `ack_timeout_ms` for it: 0 for the default.
const ROUND_TRIPS: [(u64, u32); 3] = [(100, 0), (2000, 3000), (10_000, 15_000)];

/// How a device wakes; its name is a key of `scripts/names.tsv`.
#[derive(Clone, Copy)]
struct Waking {
    name: &'static str,
    behind: fn() -> Behind,
    /// What it goes on with.
    with: &'static str,
}

const WAKINGS: [Waking; 6] = [
    Waking { name: "{coap-token}", behind: Behind::udp, with: "token" },
    Waking { name: "{coaps-nothing}", behind: Behind::openssl, with: "nothing" },
    Waking { name: "{coaps-token}", behind: Behind::openssl, with: "token" },
    Waking { name: "{coaps-token-ids}", behind: Behind::with_connection_ids, with: "token" },
    Waking { name: "{coaps-resumed}", behind: Behind::openssl, with: "session" },
    Waking { name: "{coaps-kept-ids}", behind: Behind::with_connection_ids, with: "session" },
];

/// What one waking took.
struct Figures {
    datagrams: usize,
    bytes: usize,
    awake_ms: u64,
}

/// The table: a row for each way to wake. What stands in braces is a key of
/// `scripts/names.tsv`.
pub(crate) fn table() -> String {
    let ready = &Barrier::new(WAKINGS.len() * ROUND_TRIPS.len());
    let figures: Vec<Vec<Option<Figures>>> = thread::scope(|scope| {
        let rows = WAKINGS.map(|waking| {
            ROUND_TRIPS.map(|(ms, timeout)| scope.spawn(move || wake(waking, ms, timeout, ready)))
        });
        let joined = rows.map(|row| row.map(|cell| cell.join().expect("it ends well")).into());
        joined.into()
    });
    let mut table = String::from(
        "| {waking} | {bytes-0.1} | {datagrams-0.1} | {awake} | {datagrams-2} | {awake} \
         | {datagrams-10} | {awake} |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (waking, row) in WAKINGS.iter().zip(figures) {
        let bytes = row[0].as_ref().map_or(0, |figures| figures.bytes);
        let _ = write!(table, "| {} | {bytes} |", waking.name);
        for figures in row {
            let _ = match figures {
                Some(Figures { datagrams, awake_ms, .. }) => {
                    let tenths = (awake_ms + 50) / 100;
                    write!(table, " {datagrams} | {}.{} |", tenths / 10, tenths % 10)
                }
                None => write!(table, " | {{no-connection}} |"),
            };
        }
        table.push('\n');
    }
    table
}

/// How many devices have been started.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// `None` if the device did not get through.
fn wake(
    waking: Waking,
    round_trip_ms: u64,
    ack_timeout_ms: u32,
    ready: &Barrier,
) -> Option<Figures> {
    let behind = (waking.behind)();
    let name =
        format!("{}-{round_trip_ms}", waking.name.replace(|c: char| !c.is_alphanumeric(), ""));
    let device = behind.device(&name);
    device.has_woken(waking.with);
    let way = Conditions::delayed(Duration::from_millis(round_trip_ms / 2));
    let link = SimulatedLink::new(way, way, 0, |_, _| Fate::ARRIVES);
    // All of them wait for the network together, but none for another's start.
    ready.wait();
    let before = STARTED.fetch_add(1, Ordering::Relaxed);
    thread::sleep(std::time::Duration::from_millis(200 * before));
    let mut program = device.wakes(ack_timeout_ms, waking.with);
    let (trace, output) = behind.trace(link, &mut program);
    let printed = String::from_utf8_lossy(&output.stdout);
    let awake = printed.lines().find_map(|line| line.strip_prefix("asleep ")?.parse().ok());
    let lines = trace.lines().join("\n");
    eprintln!("\n{}, round trip {round_trip_ms} ms\n{lines}\n{printed}", waking.name);
    let [up, down] = [Direction::ToServer, Direction::ToClient].map(|way| trace.sum(way));
    Some(Figures { datagrams: up.0 + down.0, bytes: up.1 + down.1, awake_ms: awake? })
}
