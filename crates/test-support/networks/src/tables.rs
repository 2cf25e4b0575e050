//! The tables, in Markdown. What stands in braces is a key of `scripts/names.tsv`, which has
//! its name in each language.

use std::fmt::Write;
use std::thread;

use iot_coap_client::{Duration, SIGN_IN_LIMIT, TransmissionParameters};
use iot_coap_test_support::certificates::{Identity, rsa};
use iot_coap_test_support::dtls::certificates;
use iot_coap_test_support::network::{GPRS, NB_IOT_GOOD, NB_IOT_POOR, PROFILES, Profile};
use openssl::ssl::SslContext;

use crate::device::Settings;
use crate::figures::Figures;
use crate::server;
use crate::simulation::{self, Cost, MESSAGES, Plan, Run, Secured};

/// How many devices there are in each row.
const SEEDS: u64 = 100;

/// How often a run is tried that the machine is too busy for.
const ATTEMPTS: usize = 20;

/// Where a limit of messages in flight or a first timeout makes a difference.
const SLOW: [&Profile; 3] = [&GPRS, &NB_IOT_GOOD, &NB_IOT_POOR];

/// How the devices of a row are set, as the table says it.
struct Setting {
    name: String,
    settings: Settings,
}

/// One row: a network, what goes over it, and how the device is set.
struct Row {
    profile: &'static Profile,
    over: &'static str,
    timers: String,
    runs: Vec<Run>,
}

/// Who the server is.
struct Servers {
    root: Identity,
    context: SslContext,
}

impl Servers {
    fn new() -> Self {
        let (root, leaf) = rsa();
        Self { root, context: server::context(&leaf) }
    }

