//! The tables, in Markdown. Their words have their Chinese in `scripts/zh-CN.tsv`.

use std::fmt::Write;

use iot_coap_client::{Duration, TransmissionParameters};
use iot_coap_test_support::certificates::{Identity, rsa};
use iot_coap_test_support::dtls::certificates;
use iot_coap_test_support::network::{NB_IOT_GOOD, NB_IOT_POOR, PROFILES, Profile};
use openssl::ssl::SslContext;

use crate::device::Settings;
use crate::figures::Figures;
use crate::server;
use crate::simulation::{self, Cost, MESSAGES, Run, Secured};

/// How many devices there are in each row.
const SEEDS: u64 = 100;

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

/// What is measured of a device: all rows.
fn rows() -> Vec<Row> {
    let (root, leaf) = rsa();
    let servers = Servers { root, context: server::context(&leaf) };
    let mut rows = Vec::new();
    for profile in PROFILES {
        for over in ["UDP", "DTLS"] {
            for (timers, settings) in settings_for(profile) {
                let runs = (0..SEEDS).map(|seed| {
                    let secured = (over == "DTLS").then(|| Secured {
                        context: &servers.context,
                        config: certificates(&servers.root),
                    });
                    simulation::run(profile, seed, &settings, secured)
                });
                rows.push(Row { profile, over, timers, runs: runs.collect() });
            }
        }
    }
    rows
}

/// How devices on a network may be set: as they come, and, where that is too quick, as
/// `docs/networks.md` advises.
fn settings_for(profile: &Profile) -> Vec<(String, Settings)> {
    let default = Settings {
        transmission: TransmissionParameters::default(),
        handshake_timeout: Duration::from_secs(1),
        sign_in_limit: iot_coap_client::SIGN_IN_LIMIT,
    };
    let mut all = vec![("RFC 7252".to_owned(), default)];
    if let Some(ack_timeout) = advised_ack_timeout(profile) {
        let transmission = TransmissionParameters { ack_timeout, ..default.transmission };
        let settings = Settings {
            transmission,
            handshake_timeout: ack_timeout,
            sign_in_limit: ack_timeout.saturating_mul(4).max(default.sign_in_limit),
        };
        all.push((format!("`ack_timeout_ms` {}", ack_timeout.as_millis()), settings));
    }
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

/// All tables, each with a line that says what it is.
pub(crate) fn all() -> String {
    let rows = rows();
    let messages = |title: &str, part: fn(&Run) -> &Cost| {
        let table = rows.iter().fold(String::new(), |mut table, row| {
            let costs = row.runs.iter().map(|run| part(run).clone());
            let figures = Figures::of(costs, MESSAGES);
            let (median, high) = (figures.percentile(50), figures.percentile(95));
            line(
                &mut table,
                &[
                    row.profile.name,
                    row.over,
                    &row.timers,
                    &median,
                    &high,
                    &figures.datagrams(),
                    &figures.bytes(),
                    &figures.needless(),
                    &figures.lost(),
                ],
            );
            table
        });
        format!(
            "{title}\n\n| network | over | timers | answered after, median, s | 95th percentile, s \
             | datagrams each | bytes each | sent again needlessly, of 100 | lost, of 100 |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n{table}"
        )
    };
    [
        networks(),
        sign_ins(&rows),
        messages("200 bytes once a minute:", |run| &run.each_minute),
        messages("200 bytes as soon as the last were answered:", |run| &run.back_to_back),
        messages("10 messages of 200 bytes at once:", |run| &run.at_once),
    ]
    .join("\n")
}

fn networks() -> String {
    let mut table = String::new();
    for profile in PROFILES {
        let [up, down] = [profile.to_server, profile.to_client];
        let rate = |rate: Option<u64>| (rate.unwrap_or_default() / 1000).to_string();
        line(
            &mut table,
            &[
                profile.name,
                &up.delay.as_millis().to_string(),
                &up.jitter.as_millis().to_string(),
                &rate(up.bits_per_second),
                &rate(down.bits_per_second),
                &(profile.odds.lost / 10).to_string(),
            ],
        );
    }
    format!(
        "The networks, each direction:\n\n| network | delay, ms | jitter up to, ms | kbit/s up \
         | kbit/s down | lost, of 100 |\n| --- | --- | --- | --- | --- | --- |\n{table}"
    )
}

/// With the handshake.
fn sign_ins(rows: &[Row]) -> String {
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
                row.profile.name,
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
        "Signing in, with the handshake:\n\n| network | over | timers | median, s \
         | 95th percentile, s | datagrams | bytes |\n| --- | --- | --- | --- | --- | --- | --- |\n\
         {table}"
    )
}

fn line(table: &mut String, cells: &[&str]) {
    let _ = writeln!(table, "| {} |", cells.join(" | "));
}
