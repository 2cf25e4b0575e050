//! How quickly the broker acknowledges, learnt from what it did lately: how long a message
//! takes, and how many a second. The time is an argument; nothing here waits.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// In flight on a new connection, before the first acknowledgement says more.
const INITIAL: usize = 10;

/// A broker that can acknowledge within this part of the time is given no more at once than
/// it acknowledges within [`FILLED`]; the rest is for the day that it slows down.
const QUICK: f64 = 0.25;
const FILLED: f64 = 0.5;

/// A silence of so many usual delays, with more than one message in flight, is a pause.
const PAUSE: f64 = 2.0;

/// A rate that rises by less from one round to the next has found its limit.
const STILL_RISING: f64 = 1.25;

/// A message that the broker has not acknowledged yet.
struct Flight {
    since: Instant,
    /// Acknowledgements that had come before it was published.
    before: u64,
    /// More could not be in flight, or was not let.
    full: bool,
    /// Nothing else was in flight.
    alone: bool,
}

/// The time from a publication to its acknowledgement, smoothed as in RFC 6298 section 2.
struct Delay {
    mean: f64,
    deviation: f64,
}

impl Delay {
    fn first(seconds: f64) -> Self {
        Self { mean: seconds, deviation: seconds / 4.0 }
    }

    fn add(&mut self, seconds: f64) {
        self.deviation += ((self.mean - seconds).abs() - self.deviation) / 4.0;
        self.mean += (seconds - self.mean) / 8.0;
    }

    fn likely(&self) -> f64 {
        self.mean + 4.0 * self.deviation
    }
}

/// From the publication of a message to its acknowledgement.
struct Round {
    last: u64,
    rate: f64,
    full: bool,
}

/// What is in flight, and what can be said of the next message.
pub(super) struct Progress {
    /// An acknowledgement that takes longer is of no use.
    patience: Duration,
    in_flight: HashMap<u64, Flight>,
    /// In the order of publication, with some that are no longer in flight.
    order: VecDeque<(u64, Instant)>,
    acknowledged: u64,
    last_acknowledged: Option<Instant>,
    /// When the broker went on after a pause. What was in flight then tells of the pause,
    /// and not of what follows.
    resumed: Option<Instant>,
    /// The shortest time to an acknowledgement; the last one of a message that was alone.
    least: f64,
    /// `None` before the first acknowledgement, and after one that came too late.
    delay: Option<Delay>,
    too_late: bool,
    /// Acknowledgements a second; no more than the broker can do, as a rule.
    rate: f64,
    /// The rate is what the broker can do, not what it was asked for.
    measured: bool,
    round: Option<Round>,
}

