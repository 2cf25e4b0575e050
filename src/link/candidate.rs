//! What is to become a transport: a socket whose name is being looked up, or a session
//! in its handshake.

#[cfg(feature = "dtls-psk")]
use alloc::boxed::Box;

use iot_coap_client::{Duration, Instant};

#[cfg(feature = "dtls-psk")]
use crate::dtls::Session;

/// A candidate that takes longer has failed. With a first retransmission after one
/// second, doubling (RFC 6347, section 4.2.4.1), there is time for four. A peer that
/// refuses datagrams has as long: it may be starting.
const LIMIT: Duration = Duration::from_secs(30);

/// What is being opened, and until when.
pub(crate) struct Candidate {
    pub(super) stage: Stage,
    pub(super) give_up_at: Instant,
}

/// How far it is.
pub(super) enum Stage {
    /// A thread of the port looks the name up and connects.
    #[cfg(feature = "port-linux")]
    Looking(iot_coap_port_linux::Opening),
    #[cfg(feature = "dtls-psk")]
    Handshaking(Box<Session>),
}

impl Candidate {
    #[cfg(feature = "port-linux")]
    pub(super) fn looking(opening: iot_coap_port_linux::Opening, now: Instant) -> Self {
        Self { stage: Stage::Looking(opening), give_up_at: now + LIMIT }
    }

    #[cfg(feature = "dtls-psk")]
    pub(super) fn handshaking(session: Box<Session>, now: Instant) -> Self {
        Self { stage: Stage::Handshaking(session), give_up_at: now + LIMIT }
    }

    /// When it next has something to do.
    pub(super) fn next_timeout(&self) -> Instant {
        match &self.stage {
            #[cfg(feature = "port-linux")]
            Stage::Looking(_) => self.give_up_at,
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) => {
                session.next_timeout().map_or(self.give_up_at, |at| at.min(self.give_up_at))
            }
            #[cfg(not(any(feature = "port-linux", feature = "dtls-psk")))]
            _ => self.give_up_at,
        }
    }

    /// The descriptor that becomes readable when it can go on.
    #[cfg(all(feature = "port-linux", feature = "extension"))]
    pub(super) fn descriptor(&self) -> Option<i32> {
        match &self.stage {
            Stage::Looking(opening) => Some(opening.descriptor()),
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) => session.socket().descriptor(),
        }
    }

    /// Frees it. A peer in a handshake is sent the closing alert.
    pub(super) fn close(self) {
        match self.stage {
            #[cfg(feature = "port-linux")]
            Stage::Looking(opening) => drop(opening),
            #[cfg(feature = "dtls-psk")]
            Stage::Handshaking(session) => session.close(),
        }
    }
}
