//! The cloud behind its CoAP endpoint: from a request to an answer and an
//! event. Each request comes here once, and a second time when the broker has
//! decided about its message; duplicates and retransmissions are the endpoint's
//! business.

mod faults;
mod refusals;

use std::io;
use std::time::{Duration, Instant, SystemTime};

use coap_lite::Packet;

use crate::access_token::{AccessTokens, TokenId, TokenOption};
use crate::answer::{
    Answer, INTERNAL_SERVER_ERROR, Refused, Reply, SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS,
};
use crate::auth::{self, Proof};
use crate::claim::Claim;
use crate::config::Config;
use crate::devices::Devices;
use crate::events::{AUTH_ERROR, Event, Journal, Message};
use crate::expiry::ExpiryFile;
use crate::faults::Faults;
use crate::forward::{Accepted, Forwarder, Unforwarded};
use crate::limits::RequestLimits;
use crate::message::code_text;
use crate::random::Sequence;
use crate::repeated::Repeated;
use crate::request::{self, BadOption, Request};
use crate::server_keys::ServerKeys;
use crate::sign::hex;
use crate::symmetric::SymmetricSessions;
use crate::text::cut;
use crate::topic::{self, Topic};
use crate::transport::Transport;

/// What of the payload of a refused message is told, in bytes.
const REFUSED_PAYLOAD: usize = 256;

/// What becomes of a request.
pub(crate) enum Outcome {
    Answer(Answer),
    /// It came too soon after others. It is not remembered: a copy of it may be served.
    TooOften(Answer),
    /// Answered by [`Service::forwarded`], when the broker has decided.
    Forwarded(Box<Accepted>),
    /// A non-confirmable request with a critical option that is not known is
    /// rejected (RFC 7252 section 5.4.1).
    Reject,
}

/// The cloud's services and what they remember.
pub(crate) struct Service {
    pub(crate) tokens: AccessTokens,
    expiry: Option<ExpiryFile>,
    pub(crate) devices: Devices,
    pub(crate) token_option: TokenOption,
    pub(crate) reply: Reply,
    message_id_option: bool,
    /// Somebody looks at the options of messages.
    options_told: bool,
    sessions: SymmetricSessions,
    limits: RequestLimits,
    pub(crate) forwarder: Option<Forwarder>,
    taken: u64,
    /// How the device of the latest request has shown who it is.
    proof: Option<Proof>,
    repeated: Repeated,
    faults: Faults,
    decisions: Sequence,
    events: Journal,
}

impl Service {
    pub(crate) fn new(
        config: Config,
        keys: ServerKeys,
        forwarder: Option<Forwarder>,
        events: Journal,
    ) -> Self {
        #[cfg(feature = "console")]
        let options_told = config.console.is_some();
        #[cfg(not(feature = "console"))]
        let options_told = false;
        Self {
            tokens: AccessTokens::new(keys, config.token_lifetime, config.token_uses),
            expiry: None,
            forwarder,
            limits: RequestLimits::new(&config),
            devices: Devices::new(config.devices),
            token_option: config.token_option,
            reply: config.reply,
            message_id_option: config.message_id_option,
            options_told,
            sessions: SymmetricSessions::new(),
            taken: 0,
            proof: None,
            repeated: Repeated::new(),
            decisions: Sequence::new(config.faults.seed),
            faults: config.faults,
            events,
        }
    }

    /// Refuses access tokens that were expired before this server started, and keeps there that
    /// others are.
    pub(crate) fn keep_expiry(&mut self, file: ExpiryFile) -> io::Result<()> {
        self.tokens.expire_until(file.read()?);
        self.expiry = Some(file);
        Ok(())
    }

    /// Refuses every access token issued so far.
    pub(crate) fn expire_tokens(&mut self) {
        let until = self.tokens.expire_all(SystemTime::now());
        self.events.record(Event::TokensExpired);
        if let Some(Err(error)) = self.expiry.as_ref().map(|file| file.write(until)) {
            self.events.record(Event::StateNotKept { error: error.to_string() });
        }
    }

    /// Serves a request.
    pub(crate) fn serve(
        &mut self,
        now: Instant,
        request: &mut Request,
        packet: &Packet,
    ) -> Outcome {
        let options = request.check_options(packet, self.token_option);
        let first = request.path.first().map(String::as_str);
        // Of a topic message it remains to be seen.
        if (options.is_err() || first != Some("topic"))
            && let Err(too_often) = self.limits.stranger(now, request.peer)
        {
            return self.too_often(request, too_often);
        }
        let mut answer = match options {
            Ok(()) => match first {
                Some("auth") if request.path.len() == 1 => self.sign_in(request),
                Some("topic") => match self.publish(now, request, packet) {
                    Outcome::Answer(answer) => answer,
                    other => return other,
                },
                _ => self.not_found(request),
            },
            Err(bad) => {
                let answer = self.bad_option(request, &bad);
                if !request.confirmable && matches!(bad, BadOption::Critical(_)) {
                    return Outcome::Reject;
                }
                answer
            }
        };
        self.choose_delivery(request.confirmable, request.peer.route.address, &mut answer);
        Outcome::Answer(answer)
    }

    /// How the device has shown who it is whose message was the latest, if it has; before each
    /// message that is forgotten.
    pub(crate) fn proof(&self) -> Option<Proof> {
        self.proof
    }

