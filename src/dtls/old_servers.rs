//! Remembers which servers accepted only the offer for old servers, so that the next
//! handshake makes that offer at once, not only after the server has refused better suites.
//!
//! A server may be upgraded, so this is not for ever. After some handshakes, or one in
//! which the server chose something better, the better offer comes first again, which costs
//! an old server a few round trips. Handshakes are counted instead of hours, since not
//! every board has a clock that survives a restart.

use core::sync::atomic::{AtomicU32, Ordering};

use super::resumption::Key;

/// The most handshakes in a row in which an old server is offered everything at once: the
/// one right after it declined, and 16 more.
const MAX_HANDSHAKES: u8 = 17;

/// How many servers are remembered.
const MAX_SERVERS: usize = 8;

/// For each server, three bytes that name it, and one byte for the number of handshakes
/// that are left; 0 for a free place. Loads and stores are enough, which every core has: a
/// race of two threads costs a round trip at most.
static SERVERS: [AtomicU32; MAX_SERVERS] = [const { AtomicU32::new(0) }; MAX_SERVERS];

/// Three bytes of a hash are enough: if two servers share them, one is offered everything
/// at once, and chooses the best.
fn name(key: &Key) -> u32 {
    u32::from_be_bytes(*key.0.first_chunk().unwrap_or(&[0; 4])) & !0xFF
}

fn find(name: u32) -> Option<(&'static AtomicU32, u8)> {
    let mut places = SERVERS.iter().map(|place| (place, place.load(Ordering::Relaxed)));
    let (place, value) = places.find(|(_, value)| value & !0xFF == name && value & 0xFF != 0)?;
    Some((place, value as u8))
}

/// How many more handshakes offer everything at once.
pub(super) fn handshakes_left(key: &Key) -> u8 {
    find(name(key)).map_or(0, |(_, left)| left)
}

/// Whether the handshake that begins now offers everything at once; counts it.
pub(super) fn takes_turn(key: &Key) -> bool {
    let name = name(key);
    let Some((place, left)) = find(name) else { return false };
    place.store(name | u32::from(left - 1), Ordering::Relaxed);
    true
}

/// Notes that the server has declined the better offer.
pub(super) fn remember(key: &Key) {
    restore(key, MAX_HANDSHAKES);
}

/// Remembers a server for this many handshakes, or not at all for 0. It replaces another
/// server if there is no room.
pub(super) fn restore(key: &Key, handshakes: u8) {
    let name = name(key);
    let found = find(name).map(|(place, _)| place);
    if handshakes == 0 && found.is_none() {
        return;
    }
    let is_free = |place: &&AtomicU32| place.load(Ordering::Relaxed) as u8 == 0;
    let place = found
        .or_else(|| SERVERS.iter().find(is_free))
        .or_else(|| SERVERS.get(usize::from(key.0[31]) % MAX_SERVERS));
    if let Some(place) = place {
        place.store(name | u32::from(handshakes.min(MAX_HANDSHAKES)), Ordering::Relaxed);
    }
}

/// Notes that the server knows better suites, or does not answer at all.
pub(super) fn forget(key: &Key) {
    restore(key, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This is a single test, since the whole process shares the table.
    #[test]
    fn servers_are_remembered_for_some_handshakes_and_not_more_than_a_few() {
        let key = |number: u8| Key([number; 32]);
        assert!(!takes_turn(&key(200)));
        remember(&key(200));
        for left in (0..MAX_HANDSHAKES).rev() {
            assert!(takes_turn(&key(200)));
            assert_eq!(handshakes_left(&key(200)), left);
        }
        assert!(!takes_turn(&key(200)), "the better offer comes first again");
        remember(&key(200));
        remember(&key(200));
        forget(&key(200));
        assert!(!takes_turn(&key(200)));
        restore(&key(200), 255);
        assert_eq!(handshakes_left(&key(200)), MAX_HANDSHAKES);
        forget(&key(200));
        for number in 1..=100 {
            remember(&key(number));
            assert!(takes_turn(&key(number)));
        }
        let known = (1..=100).filter(|&number| handshakes_left(&key(number)) != 0).count();
        assert!(known <= MAX_SERVERS);
        (1..=100).for_each(|number| forget(&key(number)));
    }
}
