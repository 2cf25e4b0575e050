//! Whose datagram it is, and what becomes of handshakes and sessions.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use iot_coap_dtls::server::Hello;
use iot_coap_dtls::{Error, State};

use super::clock::Clock;
use super::context::{Connection, Context};
use super::cookies::FreshCookies;
use super::crowd::Crowd;
use super::handshake::{Handshake, MOST_HANDSHAKES};
use super::id::Ids;
use super::owners::Owners;
use super::places::Places;
use super::saved::SavedFile;
use super::session::{Kept, Session, feed};
use super::sessions::{Look, Sessions};
use super::signatures::Signatures;
use crate::certificates::ServerCertificate;
use crate::config::{DtlsConfig, Limits};
use crate::events::{Event, EventLog};
use crate::server_keys::ServerKeys;
use crate::sign::hex;
use crate::transport::{Peer, Route, Transport};

/// The longest datagram of a handshake.
const LARGEST_FLIGHT: usize = 2_048;

/// The server by `iot-coap-dtls`.
pub(crate) struct Server {
    pub(super) context: Context,
    pub(super) clock: Clock,
    pub(super) cookies: FreshCookies,
    pub(super) handshakes: Crowd<Handshake>,
    pub(super) sessions: Sessions,
    pub(super) owners: Owners,
    signatures: Signatures,
    pub(super) ids: Ids,
    pub(super) places: Places,
    /// When each handshake and each session is to be looked at, once each.
    pub(super) due: BTreeSet<(Instant, u64)>,
    pub(super) max_sessions: usize,
    next_number: u64,
    pub(super) saved: Option<SavedFile>,
    pub(super) restored: Option<Event>,
    pub(super) keys: ServerKeys,
    pub(super) transmit: VecDeque<(Route, Vec<u8>)>,
    pub(super) received: VecDeque<(Peer, Vec<u8>)>,
    pub(super) events: Arc<EventLog>,
}

impl Server {
    pub(crate) fn new(
        (config, limits): (&DtlsConfig, &Limits),
        certificate: &ServerCertificate,
        keys: &ServerKeys,
        saved: Option<PathBuf>,
        events: Arc<EventLog>,
    ) -> io::Result<Self> {
        let now = Instant::now();
        let sessions = Sessions::new(config.seal_after, config.idle_timeout);
        let mut server = Self {
            context: Context::new(config, certificate, keys)?,
            clock: Clock::new(now),
            cookies: FreshCookies::new(now),
            handshakes: Crowd::new(),
            sessions: sessions.map_err(io::Error::other)?,
            owners: Owners::new(limits),
            signatures: Signatures::new(limits),
            ids: Ids::new(config.server_number),
            places: Places::default(),
            due: BTreeSet::new(),
            max_sessions: config.max_sessions.max(1),
            next_number: 1,
            saved: None,
            restored: None,
            keys: keys.clone(),
            transmit: VecDeque::new(),
            received: VecDeque::new(),
            events,
        };
        if let Some(path) = saved {
            server.restore(now, path)?;
        }
        Ok(server)
    }

    /// The number of the next handshake or session.
    pub(super) fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// Handles a ClientHello with a valid cookie.
    pub(super) fn handle_hello(
        &mut self,
        now: Instant,
        route: Route,
        hello: &Hello,
        datagram: &mut [u8],
    ) {
        for number in self.places.at(route) {
            if self.live(number).is_some_and(|connection| connection.began_with(hello)) {
                return self.read(now, number, route, datagram);
            }
        }
        if !self.cookies.permit(route, 0) {
            return;
        }
        let number = self.take_number();
        let id = self.ids.hand_out(number);
        let at = self.clock.engine(now);
        let connection = match self.context.accept(hello, &self.ids.bytes(id), at) {
            Ok(connection) => Box::new(connection),
            Err(error) => {
                self.ids.free(id);
                let failed = self.context.failed(route.address, self.context.reason(&error));
                return self.events.record(failed);
            }
        };
        let (claimed, is_told) = (None, false);
        let handshake = Handshake { connection, route, id, since: now, claimed, is_told, due: now };
        self.handshakes.insert(number, handshake);
        self.due.insert((now, number));
        if let Some(gone) = self.places.begin(route, number) {
            self.fail(gone, "too many handshakes");
        }
        self.read(now, number, route, datagram);
        // Not before it has been read: one that goes at once pushes nobody out.
        if self.handshakes.len() > MOST_HANDSHAKES
            && let Some(gone) = self.handshakes.least_deserving(number)
        {
            self.fail(gone, "too many handshakes");
        }
    }

