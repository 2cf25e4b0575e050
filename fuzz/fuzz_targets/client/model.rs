//! The client under test, beside a record of what it must do: what was taken and
//! has not ended, when each message was sent and how often.

use std::collections::{HashMap, HashSet};

use iot_coap_client::{
    ACCESS_TOKEN_MAX_LEN, Client, Code, Config, ContentFormat, Device, Encoder, Encoding, Endpoint,
    Event, ExchangeId, Kind, MAX_MESSAGE_LEN, Message, OptionNumber, Received, Request, SendError,
    SignMethod,
};

use crate::inputs::{Answer, Case, Form, Input, Path, Payload, SECRET};

/// When everything has ended at the latest, if the cloud falls silent.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// How often and when a Confirmable message was sent.
struct Sent {
    times: u32,
    last: u64,
}

pub(crate) struct Model {
    pub(crate) client: Client<u32>,
    encoding: Encoding,
    now: u64,
    ack_timeout_ms: u64,
    max_retransmit: u32,
    max_outstanding: usize,
    hold: bool,
    /// Messages that were taken and have not ended.
    open: HashSet<u32>,
    taken: Vec<ExchangeId>,
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
        let mut config = Config::new(device, &Endpoint::parse(url).expect("a URL"), case.seed);
        if case.link {
            config.access_token_option = OptionNumber::ACCESS_TOKEN_LINK;
        }
        if let Some(seconds) = case.lifetime {
            config.access_token_lifetime_ms = u64::from(seconds) * 1000 + 1000;
        }
        if case.cbor {
            config.sign_in.encoding = Encoding::Cbor;
        }
        if case.sha1 {
            config.sign_in.method = SignMethod::HmacSha1;
        }
        config.sign_in.timestamp = case.timestamp;
        if let Some(ms) = case.ack_timeout_ms {
            config.transmission.ack_timeout_ms = u32::from(ms);
        }
        if let Some(times) = case.max_retransmit {
            config.transmission.max_retransmit = times % 6;
        }
        config.max_outstanding = usize::from(case.max_outstanding % 8);
        Self {
            encoding: config.sign_in.encoding,
            now: case.start.into(),
            ack_timeout_ms: config.transmission.ack_timeout_ms.max(1).into(),
            max_retransmit: config.transmission.max_retransmit.into(),
            max_outstanding: config.max_outstanding,
            hold: false,
            open: HashSet::new(),
            taken: Vec::new(),
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
                let attempt = self.client.sign_in(self.now, (*limit_ms).into());
                self.client.sign_in_outcome(attempt);
            }
            Input::CancelSignIn => self.client.cancel_sign_in(self.now),
            Input::Send { confirmable, path, format, payload } => {
                self.send(*confirmable, path, *format, payload);
            }
            Input::Cancel { which } => self.cancel(&self.taken.clone(), *which),
            Input::CancelTransmitted { which } => {
                self.cancel(&self.transmitted.clone(), *which);
            }
            Input::SessionRenewed => {
                self.client.session_renewed(self.now);
                self.transmissions.clear();
            }
            Input::Restore { token } => {
                let restored = self.client.restore_access_token(self.now, token);
                if restored {
                    assert_eq!(self.client.access_token(), Some(&**token));
                }
            }
            Input::Tick => self.client.tick(self.now),
            Input::Pass { ms } => self.pass((*ms).into()),
            Input::PassLong { seconds } => self.pass(u64::from(*seconds) * 1000),
            Input::Due => {
                if let Some(deadline) = self.client.deadline() {
                    self.now = self.now.max(deadline);
                    self.client.tick(self.now);
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

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.client.tick(self.now);
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
        let application = self.taken.len() as u32;
        let token = self.client.next_token();
        let before = self.client.outstanding();
        match self.client.send(self.now, &request, application) {
            Ok(exchange) => {
                assert!(path.len() <= iot_coap_client::PATH_MAX_LEN);
                // A sign-in that it brings on takes a token of its own.
                assert!(matches!(self.client.next_token().wrapping_sub(token), 1 | 2));
                self.taken.push(exchange);
                assert!(self.open.insert(application));
            }
            Err((error, given_back)) => {
                assert_eq!(given_back, application);
                assert_eq!(self.client.outstanding(), before);
                if error == SendError::TooManyOutstanding {
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
        match self.client.receive(self.now, &mut datagram) {
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

    /// Sends what is due. The next deadline then lies ahead: a program that
    /// waits for it does not spin.
    fn transmit(&mut self) {
        for _ in 0..4 {
            self.transmit_all();
            if self.client.deadline().is_none_or(|deadline| deadline > self.now) {
                return;
            }
            self.client.tick(self.now);
        }
        panic!("the deadline stands still");
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
            let sent = self.transmissions.entry(key).or_insert(Sent { times: 0, last: 0 });
            if sent.times > 0 {
                assert_eq!(message.kind, Kind::Confirmable, "a NON message is sent once");
                assert!(sent.times <= self.max_retransmit, "sent too often");
                let least = self.ack_timeout_ms << (sent.times - 1);
                assert!(self.now - sent.last >= least, "sent again too soon");
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
                Event::Refused(refusal) => self.ends(refusal.application, 1),
                Event::GaveUp { application, .. } => self.ends(application, 1),
            }
        }
        assert_eq!(self.client.outstanding(), self.open.len());
        assert!(self.open.len() <= self.max_outstanding);
        let statistics = self.client.statistics();
        assert_eq!(statistics.answered, self.ended[0]);
        assert_eq!(statistics.given_up, self.ended[1]);
        if let Some(token) = self.client.access_token() {
            assert!((1..=ACCESS_TOKEN_MAX_LEN).contains(&token.len()));
        }
    }

    /// The cloud falls silent: everything ends in bounded time.
    pub(crate) fn fall_silent(&mut self) {
        let end = self.now + DAY_MS;
        self.transmit();
        self.check();
        while !self.open.is_empty() {
            let deadline = self.client.deadline().expect("messages that nothing will ever end");
            assert!(deadline < end, "still open: {:?}", self.open);
            self.now = self.now.max(deadline);
            self.client.tick(self.now);
            self.transmit();
            self.check();
        }
    }
}
