//! What happened, in order: kept for tests to wait on and for the console to show,
//! and written as one JSON line an event.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::watch;

use super::Event;
use super::line::line;
use super::mask::masked;
use super::noise::Noise;
use super::sink::Sink;

/// Where event lines go.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Log {
    /// Nowhere; [`Cloud::events`](crate::Cloud::events) has them still.
    #[default]
    None,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Standard error, and only what says that something is wrong.
    Trouble,
    /// A file, appended to.
    File(PathBuf),
}

/// What the events that are kept take at most, however few they are.
const MOST_BYTES: usize = 64 << 20;

/// An event with its place and its time.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// How many events were before it.
    pub(crate) number: usize,
    /// Milliseconds since 1970.
    pub(crate) unix_ms: u64,
    /// The exchange that it is about, if one is known: the number of its
    /// [`Cause`](crate::seen::Cause).
    pub(crate) cause: Option<u64>,
    pub(crate) event: Event,
}

/// An event that is kept.
struct Entry {
    unix_ms: u64,
    /// 0 for none.
    cause: u64,
    event: Event,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Entry>,
    /// About how much they take.
    bytes: usize,
    /// How many were dropped before the first one kept.
    dropped: usize,
}

impl Kept {
    fn drop_oldest(&mut self) {
        if let Some(entry) = self.events.pop_front() {
            self.bytes -= entry.event.bytes();
            self.dropped += 1;
        }
    }
}

/// Others may not read what devices say.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(|error| {
        let text = format!("cannot write the log {}: {error}", path.display());
        io::Error::new(error.kind(), text)
    })
}

/// A copy of the latest events.
struct News {
    /// Number of the first event still kept when they were copied.
    first: usize,
    events: Vec<Event>,
}

type Told = Box<dyn Fn(&Event) + Send + Sync>;

/// The events of one server.
pub(crate) struct EventLog {
    kept: Mutex<Kept>,
    changed: Condvar,
    /// How many events there were, for those who cannot wait on `changed`.
    count: watch::Sender<usize>,
    sink: Option<Sink>,
    /// The file that it writes to.
    path: Option<PathBuf>,
    /// Whether an event is written.
    is_written: fn(&Event) -> bool,
    noise: Noise,
    /// Events kept; the oldest make room.
    most: usize,
    /// Who is told of each at once.
    told: Option<Told>,
}

impl EventLog {
    pub(crate) fn new(log: &Log, verbose: bool, most: usize) -> io::Result<Self> {
        let sink: Option<Box<dyn Write + Send>> = match log {
            Log::None => None,
            Log::Stdout => Some(Box::new(io::stdout())),
            Log::Stderr | Log::Trouble => Some(Box::new(io::stderr())),
            Log::File(path) => Some(Box::new(open(path)?)),
        };
        Ok(Self {
            kept: Mutex::default(),
            changed: Condvar::new(),
            count: watch::Sender::new(0),
            sink: sink.map(Sink::new).transpose()?,
            path: match log {
                Log::File(path) => Some(path.clone()),
                _ => None,
            },
            is_written: match log {
                Log::Trouble => Event::is_trouble,
                _ if verbose => |_| true,
                _ => |event| !event.is_detail(),
            },
            noise: Noise::new(false),
            most,
            told: None,
        })
    }

    /// Has each event told to `told` at once, by the thread that records it.
    pub(crate) fn telling(mut self, told: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.told = Some(Box::new(told));
        self
    }

    /// Opens the file that lines are written to again; `None` without one.
    pub(crate) fn reopen(&self) -> Option<(&Path, io::Result<()>)> {
        let (path, sink) = (self.path.as_deref()?, self.sink.as_ref()?);
        Some((path, open(path).map(|file| sink.turn_to(Box::new(file)))))
    }

    /// The same whose lines are limited also where this machine's own addresses fill them.
    pub(crate) fn with_limits_here(mut self, here: bool) -> Self {
        self.noise = Noise::new(here);
        self
    }

    /// Records an event that is about no exchange.
    pub(crate) fn record(&self, event: Event) {
        self.record_in(0, event, None);
    }

