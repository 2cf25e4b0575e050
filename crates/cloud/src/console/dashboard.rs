//! What the page shows beside the events themselves: the devices, who is behind an
//! address, and how much happened in each of the last seconds. Fed by events alone,
//! and bounded whatever they say.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::SocketAddr;

use serde::Serialize;

use crate::bounded::BoundedMap;
use crate::commands::{BrokerStatus, Status};
use crate::events::{Event, Recorded};
use crate::faults::Faults;
use crate::seen::AnswerTimes;
use crate::transport::Transport;

/// Devices remembered; the one that came first makes room.
const DEVICES: usize = 4_096;
/// Addresses whose device is remembered.
const PEERS: usize = 16_384;
/// DTLS sessions of which it is remembered what only their events tell.
const SESSIONS: usize = 16_384;
/// Seconds that are drawn.
const SECONDS: u64 = 300;
/// Round trips drawn for one second; further ones are counted.
const ROUND_TRIPS: usize = 24;

/// A device that signed in or published.
#[derive(Clone, Serialize)]
pub(super) struct DeviceRow {
    pub(super) product_key: String,
    pub(super) device_name: String,
    pub(super) transport: Transport,
    peer: SocketAddr,
    /// Milliseconds since 1970; `None` if it signed in elsewhere, or before this server.
    signed_in: Option<u64>,
    /// Seconds since 1970.
    expires: Option<u64>,
    /// The access token was declared expired before its time.
    expired_early: bool,
    /// Milliseconds since 1970.
    last_seen: u64,
    taken: u64,
    refused: u64,
    repeated: u64,
    /// What its own page tells besides.
    #[serde(skip)]
    pub(super) further: Further,
    #[serde(skip)]
    changed: u64,
}

/// What else is counted of a device.
#[derive(Clone, Serialize)]
pub(super) struct Further {
    /// Milliseconds since 1970.
    first_seen: u64,
    sign_ins: u64,
    /// Messages to it that were sent again, and those that it never answered.
    sent_again: u64,
    unanswered: u64,
    /// DTLS handshakes, and those of them by which a session was resumed.
    dtls_opened: u64,
    dtls_resumed: u64,
    /// How often it went on with a session elsewhere.
    moves: u64,
}

/// When an access token expires.
#[derive(Serialize)]
pub(super) struct TokenExpiry {
    /// Seconds since 1970.
    expires: u64,
    expired_early: bool,
}

impl DeviceRow {
    /// Of the token that it was given last here.
    pub(super) fn token(&self) -> Option<TokenExpiry> {
        let expired_early = self.expired_early;
        self.expires.map(|expires| TokenExpiry { expires, expired_early })
    }
}

/// What only events tell of a DTLS session.
#[derive(Clone)]
pub(super) struct SessionRow {
    /// Milliseconds since 1970.
    pub(super) opened: u64,
    pub(super) cipher: String,
    pub(super) resumed: bool,
    pub(super) last_moved_from: Option<SocketAddr>,
    /// A device counts it as its own.
    is_counted: bool,
}

/// One second of the graphs.
#[derive(Clone, Default, Serialize)]
pub(super) struct Second {
    /// Since 1970.
    second: u64,
    /// Requests, each counted once.
    requests: u64,
    /// Requests that came again.
    repeated: u64,
    /// Messages of the server that were sent again.
    sent_again: u64,
    /// Milliseconds, and how often it had been sent.
    round_trips: Vec<(u64, u32)>,
    more_round_trips: u64,
    /// How many answers took how long.
    pub(super) answer_times: AnswerTimes,
}

/// Where a device was, by which transport.
pub(super) type Addresses = HashSet<(Transport, SocketAddr)>;

/// See the module.
pub(super) struct Dashboard {
    devices: BoundedMap<(String, String), DeviceRow>,
    peers: BoundedMap<(Transport, SocketAddr), (String, String)>,
    dtls: BoundedMap<u64, SessionRow>,
    /// The session that was last opened at an address, or went on there.
    dtls_at: BoundedMap<SocketAddr, u64>,
    seconds: VecDeque<Second>,
    changes: u64,
    pub(super) faults: Faults,
    pub(super) sessions: usize,
    pub(super) broker: Option<BrokerStatus>,
}

