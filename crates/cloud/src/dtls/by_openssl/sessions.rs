//! Whose datagram it is: the associations of every address, how a new one
//! replaces an old one, and when they end.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::association::{Association, Progress};
use super::context::Context;
use super::record::{Start, start};
use crate::certificates::ServerCertificate;
use crate::config::DtlsConfig;
use crate::devices::DeviceNumber;
use crate::dtls::{DtlsServer, DtlsSession, used_last};
use crate::events::{Event, EventLog};
use crate::server_keys::ServerKeys;
use crate::transport::{Peer, Route, Transport};

/// Handshakes under way; the oldest makes room.
const MAX_HANDSHAKES: usize = 4_096;

/// A handshake that has not come to an end by then never will.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_mins(2);

/// How often OpenSSL's retransmission timers are looked at; their first
/// timeout is one second.
const POLL: Duration = Duration::from_millis(100);

/// The server by OpenSSL.
pub(crate) struct Server {
    config: DtlsConfig,
    context: Context,
    idle_timeout: Duration,
    max_sessions: usize,
    associations: HashMap<Route, Vec<Association>>,
    /// Where the open sessions are.
    sessions: BTreeMap<u64, Route>,
    /// Handshakes by age; those that came to an end are swept out by `tick`.
    handshakes: VecDeque<(Instant, Route, u64)>,
    next_session: u64,
    next_poll: Instant,
    next_sweep: Instant,
    transmit: VecDeque<(Route, Vec<u8>)>,
    received: VecDeque<(Peer, Vec<u8>)>,
    events: Arc<EventLog>,
}

impl Server {
    pub(crate) fn new(
        config: &DtlsConfig,
        certificate: &ServerCertificate,
        events: Arc<EventLog>,
    ) -> io::Result<Self> {
        let now = Instant::now();
        Ok(Self {
            config: config.clone(),
            context: Context::new(config, certificate)?,
            idle_timeout: config.idle_timeout,
            max_sessions: config.max_sessions.max(1),
            associations: HashMap::new(),
            sessions: BTreeMap::new(),
            handshakes: VecDeque::new(),
            next_session: 1,
            next_poll: now,
            next_sweep: now,
            transmit: VecDeque::new(),
            received: VecDeque::new(),
            events,
        })
    }

    fn open(&mut self, now: Instant, route: Route, random: [u8; 32], datagram: &[u8]) {
        let session = self.next_session;
        self.next_session += 1;
        let here = self.associations.entry(route).or_default();
        // An address has one handshake that has not shown its cookie, no more.
        here.retain(Association::is_verified);
        match Association::new(&self.context, route, random, session, now) {
            Ok(association) => here.push(association),
            Err(error) => {
                let failed = self.context.failed(route.address, error.to_string());
                return self.events.record(failed);
            }
        }
        if self.handshakes.is_empty() {
            self.next_poll = now + POLL;
        }
        self.handshakes.push_back((now, route, session));
        if self.handshakes.len() > MAX_HANDSHAKES
            && let Some((_, route, oldest)) = self.handshakes.pop_front()
            && self.association(route, oldest).is_some_and(|each| !each.is_open())
        {
            self.fail(route, oldest, "too many handshakes");
        }
        self.feed(now, route, session, datagram);
    }

    fn feed(&mut self, now: Instant, route: Route, session: u64, datagram: &[u8]) {
        if let Some(association) = self.association(route, session) {
            association.feed(datagram.to_vec());
            self.advance(now, route, session);
        }
    }

    fn advance(&mut self, now: Instant, route: Route, session: u64) {
        let Some(association) = self.association(route, session) else {
            return;
        };
        let was_open = association.is_open();
        let mut plaintexts = Vec::new();
        let progress = association.advance(&mut plaintexts);
        if !plaintexts.is_empty() {
            association.heard = now;
        }
        self.collect(route, session);
        let opened =
            !was_open && self.association(route, session).is_some_and(|each| each.is_open());
        if opened {
            self.opened(now, route, session);
        }
        let peer = Peer { route, transport: Transport::Dtls, session };
        self.received.extend(plaintexts.into_iter().map(|plaintext| (peer, plaintext)));
        match progress {
            Progress::Handshaking | Progress::Opened | Progress::Open => {}
            Progress::Closed => self.close(route, session, "closed by client"),
            Progress::Failed(reason) if was_open || opened => self.end(route, session, &reason),
            Progress::Failed(reason) => self.fail(route, session, &reason),
        }
    }

