//! The cloud behind its CoAP endpoint: from a request to an answer and an
//! event. Each request comes here once, and a second time when the broker has
//! decided about its message; duplicates and retransmissions are the endpoint's
//! business.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use coap_lite::Packet;

use crate::access_token::{AccessTokens, TokenId, TokenOption};
use crate::answer::{
    Answer, BAD_OPTION, Delivery, INTERNAL_SERVER_ERROR, NOT_FOUND, PROXYING_NOT_SUPPORTED,
    Refused, Reply, SERVICE_UNAVAILABLE, UNAUTHORIZED,
};
use crate::auth;
use crate::bounded::BoundedMap;
use crate::config::Config;
use crate::devices::Devices;
use crate::events::{Event, EventLog, Message};
use crate::faults::Faults;
use crate::forward::{Accepted, Forwarder, Unforwarded};
use crate::message::code_text;
use crate::random::Sequence;
use crate::replies::EXCHANGE_LIFETIME;
use crate::request::{self, BadOption, Request};
use crate::server_keys::ServerKeys;
use crate::sign::hex;
use crate::symmetric::SymmetricSessions;
use crate::topic::{self, RateLimit, Topic};
use crate::transport::Transport;

/// Messages remembered to tell the application's duplicates.
const REMEMBERED_MESSAGES: usize = 65_536;

/// What becomes of a request.
pub(crate) enum Outcome {
    Answer(Answer),
    /// Answered by [`Service::forwarded`], when the broker has decided.
    Forwarded(Box<Accepted>),
    /// A non-confirmable request with a critical option that is not known is
    /// rejected (RFC 7252 section 5.4.1).
    Reject,
}

/// The cloud's services and what they remember.
pub(crate) struct Service {
    pub(crate) tokens: AccessTokens,
    pub(crate) devices: Devices,
    pub(crate) token_option: TokenOption,
    pub(crate) reply: Reply,
    message_id_option: bool,
    /// Somebody looks at the options of messages.
    options_told: bool,
    sessions: SymmetricSessions,
    rate_limit: RateLimit,
    pub(crate) forwarder: Option<Forwarder>,
    taken: u64,
    /// A device has shown who it is since that was last asked.
    has_proved: bool,
    /// When a message was taken, by a digest of what makes it the same one.
    seen: BoundedMap<u64, Instant>,
    faults: Faults,
    decisions: Sequence,
    events: Arc<EventLog>,
}

impl Service {
    pub(crate) fn new(
        config: Config,
        keys: ServerKeys,
        forwarder: Option<Forwarder>,
        events: Arc<EventLog>,
    ) -> Self {
        #[cfg(feature = "console")]
        let options_told = config.console.is_some();
        #[cfg(not(feature = "console"))]
        let options_told = false;
        Self {
            tokens: AccessTokens::new(keys, config.token_lifetime, config.token_uses),
            forwarder,
            devices: Devices::new(config.devices),
            token_option: config.token_option,
            reply: config.reply,
            message_id_option: config.message_id_option,
            options_told,
            sessions: SymmetricSessions::new(),
            rate_limit: RateLimit::new(config.rate_limit),
            taken: 0,
            has_proved: false,
            seen: BoundedMap::new(REMEMBERED_MESSAGES),
            decisions: Sequence::new(config.faults.seed),
            faults: config.faults,
            events,
        }
    }

