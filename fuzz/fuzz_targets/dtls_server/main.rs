//! The DTLS server as a state machine, with a client that knows its keys, and somebody who speaks
//! in its name: what the client says comes in any order, repeatedly, modified, in pieces and
//! mixed with forgeries and with records under its keys of any content; calls and time come in
//! between.
//!
//! Invariants (`watched`): before a cookie nothing is kept, and nothing sent beyond three times
//! of what came; no cookie is valid but those that were given to that address; whoever has not
//! proved itself gets a flight seven times at most; the server connects only after the Finished;
//! its heap is bounded; no number of a record is used twice, also if the session is exported and
//! imported; an ended session stays ended. And here: a plaintext comes out once, as the client put
//! it in; only records under the client's keys end a session; what the server sends can be read.

#![no_main]

mod watched;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Unstructured};
use iot_coap_dtls::server::{Identity, SignatureScheme, Signer};
use iot_coap_dtls::{SealingKey, State};
use iot_coap_fuzz::{Change, Short};
use iot_coap_test_support::scripted::messages::{
    ALERT, APPLICATION_DATA, CLIENT_HELLO, FINISHED, HANDSHAKE, fragment, message, record,
};
use iot_coap_test_support::served::device::{Device, Proof, Stage, Ticket};
use iot_coap_test_support::served::pre_shared_key;
use libfuzzer_sys::fuzz_target;
use watched::{HOME, Watched};

