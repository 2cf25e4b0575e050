//! Applies faults to datagrams: loses, duplicates, delays and reorders them.
//!
//! Each direction draws from a sequence of its own, so that a seed decides the
//! same for the n-th datagram of a direction however the two interleave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::events::{Event, EventLog};
use crate::faults::Faults;
use crate::random::Sequence;
use crate::seen::{Arrival, Seen, Tag};
use crate::transport::Route;

/// A datagram waiting to be overtaken goes on after this time at the latest.
const OVERTAKEN_WITHIN: Duration = Duration::from_millis(100);

/// The most datagrams held back; further ones pass at once.
const HELD: usize = 65_536;

/// Into the server or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
}

/// The end of some DTLS session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// Picks the session.
    pub(crate) pick: u64,
    /// Without `close_notify`.
    pub(crate) silently: bool,
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) direction: Direction,
    pub(crate) route: Route,
    pub(crate) bytes: Vec<u8>,
    /// When it came to its socket, of one on its way in, and which fault has held it back since.
    pub(crate) came: Arrival,
    /// The message in it that the console knows, of one on its way out.
    pub(crate) tag: Option<Tag>,
}

impl Datagram {
    pub(crate) fn inward(route: Route, bytes: Vec<u8>, at: Instant) -> Self {
        Self { direction: Direction::In, route, bytes, came: Arrival::now(at), tag: None }
    }

    pub(crate) fn outward(now: Instant, route: Route, bytes: Vec<u8>, tag: Option<Tag>) -> Self {
        Self { direction: Direction::Out, route, bytes, came: Arrival::now(now), tag }
    }
}

struct Held {
    due: Instant,
    to_be_overtaken: bool,
    datagram: Datagram,
}

/// Applies faults to the datagrams between the sockets and the server.
pub(crate) struct NetworkFaults {
    faults: Faults,
    inward: Sequence,
    outward: Sequence,
    endings: Sequence,
    held: Vec<Held>,
    events: Arc<EventLog>,
    seen: Option<Arc<Seen>>,
}

impl NetworkFaults {
    pub(crate) fn new(faults: &Faults, events: Arc<EventLog>, seen: Option<Arc<Seen>>) -> Self {
        Self {
            inward: Sequence::new(faults.seed ^ 1),
            outward: Sequence::new(faults.seed ^ 2),
            endings: Sequence::new(faults.seed ^ 3),
            faults: faults.clone(),
            held: Vec::new(),
            events,
            seen,
        }
    }

    /// Changes the faults; datagrams held back stay so.
    pub(crate) fn set_faults(&mut self, faults: &Faults) {
        self.inward = Sequence::new(faults.seed ^ 1);
        self.outward = Sequence::new(faults.seed ^ 2);
        self.endings = Sequence::new(faults.seed ^ 3);
        self.faults = faults.clone();
    }

    /// What goes on at once when this datagram comes: none, it, it twice, and
    /// those that it overtakes.
    pub(crate) fn pass(&mut self, now: Instant, mut datagram: Datagram) -> Vec<Datagram> {
        let sequence = match datagram.direction {
            Direction::In => &mut self.inward,
            Direction::Out => &mut self.outward,
        };
        // All are drawn each time, so that one share does not shift another's.
        let dropped = sequence.chance(self.faults.drop);
        let doubled = sequence.chance(self.faults.duplicate);
        let overtaken = sequence.chance(self.faults.reorder);
        let delayed = sequence.chance(self.faults.delayed);
        let mut pause = |bounds: Option<(Duration, Duration)>| {
            let (low, high) = bounds.filter(|_| delayed).unwrap_or_default();
            let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            Duration::from_micros(sequence.between(micros(low), micros(high)))
        };
        let (delay, copy_delay) = (pause(self.faults.delay), pause(self.faults.delay));

        if dropped {
            self.suffer("drop", &mut datagram);
            self.report("drop", &datagram);
            return Vec::new();
        }
        let mut passing = Vec::new();
        if doubled {
            self.report("duplicate", &datagram);
            self.hold_or_pass(now, copy_delay, datagram.clone(), &mut passing);
        }
        if overtaken && delay.is_zero() && self.held.len() < HELD {
            self.suffer("reorder", &mut datagram);
            self.report("reorder", &datagram);
            self.held.push(Held { due: now + OVERTAKEN_WITHIN, to_be_overtaken: true, datagram });
            return passing;
        }
        let (direction, route) = (datagram.direction, datagram.route);
        if !delay.is_zero() {
            self.suffer("delay", &mut datagram);
            self.report("delay", &datagram);
        }
        self.hold_or_pass(now, delay, datagram, &mut passing);
        if !passing.is_empty() {
            passing.extend(self.overtaken_by(direction, route));
        }
        passing
    }

