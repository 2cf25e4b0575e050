//! How many lines of the log a stranger can fill: what anybody can bring about has a limit for
//! each address, so that a flood of datagrams is none of lines.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Event;
use crate::datagram::NO_RECORD;
use crate::rates::{BURST, Rates};
use crate::source::{Source, is_here};
use crate::transport::Transport;

/// Lines a second and address, in bursts of ten times as many. Those that a datagram brings
/// about whose address anybody can have written count apart from the others.
const LINES: u32 = 50;

/// Lines a second of all addresses together that anybody can have written.
const LINES_OF_ALL: u32 = 200;

/// The limits.
struct Lines {
    of_source: Rates<(Source, bool)>,
    of_all: Rates<()>,
}

pub(super) struct Noise {
    lines: Mutex<Lines>,
    here: bool,
}

impl Noise {
    /// This machine's own addresses are exempt, unless `here`.
    pub(super) fn new(here: bool) -> Self {
        let lines =
            Lines { of_source: Rates::new(LINES, BURST), of_all: Rates::new(LINES_OF_ALL, BURST) };
        Self { lines: Mutex::new(lines), here }
    }

    /// Whether an event is to be written, and what is written besides.
    pub(super) fn judge(&self, now: Instant, event: &Event) -> (bool, Option<Event>) {
        let Some((transport, peer)) =
            event.noise().filter(|(_, peer)| self.here || !is_here(*peer))
        else {
            return (true, None);
        };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let has_cookie = transport == Transport::Dtls && !event.is_outside_dtls();
        let taken = lines.of_source.take(now, (Source::of(peer), has_cookie));
        let taken =
            if has_cookie { taken } else { taken.and_then(|()| lines.of_all.take(now, ())) };
        match taken {
            Ok(()) => (true, None),
            Err(too_often) => {
                let what = "lines of the log".to_owned();
                let limited = Event::Limited { transport, peer, what };
                (false, Some(limited).filter(|_| too_often.is_news))
            }
        }
    }
}

impl Event {
    /// It is about a datagram that came to the port of DTLS without any.
    fn is_outside_dtls(&self) -> bool {
        match self {
            Self::WrongPort { .. } => true,
            Self::Malformed { reason, .. } => reason == NO_RECORD,
            _ => false,
        }
    }

    /// Who has brought it about, if anybody could.
    fn noise(&self) -> Option<(Transport, SocketAddr)> {
        match self {
            Self::SignInRefused { transport, peer, .. }
            | Self::RequestRefused { transport, peer, .. }
            | Self::Malformed { transport, peer, .. }
            | Self::WrongPort { transport, peer, .. }
            | Self::Duplicate { transport, peer, .. }
            | Self::Ping { transport, peer } => Some((*transport, *peer)),
            Self::Message(message) if message.number == 0 => {
                Some((message.transport, message.peer))
            }
            Self::DtlsOpened { peer, .. }
            | Self::DtlsFailed { peer, .. }
            | Self::DtlsClosed { peer, .. } => Some((Transport::Dtls, *peer)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_to_the_port_of_dtls_without_any_may_be_anybodys() {
        let transport = Transport::Dtls;
        let wrong_port = |peer| {
            let (what, remedy) = (String::new(), String::new());
            Event::WrongPort { transport, peer, what, remedy }
        };
        let malformed =
            |reason: &str, peer| Event::Malformed { transport, peer, reason: reason.to_owned() };
        let told = |event: &dyn Fn(SocketAddr) -> Event| {
            let (noise, now) = (Noise::new(false), Instant::now());
            let addresses = (0..3_000_u16).map(u16::to_be_bytes);
            let peers = addresses.map(|[third, last]| ([198, 18, third, last], 5684).into());
            peers.filter(|peer| noise.judge(now, &event(*peer)).0).count()
        };
        assert_eq!(told(&wrong_port), 2_000);
        assert_eq!(told(&|peer| malformed(NO_RECORD, peer)), 2_000);
        // Who has a session is where it says.
        assert_eq!(told(&|peer| malformed("version is not 1", peer)), 3_000);
    }
}
