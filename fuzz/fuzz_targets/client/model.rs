//! The client under test, beside a record of what it must do: what was accepted and
//! has not ended, when each message was sent and how often.

use std::collections::{HashMap, HashSet};

use iot_coap_client::{
    Client, Code, Config, ContentFormat, Device, Duration, Encoder, Encoding, Endpoint, Event,
    ExchangeId, Instant, Kind, MAX_ACCESS_TOKEN_LEN, MAX_MESSAGE_LEN, MAX_PATH_LEN, Message,
    OptionNumber, Received, Request, SendError, SignMethod, TransmissionParameters,
};

use crate::inputs::{Answer, Case, Form, Input, Path, Payload, SECRET};

/// When everything has ended at the latest, if the cloud falls silent.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How often and when a Confirmable message was sent.
struct Sent {
    times: u32,
    last: Instant,
}

pub(crate) struct Model {
    pub(crate) client: Client<u32>,
    encoding: Encoding,
    now: Instant,
    ack_timeout: Duration,
    max_retransmit: u32,
    max_outstanding: usize,
    /// How many messages are in `open` that the client has forgotten.
    forgotten: usize,
    hold: bool,
    /// Messages that were accepted and have not ended.
    open: HashSet<u32>,
    accepted: Vec<ExchangeId>,
    transmitted: Vec<ExchangeId>,
    /// How many were answered, told of, cancelled.
    ended: [u64; 3],
    /// The requests sent last.
    last: Vec<Vec<u8>>,
    /// By message id and token.
    transmissions: HashMap<(u16, Vec<u8>), Sent>,
}

impl Model {
    pub(crate) fn new(case: &Case) -> Self {
        let url = if case.symmetric { "coap-psk://127.0.0.1" } else { "coap://127.0.0.1" };
        let device = Device::new("a1RP1qZfrEi", "example1", "", SECRET).expect("an identity");
        let endpoint = Endpoint::parse(url).expect("a URL");
        let mut transmission = TransmissionParameters::default();
        if let Some(ms) = case.ack_timeout_ms {
            transmission.ack_timeout = Duration::from_millis(ms.into());
        }
        if let Some(times) = case.max_retransmit {
            transmission.max_retransmit = times % 6;
        }
        let encoding = if case.cbor { Encoding::Cbor } else { Encoding::Json };
        let max_outstanding = usize::from(case.max_outstanding % 8);
        let mut config = Config::new(device, &endpoint, case.seed)
            .encoding(encoding)
            .timestamp_ms(case.timestamp)
            .transmission(transmission)
            .max_outstanding(max_outstanding)
            // By bits that nothing else needs, so that the seeds keep their meaning.
            .max_in_flight(u16::from(case.max_outstanding / 8 % 4));
        if case.link {
            config = config.access_token_option(OptionNumber::ACCESS_TOKEN_LINK);
        }
        if let Some(seconds) = case.lifetime {
            config = config.access_token_lifetime(Duration::from_secs(u64::from(seconds) + 1));
        }
        if case.sha1 {
            config = config.sign_method(SignMethod::HmacSha1);
        }
        Self {
            encoding,
            now: Instant::from_millis(case.start.into()),
            ack_timeout: transmission.ack_timeout.max(Duration::from_millis(1)),
            max_retransmit: transmission.max_retransmit.into(),
            max_outstanding,
            forgotten: 0,
            hold: false,
            open: HashSet::new(),
            accepted: Vec::new(),
            transmitted: Vec::new(),
            ended: [0; 3],
            last: Vec::new(),
            transmissions: HashMap::new(),
            client: Client::new(config),
        }
    }

