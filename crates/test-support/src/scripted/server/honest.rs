//! A server that does what it should, with a timer, in virtual time: the true server of tests
//! in which somebody else speaks as well. It takes whole messages only, and sends each message
//! in a datagram of its own.

use openssl::pkey::PKey;

use super::{Secret, Server, Suite};
use crate::certificates::Identity;
use crate::scripted::messages::{
    self, ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, CLIENT_HELLO, CLIENT_KEY_EXCHANGE,
    EC_POINT_FORMATS, EXTENDED_MASTER_SECRET, FINISHED, HANDSHAKE, HELLO_VERIFY_REQUEST, Hello,
    NEW_SESSION_TICKET, SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE, SESSION_TICKET,
    message,
};

/// The first timeout of the server, in milliseconds, doubled each time.
const TIMEOUT_MS: u64 = 1000;
const MAX_TIMEOUT_MS: u64 = 60_000;

const UNEXPECTED_MESSAGE: u8 = 10;
const BAD_RECORD_MAC: u8 = 20;
const DECRYPT_ERROR: u8 = 51;

/// The ticket that it issues.
const TICKET: [u8; 40] = [0x77; 40];
/// The id of a session, where it issues no ticket.
const SESSION_ID: [u8; 32] = [0x88; 32];

/// How it takes what it cannot use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// Records that it cannot decrypt are dropped, and nothing but its timer makes it repeat a
    /// flight, as with OpenSSL and GnuTLS.
    Patient,
    /// A Finished that it cannot decrypt is answered by an alert, after which it begins anew;
    /// what the client repeats makes it repeat its own, as with Mbed TLS.
    Strict,
}

/// What it asks for before it keeps a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// Nothing.
    None,
    /// A cookie.
    Fixed,
    /// A cookie, whose key changes after so many were made.
    Rotating(u8),
}

/// How clients may resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumes {
    /// By a ticket.
    Tickets,
    /// By an id.
    Ids,
}

/// What such a server is like.
#[derive(Clone)]
pub struct Honest<'i> {
    /// How it takes what it cannot use.
    pub temper: Temper,
    /// What it asks for first.
    pub cookies: Cookies,
    /// How clients may resume.
    pub resumes: Resumes,
    /// Whether the master secret is bound to the handshake.
    pub extended: bool,
    suite: Suite,
    identity: Option<&'i Identity>,
    server: Server,
    /// The secret of the latest session.
    known: Option<Vec<u8>>,
    cookies_made: u8,
    /// How many handshakes have begun.
    begun: u8,
    stage: Stage,
    /// The latest flight: types, epochs and contents.
    flight: Vec<(u8, u16, Vec<u8>)>,
    /// The number of the client's next message.
    next_seq: u16,
    is_changed: bool,
    timeout: u64,
    /// When its timer expires.
    pub deadline: Option<u64>,
    /// What came from the client and was authentic.
    pub received: Vec<Vec<u8>>,
    /// The content of records with keys that could not be opened.
    pub undecryptable: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    /// It waits for the client's key exchange or Finished.
    Waiting {
        resumed: bool,
    },
    Done {
        resumed: bool,
    },
}

/// What a ClientHello says.
struct Said<'h> {
    session_id: &'h [u8],
    cookie: &'h [u8],
    has_ticket: bool,
}

impl<'h> Said<'h> {
    fn read(body: &'h [u8]) -> Self {
        let rest = &body[34..];
        let (session_id, rest) = rest[1..].split_at(usize::from(rest[0]));
        let (cookie, rest) = rest[1..].split_at(usize::from(rest[0]));
        let suites = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        // Behind the compression methods and the length of all extensions.
        let mut extensions = &rest[2 + suites + 2 + 2..];
        let mut has_ticket = false;
        while let [n0, n1, l0, l1, rest @ ..] = extensions {
            let len = usize::from(u16::from_be_bytes([*l0, *l1]));
            has_ticket |= u16::from_be_bytes([*n0, *n1]) == SESSION_TICKET && len > 0;
            extensions = &rest[len..];
        }
        Self { session_id, cookie, has_ticket }
    }
}