impl Default for Dashboard {
    fn default() -> Self {
        Self {
            devices: BoundedMap::new(DEVICES),
            peers: BoundedMap::new(PEERS),
            dtls: BoundedMap::new(SESSIONS),
            dtls_at: BoundedMap::new(SESSIONS),
            seconds: VecDeque::new(),
            changes: 0,
            faults: Faults::none(),
            sessions: 0,
            broker: None,
        }
    }
}

impl Dashboard {
    pub(super) fn set_server(&mut self, status: Status) {
        self.faults = status.faults;
        self.sessions = status.dtls_sessions;
        self.broker = status.broker;
    }

    pub(super) fn device_row(&self, device: &(String, String)) -> Option<&DeviceRow> {
        self.devices.get(device)
    }

    pub(super) fn session_row(&self, session: u64) -> Option<&SessionRow> {
        self.dtls.get(&session)
    }

    /// The addresses at which this device was last.
    pub(super) fn addresses_of(&self, device: &(String, String)) -> Addresses {
        let those = self.peers.iter().filter(|(_, each)| *each == device);
        those.map(|(address, _)| *address).collect()
    }

    /// The device that an address last signed in or published as.
    pub(super) fn device_at(&self, transport: Transport, peer: SocketAddr) -> Option<(&str, &str)> {
        let (product_key, device_name) = self.peers.get(&(transport, peer))?;
        Some((product_key, device_name))
    }

    /// Up to `most` devices that changed after `since`, the earliest change first,
    /// and the mark of the last one.
    pub(super) fn devices_since(&self, since: u64, most: usize) -> (Vec<DeviceRow>, u64) {
        let mut changed: Vec<&DeviceRow> =
            self.devices.values().filter(|row| row.changed > since).collect();
        changed.sort_unstable_by_key(|row| row.changed);
        changed.truncate(most);
        let mark = changed.last().map_or(since, |row| row.changed);
        (changed.into_iter().cloned().collect(), mark)
    }

    /// The seconds from this one on, with the times of the answers that left in them.
    pub(super) fn seconds_from(
        &self,
        second: u64,
        answers: Vec<(u64, AnswerTimes)>,
    ) -> Vec<Second> {
        let of_events = self.seconds.iter().filter(|each| each.second >= second);
        let mut seconds: BTreeMap<_, _> =
            of_events.map(|each| (each.second, each.clone())).collect();
        for (second, answer_times) in answers {
            let of_second =
                seconds.entry(second).or_insert_with(|| Second { second, ..Second::default() });
            of_second.answer_times = answer_times;
        }
        seconds.into_values().collect()
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, recorded: &Recorded) {
        let now = recorded.unix_ms;
        match &recorded.event {
            Event::SignedIn { transport, peer, product_key, device_name, expires, .. } => {
                self.second(now).requests += 1;
                let row = self.device(now, (product_key, device_name), *transport, *peer);
                row.signed_in = Some(now);
                row.further.sign_ins += 1;
                row.expires = Some(*expires);
                row.expired_early = false;
            }
            Event::Message(message) if message.number > 0 => {
                self.second(now).requests += 1;
                let names = (message.product_key.as_str(), message.device_name.as_str());
                self.device(now, names, message.transport, message.peer).taken += 1;
            }
            // Whoever is refused may have named any device.
            Event::Message(message) => {
                self.second(now).requests += 1;
                self.seen(now, message.transport, message.peer, |row| row.refused += 1);
            }
            Event::SignInRefused { transport, peer, .. }
            | Event::RequestRefused { transport, peer, .. } => {
                self.second(now).requests += 1;
                self.seen(now, *transport, *peer, |row| row.refused += 1);
            }
            Event::Duplicate { transport, peer, .. } => {
                self.second(now).repeated += 1;
                self.seen(now, *transport, *peer, |row| row.repeated += 1);
            }
            Event::Ping { transport, peer } => self.seen(now, *transport, *peer, |_| ()),
            Event::Answered { transport, peer, after_ms, sent, .. } => {
                let second = self.second(now);
                if second.round_trips.len() < ROUND_TRIPS {
                    second.round_trips.push((*after_ms, *sent));
                } else {
                    second.more_round_trips += 1;
                }
                self.seen(now, *transport, *peer, |_| ());
            }
            Event::SentAgain { transport, peer, .. } => {
                self.second(now).sent_again += 1;
                self.change(*transport, *peer, |row| row.further.sent_again += 1);
            }
            Event::Unanswered { transport, peer, .. } => {
                self.change(*transport, *peer, |row| row.further.unanswered += 1);
            }
            Event::DtlsOpened { peer, session, resumed, cipher, .. } => {
                let row = SessionRow {
                    opened: now,
                    cipher: cipher.clone(),
                    resumed: *resumed,
                    last_moved_from: None,
                    is_counted: false,
                };
                self.dtls.insert(*session, row);
                self.dtls_at.insert(*peer, *session);
            }
            Event::DtlsMoved { peer, session, from } => self.moved(*session, *from, *peer),
            Event::DtlsClosed { session, .. } => drop(self.dtls.remove(session)),
            Event::TokensExpired => self.expire(),
            Event::FaultsChanged { faults } => {
                self.faults = faults.parse().unwrap_or_default();
            }
            _ => {}
        }
    }

