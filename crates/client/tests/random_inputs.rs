//! Hazard: some order of calls and datagrams that nobody thought of brings the
//! client down, or makes it forget a message or tell of it twice.
//!
//! Random calls, and datagrams from valid through mutated to random, against a
//! model that knows one thing: which messages are still to end.

mod support;

use std::collections::HashSet;

use coap_lite::MessageType;
use iot_coap_client::{Client, Event, ExchangeId, Received, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use support::{HOUR, at, con, message, ms, read, seeded_config_for};

const MOST: usize = 4;
/// The same with those that were displaced and are yet to be told of.
const MOST_KNOWN: usize = if cfg!(feature = "displaced") { 2 * MOST } else { MOST };

#[derive(Clone, Debug)]
enum Input {
    SignIn(u64),
    CancelSignIn,
    Send {
        confirmable: bool,
        len: usize,
    },
    Cancel(usize),
    /// Sends what is due; else it stays due.
    Transmit,
    SessionRenewed,
    /// Time passes, and `handle_timeout` is called.
    Pass(u64),
    /// Time passes until the next timeout.
    Due,
    /// An answer to one of the datagrams sent last.
    Answer {
        which: usize,
        kind: u8,
        code: u8,
        id: u16,
        payload: usize,
        flip: Option<(usize, u8)>,
    },
    /// Something else of the server's, its id perhaps one of ours.
    Other {
        which: usize,
        kind: u8,
        code: u8,
        token: Vec<u8>,
    },
    Random(Vec<u8>),
}

fn code() -> impl Strategy<Value = u8> {
    prop_oneof![
        6 => Just(0x45_u8),
        4 => Just(0x81_u8),
        2 => Just(0x82_u8),
        2 => Just(0xA0_u8),
        1 => Just(0x83_u8),
        1 => Just(0x9D_u8),
        3 => Just(0_u8),
        1 => any::<u8>(),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let flip = proptest::option::weighted(0.2, (any::<usize>(), 1_u8..));
    prop_oneof![
        2 => (0_u64..60_000).prop_map(Input::SignIn),
        1 => Just(Input::CancelSignIn),
        10 => (any::<bool>(), prop_oneof![0_usize..40, 1000_usize..1300])
            .prop_map(|(confirmable, len)| Input::Send { confirmable, len }),
        1 => any::<usize>().prop_map(Input::Cancel),
        12 => Just(Input::Transmit),
        1 => Just(Input::SessionRenewed),
        4 => prop_oneof![8 => 0_u64..3000, 2 => 0_u64..300_000, 1 => 0_u64..48 * HOUR].prop_map(Input::Pass),
        6 => Just(Input::Due),
        20 => (any::<usize>(), 0_u8..4, code(), any::<u16>(), any::<usize>(), flip).prop_map(
            |(which, kind, code, id, payload, flip)| Input::Answer { which, kind, code, id, payload, flip }
        ),
        4 => (any::<usize>(), 0_u8..4, code(), vec(any::<u8>(), 0..=8))
            .prop_map(|(which, kind, code, token)| Input::Other { which, kind, code, token }),
        2 => vec(any::<u8>(), 0..40).prop_map(Input::Random),
    ]
}

const KINDS: [MessageType; 4] = [support::ACK, support::CON, support::NON, support::RST];

/// Payloads that mean something in one mode or another.
const PAYLOADS: [&[u8]; 6] = [
    br#"{"token":"first"}"#,
    br#"{"token":"a rather longer access token","random":"915ede6cbc8a059f","seqOffset":7}"#,
    br#"{"random":"r","seqOffset":3,"token":"second"}"#,
    b"",
    b"\xFF",
    b"sixteen letters!",
];

struct Model {
    client: Client<u32>,
    now: u64,
    /// Messages that were accepted and have not ended.
    open: HashSet<u32>,
    /// How many of them were displaced and are forgotten, since too many were displaced
    /// at once to be told.
    forgotten: usize,
    exchanges: Vec<(ExchangeId, u32)>,
    accepted: u32,
    /// How many ended in a response, a refusal, a give-up, a cancellation.
    ends: [u32; 4],
    /// The datagrams sent last.
    sent: Vec<Vec<u8>>,
}

impl Model {
    fn new(url: &str, seed: u64) -> Self {
        Self {
            client: Client::new(seeded_config_for(url, seed).max_outstanding(MOST)),
            now: seed % 1_000_000,
            open: HashSet::new(),
            forgotten: 0,
            exchanges: Vec::new(),
            accepted: 0,
            ends: [0; 4],
            sent: Vec::new(),
        }
    }

    fn ended(&mut self, application: u32, how: usize) {
        self.ends[how] += 1;
        assert!(self.open.remove(&application), "message {application} ended, but it is not open");
    }

    fn apply(&mut self, input: Input) {
        match input {
            Input::SignIn(limit_ms) => {
                let attempt = self.client.sign_in(at(self.now), ms(limit_ms));
                self.client.sign_in_outcome(at(self.now), attempt);
            }
            Input::CancelSignIn => self.client.cancel_sign_in(at(self.now)),
            Input::Send { confirmable, len } => {
                let payload = vec![0xA5; len];
                let request = Request { confirmable, ..con(&payload) };
                let application = self.accepted;
                let before = self.client.outstanding();
                match self.client.send(at(self.now), &request, application) {
                    Ok(exchange) => {
                        self.accepted += 1;
                        assert!(self.open.insert(application));
                        let is_one_forgotten = self.client.outstanding() == before;
                        assert!(!is_one_forgotten || before == MOST_KNOWN);
                        self.forgotten += usize::from(is_one_forgotten);
                        self.exchanges.push((exchange, application));
                    }
                    Err(unsent) => assert_eq!(unsent.application, application),
                }
            }
            Input::Cancel(which) if !self.exchanges.is_empty() => {
                let (exchange, application) = self.exchanges[which % self.exchanges.len()];
                let cancelled = self.client.cancel(exchange);
                if let Some(cancelled) = cancelled {
                    assert_eq!(cancelled, application);
                    self.ended(cancelled, 3);
                } else if self.open.remove(&application) {
                    // One that is open and cannot be cancelled was forgotten.
                    assert!(self.forgotten > 0);
                    self.forgotten -= 1;
                }
            }
            Input::Transmit => self.transmit(),
            Input::SessionRenewed => self.client.handle_session_renewed(at(self.now)),
            Input::Pass(ms) => {
                self.now += ms;
                self.client.handle_timeout(at(self.now));
            }
            Input::Due => {
                if let Some(timeout) = self.client.next_timeout() {
                    self.now = self.now.max(timeout.as_millis());
                    self.client.handle_timeout(at(self.now));
                }
            }
            Input::Answer { which, kind, code, id, payload, flip } if !self.sent.is_empty() => {
                let request = read(&self.sent[which % self.sent.len()]);
                let kind = KINDS[usize::from(kind)];
                let ours = matches!(kind, MessageType::Acknowledgement | MessageType::Reset);
                let id = if ours { request.header.message_id } else { id % 8 };
                let token = if code == 0 { &[] } else { request.get_token() };
                let payload = if code == 0 { b"" } else { PAYLOADS[payload % PAYLOADS.len()] };
                let mut datagram = message(kind, code, id, token, payload);
                if let Some((at, bits)) = flip {
                    let at = at % datagram.len();
                    datagram[at] ^= bits;
                }
                self.receive(datagram);
            }
            Input::Other { which, kind, code, token } => {
                let id = self
                    .sent
                    .get(which % 8)
                    .map_or(which as u16, |sent| read(sent).header.message_id);
                self.receive(message(KINDS[usize::from(kind)], code, id, &token, b""));
            }
            Input::Random(bytes) => self.receive(bytes),
            Input::Cancel(_) | Input::Answer { .. } => {}
        }
        self.check();
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.client.poll_transmit(at(self.now)) {
            assert!(transmit.datagram.len() <= 1280);
            let datagram = transmit.datagram.to_vec();
            // Whatever came in, what goes out is well-formed.
            read(&datagram);
            self.sent.push(datagram);
        }
        let surplus = self.sent.len().saturating_sub(8);
        self.sent.drain(..surplus);
    }

    fn receive(&mut self, mut datagram: Vec<u8>) {
        let received = self.client.handle_datagram(at(self.now), &mut datagram);
        if let Received::Response(answer) = received {
            assert!(datagram.get(answer.payload).is_some());
            self.ended(answer.application, 0);
        }
    }

    fn check(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::SignedIn | Event::SignInFailed(_) => {}
                Event::Refused { application, .. } => self.ended(application, 1),
                Event::GaveUp { application, .. } => self.ended(application, 2),
            }
        }
        assert_eq!(self.client.outstanding(), self.open.len() - self.forgotten);
        // As many outstanding, and as many that were displaced and are yet to be told.
        assert!(self.client.outstanding() <= MOST_KNOWN);
        // Whatever state it is in, a message that has not ended will.
        assert!(self.client.outstanding() == 0 || self.client.next_timeout().is_some());
    }

    /// The cloud falls silent: everything ends in bounded time.
    fn fall_silent(&mut self) {
        let end = self.now + 2 * HOUR;
        let mut rounds = 0;
        while self.open.len() > self.forgotten {
            self.transmit();
            self.check();
            let Some(timeout) = self.client.next_timeout() else { continue };
            let timeout = timeout.as_millis();
            rounds += 1;
            assert!(timeout < end && rounds < 10_000, "still open: {:?}", self.open);
            self.now = self.now.max(timeout);
            self.client.handle_timeout(at(self.now));
            self.check();
        }
    }
}