#[derive(Arbitrary, Debug)]
struct Case {
    proof: u8,
    server_has_id: bool,
    client_knows_ids: bool,
    mtu: u16,
    /// How many steps of the true client come first.
    steps: u8,
}

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// The true client's next step, and the answer reaches it.
    Next {
        data: Short<'a>,
    },
    /// The same, lost.
    Lost {
        data: Short<'a>,
    },
    Again(u8),
    Changed(u8, Change<'a>),
    Joined(u8, u8),
    /// A message that the client has said, in fragments.
    Pieces {
        which: u8,
        size: u8,
        overlap: u8,
        backwards: bool,
    },
    /// The same again and again, with pauses in units of eight milliseconds.
    Insist {
        which: u8,
        times: u8,
        pause: u8,
    },
    /// From where the client is not.
    Elsewhere(u8),
    Raw(Short<'a>),
    Record {
        content_type: u8,
        epoch: u8,
        sequence: u8,
        content: Short<'a>,
    },
    /// A message or a part of one, without protection.
    Message {
        kind: u8,
        message_seq: u8,
        offset: u8,
        more: u16,
        body: Short<'a>,
    },
    /// The beginnings of many messages.
    Flood {
        len: u16,
    },
    /// A ClientHello with a valid cookie.
    Hello {
        suites: Short<'a>,
        extensions: [Option<(u8, Short<'a>)>; 3],
        tail: Short<'a>,
    },
    /// A record under the client's keys, with the next number or any other.
    Protected {
        content_type: u8,
        sequence: Option<u8>,
        content: Short<'a>,
    },
    /// A message in such a record.
    ProtectedMessage {
        kind: u8,
        message_seq: u8,
        offset: u8,
        more: u16,
        body: Short<'a>,
    },
    /// A Finished that is not true.
    FalseFinished {
        at: u8,
        by: u8,
    },
    /// Time passes, in units of two milliseconds.
    Time(u16),
    Transmit {
        room: u16,
    },
    Send {
        len: u8,
        room: u16,
    },
    MoveOn(Change<'a>),
    Rotate,
    Close,
    /// The client has forgotten everything, and begins anew.
    Anew(u8),
}

/// A certificate and a signature that only have the lengths of real ones: the client believes
/// everything.
struct AnySignature;

impl Signer for AnySignature {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaSha256]
    }

    fn sign(&self, _: SignatureScheme, _: &[u8]) -> Option<Vec<u8>> {
        Some(vec![0x30; 71])
    }
}

static TICKET: LazyLock<Ticket> = LazyLock::new(|| {
    let mut run = Run::new(&Case {
        proof: 0,
        server_has_id: false,
        client_knows_ids: false,
        mtu: 0,
        steps: 3,
    });
    let finished = run.device.say(&[]).unwrap();
    run.finished = finished.clone();
    run.feed(&finished);
    let flight = run.server.transmit(1500);
    run.device.ticket(&flight).unwrap()
});

struct Run {
    server: Watched,
    device: Device,
    case: [u8; 2],
    /// How many plaintexts there were; each begins with its number.
    count: u32,
    said: Vec<Vec<u8>>,
    finished: Vec<u8>,
    /// Records under the client's keys that are no application data, which may end a session.
    deadly: Vec<Vec<u8>>,
    /// What the client has put into records, and which client and record.
    sealed: HashMap<Vec<u8>, (u8, u64)>,
    received: HashSet<(u8, u64)>,
}

impl Run {
    fn new(case: &Case) -> Self {
        let identity = Identity::new(&[&[0x30; 300], &[0x30; 200]], Arc::new(AnySignature));
        let keys = [SealingKey::new(&[1; 32]).unwrap()];
        let config = pre_shared_key()
            .identity(identity.unwrap())
            .unwrap()
            .ticket_keys(keys.into(), 3600)
            .mtu(usize::from(case.mtu));
        let id = case.server_has_id.then_some(&b"id-42"[..]);
        let case_bytes = [case.proof, u8::from(case.client_knows_ids)];
        let mut run = Self {
            server: Watched::new(config, id),
            device: device(case_bytes, 0),
            case: case_bytes,
            count: 0,
            said: vec![vec![0]],
            finished: Vec::new(),
            deadly: Vec::new(),
            sealed: HashMap::new(),
            received: HashSet::new(),
        };
        for _ in 0..case.steps % 6 {
            run.next(&[], false);
        }
        run
    }

    fn one(&self, which: u8) -> Vec<u8> {
        self.said[usize::from(which) % self.said.len()].clone()
    }

    /// Content that is no other's.
    fn numbered(&mut self, content: &[u8]) -> Vec<u8> {
        self.count += 1;
        [&self.count.to_be_bytes()[..], content].concat()
    }

    fn client_number(&self) -> u8 {
        self.device.client.random[0]
    }

    /// What can be read of a record, if it is application data. With a connection id, the type
    /// is the last byte that is not zero.
    fn note(&mut self, content_type: u8, sequence: u64, content: &[u8]) {
        let mut inner = [content, &[content_type]].concat();
        if !self.device.client.connection_id.is_empty() {
            let end = inner.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            inner.truncate(end);
        }
        if inner.pop() == Some(APPLICATION_DATA) {
            self.sealed.insert(inner, (self.client_number(), sequence));
        }
    }

    fn next(&mut self, data: &[u8], is_lost: bool) {
        let (stage, data) = (self.device.stage, self.numbered(data));
        if stage == Stage::Data {
            self.note(APPLICATION_DATA, self.device.client.sequence[1], &data);
        }
        if stage == Stage::Finished && self.server.uses_id() {
            self.device.client.connection_id = b"id-42".to_vec();
        }
        let Some(datagram) = self.device.say(&data) else { return };
        self.said.push(datagram.clone());
        if stage == Stage::Finished {
            self.finished = datagram.clone();
        }
        if stage == Stage::Hello {
            // What is due to an earlier ClientHello is no answer to this one.
            self.server.transmit(1500);
        }
        // A lost ClientHello is repeated.
        if is_lost && stage > Stage::Hello {
            return;
        }
        let answer = self.feed(&datagram);
        if let (Stage::Greeting, Some(answer)) = (stage, answer) {
            self.device.client.read_cookie(&answer);
            self.device.stage = Stage::Hello;
        }
        if stage == Stage::Hello {
            let flight = self.server.transmit(1500);
            self.device.read(&flight);
        }
    }

    fn feed(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.feed_from(HOME, datagram)
    }

    fn feed_from(&mut self, from: u8, datagram: &[u8]) -> Option<Vec<u8>> {
        let holds = |part: &[u8]| datagram.windows(part.len().max(1)).any(|other| other == part);
        let (before, accepted) = (self.server.state(), self.server.accepted);
        self.server.finished_came |= from == HOME && holds(&self.finished);
        let (answer, plaintexts) = self.server.feed(from, datagram);
        for plaintext in plaintexts {
            let number = self.sealed.get(&plaintext).expect("nobody said this");
            assert!(self.received.insert(*number), "a record was read twice");
        }
        let may_end =
            accepted != self.server.accepted || self.deadly.iter().any(|part| holds(part));
        // Nor does an alert that anybody may have sent end a handshake at once.
        let fragment_len = |len: &[u8]| usize::from(u16::from_be_bytes([len[0], len[1]]));
        let is_plain_alert = datagram.first() == Some(&ALERT)
            && datagram.get(11..13).is_some_and(|len| 13 + fragment_len(len) == datagram.len())
            && datagram[3..5] == [0; 2];
        if is_plain_alert || before == Some(State::Connected) && !may_end {
            assert_eq!(self.server.state(), before);
        }
        answer
    }

    fn protected(&mut self, content_type: u8, sequence: Option<u8>, content: &[u8]) {
        if self.device.client.keys.is_none() {
            return;
        }
        let content = match content_type {
            HANDSHAKE => content.to_vec(),
            _ => self.numbered(content),
        };
        let next = self.device.client.sequence[1];
        let sequence = match sequence {
            Some(by) => next.wrapping_add_signed(i64::from(by as i8) * 4) & ((1 << 48) - 1),
            None => {
                self.device.client.sequence[1] += 1;
                next
            }
        };
        self.note(content_type, sequence, &content);
        let record = self.device.client.protected_as(content_type, sequence, &content);
        if content_type != APPLICATION_DATA {
            self.deadly.push(record.clone());
        }
        self.said.push(record.clone());
        self.feed(&record);
    }

    fn odd_hello(&mut self, suites: &[u8], extensions: &[Option<(u8, Short<'_>)>], tail: &[u8]) {
        let mut client = self.device.client.clone();
        if !suites.is_empty() {
            client.suites = suites.iter().map(|byte| KNOWN_SUITES[usize::from(byte % 8)]).collect();
        }
        for &(number, content) in extensions.iter().flatten() {
            client.extensions.push((KNOWN_EXTENSIONS[usize::from(number % 12)], content.to_vec()));
        }
        let body = [&client.hello_body()[..], tail].concat();
        let (sequence, message_seq) = (client.sequence[0], client.message_seq.min(1));
        let hello = message(CLIENT_HELLO, message_seq, &body);
        self.said.push(record(HANDSHAKE, 0, sequence, &hello));
        self.feed(&self.said[self.said.len() - 1].clone());
    }

    fn pieces(&mut self, which: u8, size: u8, overlap: u8, backwards: bool) {
        let record_bytes = self.one(which);
        let Some((header, body)) = record_bytes.get(13..).and_then(|it| it.split_at_checked(12))
        else {
            return;
        };
        if record_bytes[0] != HANDSHAKE || record_bytes[4] != 0 {
            return;
        }
        let message_seq = u16::from_be_bytes([header[4], header[5]]);
        let mut pieces: Vec<_> = (0..body.len().max(1))
            .step_by(1 + usize::from(size))
            .map(|at| {
                let start = at.saturating_sub(usize::from(overlap % 4));
                let end = body.len().min(at + 1 + usize::from(size));
                fragment(header[0], message_seq, body.len(), start, &body[start..end])
            })
            .collect();
        if backwards {
            // The first one has the cookie.
            pieces[1..].reverse();
        }
        for (number, piece) in (40..).zip(pieces) {
            self.feed(&record(HANDSHAKE, 0, number, &piece));
        }
    }

    fn send(&mut self, len: u8, room: u16) {
        let plaintext = vec![7; usize::from(len)];
        // What is due comes first.
        self.server.transmit(1500);
        if let Some(record) = self.server.send(&plaintext, usize::from(room % 400))
            && let Some(opened) = self.device.client.open(&record)
        {
            assert_eq!(opened, (APPLICATION_DATA, plaintext));
        }
    }

    fn apply(&mut self, input: &Input<'_>) {
        match *input {
            Input::Next { data } => self.next(&data, false),
            Input::Lost { data } => self.next(&data, true),
            Input::Again(which) => drop(self.feed(&self.one(which))),
            Input::Changed(which, ref change) => {
                let mut datagram = self.one(which);
                // There is more room behind a header.
                if datagram.len() > 13 {
                    change.apply(&mut datagram);
                    self.feed(&datagram);
                }
            }
            Input::Joined(one, other) => {
                self.feed(&[self.one(one), self.one(other)].concat());
            }
            Input::Pieces { which, size, overlap, backwards } => {
                self.pieces(which, size, overlap, backwards);
            }
            Input::Insist { which, times, pause } => {
                let datagram = self.one(which);
                for _ in 0..times % 16 {
                    self.feed(&datagram);
                    self.server.transmit(1500);
                    self.server.pass_time(u64::from(pause) * 8);
                }
            }
            Input::Elsewhere(which) => drop(self.feed_from(1, &self.one(which))),
            Input::Raw(bytes) => drop(self.feed(&bytes)),
            Input::Record { content_type, epoch, sequence, content } => {
                let epoch = u16::from(epoch % 3);
                // Half of them have a type that there is, or almost.
                let content_type =
                    if content_type < 128 { 20 + content_type % 6 } else { content_type };
                self.feed(&record(content_type, epoch, u64::from(sequence), &content));
            }
            Input::Message { kind, message_seq, offset, more, body } => {
                let content = part(kind, message_seq, offset, more, &body);
                self.feed(&record(HANDSHAKE, 0, u64::from(message_seq), &content));
            }
            Input::Flood { len } => {
                for message_seq in 0..12 {
                    let content = part(11, message_seq, 0, len, &[0]);
                    self.feed(&record(HANDSHAKE, 0, 80, &content));
                }
            }
            Input::Hello { suites, extensions, tail } => {
                self.odd_hello(&suites, &extensions, &tail);
            }
            Input::Protected { content_type, sequence, content } => {
                self.protected(content_type, sequence, &content);
            }
            Input::ProtectedMessage { kind, message_seq, offset, more, body } => {
                let content = part(kind, message_seq, offset, more, &body);
                self.protected(HANDSHAKE, None, &content);
            }
            // There is no secret yet.
            Input::FalseFinished { .. } if self.device.client.keys.is_none() => {}
            Input::FalseFinished { at, by } => {
                let mut data = self.device.client.verify_data();
                data[usize::from(at % 12)] ^= by.max(1);
                let content = message(FINISHED, self.device.client.message_seq, &data);
                self.protected(HANDSHAKE, None, &content);
            }
            Input::Time(units) => self.server.pass_time(u64::from(units) * 2),
            Input::Transmit { room } => drop(self.server.transmit(usize::from(room % 1500))),
            Input::Send { len, room } => self.send(len, room),
            Input::MoveOn(ref change) => self.server.move_on(|blob| change.apply(blob)),
            Input::Rotate => self.server.rotate(),
            Input::Close => self.server.close(),
            Input::Anew(proof) => {
                let number = self.client_number().wrapping_add(1);
                self.case[0] = proof;
                self.device = device(self.case, number);
            }
        }
    }
}

/// What the server knows, and what it does not.
const KNOWN_SUITES: [u16; 8] = [0x00a8, 0xc02b, 0xc0a8, 0xc0ae, 0xc02f, 0x00ff, 0x1301, 0x008c];
const KNOWN_EXTENSIONS: [u16; 12] = [0, 1, 10, 11, 13, 21, 22, 23, 35, 54, 0xff01, 0x9999];

fn device([proof, knows_ids]: [u8; 2], number: u8) -> Device {
    let (proof, ticket) = match proof % 5 {
        0 | 1 => (Proof::PreSharedKey, None),
        2 => (Proof::Certificate, None),
        _ => (Proof::Ticket, Some(TICKET.clone())),
    };
    Device::new(proof, number, knows_ids != 0, ticket)
}

/// A message, or a part of one.
fn part(kind: u8, message_seq: u8, offset: u8, more: u16, body: &[u8]) -> Vec<u8> {
    let len = usize::from(offset) + body.len() + usize::from(more % 1200);
    fragment(kind, u16::from(message_seq % 16), len, usize::from(offset), body)
}

fuzz_target!(|data: &[u8]| {
    let mut data = Unstructured::new(data);
    let Ok(case) = Case::arbitrary(&mut data) else { return };
    let mut run = Run::new(&case);
    while !data.is_empty()
        && let Ok(input) = Input::arbitrary(&mut data)
    {
        run.apply(&input);
    }
    run.server.transmit(1500);
});