    pub(crate) fn forget_proof(&mut self) {
        self.proof = None;
    }

    fn sign_in(&mut self, request: &Request<'_>) -> Answer {
        let most = self.limits.sessions(request.peer.route.address);
        let result = if self.fault("auth-error", self.faults.auth_error, request) {
            let refused = Refused::new(INTERNAL_SERVER_ERROR, "the auth server timed out");
            Err(refused.by(AUTH_ERROR, "it is a fault that was asked for: see --faults"))
        } else {
            auth::sign_in(
                request,
                SystemTime::now(),
                &self.devices,
                &mut self.tokens,
                (&mut self.sessions, most),
            )
        };
        match result {
            Ok((answer, proof, event)) => {
                self.proof = Some(proof);
                self.events.record(event);
                answer
            }
            Err(refused) => {
                let Claim { product_key, device_name } = Claim::of(request, &self.devices);
                self.events.record(Event::SignInRefused {
                    transport: request.peer.transport,
                    peer: request.peer.route.address,
                    product_key,
                    device_name,
                    code: code_text(refused.code),
                    reason: refused.reason.clone(),
                    check: refused.check.to_owned(),
                    remedy: refused.remedy,
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
        if authorized.is_err()
            && let Err(too_often) = self.limits.stranger(now, request.peer)
        {
            return self.too_often(request, too_often);
        }
        self.proof = authorized.as_ref().ok().copied();
        let token = self.proof.map(|proof| proof.token);
        let opened = authorized.and_then(|proof| self.open(now, request, &topic, proof));
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
            as_asked: false,
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
                let shown = request.payload.len().min(REFUSED_PAYLOAD);
                message.payload = request.payload[..shown].to_vec();
                for text in [&mut message.product_key, &mut message.device_name, &mut message.topic]
                {
                    *text = cut(std::mem::take(text));
                }
                opened.map(|_| ())
            }
        };
        let answer = self.conclude(now, message, token, result);
        if answer.code == TOO_MANY_REQUESTS {
            return Outcome::TooOften(answer);
        }
        Outcome::Answer(answer)
    }

    /// What the broker decided about a message, or that it did not in time.
    pub(crate) fn forwarded(
        &mut self,
        now: Instant,
        accepted: Accepted,
        result: Result<(), Unforwarded>,
    ) -> Answer {
        let forwarder = self.forwarder.as_mut();
        if let Some(event) = forwarder.and_then(|each| each.told(now, &accepted, &result)) {
            self.events.record(event);
        }
        let Accepted { message, token, .. } = accepted;
        let (confirmable, peer) = (message.confirmable, message.peer);
        let result = result.map_err(|why| why.refusal());
        let mut answer = self.conclude(now, message, Some(token), result);
        self.choose_delivery(confirmable, peer, &mut answer);
        answer
    }

    /// Goes on without the broker if it is not there after so long; says why it is not.
    pub(crate) fn give_up_broker(&self, waited: Duration) -> Option<String> {
        let event = self.forwarder.as_ref()?.given_up(waited)?;
        let said = match &event {
            Event::BrokerLost { broker, reason } => Some(format!("{broker}: {reason}")),
            _ => None,
        };
        self.events.record(event);
        said
    }

    /// The payload of a message that may be taken, and its sequence number.
    fn open(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        topic: &Topic,
        Proof { token, device, .. }: Proof,
    ) -> Result<(Vec<u8>, Option<u64>), Refused> {
        if self.fault("server-error", self.faults.server_error, request) {
            return Err(Refused::new(INTERNAL_SERVER_ERROR, "the server failed").asked_for(true));
        }
        self.limits
            .message(now, request.peer.route.address, device)
            .map_err(|too_often| Refused::too_often("too many messages", too_often.retry_after))?;
        if let Some(forwarder) = &self.forwarder {
            // Before anything is spent on it.
            let device = [topic.product_key.as_str(), topic.device_name.as_str()];
            forwarder.check(now, device, &topic.name).map_err(|why| why.refusal())?;
        }
        let opened = topic::payload(request, &token, &mut self.sessions)?;
        self.tokens.spend(&token)?;
        Ok(opened)
    }

    /// Records the outcome of a message, and says it to the device.
    fn conclude(
        &mut self,
        now: Instant,
        mut message: Message,
        token: Option<TokenId>,
        result: Result<(), Refused>,
    ) -> Answer {
        let mut answer = match result {
            Ok(()) => {
                self.taken += 1;
                message.number = self.taken;
                message.duplicate = self.repeated.seen_before(now, &message);
                let mut answer = topic::taken(&message, self.reply);
                if self.message_id_option {
                    answer.cloud_message_id = Some(self.taken.to_string());
                }
                answer
            }
            Err(refused) => {
                message.reason = refused.reason;
                message.as_asked = refused.as_asked;
                let mut answer = Answer::text(refused.code, &message.reason);
                answer.retry_after = refused.retry_after;
                if refused.code == SERVICE_UNAVAILABLE {
                    answer.retry_after = self.forwarder.as_mut().map(Forwarder::retry_after);
                }
                answer
            }
        };
        message.code = code_text(answer.code);
        let device = self.devices.get(&message.product_key, &message.device_name);
        let secret = device.map(|(_, device)| device.device_secret.as_str());
        let transport = message.transport;
        self.events.record_about(Event::Message(message), secret);
        if transport == Transport::Symmetric {
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
}
