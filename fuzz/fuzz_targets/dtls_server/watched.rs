//! A server, and what must hold of it whatever comes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use iot_coap_dtls::server::{Config, Connection, Cookies, Greeting};
use iot_coap_dtls::{Datagram, Duration, Error, Instant, RestoreError, SealingKey, State};
use iot_coap_test_heap::{allocations, live};
use iot_coap_test_support::scripted::Numbers;
use iot_coap_test_support::scripted::messages::{HANDSHAKE, records};

/// Where the client is.
pub const HOME: u8 = 0;

pub const MAX_MESSAGE_LEN: usize = 1000;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(90);
const MAX_REPEATS: u8 = 6;

/// What a connection may take: in the handshake, with messages of both sides; and afterwards.
const MOST_IN_HANDSHAKE: usize = 6144;
const MOST_AFTERWARDS: usize = 2048;

/// The random bytes of a ClientHello and its cookie, and who got that.
type Given = (u8, [u8; 32], Vec<u8>);

/// A server with at most one connection.
pub struct Watched {
    config: Arc<Config>,
    id: Option<&'static [u8]>,
    cookies: Cookies,
    /// The cookies by the latest secret, and by the one before.
    given: [HashSet<Given>; 2],
    secrets: u8,
    connection: Option<Connection<Numbers>>,
    key: SealingKey,
    pub accepted: u64,
    now: Instant,
    begun: Instant,
    ended: Option<Error>,
    /// The client's Finished has come since the connection began.
    pub finished_came: bool,
    was_connected: bool,
    /// How many bytes of the heap the connection holds.
    held: isize,
    /// The numbers of its records.
    numbers: HashSet<[u8; 8]>,
    /// The lengths of the messages that it has sent to a client that had not proved itself, and
    /// how many bytes of them.
    messages: HashMap<u16, usize>,
    unproved: usize,
}

impl Watched {
    pub fn new(config: Config, id: Option<&'static [u8]>) -> Self {
        let config = config
            .max_message_len(MAX_MESSAGE_LEN)
            .max_repeats(MAX_REPEATS)
            .handshake_limit(HANDSHAKE_LIMIT);
        Self {
            config: Arc::new(config),
            id,
            cookies: Cookies::new([0; 32]),
            given: Default::default(),
            secrets: 0,
            connection: None,
            key: SealingKey::new(&[2; 32]).unwrap(),
            accepted: 0,
            now: Instant::from_millis(0),
            begun: Instant::from_millis(0),
            ended: None,
            finished_came: false,
            was_connected: false,
            held: 0,
            numbers: HashSet::new(),
            messages: HashMap::new(),
            unproved: 0,
        }
    }

    pub fn state(&self) -> Option<State> {
        self.connection.as_ref().map(Connection::state)
    }

