//! What was answered to which message, so that a duplicate gets the same reply
//! and is not processed again (RFC 7252 section 4.5).

use std::time::{Duration, Instant};

use crate::bounded::BoundedMap;
use crate::transport::Peer;

/// RFC 7252 section 4.8.2: how long a message id means the same exchange.
pub(crate) const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);

/// The most replies kept, whatever their age: as many as a busy server gives in
/// `MAX_TRANSMIT_SPAN` (45 s), after which no client sends a request again.
const KEPT: usize = 1 << 20;

struct Kept {
    since: Instant,
    reply: Vec<u8>,
}

/// Replies by peer and message id.
pub(crate) struct Replies(BoundedMap<(Peer, u16), Kept>);

impl Replies {
    pub(crate) fn new() -> Self {
        Self(BoundedMap::new(KEPT))
    }

    /// The reply to a message that came before, and when that one came.
    pub(crate) fn to(
        &mut self,
        now: Instant,
        peer: Peer,
        message_id: u16,
    ) -> Option<(Instant, &[u8])> {
        while self.0.oldest().is_some_and(|kept| expired(now, kept)) {
            self.0.drop_oldest();
        }
        self.0.get(&(peer, message_id)).map(|kept| (kept.since, kept.reply.as_slice()))
    }

    pub(crate) fn keep(&mut self, now: Instant, peer: Peer, message_id: u16, reply: Vec<u8>) {
        self.0.insert((peer, message_id), Kept { since: now, reply });
    }
}

fn expired(now: Instant, kept: &Kept) -> bool {
    now.saturating_duration_since(kept.since) >= EXCHANGE_LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Route, Transport};

    #[test]
    fn a_reply_is_kept_for_an_exchange_and_for_its_peer_alone() {
        let peer = |session| Peer {
            route: Route { socket: 0, address: ([127, 0, 0, 1], 1).into() },
            transport: Transport::Dtls,
            session,
        };
        let start = Instant::now();
        let mut replies = Replies::new();
        replies.keep(start, peer(1), 7, vec![1]);
        let almost = start + Duration::from_millis(246_999);
        assert_eq!(replies.to(almost, peer(1), 7), Some((start, &[1][..])));
        assert_eq!(replies.to(almost, peer(1), 8), None);
        // Another session of the same address counts its message ids anew.
        assert_eq!(replies.to(almost, peer(2), 7), None);
        assert_eq!(replies.to(start + EXCHANGE_LIFETIME, peer(1), 7), None);
    }
}