    /// Counts a session in, and out the one that it replaces.
    fn opened(&mut self, now: Instant, route: Route, session: u64) {
        let Some(association) = self.association(route, session) else {
            return;
        };
        association.heard = now;
        let event = Event::DtlsOpened {
            peer: route.address,
            session,
            resumed: association.is_resumed(),
            cipher: association.cipher(),
            connection_id: String::new(),
        };
        let replaced: Vec<u64> = self
            .associations
            .get(&route)
            .into_iter()
            .flatten()
            .filter(|each| each.is_open() && each.session != session)
            .map(|each| each.session)
            .collect();
        for old in replaced {
            // The client has lost it: there is nobody to say close_notify to.
            self.end(route, old, "replaced");
        }
        if self.sessions.is_empty() {
            self.next_sweep = now;
        }
        self.sessions.insert(session, route);
        self.events.record(event);
        if self.sessions.len() > self.max_sessions {
            self.make_room(session);
        }
    }

    /// Closes the session that has been silent for longest, of a device that has not
    /// shown who it is if there is one.
    fn make_room(&mut self, newest: u64) {
        let silent = self
            .associations
            .iter()
            .flat_map(|(route, here)| here.iter().map(|each| (*route, each)))
            .filter(|(_, each)| each.is_open() && each.session != newest)
            .min_by_key(|(_, each)| (each.proved, each.heard, each.session))
            .map(|(route, each)| (route, each.session));
        if let Some((route, session)) = silent {
            self.close(route, session, "too many sessions");
        }
    }

    fn close(&mut self, route: Route, session: u64, reason: &str) {
        if let Some(association) = self.association(route, session) {
            association.close();
            self.collect(route, session);
        }
        self.end(route, session, reason);
    }

    fn end(&mut self, route: Route, session: u64, reason: &str) {
        self.sessions.remove(&session);
        if self.remove(route, session) {
            self.events.record(Event::DtlsClosed {
                peer: route.address,
                session,
                reason: reason.to_owned(),
            });
        }
    }

    fn fail(&mut self, route: Route, session: u64, reason: &str) {
        let mut here = self.associations.get(&route).into_iter().flatten();
        // Anybody can send a ClientHello from a forged address: no event for those.
        let verified = here.find(|each| each.session == session && each.is_verified());
        let reason = verified.map(|each| self.context.reason(reason, each.claimed()));
        if self.remove(route, session)
            && let Some(reason) = reason
        {
            self.events.record(self.context.failed(route.address, reason));
        }
    }

    fn remove(&mut self, route: Route, session: u64) -> bool {
        let Some(here) = self.associations.get_mut(&route) else {
            return false;
        };
        let before = here.len();
        here.retain(|each| each.session != session);
        let removed = here.len() < before;
        if here.is_empty() {
            self.associations.remove(&route);
        }
        removed
    }

    fn collect(&mut self, route: Route, session: u64) {
        if let Some(association) = self.association(route, session) {
            let datagrams = association.take_datagrams();
            self.transmit.extend(datagrams.into_iter().map(|datagram| (route, datagram)));
        }
    }

    fn association(&mut self, route: Route, session: u64) -> Option<&mut Association> {
        self.associations.get_mut(&route)?.iter_mut().find(|each| each.session == session)
    }
}

impl DtlsServer for Server {
    /// A `ClientHello` with a random not seen at this address starts a handshake
    /// beside whatever is there, which stays until the new one is completed
    /// (RFC 6347 section 4.2.8). One with a known random is a retransmission or a
    /// late duplicate and belongs to its own handshake alone. All other records
    /// go to each association that can make sense of them: the wrong one drops
    /// what does not authenticate.
    fn receive(&mut self, now: Instant, route: Route, datagram: &mut [u8]) {
        match start(datagram) {
            None => {}
            Some(Start::ClientHello { message_seq, random }) => {
                let here = self.associations.entry(route).or_default();
                let known = here.iter().find(|each| each.client_random == random);
                match known.map(|each| (each.session, each.is_open())) {
                    Some((session, false)) => self.feed(now, route, session, datagram),
                    None if message_seq == 0 => self.open(now, route, random, datagram),
                    _ => {}
                }
            }
            Some(other) => {
                // A handshake that has shown no cookie yet has but its hello to come.
                let hello = other == Start::LaterPiece;
                let here = self.associations.get(&route).into_iter().flatten();
                let able: Vec<u64> = here
                    .filter(|each| each.is_verified() || hello)
                    .map(|each| each.session)
                    .collect();
                for session in able {
                    self.feed(now, route, session, datagram);
                }
            }
        }
        if self.associations.get(&route).is_some_and(Vec::is_empty) {
            self.associations.remove(&route);
        }
    }

