//! One message by libcoap's client and one by this library, over the same network with the
//! same losses by number, datagram by datagram.

use std::fmt::Write;
use std::thread;

use iot_coap_test_support::network::{Direction, NB_IOT_GOOD, NB_IOT_POOR, PROFILES, Profile};

use crate::servers::{Behind, assert_well};
use crate::trace::{Over, Trace};

/// Draws the losses and the jitter: one device of those that may be.
const SEED: u64 = 1;

/// One client on one network.
struct Run {
    profile: &'static Profile,
    client: String,
    trace: Trace,
}

/// Prints the sequences to standard error, and returns the table of their sums.
pub(crate) fn table() -> String {
    let pairs: Vec<_> =
        PROFILES.into_iter().flat_map(|profile| Over::ALL.map(|over| (profile, over))).collect();
    let runs: Vec<Vec<Run>> = thread::scope(|scope| {
        let threads: Vec<_> = pairs
            .into_iter()
            .map(|(profile, over)| scope.spawn(move || runs(profile, over)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends well")).collect()
    });
    let mut table = String::from(
        "| network | over | client | answered after, s | datagrams to the server | datagrams to the client \
         | bytes to the server | bytes to the client |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for runs in &runs {
        eprintln!("{}", side_by_side(runs));
        for run in runs {
            let [up, down] = [Direction::ToServer, Direction::ToClient]
                .map(|direction| run.trace.sum(direction));
            let answered = run.trace.answered().map_or_else(
                || "never".to_owned(),
                |ms| format!("{}.{:02}", ms / 1000, ms % 1000 / 10),
            );
            let _ = writeln!(
                table,
                "| {} | {} | {} | {answered} | {} | {} | {} | {} |",
                run.profile.name,
                run.trace.over.name(),
                run.client,
                up.0,
                down.0,
                up.1,
                down.1
            );
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

fn runs(profile: &'static Profile, over: Over) -> Vec<Run> {
    let behind = match over {
        Over::Udp => Behind::udp(),
        Over::Dtls => Behind::pre_shared_key(),
    };
    let (trace, _) = behind.trace(profile.link(SEED), &mut behind.libcoap());
    let mut runs = vec![Run { profile, client: "libcoap 4.3.1".to_owned(), trace }];
    let device = behind.device(&format!("{}-{over:?}", profile.name.replace(' ', "-")));
    device.has_woken("token");
    for timeout in
        [None, advised(profile)].into_iter().take(1 + usize::from(advised(profile).is_some()))
    {
        let mut program = device.wakes(timeout.unwrap_or(0), "token");
        let (trace, output) = behind.trace(profile.link(SEED), &mut program);
        assert_well(profile.name, &output);
        let client = match timeout {
            None => "this library".to_owned(),
            Some(ms) => format!("the same, `ack_timeout_ms` {ms}"),
        };
        runs.push(Run { profile, client, trace });
    }
    runs
}

fn side_by_side(runs: &[Run]) -> String {
    const WIDTH: usize = 46;
    let columns: Vec<_> = runs.iter().map(|run| run.trace.lines()).collect();
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |cells: Vec<&str>| {
        let cells: Vec<_> = cells.into_iter().map(|cell| format!("{cell:WIDTH$}")).collect();
        format!("{}\n", cells.join("| ").trim_end())
    };
    let over = runs[0].trace.over.name();
    let mut text = format!("\n{}, {over}\n", runs[0].profile.name);
    text += &row(runs.iter().map(|run| run.client.as_str()).collect());
    for number in 0..rows {
        text += &row(columns
            .iter()
            .map(|lines| lines.get(number).map_or("", String::as_str))
            .collect());
    }
    text
}