impl Progress {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            in_flight: HashMap::new(),
            order: VecDeque::new(),
            acknowledged: 0,
            last_acknowledged: None,
            resumed: None,
            least: f64::INFINITY,
            delay: None,
            too_late: false,
            rate: 0.0,
            measured: false,
            round: None,
        }
    }

    /// Nothing is known of a new connection.
    pub(super) fn forget(&mut self) {
        self.least = f64::INFINITY;
        self.delay = None;
        self.too_late = false;
        self.rate = 0.0;
        self.measured = false;
        self.round = None;
        self.last_acknowledged = None;
        self.resumed = None;
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The last acknowledgement came too late, and none has come in time since.
    pub(super) fn is_too_late(&self) -> bool {
        self.too_late
    }

    /// How many may be in flight, of so many that the broker takes: no more than it
    /// acknowledges before it is too late.
    pub(super) fn limit(&self, most: usize) -> usize {
        let patience = self.patience.as_secs_f64();
        // Where a message alone takes long, it is not the others that it waits for.
        let part = if self.least < patience * QUICK { FILLED } else { 1.0 };
        let wanted = match self.delay {
            Some(_) => count(self.rate * patience * part),
            None if self.too_late => 1,
            None => INITIAL,
        };
        wanted.max(1).min(most)
    }

    /// How long the acknowledgement of a message may take that is published now; nothing
    /// where nothing is known.
    pub(super) fn delay(&self, now: Instant) -> Duration {
        let likely = self.delay.as_ref().map_or(0.0, Delay::likely);
        seconds(likely).max(self.silence(now))
    }

    /// The same, by what is in flight before it.
    pub(super) fn turn(&self) -> Duration {
        match self.delay {
            Some(_) => self.time_for(self.in_flight.len() + 1),
            None => Duration::ZERO,
        }
    }

    /// How long so many acknowledgements take at the broker's rate, if that is known.
    pub(super) fn time_for_queued(&self, messages: usize) -> Option<Duration> {
        self.measured.then(|| self.time_for(messages))
    }

    fn time_for(&self, messages: usize) -> Duration {
        // Counts are small, and exact as f64.
        #[allow(clippy::cast_precision_loss)]
        seconds(messages as f64 / self.rate)
    }

    /// Since when the broker owes an acknowledgement, and has given none.
    fn silence(&self, now: Instant) -> Duration {
        let Some(&(_, oldest)) = self.order.front() else { return Duration::ZERO };
        let since = self.last_acknowledged.map_or(oldest, |last| last.max(oldest));
        now.saturating_duration_since(since)
    }

    /// A message is published; `full` says that more would be if more could.
    pub(super) fn published(&mut self, now: Instant, ticket: u64, full: bool) {
        let alone = self.in_flight.is_empty();
        let flight = Flight { since: now, before: self.acknowledged, full, alone };
        self.in_flight.insert(ticket, flight);
        self.order.push_back((ticket, now));
        let rate = self.rate;
        self.round.get_or_insert(Round { last: ticket, rate, full });
    }

    /// A message is no longer in flight, and says nothing of how quick the broker is.
    pub(super) fn returned(&mut self, ticket: u64) {
        self.remove(ticket);
        // Its round would have no end.
        self.round = None;
    }

    /// The broker has answered a message.
    pub(super) fn acknowledged(&mut self, now: Instant, ticket: u64) {
        let silence = self.silence(now).as_secs_f64();
        let Some(flight) = self.remove(ticket) else { return };
        self.acknowledged += 1;
        self.last_acknowledged = Some(now);
        if self.round.as_ref().is_some_and(|round| round.last == ticket) {
            self.end_round();
        }
        if self.delay.as_ref().is_some_and(|usual| silence > usual.likely() * PAUSE) {
            self.resumed = Some(now);
        }
        if !flight.alone && self.resumed.is_some_and(|resumed| flight.since < resumed) {
            return;
        }
        let took = now.saturating_duration_since(flight.since);
        if took >= self.patience {
            // What was known before holds no longer. One message at a time finds out.
            self.forget();
            self.too_late = true;
            return;
        }
        self.too_late = false;
        self.learn_delay(took.as_secs_f64(), flight.alone);
        self.learn_rate(&flight, took);
    }

    fn learn_delay(&mut self, took: f64, alone: bool) {
        self.least = if alone { took } else { self.least.min(took) };
        match &mut self.delay {
            // The trouble that the mean tells of is over: this one had no other before it.
            Some(delay) if !(alone && took * 2.0 < delay.likely()) => delay.add(took),
            _ => self.delay = Some(Delay::first(took)),
        }
    }

    fn learn_rate(&mut self, flight: &Flight, took: Duration) {
        // Counts are small, and exact as f64.
        #[allow(clippy::cast_precision_loss)]
        let count = (self.acknowledged - flight.before) as f64;
        let sample = count / took.as_secs_f64().max(1e-6);
        let step = match (flight.full, sample > self.rate) {
            _ if sample > self.rate * STILL_RISING => 1.0,
            (true, _) => 1.0 / 16.0,
            (false, true) => 1.0,
            // No more was asked for; but what was once possible is forgotten in time.
            (false, false) => 1.0 / 64.0,
        };
        self.rate += (sample - self.rate) * step;
        if let Some(round) = &mut self.round {
            round.full &= flight.full;
        }
    }

    fn end_round(&mut self) {
        if let Some(round) = self.round.take() {
            self.measured = round.full && self.rate < round.rate * STILL_RISING;
        }
    }

    fn remove(&mut self, ticket: u64) -> Option<Flight> {
        let flight = self.in_flight.remove(&ticket)?;
        while let Some((first, since)) = self.order.front()
            && self.in_flight.get(first).is_none_or(|flight| flight.since != *since)
        {
            self.order.pop_front();
        }
        Some(flight)
    }
}

fn seconds(seconds: f64) -> Duration {
    // Infinity where the rate is not known.
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// At most a million: more than any broker takes at once.
fn count(number: f64) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let count = number.clamp(0.0, 1e6) as usize;
    count
}
