//! What the page shows beside the events themselves: the devices, who is behind an
//! address, and how much happened in each of the last seconds. Fed by events alone,
//! and bounded whatever they say.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde::Serialize;

use crate::bounded::BoundedMap;
use crate::events::{Event, Recorded};
use crate::faults::Faults;
use crate::transport::Transport;

/// Devices remembered; the one that came first makes room.
const DEVICES: usize = 4_096;
/// Addresses whose device is remembered.
const PEERS: usize = 16_384;
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
    #[serde(skip)]
    changed: u64,
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
}

/// See the module.
pub(super) struct Board {
    devices: BoundedMap<(String, String), DeviceRow>,
    peers: BoundedMap<(Transport, SocketAddr), (String, String)>,
    seconds: VecDeque<Second>,
    changes: u64,
    pub(super) faults: Faults,
    pub(super) sessions: usize,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            devices: BoundedMap::new(DEVICES),
            peers: BoundedMap::new(PEERS),
            seconds: VecDeque::new(),
            changes: 0,
            faults: Faults::none(),
            sessions: 0,
        }
    }
}

impl Board {
    pub(super) fn set_server(&mut self, faults: Faults, sessions: usize) {
        self.faults = faults;
        self.sessions = sessions;
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

    /// The seconds from this one on.
    pub(super) fn seconds_from(&self, second: u64) -> Vec<Second> {
        self.seconds.iter().filter(|each| each.second >= second).cloned().collect()
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, recorded: &Recorded) {
        let now = recorded.unix_ms;
        match &recorded.event {
            Event::SignedIn { transport, peer, product_key, device_name, expires, .. } => {
                self.second(now).requests += 1;
                let row = self.device(now, (product_key, device_name), *transport, *peer);
                row.signed_in = Some(now);
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
            Event::SentAgain { .. } => self.second(now).sent_again += 1,
            Event::TokensExpired => self.expire(),
            Event::FaultsChanged { faults } => {
                self.faults = faults.parse().unwrap_or_default();
            }
            _ => {}
        }
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
                changed: 0,
            };
            self.devices.insert(key.clone(), row);
        }
        let row = self.devices.get_mut(&key).expect("it was there, or has been inserted");
        row.transport = transport;
        row.peer = peer;
        row.last_seen = now;
        row.changed = self.changes;
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
        let Some(key) = self.peers.get(&(transport, peer)) else { return };
        if let Some(row) = self.devices.get_mut(key) {
            self.changes += 1;
            row.last_seen = now;
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
mod tests {
    use super::*;

    fn peer(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn signed_in(number: usize, unix_ms: u64, name: &str, port: u16) -> Recorded {
        let event = Event::SignedIn {
            transport: Transport::Udp,
            peer: peer(port),
            product_key: "pk".into(),
            device_name: name.into(),
            client_id: String::new(),
            sign_method: "hmacmd5".into(),
            content_format: 50,
            extras: Vec::new(),
            message_id: 1,
            access_token: String::new(),
            expires: 100,
        };
        Recorded { number, unix_ms, event }
    }

    fn repeated(unix_ms: u64, port: u16) -> Recorded {
        let event = Event::Duplicate {
            transport: Transport::Udp,
            peer: peer(port),
            message_id: 1,
            confirmable: true,
            after_ms: 2_000,
        };
        Recorded { number: 0, unix_ms, event }
    }

    #[test]
    fn a_repetition_is_the_device_s_that_sent_it() {
        let mut board = Board::default();
        board.take(&signed_in(0, 1_000, "a", 1));
        board.take(&signed_in(1, 1_000, "b", 2));
        let (rows, mark) = board.devices_since(0, 10);
        assert_eq!(rows.len(), 2);
        board.take(&repeated(3_000, 2));
        board.take(&repeated(3_000, 3));
        let (rows, _) = board.devices_since(mark, 10);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].device_name.as_str(), rows[0].repeated), ("b", 1));
        assert_eq!(rows[0].last_seen, 3_000);
        assert_eq!(board.seconds_from(3)[0].repeated, 2);
    }

    #[test]
    fn tokens_declared_expired_are_until_the_next_sign_in() {
        let mut board = Board::default();
        board.take(&signed_in(0, 1_000, "a", 1));
        board.take(&Recorded { number: 1, unix_ms: 2_000, event: Event::TokensExpired });
        assert!(board.devices_since(0, 1).0[0].expired_early);
        board.take(&signed_in(2, 3_000, "a", 1));
        assert!(!board.devices_since(0, 1).0[0].expired_early);
    }

    #[test]
    fn changes_come_in_parts_and_none_is_left_out() {
        let mut board = Board::default();
        for number in 0..5 {
            board.take(&signed_in(number, 1_000, &number.to_string(), 1));
        }
        let (first, mark) = board.devices_since(0, 3);
        let (second, mark) = board.devices_since(mark, 3);
        assert_eq!((first.len(), second.len()), (3, 2));
        assert!(board.devices_since(mark, 3).0.is_empty());
    }

    #[test]
    fn old_seconds_and_devices_make_room() {
        let mut board = Board::default();
        for number in 0..DEVICES + 10 {
            let name = number.to_string();
            board.take(&signed_in(number, number as u64 * 1_000, &name, 1));
        }
        assert_eq!(board.devices_since(0, usize::MAX).0.len(), DEVICES);
        assert!(board.seconds_from(0).len() as u64 <= SECONDS + 1);
        // A clock set back.
        board.take(&repeated(0, 1));
        assert_eq!(board.seconds_from(0).last().map(|last| last.repeated), Some(1));
    }
}