fn run(url: &str, seed: u64, inputs: Vec<Input>) -> Model {
    let mut model = Model::new(url, seed);
    let (which, kind, id, payload) = (0, 0, 0, 1);
    let grant = Input::Answer { which, kind, code: 0x45, id, payload, flip: None };
    let prelude = [Input::SignIn(10_000), Input::Transmit, grant];
    // Most of them are signed in to begin with.
    let prelude = prelude.into_iter().filter(|_| !seed.is_multiple_of(4));
    for input in prelude.chain(inputs) {
        model.apply(input);
    }
    model.fall_silent();
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn every_message_ends_once(seed: u64, inputs in vec(input(), 1..150)) {
        run("coap://127.0.0.1", seed, inputs);
    }

    #[cfg(feature = "symmetric")]
    #[test]
    fn in_symmetric_mode_too(seed: u64, inputs in vec(input(), 1..150)) {
        run("coap-psk://127.0.0.1", seed, inputs);
    }
}

/// That the inputs get anywhere: messages end in every way there is.
#[test]
fn the_inputs_get_somewhere() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut ends = [0; 4];
    for seed in 0..100 {
        let inputs = vec(input(), 200).new_tree(&mut runner).expect("inputs").current();
        let model = run("coap://127.0.0.1", seed, inputs);
        for (sum, ends) in ends.iter_mut().zip(model.ends) {
            *sum += ends;
        }
    }
    assert!(ends.iter().all(|ends| *ends > 50), "{ends:?}");
}
