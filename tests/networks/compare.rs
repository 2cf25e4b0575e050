//! One message by libcoap's client and one by this library, over the same network with the
//! same losses by number, datagram by datagram.

use std::fmt::Write;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use iot_coap_test_support::network::{Direction, NB_IOT_GOOD, NB_IOT_POOR, PROFILES, Profile};

use crate::servers::Behind;
use crate::trace::{Over, Trace};

/// Each draws the losses and the jitter of one run. The first one is shown whole.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// One network with what goes over it.
#[derive(Clone, Copy)]
struct Case {
    profile: &'static Profile,
    over: Over,
}

/// What a client did in one run.
struct Run {
    client: String,
    trace: Trace,
}

/// Prints the sequences to standard error, and returns the table of what they sum to. What
/// stands in braces is a key of `scripts/names.tsv`.
pub(crate) fn table() -> String {
    let cases: Vec<_> = PROFILES
        .into_iter()
        .flat_map(|profile| Over::ALL.map(|over| Case { profile, over }))
        .collect();
    let ready = &Barrier::new(cases.len() * SEEDS.count());
    let all: Vec<(Case, Vec<Vec<Run>>)> = thread::scope(|scope| {
        let start = |case| SEEDS.map(move |seed| scope.spawn(move || runs(case, seed, ready)));
        let threads: Vec<(Case, Vec<_>)> =
            cases.into_iter().map(|case| (case, start(case).collect())).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("it ends well");
        threads
            .into_iter()
            .map(|(case, threads)| (case, threads.into_iter().map(join).collect()))
            .collect()
    });
    let mut table = String::from(
        "| {network} | {over} | {client} | {answered} | {after-median} | {datagrams-up} \
         | {datagrams-down} | {bytes-up} | {bytes-down} |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (case, by_seed) in &all {
        eprintln!("{}", side_by_side(*case, &by_seed[0]));
        for number in 0..by_seed[0].len() {
            let runs: Vec<_> = by_seed.iter().map(|runs| &runs[number]).collect();
            row(&mut table, *case, &runs);
        }
    }
    table
}

/// What is advised for a network where the default is too quick, in milliseconds.
fn advised(profile: &Profile) -> Option<u32> {
    match profile.name {
        name if name == NB_IOT_GOOD.name => Some(4000),
        name if name == NB_IOT_POOR.name => Some(15_000),
        _ => None,
    }
}

/// One client after the other over the same network.
fn runs(case: Case, seed: u64, ready: &Barrier) -> Vec<Run> {
    let Case { profile, over } = case;
    let behind = match over {
        Over::Udp => Behind::udp(),
        Over::Dtls => Behind::pre_shared_key(),
    };
    let device = behind.device(&format!("{}-{over:?}-{seed}", profile.name.replace(' ', "-")));
    device.has_woken("token");
    // Nobody's start takes the processor from another's timers.
    ready.wait();
    thread::sleep(Duration::from_millis(200 * seed));
    let (trace, output) = behind.trace(profile.link(seed), &mut behind.libcoap());
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    if trace.answered().is_none() {
        eprintln!("libcoap's client, {}, {}, seed {seed}: {said}", profile.name, over.name());
    }
    let mut runs = vec![Run { client: "libcoap 4.3.1".to_owned(), trace }];
    let timeouts = [None, advised(profile)];
    for timeout in timeouts.into_iter().take(1 + usize::from(advised(profile).is_some())) {
        // Leaves the server without a session, also where the last goodbye was lost.
        device.has_woken("token");
        let mut program = device.wakes(timeout.unwrap_or(0), "token");
        let (trace, output) = behind.trace(profile.link(seed), &mut program);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!("this library, {}, {}, seed {seed}: {said}", profile.name, over.name());
        }
        let client = match timeout {
            None => "{this-library}".to_owned(),
            Some(ms) => format!("{{this-library-from}} {ms}"),
        };
        runs.push(Run { client, trace });
    }
    runs
}

/// What one client did in all runs: the median of the times, and means.
fn row(table: &mut String, case: Case, runs: &[&Run]) {
    let mut answered: Vec<u64> = runs.iter().filter_map(|run| run.trace.answered()).collect();
    answered.sort_unstable();
    let median = answered.get(answered.len() / 2);
    let median = median.map_or_else(String::new, |ms| format!("{}.{}", ms / 1000, ms % 1000 / 100));
    let sums = [Direction::ToServer, Direction::ToClient].map(|direction| {
        let sums = runs.iter().map(|run| run.trace.sum(direction));
        sums.fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1))
    });
    let tenths = |sum: usize| 10 * sum / runs.len();
    let datagrams = sums.map(|(datagrams, _)| tenths(datagrams));
    let bytes = sums.map(|(_, bytes)| bytes / runs.len());
    let _ = writeln!(
        table,
        "| {{{}}} | {} | {} | {}/{} | {median} | {}.{} | {}.{} | {} | {} |",
        case.profile.name,
        case.over.name(),
        runs[0].client,
        answered.len(),
        runs.len(),
        datagrams[0] / 10,
        datagrams[0] % 10,
        datagrams[1] / 10,
        datagrams[1] % 10,
        bytes[0],
        bytes[1],
    );
}

fn side_by_side(case: Case, runs: &[Run]) -> String {
    const WIDTH: usize = 46;
    let columns: Vec<_> = runs.iter().map(|run| run.trace.lines()).collect();
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |cells: Vec<&str>| {
        let cells: Vec<_> = cells.into_iter().map(|cell| format!("{cell:WIDTH$}")).collect();
        format!("{}\n", cells.join("| ").trim_end())
    };
    let mut text = format!("\n{}, {}\n", case.profile.name, case.over.name());
    text += &row(runs.iter().map(|run| run.client.as_str()).collect());
    for number in 0..rows {
        text += &row(columns
            .iter()
            .map(|lines| lines.get(number).map_or("", String::as_str))
            .collect());
    }
    text
}
