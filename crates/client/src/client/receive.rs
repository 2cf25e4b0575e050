//! Handles datagrams (RFC 7252 sections 4.2, 4.3, 5.2 to 5.4).

use core::ops::{Range, RangeInclusive};

use iot_coap_time::Instant;

use super::Client;
use crate::code::Code;
use crate::critical::{Known, unacceptable};
use crate::event::{Dropped, GiveUp, Received, Response, SignInError};
use crate::exchange::Owner;
use crate::format::{HEADER_LEN, Kind};
use crate::message::Message;
use crate::option::{OptionNumber, find_option};
use crate::server_request::{self, Answer};

/// The critical options that a response may carry. They are about parts of a response. The
/// application handles them, and finds them by [`find_option`].
const KNOWN: [Known; 2] =
    [Known::once(OptionNumber::BLOCK2, 0, 3), Known::once(OptionNumber::BLOCK1, 0, 3)];

/// How long an Echo option may be (RFC 9175 section 2.2.1).
const ECHO_LEN: RangeInclusive<usize> = 1..=40;

/// The request that a response answers.
enum Answers {
    /// The exchange at this index.
    Exchange(usize),
    /// The request to `/auth` with this token, for which nobody waits any more.
    LateSignIn(u32),
}

/// The content of an answer, and where it is in the datagram.
struct Answered {
    code: Code,
    options: Range<usize>,
    payload: Range<usize>,
}

