//! Server-sent events: what one page is told. Each page has a place in the event
//! log and reads on from there when its connection takes more, so a slow one costs
//! nothing; one that falls too far behind is told how many events it missed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event as Sent;
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use super::dashboard::{DeviceRow, Second};
use super::row::Row;
use crate::commands::BrokerStatus;
use crate::faults::Faults;
use crate::seen::ANSWER_BOUNDS_MS;

/// Events in one batch, and of one that has to catch up.
const BATCH: usize = 256;
const LARGE_BATCH: usize = 1_024;

/// Pause between batches: enough for the eye, and for the browser to draw.
const PACE: Duration = Duration::from_millis(100);

/// A page further behind skips events; a new one begins so far back. It keeps no more.
const BEHIND: usize = 10_000;

/// Devices in one tick.
const DEVICES: usize = 200;

/// The connection is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Hello<'a> {
    /// Another one than before: the server was started anew, and counts from 0.
    server: &'a str,
    urls: &'a [String],
    root: Option<&'a str>,
    /// The first device that may sign in, and whether it is the vendor's sample,
    /// whose identity the example programs have.
    product_key: &'a str,
    device_name: &'a str,
    sample: bool,
    /// Upper bounds of the times that answers are counted by.
    answer_bounds_ms: &'a [u64],
}

#[derive(Serialize)]
struct Batch {
    /// Events before these that are not told.
    missed: usize,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Tick {
    unix_ms: u64,
    sessions: usize,
    faults: FaultsNow,
    devices: Vec<DeviceRow>,
    seconds: Vec<Second>,
    /// Where messages are forwarded.
    broker: Option<BrokerStatus>,
}

/// Faults as the switches need them: shares of 0 to 1, and milliseconds.
#[derive(Serialize)]
pub(super) struct FaultsNow {
    drop: f64,
    delay: Option<(u128, u128)>,
    separate: f64,
    /// All of them, as `--faults` takes them.
    text: String,
}

impl FaultsNow {
    pub(super) fn of(faults: &Faults) -> Self {
        let milliseconds = |range: Option<(Duration, Duration)>| {
            range.map(|(low, high)| (low.as_millis(), high.as_millis()))
        };
        Self {
            drop: faults.drop,
            delay: milliseconds(faults.delay),
            separate: faults.separate,
            text: faults.to_string(),
        }
    }
}

/// Where a page is in the event log.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The number of the next event.
    next: usize,
}

impl Place {
    /// Where to go on after `last_event_id`; for a page that is new, or knows another
    /// server, a little before the end.
    pub(super) fn after(last_event_id: Option<&str>, shared: &Shared) -> Self {
        let count = *shared.taken.borrow();
        let known = last_event_id
            .and_then(|id| id.split_once('-'))
            .filter(|(server, _)| *server == shared.server)
            .and_then(|(_, next)| next.parse().ok())
            .filter(|next| *next <= count);
        Self { next: known.unwrap_or_else(|| count.saturating_sub(BEHIND)) }
    }
}

/// What is sent to one page, without end.
pub(super) fn events(
    shared: Arc<Shared>,
    place: Place,
) -> impl Stream<Item = Result<Sent, Infallible>> {
    let page = Page {
        taken: shared.taken.subscribe(),
        ticks: shared.ticks.subscribe(),
        next: place.next,
        next_batch: Instant::now(),
        has_said_hello: false,
        devices_mark: 0,
        next_second: 0,
        shared,
    };
    futures_util::stream::unfold(page, async |mut page| {
        let sent = page.next().await?;
        Some((Ok(sent), page))
    })
}

struct Page {
    shared: Arc<Shared>,
    taken: watch::Receiver<usize>,
    ticks: watch::Receiver<u64>,
    next: usize,
    next_batch: Instant,
    has_said_hello: bool,
    devices_mark: u64,
    next_second: u64,
}

impl Page {
    /// What is sent next; `None` once the console ends.
    async fn next(&mut self) -> Option<Sent> {
        if !self.has_said_hello {
            self.has_said_hello = true;
            // The next tick is this page's first.
            self.ticks.mark_changed();
            return self.hello();
        }
        loop {
            let behind = *self.taken.borrow_and_update() > self.next;
            tokio::select! {
                biased;
                changed = self.ticks.changed() => {
                    changed.ok()?;
                    return self.tick();
                }
                () = tokio::time::sleep_until(self.next_batch), if behind => {
                    self.next_batch = Instant::now() + PACE;
                    return self.batch();
                }
                changed = self.taken.changed(), if !behind => changed.ok()?,
            }
        }
    }

    fn hello(&self) -> Option<Sent> {
        let facts = &self.shared.facts;
        let hello = Hello {
            server: &self.shared.server,
            urls: &facts.urls,
            root: facts.root.as_deref(),
            product_key: &facts.product_key,
            device_name: &facts.device_name,
            sample: facts.sample,
            answer_bounds_ms: &ANSWER_BOUNDS_MS,
        };
        Sent::default().event("hello").retry(RETRY).json_data(hello).ok()
    }

    fn batch(&mut self) -> Option<Sent> {
        let count = *self.taken.borrow();
        let wanted = if count - self.next > BEHIND { count - BATCH } else { self.next };
        let most = if count - wanted > BATCH { LARGE_BATCH } else { BATCH };
        let mut events = self.shared.reach.events.read(wanted, most);
        // The dashboard knows the devices of those that it has taken.
        events.retain(|recorded| recorded.number < count);
        let first = events.first().map_or(count, |recorded| recorded.number);
        let missed = first - self.next;
        self.next = events.last().map_or(count, |recorded| recorded.number + 1);
        let rows = {
            let dashboard = self.shared.dashboard();
            events.iter().map(|each| Row::of(each, &dashboard, &self.shared.mask)).collect()
        };
        let id = format!("{}-{}", self.shared.server, self.next);
        Sent::default().event("rows").id(id).json_data(Batch { missed, rows }).ok()
    }

    fn tick(&mut self) -> Option<Sent> {
        let answers = self.shared.reach.seen.answer_times(self.next_second);
        let dashboard = self.shared.dashboard();
        let (devices, mark) = dashboard.devices_since(self.devices_mark, DEVICES);
        let seconds = dashboard.seconds_from(self.next_second, answers);
        let unix_ms = crate::events::unix_ms();
        let tick = Tick {
            unix_ms,
            sessions: dashboard.sessions,
            faults: FaultsNow::of(&dashboard.faults),
            devices,
            seconds,
            broker: dashboard.broker.clone(),
        };
        drop(dashboard);
        self.devices_mark = mark;
        // The last two seconds may have grown since; the page replaces them.
        self.next_second = (unix_ms / 1_000).saturating_sub(1);
        Sent::default().event("tick").json_data(tick).ok()
    }
}