    /// Whether a DTLS session ends after this message, and which and how.
    pub(crate) fn ending(&mut self) -> Option<Ending> {
        let closed = self.endings.chance(self.faults.close);
        let forgotten = self.endings.chance(self.faults.forget);
        let pick = self.endings.next();
        (closed || forgotten).then_some(Ending { pick, silently: !closed })
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.due).min()
    }

    /// The datagrams that have been held back long enough, earliest first.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Datagram> {
        let mut due: Vec<Held> = self.held.extract_if(.., |held| held.due <= now).collect();
        due.sort_by_key(|held| held.due);
        due.into_iter().map(|held| held.datagram).collect()
    }

    fn hold_or_pass(
        &mut self,
        now: Instant,
        delay: Duration,
        datagram: Datagram,
        passing: &mut Vec<Datagram>,
    ) {
        if delay.is_zero() || self.held.len() >= HELD {
            passing.push(datagram);
        } else {
            self.held.push(Held { due: now + delay, to_be_overtaken: false, datagram });
        }
    }

    fn overtaken_by(&mut self, direction: Direction, route: Route) -> Vec<Datagram> {
        self.held
            .extract_if(.., |held| {
                held.to_be_overtaken
                    && held.datagram.direction == direction
                    && held.datagram.route == route
            })
            .map(|held| held.datagram)
            .collect()
    }

    fn report(&self, fault: &str, datagram: &Datagram) {
        let direction = match datagram.direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        let event = Event::Fault {
            fault: fault.to_owned(),
            direction: Some(direction.to_owned()),
            peer: datagram.route.address,
        };
        let cause = datagram.tag.as_ref().map_or(0, |tag| tag.cause.number);
        self.events.record_in(cause, event, None);
    }

    /// Notes which fault holds back a message that the console knows, or loses it. Before the
    /// fault is reported, since whoever hears of it may look at the message.
    fn suffer(&self, fault: &'static str, datagram: &mut Datagram) {
        datagram.came.fault = Some(fault);
        if let (Some(seen), Some(tag)) = (&self.seen, &datagram.tag) {
            seen.suffered(tag, fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Log;

    fn network_faults(faults: &str) -> NetworkFaults {
        let events = EventLog::new(&Log::None, false, 1_000).expect("no file is opened");
        NetworkFaults::new(&faults.parse().expect("valid"), Arc::new(events), None)
    }

    fn datagram(byte: u8) -> Datagram {
        let route = Route { socket: 0, address: ([127, 0, 0, 1], 1).into() };
        Datagram::inward(route, vec![byte], Instant::now())
    }

    fn bytes(datagrams: Vec<Datagram>) -> Vec<u8> {
        datagrams.into_iter().flat_map(|each| each.bytes).collect()
    }

    #[test]
    fn without_faults_everything_passes() {
        let mut network_faults = network_faults("");
        let now = Instant::now();
        for byte in 0..100 {
            assert_eq!(bytes(network_faults.pass(now, datagram(byte))), [byte]);
        }
        assert_eq!(network_faults.deadline(), None);
    }

    #[test]
    fn the_same_seed_loses_the_same_datagrams() {
        let survivors = |seed| {
            let mut network_faults = network_faults(&format!("drop=0.3,seed={seed}"));
            let now = Instant::now();
            let passing = (0..100).flat_map(|byte| network_faults.pass(now, datagram(byte)));
            bytes(passing.collect())
        };
        assert_eq!(survivors(1), survivors(1));
        assert_ne!(survivors(1), survivors(2));
        assert!((50..90).contains(&survivors(1).len()));
    }

    #[test]
    fn directions_decide_apart() {
        let survivors = |also_outward: bool| {
            let mut network_faults = network_faults("drop=0.3,seed=1");
            let now = Instant::now();
            let mut passing = Vec::new();
            for byte in 0..100 {
                passing.extend(network_faults.pass(now, datagram(byte)));
                if also_outward {
                    let mut outward = datagram(byte);
                    outward.direction = Direction::Out;
                    network_faults.pass(now, outward);
                }
            }
            bytes(passing)
        };
        assert_eq!(survivors(true), survivors(false));
    }

    #[test]
    fn a_doubled_datagram_comes_twice_and_a_delayed_one_later() {
        let now = Instant::now();
        assert_eq!(bytes(network_faults("duplicate=1").pass(now, datagram(5))), [5, 5]);

        let mut late = network_faults("delay=50..60,seed=1");
        assert!(late.pass(now, datagram(5)).is_empty());
        assert!(late.due(now + Duration::from_millis(49)).is_empty());
        assert_eq!(bytes(late.due(now + Duration::from_millis(60))), [5]);
    }

    #[test]
    fn an_overtaken_datagram_follows_the_next_one_or_comes_after_a_while() {
        let now = Instant::now();
        let mut network_faults = network_faults("reorder=1");
        assert!(network_faults.pass(now, datagram(1)).is_empty());
        network_faults.set_faults(&Faults::none());
        assert_eq!(bytes(network_faults.pass(now, datagram(2))), [2, 1]);
        network_faults.set_faults(&"reorder=1".parse().expect("valid"));
        assert!(network_faults.pass(now, datagram(3)).is_empty());
        assert_eq!(bytes(network_faults.due(now + OVERTAKEN_WITHIN)), [3]);
    }
}