    /// Records an event of an exchange. This secret, which may stand in it, is not written.
    pub(crate) fn record_in(&self, cause: u64, event: Event, secret: Option<&str>) {
        let unix_ms = unix_ms();
        if let Some(told) = &self.told {
            told(&event);
        }
        if (self.is_written)(&event) {
            self.write(unix_ms, &event, secret);
        }
        let mut kept = self.kept();
        kept.bytes += event.bytes();
        kept.events.push_back(Entry { unix_ms, cause, event });
        while kept.events.len() > self.most || kept.bytes > MOST_BYTES {
            kept.drop_oldest();
        }
        let count = kept.dropped + kept.events.len();
        drop(kept);
        self.changed.notify_all();
        self.count.send_replace(count);
    }

    fn write(&self, unix_ms: u64, event: &Event, secret: Option<&str>) {
        #[derive(Serialize)]
        struct Line<'a> {
            unix_ms: u64,
            #[serde(flatten)]
            event: &'a Event,
        }
        let Some(sink) = &self.sink else { return };
        let (is_written, besides) = self.noise.judge(Instant::now(), event);
        let event = match &besides {
            Some(besides) => besides,
            None if is_written => event,
            None => return,
        };
        if let Some(line) = line(&Line { unix_ms, event: &masked(event, secret) }) {
            sink.write(line);
        }
    }

    pub(crate) fn count(&self) -> usize {
        let kept = self.kept();
        kept.dropped + kept.events.len()
    }

    /// Waits until there were more than `count` events; says whether there were by then.
    pub(crate) fn wait_for_more(&self, count: usize, deadline: Instant) -> bool {
        let mut kept = self.kept();
        while kept.dropped + kept.events.len() <= count {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            kept = self.changed.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.kept().events.iter().map(|entry| entry.event.clone()).collect()
    }

    /// How many events there were, as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// Events from number `from` on, or from the first one still kept, at most so
    /// many.
    pub(crate) fn read(&self, from: usize, most: usize) -> Vec<Recorded> {
        self.read_those(from, most, |_| true).0
    }

    /// Of as many events, those that fit; and the number of the one after them all.
    pub(crate) fn read_those(
        &self,
        from: usize,
        most: usize,
        fits: impl Fn(&Event) -> bool,
    ) -> (Vec<Recorded>, usize) {
        let kept = self.kept();
        let skip = from.saturating_sub(kept.dropped);
        let first = kept.dropped + skip;
        let looked_at = kept.events.iter().skip(skip).take(most);
        let next = first + looked_at.len();
        let those = looked_at.zip(first..).filter(|(entry, _)| fits(&entry.event));
        let copied = those.map(|(Entry { unix_ms, cause, event }, number)| Recorded {
            number,
            unix_ms: *unix_ms,
            cause: Some(*cause).filter(|cause| *cause > 0),
            event: event.clone(),
        });
        (copied.collect(), next)
    }

    /// The first event from number `from` on that fits, waiting for it if need be.
    pub(crate) fn wait_from(
        &self,
        from: usize,
        timeout: Duration,
        fits: impl Fn(&Event) -> bool,
    ) -> Option<Event> {
        let deadline = Instant::now() + timeout;
        let mut seen = from;
        loop {
            // Looked at without the lock: `fits` may ask the server itself.
            let news = self.news(seen, deadline)?;
            seen = seen.max(news.first) + news.events.len();
            if let Some(event) = news.events.into_iter().find(|event| fits(event)) {
                return Some(event);
            }
        }
    }

    /// The events from number `from` on, once there is one.
    fn news(&self, from: usize, deadline: Instant) -> Option<News> {
        let mut kept = self.kept();
        loop {
            let skip = from.saturating_sub(kept.dropped);
            let events: Vec<Event> =
                kept.events.iter().skip(skip).map(|entry| entry.event.clone()).collect();
            if !events.is_empty() {
                let first = kept.dropped;
                return Some(News { first, events });
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            kept = self.changed.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