    /// Records of the client have the connection id.
    pub fn uses_id(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::uses_connection_id)
    }

    /// Calls a method, and counts what the connection keeps of the heap.
    fn call<T>(&mut self, call: impl FnOnce(&mut Connection<Numbers>) -> T) -> Option<T> {
        let connection = self.connection.as_mut()?;
        let before = live();
        let result = call(connection);
        self.held += live() - before;
        Some(result)
    }

    /// What the server says to whoever is not known there. Returns the HelloVerifyRequest.
    fn examine(&mut self, from: u8, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = datagram.to_vec();
        let before = (live(), allocations());
        let greeting = self.cookies.examine(&[from], &mut bytes);
        assert_eq!(before, (live(), allocations()), "something is kept before a cookie");
        assert_eq!(bytes, datagram);
        // Both follow the headers of record and message, and the version.
        let hello = || {
            let (random, rest) = datagram[27..].split_first_chunk::<32>().unwrap();
            let (len, rest) = rest.split_first().unwrap();
            let (len, rest) = rest[usize::from(*len)..].split_first().unwrap();
            (from, *random, rest[..usize::from(*len)].to_vec())
        };
        match greeting {
            Greeting::None => None,
            Greeting::Unverified(answer) => {
                assert!(answer.len() <= 3 * datagram.len(), "amplified");
                let (from, random, cookie) = hello();
                assert!(!self.given[0].contains(&(from, random, cookie)));
                self.given[0].insert((from, random, answer[28..].to_vec()));
                Some(answer.to_vec())
            }
            Greeting::Verified(verified) => {
                let hello = hello();
                assert!(self.given.iter().any(|given| given.contains(&hello)), "a forged cookie");
                let is_known = |old: &Connection<_>| old.began_with(&verified);
                if from != HOME || self.connection.as_ref().is_some_and(is_known) {
                    return None;
                }
                self.accepted += 1;
                let before = live();
                let random = Numbers::new(self.accepted);
                let new = Connection::accept(&self.config, &verified, self.id, random, self.now);
                self.held = live() - before;
                self.connection = Some(new.unwrap());
                self.begun = self.now;
                self.ended = None;
                self.finished_came = false;
                self.was_connected = false;
                self.numbers.clear();
                self.messages.clear();
                self.unproved = 0;
                None
            }
        }
    }

    /// Takes a new secret for cookies.
    pub fn rotate(&mut self) {
        self.secrets = self.secrets.wrapping_add(1);
        self.cookies.rotate([self.secrets; 32]);
        let [latest, before] = &mut self.given;
        *before = std::mem::take(latest);
    }

    /// Reads a datagram. Returns the HelloVerifyRequest and the plaintexts.
    pub fn feed(&mut self, from: u8, datagram: &[u8]) -> (Option<Vec<u8>>, Vec<Vec<u8>>) {
        let answer = self.examine(from, datagram);
        let mut plaintexts = Vec::new();
        if from != HOME {
            return (answer, plaintexts);
        }
        let mut bytes = datagram.to_vec();
        let mut rest = Datagram::new(&mut bytes);
        let now = self.now;
        while let Some(read) = self.call(|connection| connection.handle_datagram(now, &mut rest)) {
            match read {
                Ok(Some(plaintext)) => {
                    assert_eq!(self.state(), Some(State::Connected));
                    plaintexts.push(plaintext.to_vec());
                    continue;
                }
                Ok(None) => assert!(rest.rest().is_empty()),
                Err(error) => assert_eq!(self.state(), Some(State::Ended(error))),
            }
            break;
        }
        self.check();
        (answer, plaintexts)
    }

    pub fn pass_time(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        let now = self.now;
        if let Some(told) = self.call(|connection| connection.handle_timeout(now)) {
            if let Err(error) = told {
                assert_eq!(self.state(), Some(State::Ended(error)));
            }
            let deadline = self.connection.as_ref().and_then(Connection::next_timeout);
            assert!(deadline.is_none_or(|deadline| deadline > now), "a timer stands still");
            let is_late = now >= self.begun + HANDSHAKE_LIMIT;
            assert!(!is_late || self.state() != Some(State::Handshaking));
        }
        self.check();
    }

    /// Everything that is due and fits.
    pub fn transmit(&mut self, room: usize) -> Vec<Vec<u8>> {
        let mut out = vec![0; room];
        let mut datagrams = Vec::new();
        while let Some(Some(len)) = self.call(|connection| connection.poll_transmit(&mut out)) {
            self.check_sent(&out[..len]);
            datagrams.push(out[..len].to_vec());
            assert!(datagrams.len() < 100, "an endless flight");
        }
        datagrams
    }

    /// No number of a record is used twice, and who has not proved itself gets each message no
    /// more often than the configuration says.
    fn check_sent(&mut self, datagram: &[u8]) {
        for record in records(datagram, 0) {
            let header = record.header;
            assert!((20..=23).contains(&header.content_type) && header.epoch <= 1);
            let number = (u64::from(header.epoch) << 48) | header.sequence;
            assert!(self.numbers.insert(number.to_be_bytes()), "a number was used twice");
            if self.was_connected || header.content_type != HANDSHAKE {
                continue;
            }
            if header.epoch == 0 {
                let len = usize::from(u16::from_be_bytes([record.fragment[2], record.fragment[3]]));
                let number = u16::from_be_bytes([record.fragment[4], record.fragment[5]]);
                self.messages.insert(number, len);
                self.unproved += record.fragment.len() - 12;
            } else {
                self.messages.insert(u16::MAX, record.fragment.len());
                self.unproved += record.fragment.len();
            }
        }
        let flight: usize = self.messages.values().sum();
        assert!(self.unproved <= (1 + usize::from(MAX_REPEATS)) * flight, "amplified");
    }

    /// Sends a plaintext. Returns the record.
    pub fn send(&mut self, plaintext: &[u8], room: usize) -> Option<Vec<u8>> {
        let (state, connection) = (self.state()?, self.connection.as_ref()?);
        let most = plaintext.len() + connection.record_overhead();
        let mut out = vec![0; room];
        match self.call(|connection| connection.send(plaintext, &mut out))? {
            Ok(len) => {
                assert!(len <= most && state == State::Connected);
                self.check_sent(&out[..len]);
                return Some(out[..len].to_vec());
            }
            Err(Error::BadLength) => assert!(room < most),
            Err(Error::NotConnected) => assert_eq!(state, State::Handshaking),
            Err(error) => assert_eq!(state, State::Ended(error)),
        }
        None
    }

    /// The session is exported, and goes on from the blob, which `spoil` has changed before it
    /// is taken as it was.
    pub fn move_on(&mut self, spoil: impl FnOnce(&mut Vec<u8>)) {
        let (Some(mut old), key) = (self.connection.take(), &self.key) else { return };
        let before = live();
        let exported = old.export(key, b"");
        let Ok(blob) = exported else {
            self.held += live() - before;
            self.connection = Some(old);
            self.check();
            return;
        };
        // The old one is of no use any more.
        assert_eq!(old.state(), State::Ended(Error::Closed));
        assert_eq!(old.export(key, b""), Err(Error::Closed));
        assert_eq!(old.send(b"x", &mut [0; 100]), Err(Error::Closed));
        assert_eq!(old.poll_transmit(&mut [0; 1500]), None);
        let import = |blob: &[u8], context: &[u8]| {
            Connection::import(&self.config, blob, key, context, Numbers::new(self.accepted << 32))
        };
        assert_eq!(import(&blob, b"elsewhere").err(), Some(RestoreError::Foreign));
        let mut spoilt = blob.clone();
        spoil(&mut spoilt);
        if spoilt != blob {
            assert_eq!(import(&spoilt, b"").err(), Some(RestoreError::Foreign));
        }
        let before = live();
        let new = import(&blob, b"").unwrap();
        self.held = live() - before;
        self.connection = Some(new);
        self.check();
    }

    pub fn close(&mut self) {
        self.call(Connection::close);
        self.check();
    }

    fn check(&mut self) {
        let Some(connection) = &self.connection else { return };
        let deadline = connection.next_timeout();
        let mut most = MOST_IN_HANDSHAKE;
        match connection.state() {
            State::Handshaking => assert!(deadline.is_some() && !self.was_connected),
            State::Connected => {
                assert!(self.finished_came, "connected without a Finished");
                self.was_connected = true;
                if deadline.is_none() {
                    most = MOST_AFTERWARDS;
                }
            }
            State::Ended(error) => {
                assert_eq!(deadline, None);
                assert_eq!(*self.ended.get_or_insert(error), error);
                most = MOST_AFTERWARDS;
            }
        }
        assert!(self.ended.is_none() || matches!(connection.state(), State::Ended(_)));
        let held = usize::try_from(self.held).unwrap() + size_of::<Connection<Numbers>>();
        assert!(held <= most, "{held} bytes in state {:?}", connection.state());
    }
}
