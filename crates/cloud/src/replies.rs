//! What was answered to which message, so that a duplicate gets the same reply
//! and is not processed again (RFC 7252 section 4.5).
//!
//! A duplicate is the same datagram from the same peer. Its message id alone does not make it
//! one: whoever sends in the peer's name could use up the id, and have another request
//! answered by what was said to him.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::devices::DeviceNumber;
use crate::fair::FairMap;
use crate::source::Source;
use crate::transport::Peer;

/// RFC 7252 section 4.8.2: how long a message id means the same exchange.
pub(crate) const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);

/// Bytes of replies to devices that have shown who they are, whatever their age: as many as a
/// busy server gives in `MAX_TRANSMIT_SPAN` (45 s), after which no client sends a request again.
const TO_DEVICES: usize = 256 << 20;

/// Bytes of replies to others, whose requests do no harm if they are processed twice.
const TO_STRANGERS: usize = 32 << 20;

/// Which message a reply is to: a digest by which nobody can make two messages one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64, u64);

/// Whose share of the replies it counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Device(DeviceNumber),
    /// Who has not shown who he is.
    Stranger(Source),
}

struct Kept {
    since: Instant,
    reply: Box<[u8]>,
}

/// Replies by the message that they are to. Strangers have a map of their own, so that they push
/// out nothing but theirs.
pub(crate) struct Replies {
    to_devices: FairMap<Key, DeviceNumber, Kept>,
    to_strangers: FairMap<Key, Source, Kept>,
    hashers: [RandomState; 2],
}

impl Replies {
    pub(crate) fn new() -> Self {
        Self::with_room(TO_DEVICES, TO_STRANGERS)
    }

    fn with_room(to_devices: usize, to_strangers: usize) -> Self {
        Self {
            to_devices: FairMap::new(to_devices),
            to_strangers: FairMap::new(to_strangers),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    pub(crate) fn key(&self, peer: Peer, datagram: &[u8]) -> Key {
        let [first, second] = &self.hashers;
        Key(first.hash_one((peer, datagram)), second.hash_one((peer, datagram)))
    }

    /// The reply to a message that came before, and when that one came.
    pub(crate) fn to(&mut self, now: Instant, key: Key) -> Option<(Instant, &[u8])> {
        expire(now, &mut self.to_devices);
        expire(now, &mut self.to_strangers);
        let kept = self.to_devices.get(&key).or_else(|| self.to_strangers.get(&key))?;
        Some((kept.since, &kept.reply))
    }

    pub(crate) fn keep(&mut self, now: Instant, key: Key, owner: Owner, reply: &[u8]) {
        let kept = Kept { since: now, reply: reply.into() };
        match owner {
            Owner::Device(device) => {
                self.to_devices.insert(key, device, reply.len(), kept);
            }
            Owner::Stranger(source) => {
                self.to_strangers.insert(key, source, reply.len(), kept);
            }
        }
    }
}

fn expire<O: Copy + Ord + std::hash::Hash>(now: Instant, replies: &mut FairMap<Key, O, Kept>) {
    while let Some((key, kept)) = replies.oldest()
        && now.saturating_duration_since(kept.since) >= EXCHANGE_LIFETIME
    {
        replies.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Route, Transport};

    const DEVICE: Owner = Owner::Device(DeviceNumber(0));

    fn peer(session: u64) -> Peer {
        Peer {
            route: Route { socket: 0, address: ([127, 0, 0, 1], 1).into() },
            transport: Transport::Dtls,
            session,
        }
    }

    #[test]
    fn a_reply_is_kept_for_an_exchange_and_for_its_peer_and_message_alone() {
        let start = Instant::now();
        let mut replies = Replies::new();
        let message = [0x40, 2, 0, 7];
        let key = replies.key(peer(1), &message);
        replies.keep(start, key, DEVICE, &[1]);
        let almost = start + Duration::from_millis(246_999);
        assert_eq!(replies.to(almost, key), Some((start, &[1][..])));
        // Another message with the same id, and one of another session.
        for other in [replies.key(peer(1), &[0x50, 2, 0, 7]), replies.key(peer(2), &message)] {
            assert_eq!(replies.to(almost, other), None);
        }
        assert_eq!(replies.to(start + EXCHANGE_LIFETIME, key), None);
    }

    #[test]
    fn strangers_and_other_devices_push_out_nothing_of_a_device() {
        let now = Instant::now();
        let mut replies = Replies::with_room(10_000, 10_000);
        let key = |number: u32| Key(u64::from(number), 0);
        replies.keep(now, key(0), DEVICE, &[1]);
        for number in 1..1_000 {
            let stranger = Owner::Stranger(Source::V4(number));
            replies.keep(now, key(number), stranger, &[2]);
            replies.keep(now, key(1_000 + number), Owner::Device(DeviceNumber(1)), &[3]);
        }
        assert_eq!(replies.to(now, key(0)), Some((now, &[1][..])));
        let left = (1..2_000).filter(|number| replies.to(now, key(*number)).is_some()).count();
        assert!((20..200).contains(&left), "{left}");
    }
}
