//! The CoAP messages that the server has seen lately, as they were without DTLS, for the console:
//! which of them belong together, and how long devices waited for their answers. What is kept is
//! bounded, and there is none of this in a server without a console.
//!
//! A lock is held for as long as it takes to put something in or to copy something out.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::network_faults::Direction;
use crate::replies::EXCHANGE_LIFETIME;
use crate::transport::{Peer, Transport};

/// What the messages that are kept take at most, in bytes and in number.
const MOST_BYTES: usize = 16 << 20;
const MOST: usize = 65_536;

/// What a message takes besides its own bytes, the indexes included.
const OVERHEAD: usize = 200;

/// Upper bounds of the times until an answer that are counted together, in milliseconds; what is
/// longer is counted behind the last.
pub(crate) const ANSWER_BOUNDS_MS: [u64; 15] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000];

/// How many answers took how long.
pub(crate) type AnswerTimes = [u32; ANSWER_BOUNDS_MS.len() + 1];

/// Seconds of answers that are remembered.
const SECONDS: usize = 300;

/// What messages have in common that belong to one exchange: a request, its copies, and all that
/// answers them; or a message of the server's own and what answers that.
#[derive(Debug)]
pub(crate) struct Cause {
    /// From 1.
    pub(crate) number: u64,
    /// When the request came to its socket.
    came: Instant,
    /// An answer to it has left, or none is to be counted.
    answered: AtomicBool,
}

/// A message that is on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) cause: Arc<Cause>,
    /// The number of the message.
    number: u64,
    is_response: bool,
}

/// How a message came to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When its datagram came to its socket.
    pub(crate) at: Instant,
    /// What held that back.
    pub(crate) fault: Option<&'static str>,
}

impl Arrival {
    pub(crate) fn now(now: Instant) -> Self {
        Self { at: now, fault: None }
    }
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Microseconds since 1970: when it came to its socket or left for it, whatever held it back;
    /// or when it was made, if it was lost.
    pub(crate) unix_us: u64,
    pub(crate) direction: Direction,
    pub(crate) transport: Transport,
    /// Which of the server's sockets.
    pub(crate) socket: usize,
    pub(crate) peer: SocketAddr,
    /// The DTLS session; 0 without DTLS.
    pub(crate) session: u64,
    /// What held it back, or lost it.
    pub(crate) fault: Option<&'static str>,
    pub(crate) bytes: Box<[u8]>,
    has_left: bool,
    cause: u64,
    /// What copies of it are known by, if it is a request.
    digest: Option<u64>,
}

impl Message {
    /// One that came from this machine.
    #[cfg(test)]
    pub(crate) fn of_test(bytes: &[u8]) -> Self {
        message(Direction::In, tests::peer(1), bytes)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + OVERHEAD + self.bytes.len()
    }
}

#[derive(Default)]
struct Kept {
    messages: VecDeque<Message>,
    /// How many were dropped before the first one kept: its number.
    dropped: u64,
    bytes: usize,
    /// By cause and number.
    exchanges: BTreeSet<(u64, u64)>,
    /// The requests that are kept.
    requests: HashMap<u64, Arc<Cause>>,
    causes: u64,
    /// The latest seconds in which answers left, with what those took.
    seconds: VecDeque<(u64, AnswerTimes)>,
}

impl Kept {
    fn begin(&mut self, came: Instant, is_counted: bool) -> Arc<Cause> {
        self.causes += 1;
        let answered = AtomicBool::new(!is_counted);
        Arc::new(Cause { number: self.causes, came, answered })
    }

    fn push(&mut self, message: Message) -> u64 {
        let number = self.dropped + self.messages.len() as u64;
        self.bytes += message.size();
        self.exchanges.insert((message.cause, number));
        self.messages.push_back(message);
        while self.bytes > MOST_BYTES || self.messages.len() > MOST {
            self.drop_oldest();
        }
        number
    }