    /// The connection of a handshake, or of a session that is not sealed.
    fn live(&self, number: u64) -> Option<&Connection> {
        if let Some(handshake) = self.handshakes.get(number) {
            return Some(&handshake.connection);
        }
        match &self.sessions.crowd.get(number)?.kept {
            Kept::Live(connection) => Some(connection),
            Kept::Sealed(_) => None,
        }
    }

    pub(super) fn read(&mut self, now: Instant, number: u64, route: Route, datagram: &mut [u8]) {
        if self.handshakes.contains(number) {
            self.read_in_handshake(now, number, route, datagram);
        } else {
            self.read_in_session(now, number, route, datagram);
        }
    }

    fn read_in_handshake(&mut self, now: Instant, number: u64, route: Route, datagram: &mut [u8]) {
        let at = self.clock.engine(now);
        let Some(handshake) = self.handshakes.get_mut(number) else { return };
        // Whoever begins at one address goes on there (RFC 9146, section 6).
        if handshake.route != route {
            return;
        }
        let mut plaintexts = Vec::new();
        self.context.permit_signatures(self.signatures.has_one(now, route.address));
        // Its state says the same.
        let _ = feed(&mut handshake.connection, at, datagram, &mut plaintexts);
        if let Some(claimed) = self.context.take_claimed() {
            handshake.claimed = Some(claimed);
        }
        if let Some(reason) = handshake.take_doubt() {
            self.events.record(self.context.failed(route.address, reason));
        }
        if self.context.take_asked()
            && let Err(too_often) = self.signatures.take(now, route.address)
        {
            // Without a word: the client asks again by its timer.
            self.abandon(number);
            if too_often.is_news {
                let (transport, peer) = (Transport::Dtls, route.address);
                let what = "DTLS handshakes that take a signature".into();
                self.events.record(Event::Limited { transport, peer, what });
            }
            return;
        }
        self.go_on(now, number);
        self.hand_up(number, route, plaintexts);
    }

    /// Sends what a handshake has to say, and sees how far it has come.
    pub(super) fn go_on(&mut self, now: Instant, number: u64) {
        let Some(handshake) = self.handshakes.get_mut(number) else { return };
        let (route, connection) = (handshake.route, &mut handshake.connection);
        let is_proven = matches!(connection.state(), State::Connected);
        if is_proven {
            self.cookies.answered(route);
        }
        let mut out = [0; LARGEST_FLIGHT];
        while let Some(len) = connection.poll_transmit(&mut out) {
            if is_proven || self.cookies.permit(route, len) {
                self.transmit.push_back((route, out[..len].to_vec()));
            }
        }
        match connection.state() {
            State::Handshaking => {
                let timeout = connection.next_timeout().map(|at| self.clock.system(at));
                let before = std::mem::replace(&mut handshake.due, timeout.unwrap_or(now));
                self.due.remove(&(before, number));
                self.due.insert((handshake.due, number));
            }
            State::Connected => self.open(now, number),
            State::Ended(error) => self.fail(number, &self.context.reason(&error)),
        }
    }

    /// A handshake has become a session.
    fn open(&mut self, now: Instant, number: u64) {
        let Some(Handshake { connection, route, id, due, .. }) = self.handshakes.remove(number)
        else {
            return;
        };
        self.due.remove(&(due, number));
        self.places.leave(route, number);
        let id = Some(id).filter(|id| {
            let is_used = connection.uses_connection_id();
            if !is_used {
                self.ids.free(*id);
            }
            is_used
        });
        self.events.record(Event::DtlsOpened {
            peer: route.address,
            session: number,
            resumed: connection.was_resumed(),
            cipher: connection.cipher_suite().unwrap_or_default().to_owned(),
            connection_id: id.map_or_else(String::new, |id| hex(&self.ids.bytes(id))),
        });
        if let Some(before) = self.places.settle(route, number)
            // With an id it may well go on from elsewhere: address translators give the
            // address of one client to another.
            && self.sessions.crowd.get(before).is_some_and(|session| session.id.is_none())
        {
            // The client has lost it: there is nobody to say close_notify to.
            self.end(before, "replaced");
        }
        let kept = Kept::Live(connection);
        self.insert(number, Session::new(kept, route, id, now), self.sessions.next_look(now));
        if self.sessions.crowd.len() > self.max_sessions
            && let Some(gone) = self.sessions.crowd.least_deserving(number)
        {
            self.close(gone, "too many sessions");
        }
    }

