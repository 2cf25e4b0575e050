//! How many lines of the log a stranger can fill: what anybody can bring about has a limit for
//! each address, so that a flood of datagrams is none of lines.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Event;
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
        let has_cookie = transport == Transport::Dtls;
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
    /// Who has brought it about, if anybody could.
    fn noise(&self) -> Option<(Transport, SocketAddr)> {
        match self {
            Self::SignInRefused { transport, peer, .. }
            | Self::RequestRefused { transport, peer, .. }
            | Self::Malformed { transport, peer, .. }
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