    pub(crate) fn set_faults(&mut self, faults: &Faults) {
        self.faults = faults.clone();
        self.decisions = Sequence::new(faults.seed);
        self.events.record(Event::FaultsChanged { faults: faults.to_string() });
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Refuses every access token issued so far.
    pub(crate) fn expire_tokens(&mut self) {
        self.tokens.expire_all(SystemTime::now());
        self.events.record(Event::TokensExpired);
    }

    /// Serves a request.
    pub(crate) fn serve(
        &mut self,
        now: Instant,
        request: &mut Request,
        packet: &Packet,
    ) -> Outcome {
        let mut answer = match request.check_options(packet, self.token_option) {
            Ok(()) => match request.path.first().map(String::as_str) {
                Some("auth") if request.path.len() == 1 => self.sign_in(request),
                Some("topic") => match self.publish(now, request, packet) {
                    Outcome::Answer(answer) => answer,
                    other => return other,
                },
                _ => self.refuse(request, &Refused::new(NOT_FOUND, "404 Not found")),
            },
            Err(BadOption::Proxy) => {
                let refused = Refused::new(PROXYING_NOT_SUPPORTED, "this is no proxy");
                self.refuse(request, &refused)
            }
            Err(BadOption::Critical(option)) => {
                let reason = format!("critical option {option} is not understood");
                let answer = self.refuse(request, &Refused::new(BAD_OPTION, reason));
                if !request.confirmable {
                    return Outcome::Reject;
                }
                answer
            }
        };
        self.choose_delivery(request, &mut answer);
        Outcome::Answer(answer)
    }

    /// Whether a device has shown who it is since this was last asked.
    pub(crate) fn take_proved(&mut self) -> bool {
        std::mem::take(&mut self.has_proved)
    }

    /// How long a separate response comes after the acknowledgement.
    pub(crate) fn separate_delay(&mut self) -> Duration {
        let Some((low, high)) = self.faults.separate_delay else {
            return Duration::ZERO;
        };
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let drawn = self.decisions.between(milliseconds(low), milliseconds(high));
        Duration::from_millis(drawn)
    }

    fn sign_in(&mut self, request: &Request<'_>) -> Answer {
        let result = if self.fault("auth-error", self.faults.auth_error, request) {
            Err(Refused::new(INTERNAL_SERVER_ERROR, "the auth server timed out"))
        } else {
            auth::sign_in(
                request,
                SystemTime::now(),
                &self.devices,
                &mut self.tokens,
                &mut self.sessions,
            )
        };
        match result {
            Ok((answer, event)) => {
                self.has_proved = true;
                self.events.record(event);
                answer
            }
            Err(refused) => {
                self.events.record(Event::SignInRefused {
                    transport: request.peer.transport,
                    peer: request.peer.route.address,
                    code: code_text(refused.code),
                    reason: refused.reason.clone(),
                    message_id: request.message_id,
                });
                Answer::text(refused.code, &refused.reason)
            }
        }
    }

    /// Answers a topic message, or gives it to the broker first.
    fn publish(&mut self, now: Instant, request: &Request<'_>, packet: &Packet) -> Outcome {
        let topic = Topic::of(request);
        let authorized =
            topic::authorize(request, &topic, SystemTime::now(), &self.devices, &self.tokens);
        let token = authorized.as_ref().ok().copied();
        self.has_proved |= token.is_some();
        let opened = authorized.and_then(|id| self.open(now, request, &topic, &id));
        let mut message = Message {
            number: 0,
            product_key: topic.product_key,
            device_name: topic.device_name,
            topic: topic.name,
            content_format: request.content_format,
            accept: request.accept,
            payload: Vec::new(),
            token_option: request.access_token.map(|(option, _)| option),
            sequence: None,
            code: String::new(),
            reason: String::new(),
            transport: request.peer.transport,
            peer: request.peer.route.address,
            confirmable: request.confirmable,
            message_id: request.message_id,
            token: hex(request.coap_token),
            duplicate: false,
            options: if self.options_told { request::options(packet) } else { Vec::new() },
        };
        let result = match (opened, token) {
            (Ok((payload, sequence)), Some(id)) => {
                message.payload = payload;
                message.sequence = sequence;
                if let Some(forwarder) = &mut self.forwarder {
                    return Outcome::Forwarded(Box::new(forwarder.submit(now, id, message)));
                }
                Ok(())
            }
            (opened, _) => {
                message.payload = request.payload.to_vec();
                opened.map(|_| ())
            }
        };
        Outcome::Answer(self.conclude(now, request, message, token, result))
    }

    /// What the broker decided about a message, or that it did not in time.
    pub(crate) fn forwarded(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        accepted: Accepted,
        result: Result<(), Unforwarded>,
    ) -> Answer {
        let forwarder = self.forwarder.as_mut();
        if let Some(event) = forwarder.and_then(|each| each.told(now, &accepted, &result)) {
            self.events.record(event);
        }
        let Accepted { message, token, .. } = accepted;
        let result = result.map_err(|why| why.refusal());
        let mut answer = self.conclude(now, request, message, Some(token), result);
        self.choose_delivery(request, &mut answer);
        answer
    }

    /// The payload of a message that may be taken, and its sequence number.
    fn open(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        topic: &Topic,
        id: &TokenId,
    ) -> Result<(Vec<u8>, Option<u64>), Refused> {
        if self.fault("server-error", self.faults.server_error, request) {
            return Err(Refused::new(INTERNAL_SERVER_ERROR, "the server failed"));
        }
        self.rate_limit.take(now, topic)?;
        if let Some(forwarder) = &self.forwarder {
            // Before anything is spent on it.
            let device = [topic.product_key.as_str(), topic.device_name.as_str()];
            forwarder.check(now, device, &topic.name).map_err(|why| why.refusal())?;
        }
        let opened = topic::payload(request, id, &mut self.sessions)?;
        self.tokens.spend(id).map_err(|refusal| Refused::new(UNAUTHORIZED, refusal.reason()))?;
        Ok(opened)
    }

    /// Records the outcome of a message, and says it to the device.
    fn conclude(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        mut message: Message,
        token: Option<TokenId>,
        result: Result<(), Refused>,
    ) -> Answer {
        let mut answer = match result {
            Ok(()) => {
                self.taken += 1;
                message.number = self.taken;
                message.duplicate = self.seen_before(now, &message);
                let mut answer = topic::taken(request, self.reply, &message.payload);
                if self.message_id_option {
                    answer.cloud_message_id = Some(self.taken.to_string());
                }
                answer
            }
            Err(refused) => {
                message.reason = refused.reason;
                let mut answer = Answer::text(refused.code, &message.reason);
                if refused.code == SERVICE_UNAVAILABLE {
                    answer.retry_after = self.forwarder.as_mut().map(Forwarder::retry_after);
                }
                answer
            }
        };
        message.code = code_text(answer.code);
        self.events.record(Event::Message(message));
        if request.peer.transport == Transport::Symmetric {
            answer.payload = match &token {
                Some(id) => self.sessions.seal(id, &answer.payload),
                None => Vec::new(),
            };
            if answer.payload.is_empty() {
                answer.content_format = None;
            }
        }
        answer
    }

    fn refuse(&self, request: &Request<'_>, refused: &Refused) -> Answer {
        self.events.record(Event::RequestRefused {
            transport: request.peer.transport,
            peer: request.peer.route.address,
            path: request.path_text(),
            code: code_text(refused.code),
            reason: refused.reason.clone(),
        });
        Answer::text(refused.code, &refused.reason)
    }

    fn choose_delivery(&mut self, request: &Request<'_>, answer: &mut Answer) {
        let confirmable = self.decisions.chance(self.faults.separate);
        let non_confirmable = self.decisions.chance(self.faults.separate_non);
        if request.confirmable && (confirmable || non_confirmable) {
            let name = if confirmable { "separate" } else { "separate-non" };
            self.report(name, request);
            answer.delivery = Delivery::Separate { confirmable };
        }
    }

    fn fault(&mut self, name: &str, share: f64, request: &Request<'_>) -> bool {
        let applied = self.decisions.chance(share);
        if applied {
            self.report(name, request);
        }
        applied
    }

    fn report(&self, fault: &str, request: &Request<'_>) {
        self.events.record(Event::Fault {
            fault: fault.to_owned(),
            direction: None,
            peer: request.peer.route.address,
        });
    }

    fn seen_before(&mut self, now: Instant, message: &Message) -> bool {
        // Without a token two messages with the same text cannot be told apart.
        if message.token.is_empty() {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        (message.peer, &message.token, &message.topic, &message.payload).hash(&mut hasher);
        let digest = hasher.finish();
        let before = self
            .seen
            .get(&digest)
            .is_some_and(|seen| now.saturating_duration_since(*seen) < EXCHANGE_LIFETIME);
        self.seen.insert(digest, now);
        before
    }
}