    fn send(&mut self, _: Instant, peer: Peer, plaintext: &[u8]) {
        let Some(association) = self.association(peer.route, peer.session) else {
            return;
        };
        let result = association.send(plaintext);
        self.collect(peer.route, peer.session);
        if let Err(reason) = result {
            self.end(peer.route, peer.session, &reason);
        }
    }

    fn poll_transmit(&mut self) -> Option<(Route, Vec<u8>)> {
        self.transmit.pop_front()
    }

    fn poll_received(&mut self) -> Option<(Peer, Vec<u8>)> {
        self.received.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        let poll = (!self.handshakes.is_empty()).then_some(self.next_poll);
        let sweep = (!self.sessions.is_empty()).then_some(self.next_sweep);
        poll.into_iter().chain(sweep).min()
    }

    fn tick(&mut self, now: Instant) {
        if now >= self.next_poll {
            self.next_poll = now + POLL;
            for (since, route, session) in std::mem::take(&mut self.handshakes) {
                let open = self.association(route, session).map(|each| each.is_open());
                if open != Some(false) {
                    continue;
                }
                if now.saturating_duration_since(since) > HANDSHAKE_TIMEOUT {
                    self.fail(route, session, "the handshake timed out");
                    continue;
                }
                self.handshakes.push_back((since, route, session));
                self.advance(now, route, session);
            }
        }
        if now >= self.next_sweep {
            self.next_sweep = now
                + (self.idle_timeout / 4).clamp(Duration::from_millis(50), Duration::from_secs(5));
            let idle_timeout = self.idle_timeout;
            for (session, route) in self.sessions.clone() {
                let idle = self
                    .association(route, session)
                    .is_none_or(|each| now.saturating_duration_since(each.heard) >= idle_timeout);
                if idle {
                    self.close(route, session, "idle");
                }
            }
        }
    }

    fn count(&self) -> usize {
        self.sessions.len()
    }

    fn handshakes(&self) -> usize {
        let all = self.associations.values().flatten();
        all.filter(|each| each.is_verified() && !each.is_open()).count()
    }

    fn sessions(&self, device: Option<DeviceNumber>, most: usize) -> (usize, Vec<DtlsSession>) {
        let all = self.associations.iter().flat_map(|(route, here)| {
            here.iter().filter(|each| each.is_open()).map(|each| (route.address, each))
        });
        let those = all.filter(|(_, each)| device.is_none() || each.device == device);
        let used = those.map(|(peer, each)| (each.heard, (peer, each))).collect();
        let (total, latest) = used_last(used, most);
        let told = latest.map(|(peer, each)| DtlsSession {
            number: each.session,
            peer,
            connection_id: String::new(),
            device: each.device,
            moves: 0,
            saves: 0,
            sealed: false,
        });
        (total, told.collect())
    }

    fn is_open(&self, session: u64) -> bool {
        self.sessions.contains_key(&session)
    }

    fn prove(&mut self, session: u64, device: DeviceNumber) {
        if let Some(&route) = self.sessions.get(&session)
            && let Some(association) = self.association(route, session)
        {
            association.proved = true;
            association.device.get_or_insert(device);
        }
    }

    /// OpenSSL has ticket keys of its own.
    fn set_keys(&mut self, _: &ServerKeys) -> io::Result<()> {
        Ok(())
    }

    fn set_certificate(&mut self, certificate: &ServerCertificate) -> io::Result<()> {
        self.context = Context::new(&self.config, certificate)?;
        Ok(())
    }

    fn close_all(&mut self, _: Instant) -> usize {
        let sessions = std::mem::take(&mut self.sessions);
        for (session, route) in &sessions {
            self.close(*route, *session, "closed by server");
        }
        sessions.len()
    }

    fn forget_all(&mut self) -> usize {
        let sessions = std::mem::take(&mut self.sessions);
        for (session, route) in &sessions {
            self.end(*route, *session, "forgotten");
        }
        self.associations.clear();
        self.handshakes.clear();
        sessions.len()
    }

    fn end_one(&mut self, _: Instant, pick: u64, silently: bool) {
        let count = u64::try_from(self.sessions.len()).unwrap_or(u64::MAX);
        let Some(index) = pick.checked_rem(count) else {
            return;
        };
        let index = usize::try_from(index).unwrap_or(0);
        let Some((&session, &route)) = self.sessions.iter().nth(index) else {
            return;
        };
        if silently {
            self.end(route, session, "forgotten");
        } else {
            self.close(route, session, "closed by server");
        }
    }
}