    pub(crate) fn apply(&mut self, input: &Input<'_>) {
        match input {
            Input::SignIn { limit_ms } => {
                let attempt =
                    self.client.sign_in(self.now, Duration::from_millis((*limit_ms).into()));
                self.client.sign_in_outcome(self.now, attempt);
            }
            Input::CancelSignIn => self.client.cancel_sign_in(self.now),
            Input::Send { confirmable, path, format, payload } => {
                self.send(*confirmable, path, *format, payload);
            }
            Input::Cancel { which } => self.cancel(&self.accepted.clone(), *which),
            Input::CancelTransmitted { which } => {
                self.cancel(&self.transmitted.clone(), *which);
            }
            Input::SessionRenewed => {
                self.client.handle_session_renewed(self.now);
                self.transmissions.clear();
            }
            Input::Restore { token } => {
                let restored = self.client.restore_access_token(self.now, token);
                if restored {
                    assert_eq!(self.client.access_token(), Some(&**token));
                }
            }
            Input::Tick => self.client.handle_timeout(self.now),
            Input::Pass { ms } => self.pass(Duration::from_millis((*ms).into())),
            Input::PassLong { seconds } => self.pass(Duration::from_secs((*seconds).into())),
            Input::Due => {
                if let Some(timeout) = self.client.next_timeout() {
                    self.now = self.now.max(timeout);
                    self.client.handle_timeout(self.now);
                }
            }
            Input::Hold { hold } => self.hold = *hold,
            Input::Answer(answer) => self.answer(answer),
            Input::Raw(datagram) => self.receive(datagram.to_vec()),
        }
        if !self.hold {
            self.transmit();
        }
        self.check();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
    }

    fn send(&mut self, confirmable: bool, path: &Path<'_>, format: u8, payload: &Payload<'_>) {
        let long = "/x".repeat(67);
        let path = match path {
            Path::Usual => b"/topic/a1RP1qZfrEi/example1/update",
            Path::Long => long.as_bytes(),
            Path::Bytes(bytes) => bytes,
        };
        let content_format = match format % 3 {
            0 => ContentFormat::Json,
            1 => ContentFormat::Cbor,
            _ => ContentFormat::OctetStream,
        };
        let payload = payload.bytes(self.encoding);
        let request = Request { confirmable, path, content_format, payload: &payload };
        let application = self.accepted.len() as u32;
        let token = self.client.next_token();
        let before = self.client.outstanding();
        match self.client.send(self.now, &request, application) {
            Ok(exchange) => {
                // Too many were displaced at once to be told.
                let is_one_forgotten = self.client.outstanding() == before;
                assert!(!is_one_forgotten || before == 2 * self.max_outstanding);
                self.forgotten += usize::from(is_one_forgotten);
                assert!(path.len() <= MAX_PATH_LEN);
                // A sign-in that it brings on takes a token of its own.
                assert!(matches!(self.client.next_token().wrapping_sub(token), 1 | 2));
                self.accepted.push(exchange);
                assert!(self.open.insert(application));
            }
            Err(unsent) => {
                assert_eq!(unsent.application, application);
                assert_eq!(self.client.outstanding(), before);
                assert_eq!(self.client.next_token(), token);
                if unsent.error == SendError::TooManyOutstanding {
                    assert!(before >= self.max_outstanding);
                }
            }
        }
    }

    fn cancel(&mut self, exchanges: &[ExchangeId], which: u8) {
        let Some(exchange) = exchanges.get(usize::from(which) % exchanges.len().max(1)) else {
            return;
        };
        if let Some(application) = self.client.cancel(*exchange) {
            self.ends(application, 2);
        }
        assert!(self.client.cancel(*exchange).is_none());
    }

    fn answer(&mut self, answer: &Answer<'_>) {
        let Some(request) = self.last.get(usize::from(answer.which) % self.last.len().max(1))
        else {
            return;
        };
        let request = Message::parse(request).expect("what is sent parses");
        let code = answer.code.code();
        let (kind, code, id) = match &answer.form {
            Form::Ack => (Kind::Acknowledgement, Code::EMPTY, request.id),
            Form::Piggybacked => (Kind::Acknowledgement, code, request.id),
            Form::Confirmable { id } => (Kind::Confirmable, code, (*id).into()),
            Form::NonConfirmable { id } => (Kind::NonConfirmable, code, (*id).into()),
            Form::Reset => (Kind::Reset, Code::EMPTY, request.id),
            Form::Request { confirmable: true, method } => {
                (Kind::Confirmable, Code(*method & 0x1F), request.id)
            }
            Form::Request { confirmable: false, method } => {
                (Kind::NonConfirmable, Code(*method & 0x1F), request.id)
            }
        };
        let payload = answer.payload.bytes(self.encoding);
        let mut out = vec![0; payload.len() + MAX_MESSAGE_LEN];
        let token = if code == Code::EMPTY { &[] } else { request.token };
        let mut encoder = Encoder::new(&mut out, kind, code, id, token).expect("a head");
        let len = if code == Code::EMPTY {
            encoder.finish()
        } else {
            if let Some((number, value)) = answer.option {
                let _ = encoder.option(OptionNumber(number), &value);
            }
            encoder.payload(&payload).expect("there is room")
        };
        out.truncate(len);
        if let Some((at, bits)) = answer.flip {
            let at = usize::from(at) % out.len();
            out[at] ^= bits;
        }
        self.receive(out);
    }