    fn drop_oldest(&mut self) {
        let Some(message) = self.messages.pop_front() else { return };
        self.bytes -= message.size();
        self.exchanges.remove(&(message.cause, self.dropped));
        self.dropped += 1;
        if let Some(digest) = message.digest
            && self.requests.get(&digest).is_some_and(|cause| cause.number == message.cause)
            && !self.exchange(message.cause).any(|other| other.digest == Some(digest))
        {
            self.requests.remove(&digest);
        }
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Message> {
        let index = number.checked_sub(self.dropped)?;
        self.messages.get_mut(usize::try_from(index).ok()?)
    }

    fn exchange(&self, cause: u64) -> impl Iterator<Item = &Message> {
        let numbers = self.exchanges.range((cause, 0)..=(cause, u64::MAX));
        numbers.filter_map(|(_, number)| {
            let index = usize::try_from(number - self.dropped).ok()?;
            self.messages.get(index)
        })
    }

    fn count(&mut self, unix_second: u64, took: Duration) {
        // A clock that is set back must not reorder them.
        let second = self.seconds.back().map_or(unix_second, |(last, _)| unix_second.max(*last));
        if self.seconds.back().is_none_or(|(last, _)| *last < second) {
            self.seconds.push_back((second, AnswerTimes::default()));
            if self.seconds.len() > SECONDS {
                self.seconds.pop_front();
            }
        }
        let is_within = |bound: &u64| took <= Duration::from_millis(*bound);
        let bucket = ANSWER_BOUNDS_MS.iter().position(is_within);
        if let Some((_, times)) = self.seconds.back_mut() {
            times[bucket.unwrap_or(ANSWER_BOUNDS_MS.len())] += 1;
        }
    }
}

/// See the module.
pub(crate) struct Seen {
    kept: Mutex<Kept>,
    hasher: RandomState,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::default(), hasher: RandomState::new() }
    }

    /// A message of the server's own is to be sent.
    pub(crate) fn begin(&self) -> Arc<Cause> {
        self.kept().begin(Instant::now(), false)
    }

    /// A message has come. A copy of a request belongs to the request.
    pub(crate) fn came(&self, peer: Peer, bytes: &[u8], arrival: Arrival) -> Arc<Cause> {
        let digest = is_request(bytes).then(|| self.hasher.hash_one((peer, bytes)));
        let mut message = message(Direction::In, peer, bytes);
        let waited = u64::try_from(arrival.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        message.unix_us = message.unix_us.saturating_sub(waited);
        message.fault = arrival.fault;
        message.digest = digest;
        let mut kept = self.kept();
        let known = digest
            .and_then(|digest| kept.requests.get(&digest))
            .filter(|cause| arrival.at.saturating_duration_since(cause.came) < EXCHANGE_LIFETIME);
        let cause = known.cloned().unwrap_or_else(|| kept.begin(arrival.at, digest.is_some()));
        if let Some(digest) = digest {
            kept.requests.insert(digest, Arc::clone(&cause));
        }
        message.cause = cause.number;
        kept.push(message);
        cause
    }

    /// What came last under one cause belongs to another: it answers a message of the server's.
    pub(crate) fn join(&self, from: &Cause, to: &Cause) {
        let mut kept = self.kept();
        let last = kept.exchanges.range((from.number, 0)..=(from.number, u64::MAX)).next_back();
        let Some(&(_, number)) = last else { return };
        kept.exchanges.remove(&(from.number, number));
        kept.exchanges.insert((to.number, number));
        if let Some(message) = kept.get_mut(number) {
            message.cause = to.number;
        }
    }

    /// A message is to go out.
    pub(crate) fn sent(&self, peer: Peer, bytes: &[u8], cause: &Arc<Cause>) -> Tag {
        let mut message = message(Direction::Out, peer, bytes);
        message.cause = cause.number;
        let number = self.kept().push(message);
        let is_response = bytes.get(1).is_some_and(|code| matches!(code >> 5, 2 | 4 | 5));
        Tag { cause: Arc::clone(cause), number, is_response }
    }

    /// A fault holds a message back, or loses it.
    pub(crate) fn suffered(&self, tag: &Tag, fault: &'static str) {
        if let Some(message) = self.kept().get_mut(tag.number) {
            message.fault = Some(fault);
        }
    }

    /// The datagram of a message goes to its socket now.
    pub(crate) fn left(&self, now: Instant, tag: &Tag) {
        let unix_us = unix_us();
        let mut kept = self.kept();
        if tag.is_response && !tag.cause.answered.swap(true, Ordering::Relaxed) {
            kept.count(unix_us / 1_000_000, now.saturating_duration_since(tag.cause.came));
        }
        // Of two copies, the first counts.
        if let Some(message) = kept.get_mut(tag.number)
            && !message.has_left
        {
            message.has_left = true;
            message.unix_us = unix_us;
        }
    }

    /// The messages of an exchange, as far as they are kept.
    pub(crate) fn exchange(&self, cause: u64) -> Vec<Message> {
        let mut messages: Vec<_> = self.kept().exchange(cause).cloned().collect();
        messages.sort_by_key(|message| message.unix_us);
        messages
    }

    /// How many messages there were.
    pub(crate) fn total(&self) -> u64 {
        let kept = self.kept();
        kept.dropped + kept.messages.len() as u64
    }

    /// Messages from number `from` on, or from the first one still kept, at most so many; and the
    /// number of the one after them.
    pub(crate) fn read(&self, from: u64, most: usize) -> (Vec<Message>, u64) {
        let kept = self.kept();
        let first = from.max(kept.dropped);
        let skip = usize::try_from(first - kept.dropped).unwrap_or(usize::MAX);
        let messages: Vec<_> = kept.messages.iter().skip(skip).take(most).cloned().collect();
        let next = first + messages.len() as u64;
        (messages, next)
    }

    /// How long answers took that left in this second or later, by second since 1970.
    pub(crate) fn answer_times(&self, from: u64) -> Vec<(u64, AnswerTimes)> {
        self.kept().seconds.iter().filter(|(second, _)| *second >= from).copied().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(direction: Direction, peer: Peer, bytes: &[u8]) -> Message {
    Message {
        unix_us: unix_us(),
        direction,
        transport: peer.transport,
        socket: peer.route.socket,
        peer: peer.route.address,
        session: peer.session,
        fault: None,
        bytes: bytes.into(),
        has_left: false,
        cause: 0,
        digest: None,
    }
}

/// Confirmable or not, with the code of a method.
fn is_request(bytes: &[u8]) -> bool {
    matches!(bytes, [first, code, ..] if first & 0x20 == 0 && (1..32).contains(code))
}

fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