    /// A hundred devices in each row.
    fn rows(
        &self,
        profiles: &[&'static Profile],
        overs: &[&'static str],
        settings_for: fn(&Profile) -> Vec<Setting>,
        plan: Plan,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        for &profile in profiles {
            for &over in overs {
                for Setting { name, settings } in settings_for(profile) {
                    let runs = self.runs(profile, over, &settings, plan);
                    rows.push(Row { profile, over, timers: name, runs });
                }
            }
        }
        rows
    }

    /// One run for each seed, by two threads.
    fn runs(&self, profile: &Profile, over: &str, settings: &Settings, plan: Plan) -> Vec<Run> {
        let run_once = |seed| {
            let (context, root) = (&self.context, &self.root);
            let secured = || Secured { context, config: certificates(root) };
            simulation::run(profile, seed, settings, (over == "DTLS").then(secured), plan)
        };
        let run = |seed| {
            let mut attempts = (0..ATTEMPTS).filter_map(|_| run_once(seed));
            attempts.next().expect("the machine is too busy to measure anything")
        };
        thread::scope(|scope| {
            let halves = [0..SEEDS / 2, SEEDS / 2..SEEDS]
                .map(|seeds| scope.spawn(move || seeds.map(run).collect::<Vec<_>>()));
            halves.into_iter().flat_map(|half| half.join().expect("no run fails")).collect()
        })
    }
}

/// As they come.
fn default() -> Settings {
    Settings {
        transmission: TransmissionParameters::default(),
        max_in_flight: 0,
        handshake_timeout: Duration::from_secs(1),
        sign_in_limit: SIGN_IN_LIMIT,
    }
}

/// The timers of RFC 7252, those that are learned, and, where the default is too quick,
/// those that `docs/networks.md` advises.
fn timers(profile: &Profile) -> Vec<Setting> {
    let mut fixed = default();
    fixed.transmission.learns_round_trips = false;
    let mut all = vec![
        Setting { name: "{fixed}".to_owned(), settings: fixed },
        Setting { name: "{learned}".to_owned(), settings: default() },
    ];
    all.extend(advised_ack_timeout(profile).map(|ack_timeout| Setting {
        name: format!("{{learned-from}} {}", ack_timeout.as_millis()),
        settings: with_ack_timeout(ack_timeout),
    }));
    all
}

/// A little more than a round trip, queue and jitter included, where that is more than the
/// default of 2 s.
fn advised_ack_timeout(profile: &Profile) -> Option<Duration> {
    match profile.name {
        name if name == NB_IOT_GOOD.name => Some(Duration::from_secs(4)),
        name if name == NB_IOT_POOR.name => Some(Duration::from_secs(15)),
        _ => None,
    }
}

/// What follows from the option.
fn with_ack_timeout(ack_timeout: Duration) -> Settings {
    Settings {
        transmission: TransmissionParameters { ack_timeout, ..default().transmission },
        handshake_timeout: ack_timeout,
        sign_in_limit: ack_timeout.saturating_mul(4).max(SIGN_IN_LIMIT),
        ..default()
    }
}

/// With and without a limit of messages in flight, as advised else.
fn limits(profile: &Profile) -> Vec<Setting> {
    let advised = advised_ack_timeout(profile).map_or_else(default, with_ack_timeout);
    let limits = [0, 2, 1].map(|max_in_flight| Setting {
        name: max_in_flight.to_string(),
        settings: Settings { max_in_flight, ..advised },
    });
    limits.into()
}

/// The default, and the first timeout of RFC 7925, section 11.
fn first_timeouts(_: &Profile) -> Vec<Setting> {
    let timeouts = [1, 9].map(|seconds| Setting {
        name: seconds.to_string(),
        settings: Settings { handshake_timeout: Duration::from_secs(seconds), ..default() },
    });
    timeouts.into()
}

/// All tables, each with a line that says what it is.
pub(crate) fn all() -> String {
    let servers = Servers::new();
    let rows = servers.rows(&PROFILES, &["UDP", "DTLS"], timers, Plan::Everything);
    let handshakes = servers.rows(&SLOW, &["DTLS"], first_timeouts, Plan::Nothing);
    let limited = servers.rows(&SLOW, &["UDP", "DTLS"], limits, Plan::AtOnce);
    [
        networks(),
        sign_ins("{title-sign-in}", "{timers}", &rows),
        sign_ins("{title-first-timeout}", "{first-timeout}", &handshakes),
        messages("{title-each-minute}", "{timers}", &rows, |run| &run.each_minute),
        messages("{title-back-to-back}", "{timers}", &rows, |run| &run.back_to_back),
        messages("{title-at-once}", "{timers}", &rows, |run| &run.at_once),
        messages("{title-limited}", "`max_in_flight`", &limited, |run| &run.at_once),
    ]
    .join("\n")
}

/// What messages took.
fn messages(title: &str, setting: &str, rows: &[Row], part: fn(&Run) -> &Cost) -> String {
    let table = rows.iter().fold(String::new(), |mut table, row| {
        let figures = Figures::of(row.runs.iter().map(|run| part(run).clone()), MESSAGES);
        line(
            &mut table,
            &[
                &key(row.profile),
                row.over,
                &row.timers,
                &figures.percentile(50),
                &figures.percentile(95),
                &figures.datagrams(),
                &figures.bytes(),
                &figures.needless(),
                &figures.lost(),
            ],
        );
        table
    });
    format!(
        "{title}\n\n| {{network}} | {{over}} | {setting} | {{answered-after}} | {{percentile-95}} \
         | {{datagrams-each}} | {{bytes-each}} | {{needless}} | {{lost}} |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n{table}"
    )
}

fn networks() -> String {
    let mut table = String::new();
    for profile in PROFILES {
        let [up, down] = [profile.to_server, profile.to_client];
        let rate = |rate: Option<u64>| (rate.unwrap_or_default() / 1000).to_string();
        line(
            &mut table,
            &[
                &key(profile),
                &up.delay.as_millis().to_string(),
                &up.jitter.as_millis().to_string(),
                &rate(up.bits_per_second),
                &rate(down.bits_per_second),
                &(profile.odds.lost / 10).to_string(),
            ],
        );
    }
    format!(
        "{{title-networks}}\n\n| {{network}} | {{delay}} | {{jitter}} | {{up}} | {{down}} | {{lost}} |\n| --- | --- | --- | --- | --- | --- |\n{table}"
    )
}

/// What sign-ins took, with the handshake.
fn sign_ins(title: &str, setting: &str, rows: &[Row]) -> String {
    let mut table = String::new();
    for row in rows {
        let costs = row.runs.iter().map(|Run { connected, signed_in, .. }| Cost {
            datagrams: connected.datagrams + signed_in.datagrams,
            bytes: connected.bytes + signed_in.bytes,
            took: vec![connected.took.iter().chain(&signed_in.took).sum()],
            ..Cost::default()
        });
        let figures = Figures::of(costs, 1);
        line(
            &mut table,
            &[
                &key(row.profile),
                row.over,
                &row.timers,
                &figures.percentile(50),
                &figures.percentile(95),
                &figures.datagrams(),
                &figures.bytes(),
            ],
        );
    }
    format!(
        "{title}\n\n| {{network}} | {{over}} | {setting} | {{median}} | {{percentile-95}} \
         | {{datagrams}} | {{bytes}} |\n| --- | --- | --- | --- | --- | --- | --- |\n\
         {table}"
    )
}

fn key(profile: &Profile) -> String {
    format!("{{{}}}", profile.name)
}

fn line(table: &mut String, cells: &[&str]) {
    let _ = writeln!(table, "| {} |", cells.join(" | "));
}