impl<A> Client<A> {
    /// Handles a datagram that has arrived. If it holds an answer, returns that; the
    /// payload is decrypted in `datagram`. The answer to a sign-in is wiped from
    /// `datagram`.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &mut [u8]) -> Received<A> {
        self.counters.count(|all| all.bytes_received += datagram.len() as u64);
        let message = match Message::parse(datagram) {
            Ok(message) => message,
            Err(malformed) => {
                if let Some((Kind::Confirmable, id)) = malformed.header {
                    self.reply_empty(Kind::Reset, id);
                }
                return Received::Dropped(Dropped::Malformed(malformed.error));
            }
        };
        if message.code == Code::EMPTY {
            return match self.handle_empty(now, message.kind, message.id) {
                Ok(()) => Received::Handled,
                Err(dropped) => Received::Dropped(dropped),
            };
        }
        if message.code.is_request() {
            return self.handle_request(now, &message);
        }
        let answers = match self.match_response(now, &message) {
            Ok(answers) => answers,
            Err(dropped) => {
                if message.kind == Kind::Confirmable && dropped != Dropped::Duplicate {
                    self.reply_empty(Kind::Reset, message.id);
                }
                return Received::Dropped(dropped);
            }
        };
        let options = HEADER_LEN + message.token.len();
        let answered = Answered {
            code: message.code,
            options: options..options + message.options.encoded_len(),
            payload: datagram.len() - message.payload.len()..datagram.len(),
        };
        let kind = message.kind;
        self.remember(now, kind, message.id);
        match answers {
            Answers::Exchange(index) => {
                self.exchanges.answer(now, index, kind == Kind::Acknowledgement);
                self.handle_answer(now, index, answered, datagram)
            }
            Answers::LateSignIn(token) => {
                let Answered { code, options, payload } = answered;
                self.hold_sign_in(now, code, datagram.get(options));
                let payload = datagram.get_mut(payload).unwrap_or_default();
                self.handle_late_sign_in_answer(now, token, code, payload);
                Received::Handled
            }
        }
    }

    /// An Empty message: a ping, an acknowledgement or a Reset.
    fn handle_empty(&mut self, now: Instant, kind: Kind, id: u16) -> Result<(), Dropped> {
        match kind {
            Kind::Confirmable => self.reply_empty(Kind::Reset, id),
            Kind::NonConfirmable => return Err(Dropped::Unmatched),
            Kind::Acknowledgement => self.exchanges.acknowledge(now, id)?,
            Kind::Reset => {
                let index = self.exchanges.by_id(id).ok_or(Dropped::Unmatched)?;
                if self.exchanges.give_up(index, GiveUp::Reset) == Owner::SignIn {
                    self.handle_sign_in_unanswered(now);
                }
            }
        }
        Ok(())
    }

    /// A request from the server.
    fn handle_request(&mut self, now: Instant, message: &Message<'_>) -> Received<A> {
        match server_request::answer(message) {
            Answer::Reply(Kind::Acknowledgement, code) => {
                self.reply.set(Kind::Acknowledgement, code, message.id, message.token);
            }
            Answer::Reply(kind, code) => {
                if let Ok(id) = self.allocate_message_id(now) {
                    self.reply.set(kind, code, id, message.token);
                }
            }
            Answer::Ignore(option) => return Received::Dropped(Dropped::CriticalOption(option)),
            Answer::NoRequest => return Received::Dropped(Dropped::Unmatched),
        }
        Received::Handled
    }

    /// The request that a response answers (section 5.3.2), if the response can be
    /// understood.
    fn match_response(&mut self, now: Instant, message: &Message<'_>) -> Result<Answers, Dropped> {
        let token = <[u8; 4]>::try_from(message.token).map(u32::from_le_bytes).ok();
        let index = match message.kind {
            Kind::Acknowledgement => self.exchanges.by_id(message.id).filter(|&index| {
                let request = self.exchanges.get(index).request();
                request.kind() == Kind::Confirmable && Some(request.token()) == token
            }),
            Kind::Reset => None,
            Kind::Confirmable | Kind::NonConfirmable => {
                if self.recent_responses.contains(message.id, now) {
                    if message.kind == Kind::Confirmable {
                        self.reply_empty(Kind::Acknowledgement, message.id);
                    }
                    return Err(Dropped::Duplicate);
                }
                token.and_then(|token| self.exchanges.by_token(token))
            }
        };
        let answers = match index {
            Some(index) => Answers::Exchange(index),
            None => self.match_late_sign_in(now, message, token).ok_or(Dropped::Unmatched)?,
        };
        if let Some(option) = self.unacceptable_option(message) {
            return Err(Dropped::CriticalOption(option));
        }
        if message.code.is_response() { Ok(answers) } else { Err(Dropped::Unmatched) }
    }

    /// The request to `/auth` that a response answers, among the requests for which nobody
    /// waits any more.
    #[cold]
    fn match_late_sign_in(
        &self,
        now: Instant,
        message: &Message<'_>,
        token: Option<u32>,
    ) -> Option<Answers> {
        let asked = self.late_answers.find(now, token?)?;
        let is_meant = match message.kind {
            Kind::Acknowledgement => message.id == asked.id,
            Kind::Confirmable | Kind::NonConfirmable => true,
            Kind::Reset => false,
        };
        is_meant.then_some(Answers::LateSignIn(asked.token))
    }

    /// A critical option that makes a response unacceptable.
    fn unacceptable_option(&self, message: &Message<'_>) -> Option<OptionNumber> {
        // A server that does not know the access token's option may send it back in its
        // 4.02. The client knows that option.
        let echoed = (message.code == Code::BAD_OPTION).then_some(self.credentials.option());
        unacceptable(message.options.clone(), &KNOWN, echoed)
    }

    /// Acknowledges a separate response, and remembers it as long as copies of it may
    /// arrive.
    fn remember(&mut self, now: Instant, kind: Kind, id: u16) {
        let lifetime = match kind {
            Kind::Confirmable => {
                self.reply_empty(Kind::Acknowledgement, id);
                self.exchanges.timing().exchange_lifetime()
            }
            Kind::NonConfirmable => self.exchanges.timing().non_lifetime(),
            Kind::Acknowledgement | Kind::Reset => return,
        };
        self.recent_responses.insert(id, now + lifetime);
    }

    /// Handles the answer to the exchange at `index`.
    fn handle_answer(
        &mut self,
        now: Instant,
        index: usize,
        Answered { code, options, payload }: Answered,
        datagram: &mut [u8],
    ) -> Received<A> {
        let exchange = self.exchanges.get(index);
        if exchange.owner() == Owner::SignIn {
            if self.echo(now, index, code, datagram.get(options.clone())) {
                return Received::Handled;
            }
            self.exchanges.release(index);
            self.hold_sign_in(now, code, datagram.get(options));
            let payload = datagram.get_mut(payload).unwrap_or_default();
            self.handle_sign_in_answer(now, code, payload);
            return Received::Handled;
        }
        let payload_bytes = datagram.get_mut(payload.clone()).unwrap_or_default();
        let token_number = exchange.request().token_number();
        let refuses_access_token = matches!(code, Code::UNAUTHORIZED | Code::BAD_OPTION);
        if refuses_access_token && !exchange.was_refused() {
            if !self.echo(now, index, code, datagram.get(options)) {
                self.handle_refusal(now, index, code, token_number);
            }
            return Received::Handled;
        }
        if !refuses_access_token {
            self.sign_in.access_token_accepted();
        }
        let payload_len = match self.credentials.key_of(token_number) {
            Ok(Some(key)) if !payload_bytes.is_empty() => key.decrypt(payload_bytes),
            Ok(_) => Ok(payload_bytes.len()),
            Err(_) if payload_bytes.is_empty() => Ok(0),
            Err(undecryptable) => Err(undecryptable),
        };
        let payload_len = match payload_len {
            Ok(len) => len,
            // The text of an error need not be encrypted; its code counts.
            Err(_) if code.class() != 2 => 0,
            Err(_) => {
                self.exchanges.give_up(index, GiveUp::Undecryptable);
                return Received::Handled;
            }
        };
        let payload = payload.start..payload.start + payload_len;
        let round_trip = exchange.round_trip(now);
        let token = exchange.request().token();
        self.counters.count(|all| {
            all.answered += 1;
            if let Some(round_trip) = round_trip {
                all.note_round_trip(round_trip);
            }
        });
        match self.exchanges.release(index) {
            Some(application) => {
                Received::Response(Response { application, code, payload, options, token })
            }
            None => Received::Handled,
        }
    }

    /// If the answer to the request at `index` carries an Echo option, by which the cloud
    /// checks that the sender receives its datagrams, sends the request again with that
    /// option (RFC 9175 section 2.3). It does so once for each request. Returns whether it
    /// did.
    #[cold]
    fn echo(&mut self, now: Instant, index: usize, code: Code, options: Option<&[u8]>) -> bool {
        let exchange = self.exchanges.get(index);
        if cfg!(not(feature = "echo")) || code != Code::UNAUTHORIZED || exchange.is_echoing() {
            return false;
        }
        let value = find_option(options.unwrap_or_default(), OptionNumber::ECHO, 0);
        let Some(value) = value.filter(|value| ECHO_LEN.contains(&value.len())) else {
            return false;
        };
        if exchange.owner() == Owner::SignIn {
            self.exchanges.release(index);
            if let Err(error) = self.ask(now, value) {
                self.fail_sign_in(now, SignInError::NotSent(error));
            }
            return true;
        }
        let key = self.credentials.key_of(exchange.request().token_number());
        let is_in_clear = self.is_signed_in()
            && key.and_then(|key| self.exchanges.request_mut(index).decrypt_payload(key)).is_ok();
        if !is_in_clear {
            return false;
        }
        self.exchanges.set_echoing(index);
        if let Err(error) = self.send_anew(now, index, value) {
            self.exchanges.give_up(index, GiveUp::Unsendable(error));
        }
        true
    }

    /// The cloud refused a message for its access token, which has this number. The
    /// message is sent once more with another token.
    fn handle_refusal(&mut self, now: Instant, index: usize, code: Code, token_number: u32) {
        let was_sent_once = self.exchanges.get(index).round_trip(now).is_some();
        let key = self.credentials.key_of(token_number);
        self.exchanges.refuse(now, index, code, key);
        if self.credentials.revoke(token_number) {
            self.handle_access_token_refused(now, was_sent_once);
        }
        if self.is_signed_in() {
            self.send_parked(now);
        } else {
            self.ensure_signing_in(now);
        }
    }

    fn reply_empty(&mut self, kind: Kind, id: u16) {
        self.reply.set(kind, Code::EMPTY, id, &[]);
    }
}