impl<'i> Honest<'i> {
    /// A server of this suite. `identity` is for suites with certificates.
    pub fn new(suite: Suite, identity: Option<&'i Identity>) -> Self {
        Self {
            temper: Temper::Patient,
            cookies: Cookies::None,
            resumes: Resumes::Tickets,
            extended: true,
            suite,
            identity,
            server: Server::new(suite),
            known: None,
            cookies_made: 0,
            begun: 0,
            stage: Stage::Idle,
            flight: Vec::new(),
            next_seq: 0,
            is_changed: false,
            timeout: TIMEOUT_MS,
            deadline: None,
            received: Vec::new(),
            undecryptable: 0,
        }
    }

    /// The same server, to another client: it knows the sessions, and waits.
    #[must_use]
    pub fn for_another(&self) -> Self {
        let mut other = self.clone();
        other.known = Some(self.server.master_secret.clone()).filter(|secret| !secret.is_empty());
        other.begin_anew();
        other.received.clear();
        other
    }

    /// Whether it has the client's Finished.
    pub fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Done { .. })
    }

    /// Whether the session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.stage == Stage::Done { resumed: true }
    }

    /// The latest flight: types, epochs and contents.
    pub fn flight(&self) -> &[(u8, u16, Vec<u8>)] {
        &self.flight
    }

    /// How many handshakes have begun.
    pub fn begun(&self) -> u8 {
        self.begun
    }

    /// A record without protection.
    pub fn plain(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        self.server.plain(content_type, content)
    }

    /// A Finished that is right but for what it says; `None` before there are keys.
    pub fn wrong_finished(&mut self) -> Option<Vec<u8>> {
        let number = match self.flight.last() {
            Some((HANDSHAKE, 1, content)) => u16::from_be_bytes([content[4], content[5]]),
            _ => self.server.message_seq + u16::from(self.resumes == Resumes::Tickets),
        };
        self.protected(HANDSHAKE, &message(FINISHED, number, &[0x12; 12]))
    }

    /// A record with application data.
    pub fn says(&mut self, content: &[u8]) -> Vec<u8> {
        self.server.protected(APPLICATION_DATA, content)
    }

    /// A protected record of any type.
    pub fn protected(&mut self, content_type: u8, content: &[u8]) -> Option<Vec<u8>> {
        self.server.keys.is_some().then(|| self.server.protected(content_type, content))
    }

    /// What its timer makes it send, if it has expired.
    pub fn handle_timeout(&mut self, now: u64) -> Vec<Vec<u8>> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.timeout = (2 * self.timeout).min(MAX_TIMEOUT_MS);
        self.deadline = Some(now + self.timeout);
        self.send_flight()
    }

    /// What it answers to a datagram of the client's.
    pub fn receive(&mut self, now: u64, datagram: &[u8]) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        for record in messages::records(datagram, 0) {
            let (content_type, epoch) = (record.header.content_type, record.header.epoch);
            match (content_type, epoch) {
                (HANDSHAKE, 0) => answers.extend(self.receive_plain(now, record.fragment)),
                (CHANGE_CIPHER_SPEC, 0) => {
                    self.is_changed |= self.server.keys.is_some();
                }
                (_, 1) if self.is_changed => {
                    let (client, _) = self.server.keys.as_ref().unwrap();
                    match client.open(&record.header, record.fragment) {
                        Some(content) => {
                            answers.extend(self.receive_protected(now, content_type, &content));
                        }
                        None => answers.extend(self.drop_record()),
                    }
                }
                (ALERT, 0) if record.fragment.first() == Some(&2) && !self.is_connected() => {
                    self.begin_anew();
                }
                _ => {}
            }
        }
        answers
    }

    fn drop_record(&mut self) -> Vec<Vec<u8>> {
        self.undecryptable += 1;
        match (self.temper, self.is_connected()) {
            (Temper::Strict, false) => self.fail(BAD_RECORD_MAC),
            _ => Vec::new(),
        }
    }

    fn fail(&mut self, alert: u8) -> Vec<Vec<u8>> {
        let record = self.server.plain(ALERT, &[2, alert]);
        self.begin_anew();
        vec![record]
    }

    /// Forgets the client, as a server does that has heard nothing for long.
    pub fn begin_anew(&mut self) {
        self.server = Server::new(self.suite);
        self.stage = Stage::Idle;
        self.flight.clear();
        self.is_changed = false;
        self.timeout = TIMEOUT_MS;
        self.deadline = None;
    }

    fn receive_plain(&mut self, now: u64, content: &[u8]) -> Vec<Vec<u8>> {
        let (kind, number) = (content[0], u16::from_be_bytes([content[4], content[5]]));
        if self.stage == Stage::Idle {
            if kind == CLIENT_HELLO {
                return self.receive_hello(now, number, content);
            }
            return match self.temper {
                Temper::Strict => self.fail(UNEXPECTED_MESSAGE),
                Temper::Patient => Vec::new(),
            };
        }
        if number < self.next_seq {
            let is_last = number + 1 == self.next_seq;
            return match (self.temper, self.is_connected()) {
                (Temper::Strict, false) if is_last => self.send_flight(),
                _ => Vec::new(),
            };
        }
        let expects_exchange =
            self.stage == Stage::Waiting { resumed: false } && self.server.master_secret.is_empty();
        if number > self.next_seq || self.is_connected() {
            return Vec::new();
        }
        if kind != CLIENT_KEY_EXCHANGE || !expects_exchange {
            return self.fail(UNEXPECTED_MESSAGE);
        }
        self.next_seq += 1;
        self.server.transcript.extend_from_slice(content);
        self.server.agree(&content[12..]);
        Vec::new()
    }

    fn cookie(&self) -> Vec<u8> {
        let key = match self.cookies {
            Cookies::Rotating(count) => self.cookies_made / count,
            _ => 0,
        };
        vec![key; 20]
    }

    fn receive_hello(&mut self, now: u64, number: u16, content: &[u8]) -> Vec<Vec<u8>> {
        let body = &content[12..];
        let said = Said::read(body);
        if self.cookies != Cookies::None {
            if said.cookie != self.cookie() {
                self.cookies_made = self.cookies_made.saturating_add(1);
                let cookie = self.cookie();
                let body = [&[0xfe, 0xff, cookie.len() as u8], &cookie[..]].concat();
                // OpenSSL's always has the number 0.
                let request = message(HELLO_VERIFY_REQUEST, 0, &body);
                return vec![messages::record(HANDSHAKE, 0, 0, &request)];
            }
            // As OpenSSL does, whatever came before.
            if number != 1 {
                return Vec::new();
            }
        } else if number != 0 {
            return Vec::new();
        }
        self.begun = self.begun.wrapping_add(1);
        let server = &mut self.server;
        server.random = [0x42; 32];
        server.random[0] = self.begun;
        server.client_random.copy_from_slice(&body[2..34]);
        server.session_id = said.session_id.to_vec();
        server.transcript = content.to_vec();
        server.message_seq = number;
        self.next_seq = number + 1;
        let resumed = self.known.is_some()
            && match self.resumes {
                Resumes::Tickets => said.has_ticket,
                Resumes::Ids => said.session_id == SESSION_ID,
            };
        self.write_first_flight(resumed);
        self.stage = Stage::Waiting { resumed };
        self.deadline = Some(now + self.timeout);
        self.send_flight()
    }

    fn add(&mut self, kind: u8, body: &[u8]) {
        let message = self.server.message(kind, body);
        self.flight.push((HANDSHAKE, 0, message));
    }

    fn write_first_flight(&mut self, resumed: bool) {
        self.flight.clear();
        let mut hello = Hello::new(self.suite);
        if self.identity.is_some() && !resumed {
            hello = hello.with(EC_POINT_FORMATS, &[1, 0]);
        }
        if !self.extended {
            hello = hello.without(EXTENDED_MASTER_SECRET);
        }
        match self.resumes {
            Resumes::Tickets => hello = hello.with(SESSION_TICKET, &[]),
            Resumes::Ids => hello.session_id = SESSION_ID.to_vec(),
        }
        self.server.extended = self.extended;
        let body = hello.body(&self.server.random);
        self.add(SERVER_HELLO, &body);
        if resumed {
            self.server.master_secret = self.known.clone().unwrap();
            self.server.make_keys();
            self.is_changed = false;
            self.write_last_flight();
            return;
        }
        if let Some(identity) = self.identity {
            let der = identity.certificate.to_der().unwrap();
            let one = [&messages::u24(der.len())[..], &der].concat();
            let list = [&messages::u24(one.len())[..], &one].concat();
            self.add(messages::CERTIFICATE, &list);
            if self.suite == Suite::RsaAes256CbcSha256 {
                self.server.secret = Secret::Rsa(identity.key.clone());
            } else {
                let ours = PKey::generate_x25519().unwrap();
                let public = ours.raw_public_key().unwrap();
                self.server.secret = Secret::X25519(ours);
                let parameters = [&[3, 0, 29, 32], &public[..]].concat();
                let is_ecdsa = self.suite == Suite::EcdheEcdsaGcm;
                let scheme = if is_ecdsa { 0x0403 } else { 0x0401 };
                let body = self.server.signed(&parameters, scheme, &identity.key);
                self.add(SERVER_KEY_EXCHANGE, &body);
            }
        }
        self.add(SERVER_HELLO_DONE, &[]);
    }

    /// The end of the server's side. A ticket comes with it, if clients resume by tickets.
    fn write_last_flight(&mut self) {
        if self.resumes == Resumes::Tickets {
            let ticket = [&[0, 0, 0, 9][..], &messages::vector16(&TICKET)].concat();
            self.add(NEW_SESSION_TICKET, &ticket);
        }
        self.flight.push((CHANGE_CIPHER_SPEC, 0, vec![1]));
        let finished = self.server.finished();
        self.flight.push((HANDSHAKE, 1, finished));
    }

    /// The latest flight, in new records.
    fn send_flight(&mut self) -> Vec<Vec<u8>> {
        let flight = self.flight.clone();
        let records = flight.into_iter().map(|(content_type, epoch, content)| {
            if epoch == 0 {
                self.server.plain(content_type, &content)
            } else {
                self.server.protected(content_type, &content)
            }
        });
        records.collect()
    }

    fn receive_protected(&mut self, now: u64, content_type: u8, content: &[u8]) -> Vec<Vec<u8>> {
        match (content_type, self.stage) {
            (HANDSHAKE, Stage::Waiting { resumed }) if content[0] == FINISHED => {
                if content[12..] != self.server.verify_data(b"client finished") {
                    return self.fail(DECRYPT_ERROR);
                }
                let _ = now;
                self.deadline = None;
                self.next_seq += 1;
                self.server.transcript.extend_from_slice(content);
                self.stage = Stage::Done { resumed };
                if resumed {
                    return Vec::new();
                }
                self.flight.clear();
                self.write_last_flight();
                self.send_flight()
            }
            // The client repeats its Finished: it lacks the server's.
            (HANDSHAKE, Stage::Done { resumed: false }) if content[0] == FINISHED => {
                self.send_flight()
            }
            (APPLICATION_DATA, Stage::Done { .. }) => {
                self.received.push(content.to_vec());
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}