    fn receive(&mut self, mut datagram: Vec<u8>) {
        let outstanding = self.client.outstanding();
        match self.client.handle_datagram(self.now, &mut datagram) {
            Received::Response(answer) => {
                assert!(datagram.get(answer.payload).is_some());
                assert!(answer.code.is_response());
                self.ends(answer.application, 0);
            }
            Received::Handled => {}
            Received::Dropped(_) => assert_eq!(self.client.outstanding(), outstanding),
        }
    }

    fn ends(&mut self, application: u32, how: usize) {
        self.ended[how] += 1;
        assert!(self.open.remove(&application), "message {application} ended, but is not open");
    }

    /// Sends what is due. The next timeout then lies ahead: a program that
    /// waits for it does not spin.
    fn transmit(&mut self) {
        for _ in 0..4 {
            self.transmit_all();
            if self.client.next_timeout().is_none_or(|timeout| timeout > self.now) {
                return;
            }
            self.client.handle_timeout(self.now);
        }
        panic!("the timeout does not move");
    }

    fn transmit_all(&mut self) {
        while let Some(transmit) = self.client.poll_transmit(self.now) {
            assert!(transmit.datagram.len() <= MAX_MESSAGE_LEN);
            let message = Message::parse(transmit.datagram).expect("what is sent parses");
            let Some(exchange) = transmit.exchange else {
                assert!(message.payload.is_empty());
                continue;
            };
            assert_eq!(message.code, Code::POST);
            assert_eq!(message.token.len(), 4);
            let key = (message.id, message.token.to_vec());
            let sent = self.transmissions.entry(key).or_insert(Sent { times: 0, last: self.now });
            if sent.times > 0 {
                assert_eq!(message.kind, Kind::Confirmable, "a NON message is sent once");
                assert!(sent.times <= self.max_retransmit, "sent too often");
                // A time-out that was learned is longer, and grows more slowly, or not at all
                // from 10 s on.
                let first = self.ack_timeout.as_millis();
                let grown = (1..sent.times).fold(first, |ms, _| ms * 3 / 2);
                let least = grown.min(first.max(10_000));
                let waited = (self.now - sent.last).as_millis();
                assert!(waited >= least, "sent again too soon");
            }
            sent.times += 1;
            sent.last = self.now;
            self.transmitted.push(exchange);
            self.last.push(transmit.datagram.to_vec());
        }
        let surplus = self.last.len().saturating_sub(8);
        self.last.drain(..surplus);
        let surplus = self.transmitted.len().saturating_sub(8);
        self.transmitted.drain(..surplus);
    }

    fn check(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::SignedIn | Event::SignInFailed(_) => {}
                Event::Refused { application, .. } => self.ends(application, 1),
                Event::GaveUp { application, .. } => self.ends(application, 1),
            }
        }
        assert_eq!(self.client.outstanding(), self.open.len() - self.forgotten);
        // As many outstanding, and as many that were displaced and are yet to be told.
        assert!(self.client.outstanding() <= 2 * self.max_outstanding);
        // Whatever state it is in, also one that nobody fetches: what is open will end.
        assert!(self.client.outstanding() == 0 || self.client.next_timeout().is_some());
        let statistics = self.client.statistics();
        assert_eq!(statistics.answered, self.ended[0]);
        assert_eq!(statistics.given_up, self.ended[1] + self.forgotten as u64);
        if let Some(token) = self.client.access_token() {
            assert!((1..=MAX_ACCESS_TOKEN_LEN).contains(&token.len()));
        }
    }

    /// The cloud falls silent: everything ends in bounded time.
    pub(crate) fn fall_silent(&mut self) {
        let end = self.now + DAY;
        self.transmit();
        self.check();
        while self.open.len() > self.forgotten {
            let timeout = self.client.next_timeout().expect("messages that nothing will ever end");
            assert!(timeout < end, "still open: {:?}", self.open);
            self.now = self.now.max(timeout);
            self.client.handle_timeout(self.now);
            self.transmit();
            self.check();
        }
    }
}