    pub(super) fn insert(&mut self, number: u64, mut session: Session, due: Instant) {
        session.due = due;
        self.due.insert((due, number));
        self.sessions.crowd.insert(number, session);
    }

    fn read_in_session(&mut self, now: Instant, number: u64, route: Route, datagram: &mut [u8]) {
        let time = (now, self.clock);
        let read = self.sessions.read(&self.context, time, number, route, datagram);
        let Some(read) = read else { return };
        if let Some(from) = read.moved_from {
            self.places.leave(from, number);
            let (peer, from) = (route.address, from.address);
            self.events.record(Event::DtlsMoved { peer, session: number, from });
        }
        if read.woken {
            self.look_at(number, self.sessions.next_look(now));
        }
        self.flush(number);
        let here = self.sessions.crowd.get(number).map_or(route, |session| session.route);
        self.hand_up(number, here, read.plaintexts);
        match read.ended {
            None => {}
            Some(Error::Closed) => self.end(number, "closed by client"),
            Some(error) => self.end(number, &error.to_string()),
        }
    }

    fn hand_up(&mut self, number: u64, route: Route, plaintexts: Vec<Vec<u8>>) {
        let peer = Peer { route, transport: Transport::Dtls, session: number };
        self.received.extend(plaintexts.into_iter().map(|plaintext| (peer, plaintext)));
    }

    /// Sends what a session that is live has to say.
    fn flush(&mut self, number: u64) {
        let Some(Session { kept: Kept::Live(connection), route, .. }) =
            self.sessions.crowd.get_mut(number)
        else {
            return;
        };
        let mut out = [0; LARGEST_FLIGHT];
        while let Some(len) = connection.poll_transmit(&mut out) {
            self.transmit.push_back((*route, out[..len].to_vec()));
        }
    }

    /// Sets when a session is to be looked at.
    pub(super) fn look_at(&mut self, number: u64, due: Instant) {
        if let Some(session) = self.sessions.crowd.get_mut(number) {
            let before = std::mem::replace(&mut session.due, due);
            self.due.remove(&(before, number));
            self.due.insert((due, number));
        }
    }

    pub(super) fn look(&mut self, now: Instant, number: u64) {
        let Some(look) = self.sessions.look(now, self.clock, number) else { return };
        self.flush(number);
        match look {
            Look::Later(due) => self.look_at(number, due),
            Look::Sealed(due) => {
                self.look_at(number, due);
                let session = self.sessions.crowd.get(number);
                if let Some(Session { route, id: Some(_), .. }) = session {
                    // Its id finds it from here on.
                    self.places.leave(*route, number);
                }
            }
            Look::Idle => self.close(number, "idle"),
            Look::Ended(error) => self.end(number, &error.to_string()),
        }
    }

    /// Says `close_notify`, and ends a session.
    pub(super) fn close(&mut self, number: u64, reason: &str) {
        // A session that cannot be woken ends without a word.
        if let Some(connection) = self.sessions.wake(&self.context, number) {
            connection.close();
            self.flush(number);
        }
        self.end(number, reason);
    }

    pub(super) fn end(&mut self, number: u64, reason: &str) {
        let Some(Session { route, id, due, device, .. }) = self.sessions.crowd.remove(number)
        else {
            return;
        };
        self.forget(number, route, due);
        if let Some(device) = device {
            self.owners.remove(device, number);
        }
        if let Some(id) = id {
            self.ids.free(id);
        }
        let (peer, reason) = (route.address, reason.to_owned());
        self.events.record(Event::DtlsClosed { peer, session: number, reason });
    }

    fn fail(&mut self, number: u64, reason: &str) {
        let is_told = self.handshakes.get(number).is_some_and(|handshake| handshake.is_told);
        if let Some(peer) = self.abandon(number)
            && !is_told
        {
            self.events.record(self.context.failed(peer, reason.to_owned()));
        }
    }

    /// Drops a handshake; says with whom it was.
    fn abandon(&mut self, number: u64) -> Option<SocketAddr> {
        let Handshake { route, id, due, .. } = self.handshakes.remove(number)?;
        self.forget(number, route, due);
        self.ids.free(id);
        Some(route.address)
    }

    /// Drops handshakes and sessions without a word.
    pub(super) fn forget_everything(&mut self) {
        self.handshakes.clear();
        self.sessions.crowd.clear();
        self.owners.clear();
        self.ids.clear();
        self.places.clear();
        self.due.clear();
    }

    fn forget(&mut self, number: u64, route: Route, due: Instant) {
        self.due.remove(&(due, number));
        self.places.leave(route, number);
    }
}
