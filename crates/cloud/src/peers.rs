//! Whom the server can send to on its own account, and how much it may send to an address at
//! which nobody may be listening.

use std::time::{Duration, Instant};

use crate::access_token::TokenId;
use crate::auth::Proof;
use crate::bounded::BoundedMap;
use crate::source::is_here;
use crate::transport::{Peer, Transport};

/// Peers that are known.
const KNOWN: usize = 16_384;

/// What is sent to an address at which nobody may be listening is at most so many times what
/// has come from there (as RFC 9000, section 8 has it): somebody may send in its name.
const AMPLIFICATION: usize = 3;

struct Known {
    peer: Peer,
    heard: Instant,
    /// The access token that was last sent there.
    issued: Option<TokenId>,
    /// It has come back from there, so that the peer does listen.
    listens: bool,
}

/// The peers that are known: those that are sure to listen where they say that they are, and
/// those that have shown who they are. Others could be anybody's invention.
pub(crate) struct Peers {
    known: BoundedMap<Peer, Known>,
    /// This machine's own addresses may be anybody's too.
    limits_here: bool,
}

impl Peers {
    pub(crate) fn new(limits_here: bool) -> Self {
        Self { known: BoundedMap::new(KNOWN), limits_here }
    }

    /// A message has come.
    pub(crate) fn heard(&mut self, now: Instant, peer: Peer) {
        if let Some(known) = self.known.get_mut(&peer) {
            (known.peer, known.heard) = (peer, now);
        } else if self.is_sure(peer) {
            self.known.insert(peer, Known { peer, heard: now, issued: None, listens: true });
        }
    }

    /// A peer has shown who it is. That it listens where it says, it shows by a message with an
    /// access token that was sent there.
    pub(crate) fn proved(&mut self, now: Instant, peer: Peer, proof: Proof) {
        if self.known.get(&peer).is_none() {
            self.known.insert(peer, Known { peer, heard: now, issued: None, listens: false });
        }
        let Some(known) = self.known.get_mut(&peer) else { return };
        if proof.is_sign_in {
            known.issued = Some(proof.token);
        } else if known.issued == Some(proof.token) {
            known.listens = true;
        }
    }

    /// How many bytes may be sent at once in answer to so many: somebody may send in the name
    /// of a device as well.
    pub(crate) fn room(&self, peer: Peer, received: usize) -> usize {
        if self.is_sure(peer) { usize::MAX } else { received * AMPLIFICATION }
    }

    /// Whether an answer may be sent as often as it takes, since the peer does listen.
    pub(crate) fn may_repeat(&self, peer: Peer) -> bool {
        self.is_sure(peer) || self.known.get(&peer).is_some_and(|known| known.listens)
    }

    /// Those that were heard within `time`.
    pub(crate) fn recent(&self, now: Instant, time: Duration) -> impl Iterator<Item = Peer> {
        let recent = move |known: &&Known| now.saturating_duration_since(known.heard) < time;
        self.known.values().filter(recent).map(|known| known.peer)
    }

    /// Whether somebody is sure to listen there: a DTLS client has had its cookie, and no
    /// datagram from the network has an address of this machine.
    fn is_sure(&self, peer: Peer) -> bool {
        let here = is_here(peer.route.address) && !self.limits_here;
        here || peer.transport == Transport::Dtls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::DeviceNumber;
    use crate::transport::Route;

    fn peer(last: u8, transport: Transport) -> Peer {
        let route = Route { socket: 0, address: ([192, 0, 2, last], 5683).into() };
        Peer { route, transport, session: 0 }
    }

    #[test]
    fn whoever_may_not_listen_gets_three_times_what_he_sent() {
        let now = Instant::now();
        let mut peers = Peers::new(false);
        let [udp, other] = [1, 2].map(|last| peer(last, Transport::Udp));
        let proof = |token: u8, is_sign_in| Proof {
            device: DeviceNumber(0),
            token: [token; 24],
            is_sign_in,
        };
        assert_eq!(peers.room(udp, 10), 30);
        assert_eq!(peers.room(peer(1, Transport::Dtls), 10), usize::MAX);
        // A sign-in may have been heard elsewhere, and so may a token that was sent elsewhere.
        peers.proved(now, udp, proof(1, true));
        peers.proved(now, other, proof(2, true));
        peers.proved(now, other, proof(1, false));
        assert!(!peers.may_repeat(udp) && !peers.may_repeat(other));
        peers.proved(now, udp, proof(1, false));
        assert!(peers.may_repeat(udp) && !peers.may_repeat(other));
        assert_eq!((peers.room(udp, 10), peers.room(other, 10)), (30, 30));
    }

    #[test]
    fn an_invention_is_not_remembered() {
        let now = Instant::now();
        let mut peers = Peers::new(false);
        peers.heard(now, peer(1, Transport::Udp));
        peers.heard(now, peer(2, Transport::Dtls));
        let recent: Vec<_> = peers.recent(now, Duration::from_secs(1)).collect();
        assert_eq!(recent, [peer(2, Transport::Dtls)]);
        assert_eq!(peers.recent(now + Duration::from_secs(1), Duration::from_secs(1)).count(), 0);
    }
}