    /// A session goes on elsewhere, and its device with it.
    fn moved(&mut self, session: u64, from: SocketAddr, to: SocketAddr) {
        if let Some(row) = self.dtls.get_mut(&session) {
            row.last_moved_from = Some(from);
        }
        self.dtls_at.insert(to, session);
        if let Some(device) = self.peers.get(&(Transport::Dtls, from)).cloned() {
            self.peers.insert((Transport::Dtls, to), device);
            self.change(Transport::Dtls, to, |row| row.further.moves += 1);
        }
    }

    /// Whether the session at an address was resumed, if no device counts it yet: one does now.
    fn count_session(&mut self, peer: SocketAddr) -> Option<bool> {
        let session = self.dtls.get_mut(self.dtls_at.get(&peer)?)?;
        let is_news = !std::mem::replace(&mut session.is_counted, true);
        is_news.then_some(session.resumed)
    }

    fn device(
        &mut self,
        now: u64,
        (product_key, device_name): (&str, &str),
        transport: Transport,
        peer: SocketAddr,
    ) -> &mut DeviceRow {
        let key = (product_key.to_owned(), device_name.to_owned());
        self.peers.insert((transport, peer), key.clone());
        self.changes += 1;
        let opened = if transport == Transport::Dtls { self.count_session(peer) } else { None };
        if self.devices.get(&key).is_none() {
            let row = DeviceRow {
                product_key: key.0.clone(),
                device_name: key.1.clone(),
                transport,
                peer,
                signed_in: None,
                expires: None,
                expired_early: false,
                last_seen: now,
                taken: 0,
                refused: 0,
                repeated: 0,
                further: Further {
                    first_seen: now,
                    sign_ins: 0,
                    sent_again: 0,
                    unanswered: 0,
                    dtls_opened: 0,
                    dtls_resumed: 0,
                    moves: 0,
                },
                changed: 0,
            };
            self.devices.insert(key.clone(), row);
        }
        let row = self.devices.get_mut(&key).expect("it was there, or has been inserted");
        row.transport = transport;
        row.peer = peer;
        row.last_seen = now;
        row.changed = self.changes;
        if let Some(resumed) = opened {
            row.further.dtls_opened += 1;
            row.further.dtls_resumed += u64::from(resumed);
        }
        row
    }

    /// A message of a device that is known by its address.
    fn seen(
        &mut self,
        now: u64,
        transport: Transport,
        peer: SocketAddr,
        change: impl FnOnce(&mut DeviceRow),
    ) {
        self.change(transport, peer, |row| {
            row.last_seen = now;
            change(row);
        });
    }

    /// Something else is known of a device that is known by its address.
    fn change(
        &mut self,
        transport: Transport,
        peer: SocketAddr,
        change: impl FnOnce(&mut DeviceRow),
    ) {
        let Some(key) = self.peers.get(&(transport, peer)) else { return };
        if let Some(row) = self.devices.get_mut(key) {
            self.changes += 1;
            row.changed = self.changes;
            change(row);
        }
    }

    fn expire(&mut self) {
        for row in self.devices.values_mut() {
            self.changes += 1;
            row.expired_early = true;
            row.changed = self.changes;
        }
    }

    fn second(&mut self, unix_ms: u64) -> &mut Second {
        // A clock that is set back must not reorder them.
        let latest = self.seconds.back().map_or(0, |last| last.second);
        let second = (unix_ms / 1_000).max(latest);
        if self.seconds.back().is_none_or(|last| last.second < second) {
            self.seconds.push_back(Second { second, ..Second::default() });
            while self.seconds.front().is_some_and(|first| first.second + SECONDS < second) {
                self.seconds.pop_front();
            }
        }
        self.seconds.back_mut().expect("one has been pushed")
    }
}

#[cfg(test)]
mod tests;
