//! The DTLS client as a state machine. The records of recorded handshakes arrive in any
//! order, repeatedly, modified, truncated and mixed, with calls and time in between.
//!
//! Invariants: the client connects only after the unmodified Finished; its plaintext is the
//! server's; during the handshake a timer runs; it sends valid records, and a bounded number
//! of them; nothing panics.

#![no_main]

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use iot_coap_dtls::{Client, Datagram, Duration, Error, Instant, State};
use iot_coap_fuzz::{Change, Short};
use iot_coap_test_support::scripted::numbers::Numbers;
use iot_coap_test_support::scripted::recording::{GREETING, Recording};
use iot_coap_test_support::scripted::recordings;
use libfuzzer_sys::fuzz_target;

static RECORDINGS: LazyLock<[Recording; 6]> = LazyLock::new(recordings::all);

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// The next record of the recording.
    Next,
    /// Any record of the recording, unmodified.
    Again(u8),
    /// A modified record.
    Changed(u8, Change<'a>),
    /// A record of another recording.
    Foreign {
        recording: u8,
        record: u8,
    },
    /// Two records in one datagram.
    Joined(u8, u8),
    Raw(Short<'a>),
    /// Time passes, in milliseconds.
    Timeout(u16),
    Transmit {
        room: u16,
    },
    Send {
        len: u8,
        room: u16,
    },
    Close,
}

struct Run<'r> {
    recording: &'r Recording,
    client: Client<Numbers>,
    next: usize,
    now: Instant,
    /// The unmodified Finished has arrived.
    finished: bool,
    sent: usize,
}

impl Run<'_> {
    fn record(&self, which: u8) -> Vec<u8> {
        let records = &self.recording.records;
        records[usize::from(which) % records.len()].clone()
    }

    fn apply(&mut self, input: &Input<'_>) {
        match input {
            Input::Next => {
                if let Some(record) = self.recording.records.get(self.next) {
                    self.next += 1;
                    self.feed(record.clone());
                }
            }
            Input::Again(which) => self.feed(self.record(*which)),
            Input::Changed(which, change) => {
                let mut record = self.record(*which);
                change.apply(&mut record);
                self.feed(record);
            }
            Input::Foreign { recording, record } => {
                let records = &RECORDINGS[usize::from(*recording) % RECORDINGS.len()].records;
                self.feed(records[usize::from(*record) % records.len()].clone());
            }
            Input::Joined(first, second) => {
                self.feed([self.record(*first), self.record(*second)].concat());
            }
            Input::Raw(bytes) => self.feed(bytes.to_vec()),
            Input::Timeout(after) => self.timeout(Duration::from_millis(u64::from(*after))),
            Input::Transmit { room } => self.transmit(usize::from(*room % 1500)),
            Input::Send { len, room } => self.send(usize::from(*len), usize::from(*room % 600)),
            Input::Close => self.client.close(),
        }
        self.check();
    }

    fn feed(&mut self, mut datagram: Vec<u8>) {
        let finished = &self.recording.records[self.recording.finished()];
        let before = self.client.state();
        self.finished |= datagram.windows(finished.len()).any(|bytes| bytes == finished);
        let mut datagram = Datagram::new(&mut datagram);
        loop {
            match self.client.handle_datagram(self.now, &mut datagram) {
                Ok(Some(plaintext)) => {
                    assert!(self.finished);
                    assert_eq!(plaintext, GREETING);
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(self.client.state(), State::Ended(error));
                    break;
                }
            }
        }
        assert!(datagram.rest().is_empty() || matches!(self.client.state(), State::Ended(_)));
        if let State::Ended(error) = before {
            assert_eq!(self.client.state(), State::Ended(error));
        }
    }

    fn timeout(&mut self, after: Duration) {
        self.now += after;
        let ended = self.client.handle_timeout(self.now).is_err();
        assert_eq!(ended, ended && matches!(self.client.state(), State::Ended(_)));
        if let Some(deadline) = self.client.next_timeout() {
            assert!(deadline > self.now);
        }
    }

    /// Polls until nothing is due.
    fn transmit(&mut self, room: usize) {
        let mut out = vec![0; room];
        for _ in 0..100 {
            let Some(len) = self.client.poll_transmit(&mut out) else { return };
            self.sent += 1;
            let mut rest = &out[..len];
            while !rest.is_empty() {
                assert!((20..=25).contains(&rest[0]) && rest[1..3] == [0xfe, 0xfd]);
                let len = usize::from(u16::from_be_bytes([rest[11], rest[12]]));
                rest = &rest[13 + len..];
            }
        }
        panic!("an endless flight");
    }

    fn send(&mut self, len: usize, room: usize) {
        let overhead = self.client.record_overhead();
        let state = self.client.state();
        let mut out = vec![0; room];
        match self.client.send(&vec![7; len], &mut out) {
            Ok(sent) => assert!(sent <= len + overhead && state == State::Connected),
            Err(Error::BadLength) => assert!(room < len + overhead),
            Err(Error::NotConnected) => assert_eq!(state, State::Handshaking),
            Err(error) => assert_eq!(state, State::Ended(error)),
        }
    }

    fn check(&mut self) {
        match self.client.state() {
            State::Handshaking => assert!(self.client.next_timeout().is_some()),
            State::Connected => assert!(self.finished, "connected without a Finished"),
            State::Ended(_) => assert!(self.client.next_timeout().is_none()),
        }
        if self.client.state() != State::Connected {
            let saved = self.client.take_saved_session();
            assert!(saved.is_none() || self.finished);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut data = Unstructured::new(data);
    let Ok(which) = u8::arbitrary(&mut data) else { return };
    let recording = &RECORDINGS[usize::from(which) % RECORDINGS.len()];
    let client = recording.client().unwrap();
    let mut run =
        Run { recording, client, next: 0, now: Instant::from_millis(0), finished: false, sent: 0 };
    let mut inputs = 0;
    while !data.is_empty()
        && let Ok(input) = Input::arbitrary(&mut data)
    {
        run.apply(&input);
        inputs += 1;
    }
    run.transmit(1500);
    // Each input makes the client send at most one flight of a few datagrams.
    assert!(run.sent <= 8 * (inputs + 1) + 8, "{} datagrams", run.sent);
});
