//! Which servers accepted only what is offered to old ones, so that they are offered it at
//! once the next time and not only after they have refused better suites.
//!
//! Not for ever: a server may be renewed. After some handshakes, or one in which the server
//! chose something better, the better offer comes first again, which costs an old server a few
//! round trips. Handshakes are counted rather than hours, since not every board has a clock
//! that survives a restart.

use core::sync::atomic::{AtomicU32, Ordering};

use super::resumption::Key;

/// In how many handshakes an old server is offered everything at once: the one after that in
/// which it declined, and 16 more.
const HANDSHAKES: u8 = 17;

/// How many servers are remembered.
const MAX_SERVERS: usize = 8;

/// Three bytes that name a server, and how many handshakes are left; 0 for none. Loads and
/// stores are enough, which every core has: what two threads may lose is a round trip.
static SERVERS: [AtomicU32; MAX_SERVERS] = [const { AtomicU32::new(0) }; MAX_SERVERS];

/// Three bytes of a hash are enough: where two servers share them, one is offered too much
/// at once, from which it chooses the best.
fn name(key: &Key) -> u32 {
    u32::from_be_bytes(*key.0.first_chunk().unwrap_or(&[0; 4])) & !0xFF
}

fn find(name: u32) -> Option<(&'static AtomicU32, u8)> {
    let mut places = SERVERS.iter().map(|place| (place, place.load(Ordering::Relaxed)));
    let (place, value) = places.find(|(_, value)| value & !0xFF == name && value & 0xFF != 0)?;
    Some((place, value as u8))
}

/// How many more handshakes begin by offering everything.
pub(super) fn handshakes_left(key: &Key) -> u8 {
    find(name(key)).map_or(0, |(_, left)| left)
}

/// Whether the handshake that begins is one of these.
pub(super) fn takes_turn(key: &Key) -> bool {
    let name = name(key);
    let Some((place, left)) = find(name) else { return false };
    place.store(name | u32::from(left - 1), Ordering::Relaxed);
    true
}

/// The server has declined the better offer.
pub(super) fn remember(key: &Key) {
    restore(key, HANDSHAKES);
}

/// Remembers a server for so many handshakes, in place of another if there is no room; 0 for
/// not at all.
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
        place.store(name | u32::from(handshakes.min(HANDSHAKES)), Ordering::Relaxed);
    }
}

/// The server knows better, or does not answer at all.
pub(super) fn forget(key: &Key) {
    restore(key, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since the table is the process's.
    #[test]
    fn servers_are_remembered_for_some_handshakes_and_not_more_than_a_few() {
        let key = |number: u8| Key([number; 32]);
        assert!(!takes_turn(&key(200)));
        remember(&key(200));
        for left in (0..HANDSHAKES).rev() {
            assert!(takes_turn(&key(200)));
            assert_eq!(handshakes_left(&key(200)), left);
        }
        assert!(!takes_turn(&key(200)), "the better offer comes first again");
        remember(&key(200));
        remember(&key(200));
        forget(&key(200));
        assert!(!takes_turn(&key(200)));
        restore(&key(200), 255);
        assert_eq!(handshakes_left(&key(200)), HANDSHAKES);
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
