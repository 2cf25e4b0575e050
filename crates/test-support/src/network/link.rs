//! The simulated link: what is sent into it arrives later, or not at all. Time is the
//! caller's, in milliseconds; inside, microseconds are counted, so that many short
//! datagrams take as long as the same bytes in a few long ones.

use std::collections::{BTreeMap, VecDeque};

use iot_coap_time::{Duration, Instant};

use super::fate::{Decide, Direction, Fate, chance};

/// What IPv4 and UDP add to each datagram. Bandwidth, queue and MTU count it; the
/// [`Counters`] do not.
pub const HEADERS: usize = 20 + 8;

/// What one direction of a link is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// From the last bit sent to its arrival.
    pub delay: Duration,
    /// The most that is added to the delay, by chance. It changes no order: radio links
    /// deliver in sequence.
    pub jitter: Duration,
    /// Without it, sending takes no time.
    pub bits_per_second: Option<u64>,
    /// The most that may wait to be sent, in bytes, with what is being sent. What does not
    /// fit is lost.
    pub queue: usize,
    /// The longest packet, in bytes.
    pub mtu: usize,
    /// How much later a datagram comes that is overtaken.
    pub late: Duration,
}

impl Conditions {
    /// Everything arrives at once.
    pub const IDEAL: Self = Self {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        bits_per_second: None,
        queue: usize::MAX,
        mtu: usize::MAX,
        late: Duration::from_millis(20),
    };

    /// Everything arrives so much later.
    pub const fn delayed(delay: Duration) -> Self {
        Self { delay, ..Self::IDEAL }
    }

    /// How long a packet takes to be sent, in microseconds.
    fn sending_us(&self, packet: usize) -> u64 {
        let bits = 8 * packet as u64;
        self.bits_per_second.map_or(0, |rate| (bits * 1_000_000).div_ceil(rate))
    }
}

/// Datagrams, and the bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub datagrams: usize,
    /// Their lengths together, without [`HEADERS`].
    pub bytes: usize,
}

impl Tally {
    fn add(&mut self, bytes: usize) {
        self.datagrams += 1;
        self.bytes += bytes;
    }
}

/// What one direction of a link has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Given to the link.
    pub sent: Tally,
    /// Lost in it, for whatever reason.
    pub lost: Tally,
    /// Taken out of it; a datagram that arrives twice counts twice.
    pub delivered: Tally,
}

/// What became of a datagram when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What was decided for it.
    pub fate: Fate,
    /// When it will arrive; `None` if it is lost, or waits for the next one to be joined
    /// with it.
    pub arrival: Option<Instant>,
}

/// A link in virtual time.
pub struct SimulatedLink {
    ways: [Way; 2],
    seed: u64,
    decide: Box<dyn Decide>,
    outages: Vec<(Instant, Instant)>,
    /// By the microsecond of the arrival, and the order of sending.
    under_way: BTreeMap<(u64, u64), (Direction, Vec<u8>)>,
    order: u64,
}

/// One direction.
struct Way {
    conditions: Conditions,
    counters: Counters,
    /// What has not left yet: when it will have, and its length as a packet.
    queue: VecDeque<(u64, usize)>,
    latest_arrival: u64,
    joined: Vec<u8>,
}

impl Way {
    fn new(conditions: Conditions) -> Self {
        Self {
            conditions,
            counters: Counters::default(),
            queue: VecDeque::new(),
            latest_arrival: 0,
            joined: Vec::new(),
        }
    }

    /// When a packet will have left, in microseconds; `None` if there is no room for it.
    fn enqueue(&mut self, now: u64, packet: usize) -> Option<u64> {
        while self.queue.pop_front_if(|(leaves, _)| *leaves <= now).is_some() {}
        let waiting: usize = self.queue.iter().map(|(_, packet)| packet).sum();
        let has_room = packet <= self.conditions.mtu && waiting + packet <= self.conditions.queue;
        has_room.then(|| {
            let starts = self.queue.back().map_or(now, |(leaves, _)| *leaves);
            let leaves = starts + self.conditions.sending_us(packet);
            self.queue.push_back((leaves, packet));
            leaves
        })
    }
}

impl SimulatedLink {
    /// A link with its two directions. `seed` draws the jitter.
    pub fn new(
        to_server: Conditions,
        to_client: Conditions,
        seed: u64,
        decide: impl Decide,
    ) -> Self {
        Self {
            ways: [to_server, to_client].map(Way::new),
            seed,
            decide: Box::new(decide),
            outages: Vec::new(),
            under_way: BTreeMap::new(),
            order: 0,
        }
    }

    /// A link on which everything arrives at once that `decide` lets arrive.
    pub fn ideal(decide: impl Decide) -> Self {
        Self::new(Conditions::IDEAL, Conditions::IDEAL, 0, decide)
    }

    /// The same, but everything is lost that is sent at `from` or later, and before `to`.
    #[must_use]
    pub fn with_outage(mut self, from: Instant, to: Instant) -> Self {
        self.outages.push((from, to));
        self
    }

    /// Sends a datagram. What is lost on the air has taken its time of sending.
    pub fn send(&mut self, now: Instant, direction: Direction, datagram: &[u8]) -> Sent {
        let way = &mut self.ways[direction.index()];
        let number = way.counters.sent.datagrams;
        way.counters.sent.add(datagram.len());
        let fate = (self.decide)(direction, number);
        if fate.joined {
            way.joined.extend_from_slice(datagram);
            return Sent { fate, arrival: None };
        }
        let mut whole = std::mem::take(&mut way.joined);
        whole.extend_from_slice(datagram);
        let is_out = self.outages.iter().any(|(from, to)| (*from..*to).contains(&now));
        let left = way.enqueue(1000 * now.as_millis(), HEADERS + whole.len());
        let Some(left) = left.filter(|_| !is_out && fate.copies > 0) else {
            way.counters.lost.add(datagram.len());
            return Sent { fate, arrival: None };
        };
        let Conditions { delay, jitter, late, .. } = way.conditions;
        let jitter = chance(!self.seed, direction, number) % (1000 * jitter.as_millis() + 1);
        let in_turn = (left + 1000 * delay.as_millis() + jitter).max(way.latest_arrival);
        let arrival = if fate.late {
            in_turn + 1000 * late.as_millis()
        } else {
            way.latest_arrival = in_turn;
            in_turn
        };
        for _ in 0..fate.copies {
            self.order += 1;
            self.under_way.insert((arrival, self.order), (direction, whole.clone()));
        }
        Sent { fate, arrival: Some(at(arrival)) }
    }

    /// When the next datagram arrives, of those that are under way.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((arrival, _), _)| at(*arrival))
    }

    /// A datagram that has arrived by now, and where. Call it until there is none.
    pub fn arrived(&mut self, now: Instant) -> Option<(Direction, Vec<u8>)> {
        let entry = self.under_way.first_entry()?;
        if at(entry.key().0) > now {
            return None;
        }
        let (direction, datagram) = entry.remove();
        self.ways[direction.index()].counters.delivered.add(datagram.len());
        Some((direction, datagram))
    }

    /// What one direction has seen so far.
    pub fn counters(&self, direction: Direction) -> Counters {
        self.ways[direction.index()].counters
    }
}

/// The millisecond in which those microseconds end.
fn at(microseconds: u64) -> Instant {
    Instant::from_millis(microseconds / 1000)
}
